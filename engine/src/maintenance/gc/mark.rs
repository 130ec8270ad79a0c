//! Which blobs are live: one bit for each, from the reference sets.

use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::log::{CommitRef, LogView, Moved};
use crate::monitor::Monitor;
use crate::repository::Repository;
use format_spec::container::ObjectKind;
use format_spec::point::{PackReferences, reference_pack};
use format_spec::tree::Node;
use format_spec::{ChunkId, ObjectId};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Live blobs by pack. Memory: a bit a blob, some 60 bytes a pack, and 32 bytes for each distinct node of the reference sets.
#[derive(Debug, Default)]
pub(in crate::maintenance) struct Marks {
    live: BTreeMap<ObjectId, Vec<u8>>,
    nodes: HashSet<ChunkId>,
    /// Slots of the commits that were marked.
    slots: BTreeSet<u32>,
}

impl Marks {
    /// Marks everything that these commits need and that was not marked yet.
    ///
    /// # Errors
    /// `Damaged` when a reference set cannot be read: then nothing is known to be dead, and nothing may be collected. `Conflict` when its point
    /// was given up while it was read.
    pub(in crate::maintenance) fn add<'a>(
        &mut self,
        commits: impl Iterator<Item = &'a CommitRef>,
        view: &LogView,
        repository: &Repository,
        monitor: &Monitor,
    ) -> Result<()> {
        for commit in commits {
            if self.slots.insert(commit.slot) {
                monitor.check()?;
                let set = self.set(commit.references, view, repository.blobs());
                set.map_err(|e| outdated(repository, commit, e).on(format!("restore point {}", commit.id)))?;
            }
        }
        self.keep_copies(view, repository)
    }

    /// A blob that is needed in a suspect pack is kept at its other places too: one of them may be all that is left of it ([LOG-27]). One pass over
    /// the index, and only where packs are suspect.
    fn keep_copies(&mut self, view: &LogView, repository: &Repository) -> Result<()> {
        let suspects: BTreeSet<ObjectId> =
            view.suspects.keys().map(|row| row.id).filter(|pack| self.count(*pack) > 0).collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let live_index = repository.blobs().live_index();
        live_index.cache().for_each_place(&mut |id, place| {
            if suspects.contains(&place.pack) && self.has(place.pack, place.blob) {
                for other in live_index.places(id)?.iter().filter(|other| other.pack_kind == place.pack_kind) {
                    self.mark(other.pack, other.blob);
                }
            }
            Ok(())
        })
    }

    /// The bits of a pack, if any of its blobs is live.
    pub(in crate::maintenance) fn bits(&self, pack: ObjectId) -> Option<&[u8]> {
        self.live.get(&pack).map(Vec::as_slice)
    }

    /// How many blobs of a pack are live.
    pub(in crate::maintenance) fn count(&self, pack: ObjectId) -> u32 {
        self.bits(pack).map_or(0, |bits| bits.iter().map(|b| b.count_ones()).sum())
    }

    /// Whether a blob is live.
    pub(in crate::maintenance) fn has(&self, pack: ObjectId, blob: u32) -> bool {
        self.bits(pack).and_then(|bits| bits.get(blob as usize / 8)).is_some_and(|bits| bits >> (blob % 8) & 1 == 1)
    }

    /// Whether all live blobs of a pack are among these bits.
    pub(in crate::maintenance) fn is_within(&self, pack: ObjectId, survivors: &[u8]) -> bool {
        let live = self.bits(pack).unwrap_or_default();
        live.iter().enumerate().all(|(at, bits)| bits & !survivors.get(at).copied().unwrap_or(0) == 0)
    }

    /// One reference set: its rows, and its own nodes, which no row names.
    fn set(&mut self, root: ChunkId, view: &LogView, blobs: &Blobs) -> Result<()> {
        let mut todo = vec![root];
        while let Some(id) = todo.pop() {
            if !self.nodes.insert(id) {
                continue;
            }
            let node = blobs.node(&id)?;
            // Any of its places may be the one that is read.
            for place in blobs.live_index().places(&id)?.iter().filter(|p| p.pack_kind == ObjectKind::MetaPack) {
                self.mark(place.pack, place.blob);
            }
            match &*node {
                Node::Inner { children, .. } => todo.extend(children.iter().map(|c| c.id)),
                Node::Map(pairs) => {
                    for pair in pairs {
                        self.row(&pair.key, &pair.value, view).map_err(|e| e.on(format!("node {id}")))?;
                    }
                }
                _ => {
                    return Err(Error::new(Kind::Damaged, "a reference set is no map").on(format!("node {id}")));
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, key: &[u8], value: &[u8], view: &LogView) -> Result<()> {
        let (pack, row) = (reference_pack(key)?, PackReferences::decode(value)?);
        if row.is_empty() {
            return Ok(());
        }
        if view.condemned.has(pack) {
            for blob in (0..row.blobs).filter(|blob| row.names(*blob)) {
                match view.condemned.translate(pack, blob) {
                    Moved::Here(pack, blob) => self.mark(pack, blob),
                    Moved::Dead => {
                        let what = format!("LOG-13: blob {blob} of pack {pack} is needed and did not survive");
                        return Err(Error::new(Kind::Damaged, what));
                    }
                }
            }
            return Ok(());
        }
        let live = self.live.entry(pack).or_default();
        if live.len() < row.bitmap.len() {
            live.resize(row.bitmap.len(), 0);
        }
        live.iter_mut().zip(&row.bitmap).for_each(|(live, bits)| *live |= bits);
        Ok(())
    }

    fn mark(&mut self, pack: ObjectId, blob: u32) {
        let live = self.live.entry(pack).or_default();
        let byte = blob as usize / 8;
        if live.len() <= byte {
            live.resize(byte + 1, 0);
        }
        if let Some(bits) = live.get_mut(byte) {
            *bits |= 1 << (blob % 8);
        }
    }
}

/// A reference set that another collection took away is damaged only if somebody still needs it.
fn outdated(repository: &Repository, commit: &CommitRef, error: Error) -> Error {
    match repository.log().refresh() {
        Ok(view) if error.kind() == Kind::Damaged && !view.needed().any(|c| c.slot == commit.slot) => {
            Error::new(Kind::Conflict, "the point was given up, and collected, while it was looked at")
                .because(error)
                .advise("run the command again")
        }
        Ok(_) if error.kind() == Kind::Damaged => {
            let id = commit.id;
            error.advise_instead(format!(
                "`cairn repair plan` tells what gives it back; `cairn expire plan {id}` offers to let the restore point go"
            ))
        }
        _ => error,
    }
}
