//! The log on its own: what checkpoints keep, what truncation may take, and that nothing is acknowledged that does not count.

mod aside;
mod cost;
mod damaged;
mod paused;
mod readers;
mod remembered;
mod repositories;
mod stated;
mod sums;
mod truncation;
mod versions;

use engine::Result;
use engine::env::{Seeded, SharedEnv};
use engine::log::{Log, LogView, Truncated, Truncation};
use engine::store::{ListOptions, Memory, ObjectName, Store, StoreExt};
use format_spec::keys::{Secret, Secrets};
use format_spec::log::{Change, ObjectRef, PointId, PublishedPack, Purpose};
use format_spec::{ChunkId, RepositoryId, names};
use std::sync::Arc;

/// A memory store and whoever opens its log.
pub(crate) struct Place {
    pub(crate) store: Arc<Memory>,
    pub(crate) env: SharedEnv,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { store: Arc::new(Memory::new()), env: Seeded::shared(1) }
    }

    /// Somebody who has read nothing yet.
    pub(crate) fn log(&self) -> Log {
        log(self.store.clone())
    }

    /// The view of somebody who comes now.
    pub(crate) fn fresh(&self) -> Arc<LogView> {
        self.log().refresh().unwrap()
    }

    pub(crate) fn append(&self, log: &Log, change: &Change) -> u32 {
        log.append(&*self.env, &mut |_| Ok(change.clone())).unwrap()
    }

    /// A session that commits one point: three entries. Returns the point's id.
    pub(crate) fn backup(&self, log: &Log, seed: u32) -> PointId {
        let session = self.append(log, &opening(None));
        self.append(log, &publishing(session, 0, 1));
        let id = point_id(seed);
        self.append(log, &committing(session, 9, id));
        id
    }

    /// Entries that change nothing, up to this slot.
    pub(crate) fn grow_to(&self, log: &Log, slot: u32) {
        while log.refresh().unwrap().head < slot {
            self.append(log, &Change::Unknown { kind: 99, readable: true, writable: true });
        }
    }

    /// Two checkpoints, the newer one at `slot`, and all that they allow to delete.
    pub(crate) fn truncate_at(&self, log: &Log, slot: u32) -> Truncated {
        self.grow_to(log, slot - 10);
        log.checkpoint(&*self.env).unwrap().unwrap();
        self.grow_to(log, slot);
        log.checkpoint(&*self.env).unwrap().unwrap();
        log.truncate(&*self.env, &at_once()).unwrap()
    }

    /// The slots of what is there.
    pub(crate) fn slots(&self, folder: &str) -> Vec<u32> {
        let mut slots = Vec::new();
        self.store
            .list(&ListOptions::below(folder), &mut |l| {
                slots.push(names::parse(l.name.as_str()).unwrap().2);
                true
            })
            .unwrap();
        slots
    }

    /// Flips a bit in the middle of a checkpoint.
    pub(crate) fn damage(&self, slot: u32) {
        let name = ObjectName::new(names::checkpoint(slot)).unwrap();
        let mut bytes = self.store.get(&name).unwrap().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.store.replace(&name, bytes.into());
    }
}

pub(crate) fn log(store: Arc<dyn Store>) -> Log {
    let secrets = Secrets { master: Some(Secret::new([7; 32])), dedup: Secret::new([8; 32]) };
    Log::new(store, RepositoryId([9; 16]), secrets, [1; 32])
}

/// As far as it can go.
pub(crate) fn at_once() -> Truncation {
    Truncation { grace_seconds: 0, requests_max: 100_000, listings_complete: true, versioned: false }
}

pub(crate) fn opening(base: Option<PointId>) -> Change {
    Change::Open { job: "home".into(), host: "box".into(), base, purpose: Purpose::Backup }
}

/// So many data packs from this ordinal on, and their segment.
pub(crate) fn publishing(session: u32, first: u32, packs: u32) -> Change {
    let segment = (packs > 0).then(|| vouched(first + packs));
    Change::Publish { session, packs: (first..first + packs).map(pack).collect(), segment }
}

pub(crate) fn committing(session: u32, ordinal: u32, id: PointId) -> Change {
    Change::Commit { session, point: vouched(ordinal), id, references: ChunkId([id.0[0]; 32]) }
}

pub(crate) fn pack(ordinal: u32) -> PublishedPack {
    PublishedPack { kind: format_spec::container::ObjectKind::DataPack, object: vouched(ordinal), blobs: 20 }
}

pub(crate) fn vouched(ordinal: u32) -> ObjectRef {
    ObjectRef { ordinal, bytes: u64::from(ordinal) + 1000, body_hash: [3; 32] }
}

pub(crate) fn point_id(seed: u32) -> PointId {
    let mut id = [0; 16];
    id.copy_from_slice(&blake3::hash(&seed.to_le_bytes()).as_bytes()[..16]);
    PointId(id)
}

/// All of a view that somebody can ask for, but the hashes.
pub(crate) fn shown(view: &LogView) -> String {
    let LogView { head, head_hash, sessions, segments, commits, held, next_number, given_up, settings, .. } = view;
    let mut held = held.clone();
    held.sort_by_key(|h| h.number);
    // Of a session that a checkpoint sums up, the slot of its last sign is not known exactly.
    let mut sessions = sessions.clone();
    sessions.values_mut().for_each(|s| s.heard = 0);
    let rest = (&view.condemned, &view.locks, &view.retrievals, view.read_only);
    format!(
        "{head} {head_hash:?} {sessions:#?} {segments:?} {commits:?} {held:?} {next_number} {given_up:?} {settings:?} {rest:?}"
    )
}

/// Runs something once, at the moment that a caller chooses.
pub(crate) fn once(mut run: impl FnMut()) -> impl FnMut() {
    let mut done = false;
    move || {
        if !std::mem::replace(&mut done, true) {
            run();
        }
    }
}

/// Appends with a pause between reading the log and putting the entry. Returns the slot and how often the change was asked for.
pub(crate) fn append_paused(
    place: &Place,
    log: &Log,
    change: &dyn Fn(&LogView) -> Result<Change>,
    meanwhile: impl FnMut(),
) -> (Result<u32>, u32) {
    let (mut asked, mut meanwhile) = (0, once(meanwhile));
    let slot = log.append(&*place.env, &mut |view| {
        asked += 1;
        let change = change(view);
        meanwhile();
        change
    });
    (slot, asked)
}
