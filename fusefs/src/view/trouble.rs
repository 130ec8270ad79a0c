//! Which contents gave trouble lately: what `user.cairn.state` says beyond where the repository is.

use crate::limits::TROUBLE_ENTRIES;
use engine::Kind;
use format_spec::ChunkId;
use format_spec::tree::{Content, Entry};
use quick_cache::sync::Cache;

/// The contents whose last reading failed.
pub(super) struct Trouble {
    failed: Cache<ChunkId, &'static str>,
}

impl Trouble {
    pub(super) fn new() -> Self {
        Trouble { failed: Cache::new(TROUBLE_ENTRIES) }
    }

    /// Remembers how reading ended: `None` when it went well.
    pub(super) fn note(&self, entry: &Entry, kind: Option<Kind>) {
        let Some(id) = content_id(entry) else { return };
        let state = match kind {
            Some(Kind::Damaged | Kind::Absent) => Some("damaged"),
            Some(Kind::Archived) => Some("archived"),
            Some(Kind::Transient) => Some("offline"),
            _ => None,
        };
        match state {
            Some(state) => self.failed.insert(id, state),
            None if !self.failed.is_empty() => _ = self.failed.remove(&id),
            None => {}
        }
    }

    /// What is known against a content.
    pub(super) fn of(&self, entry: &Entry) -> Option<&'static str> {
        content_id(entry).and_then(|id| self.failed.get(&id))
    }
}

/// The id of a file's or folder's content.
pub(super) fn content_id(entry: &Entry) -> Option<ChunkId> {
    match entry.content {
        Content::None => None,
        Content::Chunk(id) | Content::Tree(id) => Some(id),
    }
}
