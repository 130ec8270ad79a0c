//! The reference set: which blobs a point needs, and how many of its nodes name each ([POINT-6], [POINT-7]).
//!
//! Computed from what changed: a node that appears adds one to each id that it names, a node that vanishes takes one away, and a node that
//! nobody names any more vanishes itself. All additions come first, so that a count never touches zero on its way up. What the base's own set
//! says about packs that were condemned since is first translated to where their survivors are now ([LOG-20]).

use super::sink::NewNodes;
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::log::LogView;
use crate::tree::{Names, NodeSink, edit_map, map_get, names_of};
use format_spec::container::ObjectKind;
use format_spec::point::{PackReferences, reference_key};
use format_spec::tree::Node;
use format_spec::{ChunkId, ObjectId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What changes between a base (or nothing) and the new point.
pub struct ReferenceChange<'a> {
    /// The base: root of its reference set, and the slot at which that named live packs.
    pub base: Option<(ChunkId, u32)>,
    /// What the base's manifest names: one entry a field.
    pub base_roots: Vec<Names>,
    /// What the new manifest names: one entry a field.
    pub roots: Vec<Names>,
    /// Every node that was put while the point was made.
    pub new_nodes: &'a NewNodes,
    /// The blob store; everything that the new point needs is published.
    pub blobs: &'a Blobs,
    /// The log as it is known: which packs are condemned.
    pub log: Arc<LogView>,
}

/// Makes the new point's reference set and returns its root.
///
/// # Errors
/// `Damaged` when a named blob has no published place, or the base's own set or nodes cannot be read.
pub fn reference_set(change: ReferenceChange<'_>, sink: &mut dyn NodeSink) -> Result<ChunkId> {
    let ReferenceChange { base, base_roots, roots, new_nodes, blobs, log } = change;
    let mut account = Account::over(base, blobs, &log)?;
    new_nodes.read(&mut |node, names| {
        let place = account.place(ObjectKind::MetaPack, &node)?;
        // A node that the base has already named what it names.
        if account.pack(&place)?.before.names(place.blob) { Ok(()) } else { account.add(names) }
    })?;
    roots.iter().try_for_each(|names| account.add(names))?;
    let mut vanishing = Vec::new();
    base_roots.iter().try_for_each(|names| account.subtract(names, &mut vanishing))?;
    while let Some(id) = vanishing.pop() {
        let names = names_of(&*blobs.node(&id)?);
        account.subtract(&names, &mut vanishing)?;
    }
    account.write(sink)
}

/// Asks a base whether it names a node.
pub struct NamedByBase<'a> {
    account: Account<'a>,
}

impl<'a> NamedByBase<'a> {
    /// The base: root of its reference set, and the slot at which that named live packs.
    ///
    /// # Errors
    /// As [`reference_set`].
    pub fn over(base: Option<(ChunkId, u32)>, blobs: &'a Blobs, log: &LogView) -> Result<Self> {
        Account::over(base, blobs, log).map(|account| NamedByBase { account })
    }

    /// Whether it names this node.
    ///
    /// # Errors
    /// `Damaged` when no published pack has the node; the source's.
    pub fn names(&mut self, id: &ChunkId) -> Result<bool> {
        let place = self.account.place(ObjectKind::MetaPack, id)?;
        Ok(self.account.pack(&place)?.before.names(place.blob))
    }
}

/// What a point under construction names and no live pack has any more: it was deduplicated against packs that were condemned since, because
/// nothing else needed it, or that were found damaged since. Each once.
///
/// # Errors
/// The index's.
pub(super) fn given_up(new_nodes: &NewNodes, roots: &[Names], blobs: &Blobs) -> Result<BTreeSet<(bool, ChunkId)>> {
    let mut found = BTreeSet::new();
    let mut look = |names: &Names| {
        for (kind, id) in by_kind(names) {
            let distrust = blobs.live_index().distrust();
            if blobs.live_index().places(id)?.iter().all(|p| p.pack_kind != kind || distrust.is_suspect(p.pack)) {
                found.insert((kind == ObjectKind::MetaPack, *id));
            }
        }
        Ok(())
    };
    roots.iter().try_for_each(&mut look)?;
    new_nodes.read(&mut |_, names| look(names))?;
    Ok(found)
}

/// Whether a point needs what only packs hold that the log calls suspect ([LOG-27]): the root of its reference set, and the slot at which that named
/// live packs. A set that cannot be read counts as such a need.
///
/// # Errors
/// The index's, and those of a store that is out of reach.
pub fn needs_suspects(base: (ChunkId, u32), blobs: &Blobs, log: &LogView) -> Result<bool> {
    if log.suspects.is_empty() {
        return Ok(false);
    }
    match Account::over(Some(base), blobs, log).and_then(|account| account.needs_suspects(base.0, log)) {
        Err(e) if e.kind() == Kind::Damaged => Ok(true),
        other => other,
    }
}

pub(super) struct Account<'a> {
    blobs: &'a Blobs,
    base: Option<ChunkId>,
    touched: BTreeMap<ObjectId, Touched>,
}

