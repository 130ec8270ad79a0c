//! What the log says up to a slot: sessions, published segments, commits.

use crate::error::{Error, Kind, Result};
use format_spec::log::{Change, LogEntry, PointId, Vouched};
use format_spec::{ChunkId, Time};
use std::collections::BTreeMap;

/// The repository's truth up to a slot. Grows by slots (32 bytes each), sessions and segments (one for each 256 MB),
/// never by packs or chunks.
#[derive(Debug, Clone, Default)]
pub struct LogView {
    /// The last slot that was read; 0 before the first.
    pub head: u32,
    /// BLAKE3 of the object that the next entry chains to.
    pub head_hash: [u8; 32],
    /// BLAKE3 of each entry's object, by slot - 1: tells whether a cache belongs to this history.
    pub hashes: Vec<[u8; 32]>,
    /// Opened sessions by number.
    pub sessions: BTreeMap<u32, SessionRef>,
    /// Published segments in the order of their slots.
    pub segments: Vec<SegmentRef>,
    /// Commits in the order of their slots.
    pub commits: Vec<CommitRef>,
    /// Set when an entry forbids writing to this release.
    pub read_only: Option<u16>,
}

/// A session that was opened.
#[derive(Debug, Clone)]
pub struct SessionRef {
    /// Its job.
    pub job: String,
    /// The host that runs it.
    pub host: String,
    /// When it was opened, by its writer's clock.
    pub opened: Time,
    /// The highest ordinal that it has published, if any.
    pub published: Option<u32>,
    /// True once it has committed.
    pub committed: bool,
}

/// A published index segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentRef {
    /// The slot of its `Publish`.
    pub slot: u32,
    /// The session.
    pub session: u32,
    /// The segment object.
    pub object: Vouched,
}

/// A committed restore point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitRef {
    /// The slot of its `Commit`.
    pub slot: u32,
    /// The nth commit, from 1; never reused.
    pub number: u32,
    /// The session.
    pub session: u32,
    /// The manifest object.
    pub object: Vouched,
    /// The point's id.
    pub id: PointId,
    /// Root of its reference set.
    pub references: ChunkId,
}

impl LogView {
    /// The view of an empty log: the first entry chains to the config.
    pub fn start(config_hash: [u8; 32]) -> Self {
        LogView { head_hash: config_hash, ..LogView::default() }
    }

    /// Takes the next entry in. `object_hash` is the hash of its whole object.
    ///
    /// # Errors
    /// `Damaged` when the chain or an entry's reference is broken, `Unsupported` when an unknown entry forbids reading.
    pub fn apply(&mut self, entry: &LogEntry, object_hash: [u8; 32]) -> Result<()> {
        let broken =
            |what: &str| Error::new(Kind::Damaged, what).advise("the log was tampered with or restored from a copy");
        if entry.slot != self.head + 1 {
            return Err(broken("LOG-3: a slot of the log is out of order"));
        }
        if entry.previous != self.head_hash {
            return Err(broken("LOG-3: the entry does not chain to the one before it"));
        }
        match &entry.change {
            Change::Open { job, host, .. } => {
                let session = SessionRef {
                    job: job.clone(),
                    host: host.clone(),
                    opened: entry.time,
                    published: None,
                    committed: false,
                };
                self.sessions.insert(entry.slot, session);
            }
            Change::Publish { session, packs, segment } => {
                let known = self
                    .sessions
                    .get_mut(session)
                    .ok_or_else(|| broken("LOG-7: a publish of a session that was never opened"))?;
                let ordinals = packs.iter().map(|p| p.object.ordinal).chain([segment.ordinal]);
                known.published = known.published.into_iter().chain(ordinals).max();
                self.segments.push(SegmentRef { slot: entry.slot, session: *session, object: *segment });
            }
            Change::Commit { session, point, id, references } => {
                let known = self
                    .sessions
                    .get_mut(session)
                    .ok_or_else(|| broken("LOG-7: a commit of a session that was never opened"))?;
                known.committed = true;
                let number = u32::try_from(self.commits.len()).unwrap_or(u32::MAX).saturating_add(1);
                self.commits.push(CommitRef {
                    slot: entry.slot,
                    number,
                    session: *session,
                    object: *point,
                    id: *id,
                    references: *references,
                });
            }
            Change::Unknown { kind, readable: false, .. } => {
                let what = format!("the log has an entry of kind {kind} that this release does not understand");
                return Err(Error::new(Kind::Unsupported, what).advise("use a newer release of cairn"));
            }
            Change::Unknown { kind, writable: false, .. } => self.read_only = Some(*kind),
            Change::Unknown { .. } => {}
        }
        self.head = entry.slot;
        self.head_hash = object_hash;
        self.hashes.push(object_hash);
        Ok(())
    }

    /// Refuses when an unknown entry forbids writing.
    pub fn expect_writable(&self) -> Result<()> {
        match self.read_only {
            None => Ok(()),
            Some(kind) => {
                let what = format!(
                    "the log has an entry of kind {kind} that this release may read beside but not write after"
                );
                Err(Error::new(Kind::Unsupported, what).advise("use a newer release of cairn to write"))
            }
        }
    }
}
