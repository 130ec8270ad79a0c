//! The reference set: which blobs a point needs, and how many of its nodes name each ([POINT-6], [POINT-7]).
//!
//! Computed from what changed: a node that appears adds one to each id that it names, a node that vanishes takes one away, and a node that
//! nobody names any more vanishes itself. All additions come first, so that a count never touches zero on its way up.

use super::sink::Emission;
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::index::Place;
use crate::tree::{Names, NodeSink, edit_map, map_get, names_of};
use format_spec::container::ObjectKind;
use format_spec::point::{PackReferences, reference_key};
use format_spec::{ChunkId, ObjectId};
use std::collections::BTreeMap;

/// What changes between a base (or nothing) and the new point.
pub struct ReferenceChange<'a> {
    /// Root of the base's reference set.
    pub base: Option<ChunkId>,
    /// What the base's manifest names: one entry a field.
    pub base_roots: Vec<Names>,
    /// What the new manifest names: one entry a field.
    pub roots: Vec<Names>,
    /// Every node that was put while the point was made.
    pub emission: Emission,
    /// The hall; everything that the new point needs is published.
    pub blobs: &'a Blobs,
}

/// Makes the new point's reference set and returns its root.
///
/// # Errors
/// `Damaged` when a named blob has no published place, or the base's own set or nodes cannot be read.
pub fn reference_set(change: ReferenceChange<'_>, sink: &mut dyn NodeSink) -> Result<ChunkId> {
    let ReferenceChange { base, base_roots, roots, emission, blobs } = change;
    let mut account = Account { blobs, base, touched: BTreeMap::new() };
    emission.read(&mut |node, names| {
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

struct Account<'a> {
    blobs: &'a Blobs,
    base: Option<ChunkId>,
    touched: BTreeMap<ObjectId, Touched>,
}

/// One pack's references in the base and now.
#[derive(Default)]
struct Touched {
    before: PackReferences,
    now: PackReferences,
}

impl Account<'_> {
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

    /// The place that the point uses: one that is named already, else the one that is read first.
    fn place(&mut self, kind: ObjectKind, id: &ChunkId) -> Result<Place> {
        let mut places = self.blobs.catalog().places(id)?;
        places.retain(|p| p.pack_kind == kind);
        if places.len() > 1 {
            for place in &places {
                let pack = self.pack(place)?;
                if pack.now.names(place.blob) || pack.before.names(place.blob) {
                    return Ok(*place);
                }
            }
        }
        let missing = || Error::new(Kind::Damaged, "no published pack has it").on(format!("blob {id}"));
        places.into_iter().next().ok_or_else(missing)
    }

    fn pack(&mut self, place: &Place) -> Result<&mut Touched> {
        if !self.touched.contains_key(&place.pack) {
            let before = match &self.base {
                None => None,
                Some(root) => map_get(self.blobs, Some(*root), &reference_key(place.pack))?,
            };
            let before = match before {
                Some(pair) => PackReferences::decode(&pair.value)?,
                None => PackReferences {
                    bitmap: vec![0; place.pack_blobs.div_ceil(8) as usize],
                    blobs: place.pack_blobs,
                    counts: Vec::new(),
                },
            };
            self.touched.insert(place.pack, Touched { now: before.clone(), before });
        }
        Ok(self.touched.entry(place.pack).or_default())
    }

    /// The new set: the base's, with the touched packs' rows edited. Leaves without a touched pack are shared with the base.
    fn write(self, sink: &mut dyn NodeSink) -> Result<ChunkId> {
        let nothing = reference_key(ObjectId { session: 0, ordinal: 0 }).to_vec();
        let mut edits: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::with_capacity(self.touched.len() + 1);
        edits.push((nothing.clone(), None));
        for (pack, t) in &self.touched {
            if t.now != t.before {
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
