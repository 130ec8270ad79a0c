//! What differs between the reference sets of two points of the source, at places that are live by now.
//!
//! Only rows that differ are read. A row that is the same in both sets names the same blobs, wherever these are by now.

use crate::error::{Error, Kind, Result};
use crate::log::{LogView, Moved};
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::tree::{PairRef, map_diff};
use format_spec::ObjectId;
use format_spec::point::{PackReferences, reference_pack};
use std::collections::{BTreeMap, HashMap};

/// How often each blob of a pack is named: by the base, and by the point.
#[derive(Debug, Default, Clone)]
pub(super) struct Row {
    pub(super) old: PackReferences,
    pub(super) new: PackReferences,
}

/// The packs whose rows differ.
#[derive(Debug, Default)]
pub(super) struct Delta {
    pub(super) rows: BTreeMap<ObjectId, Row>,
}

impl Delta {
    /// The differences of a point to its base, or to nothing, as this view of the source's log places them.
    ///
    /// # Errors
    /// `Damaged` when a set cannot be read, or names what was given up.
    pub(super) fn between(source: &Repository, view: &LogView, base: Option<&Point>, point: &Point) -> Result<Self> {
        let blobs_of: HashMap<ObjectId, u32> =
            source.blobs().live_index().packs()?.into_iter().map(|p| (p.id, p.blobs)).collect();
        let mut delta = Delta::default();
        let old = base.map(|base| base.manifest.references);
        map_diff(source.nodes(), old, Some(point.manifest.references), &mut |old, new| {
            for (pair, is_new) in [(old, false), (new, true)] {
                let Some((pack, row)) = pair.map(|p| read(&p)).transpose()? else { continue };
                for blob in (0..row.blobs).filter(|blob| row.names(*blob)) {
                    let Moved::Here(pack, at) = view.condemned.translate(pack, blob) else {
                        return Err(Error::new(
                            Kind::Damaged,
                            "a blob that the point needs was given up with its pack",
                        )
                        .on(format!("blob {blob} of pack {pack}")));
                    };
                    let to =
                        delta.rows.entry(pack).or_insert_with(|| Row::of(blobs_of.get(&pack).copied().unwrap_or(0)));
                    let side = if is_new { &mut to.new } else { &mut to.old };
                    let wrong = || Error::new(Kind::Damaged, "a blob is named too often").on(format!("pack {pack}"));
                    side.set_count(at, side.count(at).checked_add(row.count(blob)).ok_or_else(wrong)?);
                }
            }
            Ok(())
        })?;
        Ok(delta)
    }

    /// How many blobs of all packs differ.
    pub(super) fn changed(&self) -> u64 {
        let differs = |row: &Row| (0..row.old.blobs.max(row.new.blobs)).filter(|b| row.change(*b) != 0).count() as u64;
        self.rows.values().map(differs).sum()
    }

    /// By how much a blob is named more often; 0 where it does not differ.
    pub(super) fn change(&self, pack: ObjectId, blob: u32) -> i64 {
        self.rows.get(&pack).map_or(0, |row| row.change(blob))
    }
}

impl Row {
    fn of(blobs: u32) -> Self {
        let empty = PackReferences { bitmap: vec![0; blobs.div_ceil(8) as usize], blobs, counts: Vec::new() };
        Row { old: empty.clone(), new: empty }
    }

    fn change(&self, blob: u32) -> i64 {
        i64::from(self.new.count(blob)) - i64::from(self.old.count(blob))
    }
}

fn read(pair: &PairRef) -> Result<(ObjectId, PackReferences)> {
    Ok((reference_pack(&pair.key)?, PackReferences::decode(&pair.value)?))
}
