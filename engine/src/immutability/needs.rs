//! Which objects opening the repository and reading a point need.

use crate::blob::{Blobs, SealedStore};
use crate::error::{Error, Kind, Result};
use crate::limits::SMALL_OBJECT_BYTES_MAX;
use crate::log::{CommitRef, LogView, Moved};
use crate::store::{ListOptions, ObjectName, StoreExt};
use format_spec::container::ObjectKind;
use format_spec::key_slot::KeySlot;
use format_spec::log::ObjectRow;
use format_spec::point::{PackReferences, reference_pack};
use format_spec::tree::Node;
use format_spec::{ChunkId, ObjectId, names};
use std::collections::{BTreeSet, HashMap};

/// What is needed, as the log knows it.
pub struct Needs<'a> {
    sealed_store: &'a SealedStore,
    blobs: &'a Blobs,
    view: &'a LogView,
    /// Where opening begins: the slot of the newest checkpoint that can be read; 0 without one.
    begin: u32,
    kinds: HashMap<ObjectId, ObjectKind>,
}

impl<'a> Needs<'a> {
    /// The needs at a view of the log, up to which the index is known; `begin` as [`Log::newest_checkpoint`](crate::log::Log::newest_checkpoint) says.
    ///
    /// # Errors
    /// The index's.
    pub fn new(sealed_store: &'a SealedStore, blobs: &'a Blobs, view: &'a LogView, begin: u32) -> Result<Self> {
        let kinds = blobs.live_index().packs()?.into_iter().map(|p| (p.id, p.kind)).collect();
        Ok(Needs { sealed_store, blobs, view, begin, kinds })
    }

    /// What opening needs, whichever point is read: config, key slots, the newest checkpoint and the entries after it, every segment.
    ///
    /// # Errors
    /// The store's.
    pub fn of_opening(&self) -> Result<BTreeSet<ObjectRow>> {
        let row = |kind, session, ordinal| ObjectRow { kind, id: ObjectId { session, ordinal } };
        let mut rows = BTreeSet::from([row(ObjectKind::Config, 0, 0)]);
        rows.extend(self.key_slots()?);
        rows.extend((self.begin.max(1)..=self.view.head).map(|slot| row(ObjectKind::LogEntry, 0, slot)));
        if self.begin > 0 {
            rows.insert(row(ObjectKind::Checkpoint, 0, self.begin));
        }
        rows.extend(self.view.segments.iter().map(|s| ObjectRow { kind: ObjectKind::IndexSegment, id: s.id() }));
        Ok(rows)
    }

    /// What a point needs beside: its manifest and its packs.
    ///
    /// # Errors
    /// `Damaged` when its reference set cannot be read.
    pub fn of_point(&self, commit: &CommitRef) -> Result<BTreeSet<ObjectRow>> {
        let id = ObjectId { session: commit.session, ordinal: commit.object.ordinal };
        let mut rows = self.packs_of(commit.references)?;
        rows.insert(ObjectRow { kind: ObjectKind::RestorePoint, id });
        Ok(rows)
    }

    /// The packs of a reference set where they are by now, and those of its own nodes.
    ///
    /// # Errors
    /// `Damaged` when it cannot be read.
    pub fn packs_of(&self, references: ChunkId) -> Result<BTreeSet<ObjectRow>> {
        let mut rows = BTreeSet::new();
        let mut todo = vec![references];
        while let Some(id) = todo.pop() {
            let node = self.blobs.node(&id)?;
            let places = self.blobs.live_index().places(&id)?;
            let meta = places.iter().filter(|p| p.pack_kind == ObjectKind::MetaPack);
            rows.extend(meta.map(|p| ObjectRow { kind: ObjectKind::MetaPack, id: p.pack }));
            match &*node {
                Node::Inner { children, .. } => todo.extend(children.iter().map(|c| c.id)),
                Node::Map(pairs) => {
                    for pair in pairs {
                        self.row(&pair.key, &pair.value, &mut rows).map_err(|e| e.on(format!("node {id}")))?;
                    }
                }
                _ => return Err(Error::new(Kind::Damaged, "a reference set is no map").on(format!("node {id}"))),
            }
        }
        Ok(rows)
    }

    fn row(&self, key: &[u8], value: &[u8], rows: &mut BTreeSet<ObjectRow>) -> Result<()> {
        let (pack, row) = (reference_pack(key)?, PackReferences::decode(value)?);
        if row.is_empty() {
            return Ok(());
        }
        if !self.view.condemned.has(pack) {
            return self.pack(pack, rows);
        }
        for blob in (0..row.blobs).filter(|blob| row.names(*blob)) {
            match self.view.condemned.translate(pack, blob) {
                Moved::Here(pack, _) => self.pack(pack, rows)?,
                Moved::Dead => {
                    let what = format!("LOG-13: blob {blob} of pack {pack} is needed and did not survive");
                    return Err(Error::new(Kind::Damaged, what));
                }
            }
        }
        Ok(())
    }

    fn pack(&self, id: ObjectId, rows: &mut BTreeSet<ObjectRow>) -> Result<()> {
        let unknown = || Error::new(Kind::Damaged, "the index does not know a pack that is needed").on(id);
        let kind = *self.kinds.get(&id).ok_or_else(unknown)?;
        rows.insert(ObjectRow { kind, id });
        Ok(())
    }

    /// Those that are key slots of this repository: whoever may write can put others beside them.
    fn key_slots(&self) -> Result<Vec<ObjectRow>> {
        let store = &*self.sealed_store.store;
        let mut listed = Vec::new();
        store.list(&ListOptions::below("keys"), &mut |l| {
            listed.push(l);
            true
        })?;
        let mut rows = Vec::new();
        for l in listed.into_iter().filter(|l| l.bytes <= SMALL_OBJECT_BYTES_MAX) {
            let Some(row) = key_row(&l.name) else { continue };
            let is_ours = |object: &[u8]| {
                KeySlot::decode(object, self.sealed_store.repository)
                    .is_ok_and(|s| names::key_slot(s.id) == l.name.as_str())
            };
            match store.get(&l.name) {
                Ok(object) if is_ours(&object) => rows.push(row),
                Ok(_) => {}
                // Removed meanwhile.
                Err(e) if e.kind() == Kind::Absent => {}
                Err(e) => return Err(e),
            }
        }
        Ok(rows)
    }
}

/// What an object is called.
///
/// # Errors
/// None that happens: every such name obeys the alphabet.
pub fn name_of(row: &ObjectRow) -> Result<ObjectName> {
    ObjectName::new(match row.kind {
        ObjectKind::Config => names::CONFIG.to_owned(),
        ObjectKind::LogEntry => names::log(row.id.ordinal),
        ObjectKind::Checkpoint => format!("{}/{:016x}", names::folder(ObjectKind::Checkpoint), row.id.ordinal),
        ObjectKind::KeySlot => {
            names::key_slot((u64::from(row.id.session) << 32 | u64::from(row.id.ordinal)).to_be_bytes())
        }
        kind => names::of_session(kind, row.id),
    })
}

/// A key slot in the log's rows: the halves of its id ([LOG-17]).
fn key_row(name: &ObjectName) -> Option<ObjectRow> {
    let id = u64::from_str_radix(name.as_str().strip_prefix("keys/")?, 16).ok()?;
    let (high, low) = (u32::try_from(id >> 32).ok()?, u32::try_from(id & 0xFFFF_FFFF).ok()?);
    let row = ObjectRow { kind: ObjectKind::KeySlot, id: ObjectId { session: high, ordinal: low } };
    name_of(&row).is_ok_and(|again| again == *name).then_some(row)
}
