//! Packs that this process has seen lost or damaged: the last to be read, and never a reason not to store a blob again.
//!
//! Promises: a blob all of whose packs are distrusted counts as unknown to a writer, so the next backup that sees its bytes heals it; a sound
//! place is always tried before a distrusted one. Refuses to outlive the process: damage is a fact of the store, and the store is asked again.

use super::read::Vault;
use crate::error::Result;
use crate::index::Place;
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
    packs: RwLock<HashSet<ObjectId>>,
    /// Length of the set, readable without its lock: it is almost always 0, and asked for every chunk.
    count: AtomicUsize,
}

impl Distrust {
    /// Distrusts a pack from now on.
    pub fn add(&self, pack: ObjectId) {
        if self.add_quietly(pack) {
            tracing::warn!(session = pack.session, ordinal = pack.ordinal, "a lost or damaged pack is distrusted");
        }
    }

    /// The same for a pack that is only suspected; whether it is new here.
    pub fn add_quietly(&self, pack: ObjectId) -> bool {
        let mut packs = self.packs.write();
        let is_new = packs.insert(pack);
        self.count.store(packs.len(), Ordering::SeqCst);
        is_new
    }

    /// How many packs are distrusted.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether this pack is one of them.
    pub fn has(&self, pack: ObjectId) -> bool {
        self.count() > 0 && self.packs.read().contains(&pack)
    }

    /// The distrusted packs.
    pub fn packs(&self) -> Vec<ObjectId> {
        if self.count() == 0 { Vec::new() } else { self.packs.read().iter().copied().collect() }
    }

    /// Orders the places of one blob: sound before distrusted, newer before older (what was stored again is newer).
    pub fn order(&self, places: &mut [Place]) {
        places.sort_by_key(|p| (self.has(p.pack), std::cmp::Reverse((p.pack, p.blob))));
    }

    /// Distrusts every pack of the index that the store's listing lacks or shows with another length. One listing, no object is read.
    ///
    /// # Errors
    /// The store's, when it cannot be listed.
    pub fn compare_with_store(&self, vault: &Vault, known: &[PackRow]) -> Result<()> {
        for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
            let mut missing: HashMap<ObjectId, u64> =
                known.iter().filter(|p| p.kind == kind).map(|p| (p.id, p.bytes)).collect();
            if missing.is_empty() {
                continue;
            }
            vault.store.list(names::folder(kind), None, &mut |listed| {
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
