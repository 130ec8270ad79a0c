//! Folding: many small index segments become few, without the places in condemned packs.
//!
//! Promises: the new segments map exactly what the replaced ones map, except what was condemned ([LOG-15]); a pack's rows come out of its own rows,
//! decoded and verified; memory is bounded by [`ENTRIES_MAX`] entries and one segment. Refuses to fold a segment that cannot be read: it is told,
//! and stays.

use super::report::Spent;
use crate::blob::store_segment;
use crate::error::{Error, Kind, Result};
use crate::index::SegmentBuilder;
use crate::log::{LogView, SegmentRef};
use crate::maintenance::findings::Finding;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::session::LateWriteSession;
use format_spec::container::ObjectKind;
use format_spec::index::{PackRow, Segment};
use format_spec::log::{Change, ObjectRef, ObjectRow};
use format_spec::pack::BlobEntry;
use format_spec::{ChunkId, ObjectId, names};
use std::collections::BTreeMap;

/// More segments than this are folded: each is a request when a cache is made anew.
const SEGMENTS_KEPT: usize = 64;
/// Entries of a folded segment, about: 48 bytes each while they are sorted.
const ENTRIES_MAX: usize = 1 << 20;

/// Folds the small segments when there are many; how many were replaced.
pub(super) fn fold(
    repository: &Repository,
    session: &mut LateWriteSession<'_>,
    spent: &mut Spent,
    damaged: &mut Vec<Finding>,
    monitor: &Monitor,
) -> Result<u64> {
    repository.refresh()?;
    let view = repository.log().view();
    if view.segments.len() <= SEGMENTS_KEPT || spent.is_over() {
        return Ok(0);
    }
    let mut gathered = SegmentBuilder::new();
    let mut replaced: Vec<SegmentRef> = Vec::new();
    let mut done = 0;
    for segment in small_ones(&view) {
        if monitor.check().is_err() || spent.is_over() {
            break;
        }
        spent.requests += 1;
        spent.bytes += segment.object.bytes;
        let rows = match repository.sealed_store().segment(&segment) {
            // Another collection has folded it meanwhile, and swept it.
            Err(e) if e.kind() == Kind::Damaged && !repository.log().refresh()?.segments.contains(&segment) => {
                return Ok(done);
            }
            Err(e) if e.kind() == Kind::Damaged => {
                let object = names::of_session(ObjectKind::IndexSegment, segment.id());
                damaged.push(Finding { object, what: e.to_string() });
                continue;
            }
            other => other?,
        };
        if !gathered.is_empty() && gathered.len() + rows.ids.len() > ENTRIES_MAX {
            let (gathered, replaced) = (std::mem::take(&mut gathered), std::mem::take(&mut replaced));
            done += append(repository, session, gathered, replaced, spent, monitor)?;
        }
        add_packs(&mut gathered, &rows, &view)?;
        replaced.push(segment);
    }
    done += append(repository, session, gathered, replaced, spent, monitor)?;
    Ok(done)
}

/// All but the largest: a fold of those would rewrite much to save little.
fn small_ones(view: &LogView) -> Vec<SegmentRef> {
    let mut segments = view.segments.clone();
    segments.sort_by_key(|s| std::cmp::Reverse(s.object.bytes));
    let mut small = segments.split_off(SEGMENTS_KEPT / 2);
    small.sort_by_key(|s| s.slot);
    small
}

/// Takes the packs of a segment over, block by block, but those that were condemned.
fn add_packs(to: &mut SegmentBuilder, segment: &Segment, view: &LogView) -> Result<()> {
    let mut blobs: BTreeMap<(u32, u32), (ChunkId, u32, u32)> = BTreeMap::new();
    for (id, place) in segment.ids.iter().zip(&segment.places) {
        let pack = segment.blocks.get(place.block as usize).map(|b| b.pack);
        let pack = pack.ok_or_else(|| Error::new(Kind::Damaged, "IDX-7: a place without a block"))?;
        blobs.insert((pack, place.blob), (*id, place.bytes, place.block));
    }
    for (number, pack) in (0u32..).zip(&segment.packs) {
        if view.condemned.has(pack.id) {
            continue;
        }
        let rows = blobs.range((number, 0)..=(number, u32::MAX)).map(|(_, row)| *row);
        add_pack(to, segment, pack, rows)?;
    }
    Ok(())
}

fn add_pack(
    to: &mut SegmentBuilder,
    segment: &Segment,
    pack: &PackRow,
    rows: impl Iterator<Item = (ChunkId, u32, u32)>,
) -> Result<()> {
    let mut blocks: Vec<(u32, Vec<BlobEntry>)> = Vec::new();
    for (id, bytes, block) in rows {
        match blocks.last_mut() {
            Some((last, blobs)) if *last == block => blobs.push(BlobEntry { id, bytes }),
            _ => blocks.push((block, vec![BlobEntry { id, bytes }])),
        }
    }
    let placed = blocks.iter().filter_map(|(row, blobs)| {
        segment.blocks.get(*row as usize).map(|block| (block.offset, block.stored, &blobs[..]))
    });
    to.add_pack(pack.clone(), &placed.collect::<Vec<_>>())
}

/// One `Fold`; given up when another collector folded one of these first.
fn append(
    repository: &Repository,
    session: &mut LateWriteSession<'_>,
    gathered: SegmentBuilder,
    replaced: Vec<SegmentRef>,
    spent: &mut Spent,
    monitor: &Monitor,
) -> Result<u64> {
    if replaced.len() < 2 {
        return Ok(0);
    }
    let mut segments: Vec<ObjectRef> = Vec::new();
    if !gathered.is_empty() {
        let (segment, mut take) = (gathered.finish(), || session.take());
        let (sealed_store, env) = (repository.sealed_store(), &**repository.env());
        segments.push(store_segment(sealed_store, env, monitor, &mut take, &segment)?.1);
    }
    spent.requests += 2 + segments.len() as u64;
    let mut ids: Vec<ObjectId> = replaced.iter().map(SegmentRef::id).collect();
    ids.sort_unstable();
    let session = session.get()?;
    let number = session.number();
    let row = |ordinal| ObjectRow { kind: ObjectKind::IndexSegment, id: ObjectId { session: number, ordinal } };
    let mut is_late = false;
    let appended = session.append(&mut |view| {
        is_late = replaced.iter().any(|old| !view.segments.contains(old));
        if is_late {
            return Err(Error::new(Kind::Conflict, "another collection folded these segments"));
        }
        repository.hold(segments.iter().map(|s| row(s.ordinal)), view)?;
        Ok(Change::Fold { session: number, replaced: ids.clone(), segments: segments.clone() })
    });
    match appended {
        Err(_) if is_late => Ok(0),
        other => other.map(|_| ids.len() as u64),
    }
}
