//! Packs that this process has seen lost or damaged, and those that the log calls suspect: the last to be read, and never a reason not to store a
//! blob again.
//!
//! Promises: a blob all of whose packs are distrusted counts as unknown to a writer, so the next backup that sees its bytes heals it; a sound
//! place is always tried before a distrusted one. What this process has seen itself ends with it: damage is a fact of the store, and the store is
//! asked again. What two reads have proven stands in the log ([LOG-27]), for every machine, until a right read withdraws it.

use super::sealed_store::SealedStore;
use crate::error::Result;
use crate::index::BlobLocation;
use crate::log::LogView;
use crate::store::ListOptions;
use format_spec::ObjectId;
use format_spec::container::ObjectKind;
use format_spec::index::PackRow;
use format_spec::names;
use parking_lot::RwLock;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The distrusted packs of one repository.
#[derive(Debug, Default)]
pub struct Distrust {
    packs: RwLock<Packs>,
    /// Length of both sets, readable without its lock: it is almost always 0, and asked for every chunk.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Packs {
    /// What this process met.
    seen: HashSet<ObjectId>,
    /// What the log says.
    suspect: HashSet<ObjectId>,
}

impl Distrust {
    /// Takes over which packs the log calls suspect by now.
    pub fn follow(&self, view: &LogView) {
        if view.suspects.is_empty() && self.count() == 0 {
            return;
        }
        let mut packs = self.packs.write();
        packs.suspect = view.suspects.keys().map(|row| row.id).collect();
        self.count.store(packs.seen.len() + packs.suspect.len(), Ordering::SeqCst);
    }

    /// Whether the log calls this pack suspect.
    pub fn is_suspect(&self, pack: ObjectId) -> bool {
        self.count() > 0 && self.packs.read().suspect.contains(&pack)
    }

    /// Distrusts a pack from now on.
    pub fn add(&self, pack: ObjectId) {
        if self.add_quietly(pack) {
            tracing::warn!(session = pack.session, ordinal = pack.ordinal, "a lost or damaged pack is distrusted");
        }
    }

    /// The same for a pack that is only suspected; whether it is new here.
    pub fn add_quietly(&self, pack: ObjectId) -> bool {
        let mut packs = self.packs.write();
        let is_new = packs.seen.insert(pack);
        self.count.store(packs.seen.len() + packs.suspect.len(), Ordering::SeqCst);
        is_new
    }

    /// How many packs are distrusted; one that is so for both reasons counts twice.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether this pack is one of them.
    pub fn has(&self, pack: ObjectId) -> bool {
        if self.count() == 0 {
            return false;
        }
        let packs = self.packs.read();
        packs.seen.contains(&pack) || packs.suspect.contains(&pack)
    }

    /// The distrusted packs.
    pub fn packs(&self) -> Vec<ObjectId> {
        if self.count() == 0 {
            return Vec::new();
        }
        let packs = self.packs.read();
        packs.seen.union(&packs.suspect).copied().collect()
    }

    /// Orders the places of one blob: sound before distrusted, newer before older (what was stored again is newer).
    pub fn order(&self, places: &mut [BlobLocation]) {
        places.sort_by_key(|p| (self.has(p.pack), std::cmp::Reverse((p.pack, p.blob))));
    }

    /// Distrusts every pack of the index that the store's listing lacks or shows with another length. One listing, no object is read.
    ///
    /// # Errors
    /// The store's, when it cannot be listed.
    pub fn compare_with_store(&self, sealed_store: &SealedStore, known: &[PackRow]) -> Result<()> {
        for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
            let mut missing: HashMap<ObjectId, u64> =
                known.iter().filter(|p| p.kind == kind).map(|p| (p.id, p.bytes)).collect();
            if missing.is_empty() {
                continue;
            }
            sealed_store.store.list(&ListOptions::below(names::folder(kind)), &mut |listed| {
                if let Some((_, session, ordinal)) = names::parse(listed.name.as_str())
                    && let Entry::Occupied(promised) = missing.entry(ObjectId { session, ordinal })
                    && *promised.get() == listed.bytes
                {
                    promised.remove();
                }
                true
            })?;
            missing.keys().for_each(|id| self.add(*id));
        }
        Ok(())
    }
}
