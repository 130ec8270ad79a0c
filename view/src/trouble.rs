//! Which contents gave trouble lately, and whether the store does: what `user.cairn.state` says beyond where the repository is.

use super::nodes::Fetch;
use super::{Failure, View};
use crate::limits::{TROUBLE_ENTRIES, UNREACHABLE_FOR};
use engine::Kind;
use engine::retrieval::Rest;
use engine::tree::NodeSource;
use format_spec::ChunkId;
use format_spec::tree::{Content, Entry};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The contents whose last reading failed, and whether the store is out of reach.
pub(super) struct Trouble {
    failed: Cache<ChunkId, (&'static str, Instant)>,
    offline: Arc<AtomicBool>,
}

impl View {
    /// Whoever serves the view says here whether the store is out of reach.
    pub fn offline(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.trouble.offline)
    }

    /// Asks the store for something small.
    ///
    /// # Errors
    /// The repository's.
    pub fn probe(&self) -> Result<(), Failure> {
        self.catalog.is_visible(0).map(|_| ()).map_err(Failure::Store)
    }

    /// What `user.cairn.state` says. Whether something rests, the store says better than the last failure: it may have been retrieved since.
    pub(super) fn state(&self, entry: &Entry, rest: Option<&Rest>) -> &'static str {
        let place = if self.catalog.is_local() { "local" } else { "remote" };
        let offline = self.trouble.offline.load(Ordering::Relaxed) && !self.is_in_memory(entry);
        match self.trouble.of(entry) {
            Some("archived") if rest.is_some() => {}
            Some(known) => return known,
            None if offline => return "offline",
            None => {}
        }
        match rest {
            Some(rest) if rest.is_readable() => place,
            Some(rest) if rest.retrieving > 0 => "thawing",
            Some(rest) if rest.readable > 0 => "partial",
            Some(_) => "archived",
            None => place,
        }
    }

    /// Whether it can be read without the store, as far as is known: of files only those without stored bytes.
    fn is_in_memory(&self, entry: &Entry) -> bool {
        match entry.content {
            Content::None => true,
            Content::Tree(id) if entry.kind == format_spec::tree::Kind::Folder => {
                self.nodes.within(Fetch::CachedOnly).node(&id).is_ok()
            }
            Content::Chunk(_) | Content::Tree(_) => false,
        }
    }
}

impl Trouble {
    pub(super) fn new() -> Self {
        Trouble { failed: Cache::new(TROUBLE_ENTRIES), offline: Arc::default() }
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
            Some(state) => self.failed.insert(id, (state, Instant::now())),
            None if !self.failed.is_empty() => _ = self.failed.remove(&id),
            None => {}
        }
    }

    /// What is known against a content. That it was out of reach soon says nothing any more.
    fn of(&self, entry: &Entry) -> Option<&'static str> {
        let (state, since) = content_id(entry).and_then(|id| self.failed.get(&id))?;
        (state != "offline" || since.elapsed() < UNREACHABLE_FOR).then_some(state)
    }
}

/// The id of a file's or folder's content.
pub(super) fn content_id(entry: &Entry) -> Option<ChunkId> {
    match entry.content {
        Content::None => None,
        Content::Chunk(id) | Content::Tree(id) => Some(id),
    }
}
