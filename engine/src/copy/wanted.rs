//! What the target lacks: a bit for each blob of the source, from one pass over the source's index.

use super::delta::Delta;
use crate::blob::Writer;
use crate::error::{Error, Kind, Result};
use crate::repository::Repository;
use format_spec::ObjectId;
use format_spec::container::ObjectKind;
use format_spec::index::PackRow;
use std::collections::BTreeMap;

/// A pack of the source, and which of its blobs the target lacks.
#[derive(Debug, Clone)]
pub(super) struct WantedPack {
    pub(super) kind: ObjectKind,
    /// Stored length.
    pub(super) bytes: u64,
    pub(super) blobs: u32,
    /// What the source's index states of it.
    pub(super) row: PackRow,
    /// A bit a blob.
    pub(super) lacking: Vec<u8>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) packs: BTreeMap<ObjectId, WantedPack>,
    /// Blobs that the target lacks.
    pub(super) blobs: u64,
}

impl Wanted {
    /// What the points of these differences name and the target neither has nor has on its way.
    ///
    /// # Errors
    /// `Damaged` when the source's index does not know what a set names; the indexes'.
    pub(super) fn of(source: &Repository, writer: &Writer, deltas: &[Delta]) -> Result<Self> {
        let mut named: BTreeMap<ObjectId, Vec<u8>> = BTreeMap::new();
        for (pack, row) in deltas.iter().flat_map(|delta| &delta.rows) {
            let bits = named.entry(*pack).or_default();
            bits.resize(bits.len().max(row.new.bitmap.len()), 0);
            bits.iter_mut().zip(&row.new.bitmap).for_each(|(bits, new)| *bits |= new);
        }
        named.retain(|_, bits| bits.iter().any(|b| *b != 0));
        let mut wanted = Wanted::default();
        if named.is_empty() {
            return Ok(wanted);
        }
        let rows: BTreeMap<ObjectId, PackRow> =
            source.blobs().live_index().packs()?.into_iter().map(|p| (p.id, p)).collect();
        source.blobs().live_index().cache().for_each_place(&mut |id, place| {
            let Some(bits) = named.get_mut(&place.pack).filter(|bits| has(bits, place.blob)) else { return Ok(()) };
            clear(bits, place.blob);
            if !writer.knows(id)? {
                let unknown = || Error::new(Kind::Bug, "the index has a place in a pack without a row").on(place.pack);
                let row = rows.get(&place.pack).ok_or_else(unknown)?;
                let pack = wanted.packs.entry(place.pack).or_insert_with(|| WantedPack {
                    kind: place.pack_kind,
                    row: row.clone(),
                    bytes: place.pack_bytes,
                    blobs: place.pack_blobs,
                    lacking: vec![0; place.pack_blobs.div_ceil(8) as usize],
                });
                set(&mut pack.lacking, place.blob);
                wanted.blobs += 1;
            }
            Ok(())
        })?;
        match named.into_iter().find(|(_, bits)| bits.iter().any(|b| *b != 0)) {
            None => Ok(wanted),
            Some((pack, _)) => Err(Error::new(Kind::Damaged, "the index does not know all that a restore point names")
                .on(format!("pack {pack}"))
                .advise("run `cairn index rebuild`, then `cairn check`, on the source")),
        }
    }

    /// Takes out what one point needs of what is lacking, pack by pack.
    pub(super) fn take(&mut self, delta: &Delta) -> Vec<(ObjectId, WantedPack)> {
        let mut taken = Vec::new();
        for (id, row) in &delta.rows {
            let Some(pack) = self.packs.get_mut(id) else { continue };
            let bits: Vec<u8> = pack.lacking.iter().zip(&row.new.bitmap).map(|(lacking, new)| lacking & new).collect();
            if bits.iter().all(|b| *b == 0) {
                continue;
            }
            pack.lacking.iter_mut().zip(&bits).for_each(|(lacking, taken)| *lacking &= !taken);
            taken.push((*id, WantedPack { lacking: bits, ..pack.clone() }));
        }
        taken
    }
}

impl WantedPack {
    /// Whether the target lacks this blob.
    pub(super) fn lacks(&self, blob: u32) -> bool {
        has(&self.lacking, blob)
    }

    /// How many it lacks.
    pub(super) fn count(&self) -> u32 {
        self.lacking.iter().map(|b| b.count_ones()).sum()
    }
}

fn has(bits: &[u8], blob: u32) -> bool {
    bits.get(blob as usize / 8).is_some_and(|byte| byte >> (blob % 8) & 1 == 1)
}

fn set(bits: &mut [u8], blob: u32) {
    if let Some(byte) = bits.get_mut(blob as usize / 8) {
        *byte |= 1 << (blob % 8);
    }
}

fn clear(bits: &mut [u8], blob: u32) {
    if let Some(byte) = bits.get_mut(blob as usize / 8) {
        *byte &= !(1 << (blob % 8));
    }
}