/// One pack's references: as the base's set has them, as the base means them by now, and in the new point.
#[derive(Default)]
struct Touched {
    stored: PackReferences,
    before: PackReferences,
    now: PackReferences,
}

impl<'a> Account<'a> {
    /// The account of a base: root of its reference set, and the slot at which that named live packs.
    pub(super) fn over(base: Option<(ChunkId, u32)>, blobs: &'a Blobs, log: &LogView) -> Result<Self> {
        let mut account = Account { blobs, base: base.map(|(root, _)| root), touched: BTreeMap::new() };
        if let Some((_, slot)) = base {
            account.translate(log, slot)?;
            account.leave_distrusted()?;
        }
        Ok(account)
    }

    /// Names a blob so many times more, or fewer.
    ///
    /// # Errors
    /// `Damaged` when no published pack has it, or it is named fewer times than are to be taken away.
    pub(super) fn change(&mut self, kind: ObjectKind, id: &ChunkId, by: i64) -> Result<()> {
        let place = self.place(kind, id)?;
        let now = &mut self.pack(&place)?.now;
        let count = i64::from(now.count(place.blob)).checked_add(by).and_then(|n| u32::try_from(n).ok());
        let wrong =
            || Error::new(Kind::Damaged, "the base's reference set does not name it so often").on(format!("blob {id}"));
        now.set_count(place.blob, count.ok_or_else(wrong)?);
        Ok(())
    }

    /// Follows the moves since the base's slot, oldest first, so that what moved twice is followed twice.
    fn translate(&mut self, log: &LogView, slot: u32) -> Result<()> {
        if log.condemned.after(slot).next().is_none() {
            return Ok(());
        }
        // A pack that was condemned in turn is not among them: nothing of it stays in the new set.
        let blobs_of: BTreeMap<ObjectId, u32> =
            self.blobs.live_index().packs()?.into_iter().map(|p| (p.id, p.blobs)).collect();
        for condemned in log.condemned.after(slot) {
            let known = self.touched.contains_key(&condemned.id);
            if !known && (self.base.is_none() || self.stored(condemned.id)?.is_none()) {
                continue;
            }
            let old = std::mem::take(&mut self.row(condemned.id, 0)?.before);
            self.row(condemned.id, 0)?.now = PackReferences::default();
            for blob in (0..old.blobs).filter(|b| old.names(*b)) {
                let lost = || {
                    Error::new(Kind::Damaged, "a blob that the base needs was given up with its pack")
                        .on(format!("blob {blob} of pack {}", condemned.id))
                };
                let (pack, to) = condemned.survivors.as_ref().and_then(|s| s.place_of(blob)).ok_or_else(lost)?;
                let row = self.row(pack, blobs_of.get(&pack).copied().unwrap_or(0))?;
                let count = row.before.count(to) + old.count(blob);
                row.before.set_count(to, count);
                row.now.set_count(to, count);
            }
        }
        Ok(())
    }

    fn add(&mut self, names: &Names) -> Result<()> {
        for (kind, id) in by_kind(names) {
            let place = self.place(kind, id)?;
            let now = &mut self.pack(&place)?.now;
            now.set_count(place.blob, now.count(place.blob) + 1);
        }
        Ok(())
    }

    /// Takes one away from each; nodes that reach zero vanish.
    fn subtract(&mut self, names: &Names, vanishing: &mut Vec<ChunkId>) -> Result<()> {
        for (kind, id) in by_kind(names) {
            let place = self.place(kind, id)?;
            let now = &mut self.pack(&place)?.now;
            let left = now.count(place.blob).checked_sub(1);
            let wrong =
                || Error::new(Kind::Damaged, "the base's reference set does not name it").on(format!("blob {id}"));
            let left = left.ok_or_else(wrong)?;
            now.set_count(place.blob, left);
            if left == 0 && kind == ObjectKind::MetaPack {
                vanishing.push(*id);
            }
        }
        Ok(())
    }

    /// The place that the point uses: one that is named already, else the one that is read first. What is named in a distrusted pack and has a
    /// sound place is named there from now on: else nothing would keep the copy that heals it.
    fn place(&mut self, kind: ObjectKind, id: &ChunkId) -> Result<BlobLocation> {
        let mut places = self.blobs.live_index().places(id)?;
        places.retain(|p| p.pack_kind == kind);
        if places.len() > 1 {
            let distrust = self.blobs.live_index().distrust();
            for place in &places {
                let pack = self.pack(place)?;
                if !pack.now.names(place.blob) && !pack.before.names(place.blob) {
                    continue;
                }
                return match places.first() {
                    Some(sound) if distrust.has(place.pack) && !distrust.has(sound.pack) => {
                        self.shift(place, sound)?;
                        Ok(*sound)
                    }
                    _ => Ok(*place),
                };
            }
        }
        let missing = || Error::new(Kind::Damaged, "no published pack has it").on(format!("blob {id}"));
        places.into_iter().next().ok_or_else(missing)
    }

