//! The rows of a log's view.

use crate::error::{Error, Kind, Result};
use format_spec::fields::{CRITICAL, Fields};
use format_spec::log::{ObjectRange, ObjectRef, PointId, Purpose, RetrievalMode};
use format_spec::{ChunkId, ObjectId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRef {
    /// Its job.
    pub job: String,
    /// The host that runs it.
    pub host: String,
    /// When it was opened, by its writer's clock.
    pub opened: Time,
    /// Its last sign of life, by its writer's clock.
    pub last: Time,
    /// The slot of that sign, or one behind it that is known: entries from there on are of a later time.
    pub heard: u32,
    /// Above every ordinal that it has published.
    pub next_ordinal: u32,
    /// The point that it builds on.
    pub base: Option<PointId>,
    /// What it is for.
    pub purpose: Purpose,
}

/// An index segment that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentRef {
    /// The slot of the newest entry whose packs it maps: of the entry that published it, or of the last that a fold took in.
    pub slot: u32,
    /// The session.
    pub session: u32,
    /// The segment object.
    pub object: ObjectRef,
}

impl SegmentRef {
    /// The object's id.
    pub fn id(&self) -> ObjectId {
        ObjectId { session: self.session, ordinal: self.object.ordinal }
    }
}

/// A restore point as the log vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitRef {
    /// The slot of its `Commit` or `Rewrite`.
    pub slot: u32,
    /// The nth of those, from 1; never reused.
    pub number: u32,
    /// The session.
    pub session: u32,
    /// The manifest object.
    pub object: ObjectRef,
    /// The point's id.
    pub id: PointId,
    /// Root of its reference set.
    pub references: ChunkId,
}

/// When something was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condemnation {
    /// The slot of the entry.
    pub slot: u32,
    /// The entry's time, by its writer's clock: the grace begins here.
    pub time: Time,
}

/// Objects that the store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRef {
    /// Until when at least.
    pub until: Time,
    /// Which, rising.
    pub objects: Arc<[ObjectRange]>,
}

/// A retrieval that has not ended ([LOG-26]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievalRef {
    /// How fast it was ordered.
    pub mode: RetrievalMode,
    /// Days that the objects are to stay readable.
    pub days: u32,
    /// When it began, by its writer's clock.
    pub begun: Time,
    /// When its days were set last, by that writer's clock.
    pub changed: Time,
    /// What is retrieved, rising.
    pub objects: Arc<[ObjectRange]>,
    /// What somebody wanted to read.
    pub about: String,
}

/// The fields of a `Config` entry by tag.
pub(super) fn settings(fields: &[u8]) -> Result<BTreeMap<u16, Vec<u8>>> {
    let any: Vec<(u16, bool)> = (0..=255).flat_map(|t| [(t, false), (t | CRITICAL, false)]).collect();
    let parsed = Fields::parse(fields, &any).map_err(|e| Error::new(Kind::Damaged, format!("LOG-19: {e}")))?;
    Ok(any.iter().filter_map(|(tag, _)| parsed.get(*tag).map(|f| (*tag, f.bytes.to_vec()))).collect())
}
