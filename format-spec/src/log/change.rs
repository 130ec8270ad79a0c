//! What an entry of the log changes ([LOG-5] to [LOG-19], [LOG-26], [LOG-27]).

use super::PointId;
use super::rows::{CondemnedPack, ObjectRange, ObjectRef, ObjectRow, PublishedPack};
use crate::{ChunkId, ObjectId, Time};

/// What a session is for ([LOG-5]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// It makes a restore point of a source.
    #[default]
    Backup,
    /// It expires, collects, folds or repairs.
    Care,
    /// It copies restore points of another repository.
    Copy,
}

/// What happened to a key slot ([LOG-18]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// It was added.
    Added,
    /// It was removed.
    Removed,
}

/// How fast an archive is asked to give objects back ([LOG-26]). It tells people what was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum RetrievalMode {
    /// Minutes.
    Expedited,
    /// Hours: what every archive offers.
    #[default]
    Standard,
    /// Longer, and cheapest.
    Bulk,
    /// Within an hour, of an archive that knows no more than two.
    High,
}

/// One step of a retrieval ([LOG-26]). A retrieval is named by the slot of the entry that began it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetrievalStep {
    /// Objects that rest in an archive are being made readable.
    Asked {
        /// How fast.
        mode: RetrievalMode,
        /// How long they are to stay readable.
        days: u32,
        /// Which, rising; at least one.
        objects: Vec<ObjectRange>,
        /// What somebody wanted to read, for people.
        about: String,
    },
    /// They are to stay readable for so many days from now.
    Changed {
        /// Which retrieval.
        retrieval: u32,
        /// How long.
        days: u32,
    },
    /// They rest again, or are left to.
    Ended {
        /// Which retrieval.
        retrieval: u32,
    },
}

/// What an entry changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A session begins; its number is the slot.
    Open {
        /// The job.
        job: String,
        /// The host that runs it.
        host: String,
        /// The point that it builds on: what it needs stays while the session is open.
        base: Option<PointId>,
        /// What the session is for.
        purpose: Purpose,
    },
    /// Packs become usable by all; without packs, a sign of life.
    Publish {
        /// The session that wrote them.
        session: u32,
        /// The packs.
        packs: Vec<PublishedPack>,
        /// The index segment that maps their blobs; there is one exactly when there are packs.
        segment: Option<ObjectRef>,
    },
    /// A restore point becomes visible, and its session ends.
    Commit {
        /// The session that made it.
        session: u32,
        /// The manifest object.
        point: ObjectRef,
        /// The point's id.
        id: PointId,
        /// Root of its reference set.
        references: ChunkId,
    },
    /// Restore points are given up.
    Expire {
        /// Live points, rising by id.
        points: Vec<PointId>,
        /// Why, for people.
        reason: String,
        /// The hash of the plan that was applied.
        plan: [u8; 32],
    },
    /// A point gets another manifest: the same id, a new number.
    Rewrite {
        /// The session that wrote it.
        session: u32,
        /// The new manifest object.
        point: ObjectRef,
        /// The point, which is live.
        id: PointId,
        /// Root of the new reference set.
        references: ChunkId,
        /// Why, for people.
        reason: String,
    },
    /// Packs are given up; what is still needed of them lies elsewhere.
    Condemn {
        /// The session of the collector.
        session: u32,
        /// The condemned packs, rising, each with the new places of its survivors.
        condemned: Vec<CondemnedPack>,
        /// Packs of this session that hold survivors, published by this entry.
        packs: Vec<PublishedPack>,
        /// The segment that maps their blobs; there is one exactly when there are packs.
        segment: Option<ObjectRef>,
        /// The hash of the plan that was applied.
        plan: [u8; 32],
    },
    /// Objects were deleted.
    Swept {
        /// What is gone, rising.
        objects: Vec<ObjectRow>,
    },
    /// Index segments are replaced by others that map the same, without what was condemned.
    Fold {
        /// The session that wrote the new ones.
        session: u32,
        /// The replaced segments, rising.
        replaced: Vec<ObjectId>,
        /// The new ones; none when nothing was left.
        segments: Vec<ObjectRef>,
    },
    /// A silent session is shut out.
    Fence {
        /// The session.
        session: u32,
        /// Why, for people.
        reason: String,
    },
    /// Objects are locked by the store.
    Lock {
        /// Until when at least.
        until: Time,
        /// Which, rising.
        objects: Vec<ObjectRange>,
    },
    /// Objects that rest in an archive become readable for a while.
    Retrieval(RetrievalStep),
    /// A key slot came or went.
    Key {
        /// Which of both.
        change: KeyChange,
        /// The slot's id, as its name has it.
        slot: u64,
    },
    /// Settings of the config change.
    Config {
        /// *Fields* of spec/config.md, which replace those of the config.
        fields: Vec<u8>,
    },
    /// Packs were found damaged, or found right again ([LOG-27]).
    Suspect {
        /// True when they are suspect from here on, false when that is withdrawn.
        suspect: bool,
        /// Data and metadata packs, rising; at least one.
        packs: Vec<ObjectRow>,
        /// Why, for people.
        reason: String,
    },
    /// Entries at the log's end that nobody can read any more are without effect ([LOG-28]).
    SetAside {
        /// The first of them; the last is the slot before this entry.
        first: u32,
    },
    /// An entry of a kind that this release does not know ([LOG-4]).
    Unknown {
        /// Its kind.
        kind: u16,
        /// True when reading may go on.
        readable: bool,
        /// True when writing may go on too.
        writable: bool,
    },
}