    /// Names at its sound place what the base names in a distrusted pack, also where no node that names it is new. Ids stand in no set, so this asks
    /// the whole index, once, and only in a process that has met damage.
    fn leave_distrusted(&mut self) -> Result<()> {
        let live_index = { self.blobs }.live_index();
        let mut left = BTreeSet::new();
        for pack in live_index.distrust().packs() {
            if self.stored(pack)?.is_some() || self.touched.contains_key(&pack) {
                left.insert(pack);
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        live_index.cache().for_each_place(&mut |id, place| {
            if left.contains(&place.pack) && self.pack(place)?.now.names(place.blob) {
                let places = live_index.places(id)?;
                let is_sound = |p: &&BlobLocation| p.pack_kind == place.pack_kind && !live_index.distrust().has(p.pack);
                let sound = places.iter().find(is_sound);
                if let Some(sound) = sound {
                    self.shift(place, sound)?;
                }
            }
            Ok(())
        })
    }

    /// Names at `to` what was named at `from`.
    fn shift(&mut self, from: &BlobLocation, to: &BlobLocation) -> Result<()> {
        let old = self.pack(from)?;
        let (before, now) = (old.before.count(from.blob), old.now.count(from.blob));
        old.before.set_count(from.blob, 0);
        old.now.set_count(from.blob, 0);
        let new = self.pack(to)?;
        new.before.set_count(to.blob, new.before.count(to.blob) + before);
        new.now.set_count(to.blob, new.now.count(to.blob) + now);
        Ok(())
    }

    /// What has a sound place is named there already ([`leave_distrusted`](Self::leave_distrusted)).
    fn needs_suspects(&self, root: ChunkId, log: &LogView) -> Result<bool> {
        for pack in log.suspects.keys().map(|row| row.id) {
            let is_named = match self.touched.get(&pack) {
                Some(touched) => !touched.now.is_empty(),
                None => self.stored(pack)?.is_some_and(|row| !row.is_empty()),
            };
            if is_named {
                return Ok(true);
            }
        }
        if log.suspects.keys().all(|row| row.kind != ObjectKind::MetaPack) {
            return Ok(false);
        }
        // The set's own nodes stand in no row of it.
        let live_index = { self.blobs }.live_index();
        let mut todo = vec![root];
        while let Some(id) = todo.pop() {
            let is_suspect =
                |p: &BlobLocation| p.pack_kind != ObjectKind::MetaPack || live_index.distrust().is_suspect(p.pack);
            if live_index.places(&id)?.iter().all(is_suspect) {
                return Ok(true);
            }
            if let Node::Inner { children, .. } = &*self.blobs.node(&id)? {
                todo.extend(children.iter().map(|child| child.id));
            }
        }
        Ok(false)
    }

    fn pack(&mut self, place: &BlobLocation) -> Result<&mut Touched> {
        self.row(place.pack, place.pack_blobs)
    }

    /// The row of a pack that holds `blobs`.
    fn row(&mut self, pack: ObjectId, blobs: u32) -> Result<&mut Touched> {
        if !self.touched.contains_key(&pack) {
            let bitmap = vec![0; blobs.div_ceil(8) as usize];
            let stored = self.stored(pack)?.unwrap_or(PackReferences { bitmap, blobs, counts: Vec::new() });
            self.touched.insert(pack, Touched { now: stored.clone(), before: stored.clone(), stored });
        }
        Ok(self.touched.entry(pack).or_default())
    }

    fn stored(&self, pack: ObjectId) -> Result<Option<PackReferences>> {
        let Some(root) = self.base else { return Ok(None) };
        let pair = map_get(self.blobs, Some(root), &reference_key(pack))?;
        Ok(pair.map(|pair| PackReferences::decode(&pair.value)).transpose()?)
    }

    /// The new set: the base's, with the touched packs' rows edited. Leaves without a touched pack are shared with the base.
    pub(super) fn write(self, sink: &mut dyn NodeSink) -> Result<ChunkId> {
        let nothing = reference_key(ObjectId { session: 0, ordinal: 0 }).to_vec();
        let mut edits: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::with_capacity(self.touched.len() + 1);
        edits.push((nothing.clone(), None));
        for (pack, t) in &self.touched {
            if t.now != t.stored {
                edits.push((reference_key(*pack).to_vec(), (!t.now.is_empty()).then(|| t.now.encode())));
            }
        }
        if let Some(root) = edit_map(self.blobs, self.base, edits, sink)? {
            return Ok(root);
        }
        // A point whose root folder is empty needs no blob; its set is one row that names none ([POINT-6]).
        let empty = vec![(nothing, Some(PackReferences::default().encode()))];
        edit_map(self.blobs, None, empty, sink)?.ok_or_else(|| Error::new(Kind::Bug, "a map of one pair has no root"))
    }
}

fn by_kind(names: &Names) -> impl Iterator<Item = (ObjectKind, &ChunkId)> {
    let nodes = names.nodes.iter().map(|id| (ObjectKind::MetaPack, id));
    nodes.chain(names.chunks.iter().map(|id| (ObjectKind::DataPack, id)))
}
