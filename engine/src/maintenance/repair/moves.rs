//! Taking what is needed out of damaged packs for good: carried over, and the packs condemned, so that reference sets name the new places.
//!
//! A blob that was only stored again would be found by its id, but reference sets would go on naming the damaged pack: collection would keep that,
//! and give up the good one. So a damaged pack is condemned as a sparse one is: each blob that is needed survives at a place that was read.
//!
//! Promises: a pack of which something needed has no sound place stays. Refuses to delete: that is the sweep's.

use crate::blob::Writer;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::log::LogView;
use crate::maintenance::damage::{Direct, PACKS_AT_ONCE, is_damage, live_blobs, places_in};
use crate::maintenance::gc::LiveBlobs;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::session::WriteSession;
use format_spec::container::ObjectKind;
use format_spec::log::{Change, CondemnedPack, ObjectRow, Run, Survivors};
use format_spec::{ChunkId, ObjectId};
use std::collections::BTreeSet;

/// Packs of one session on their way into condemnation.
pub(super) struct Moves<'a> {
    pub(super) repository: &'a Repository,
    pub(super) session: &'a WriteSession,
    pub(super) writer: &'a Writer,
    /// All packs that are known to be damaged: nothing moves there.
    pub(super) damaged: &'a BTreeSet<ObjectId>,
    /// Hash of the plan that is carried out.
    pub(super) plan: [u8; 32],
    pub(super) monitor: &'a Monitor,
}

/// What was moved.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Blobs that were carried over because they lay, whole, in damaged packs.
    pub(super) blobs: u64,
    /// Packs that were condemned.
    pub(super) condemned: u64,
}

/// Rows of one entry, at most about so many bytes: an entry is one record.
const ROWS_BYTES_MAX: usize = 1 << 21;

impl Moves<'_> {
    /// Carries over and condemns these packs. What was healed of them is with the writer already.
    pub(super) fn all(&self, packs: &[ObjectId]) -> Result<Moved> {
        let mut moved = Moved::default();
        for packs in packs.chunks(PACKS_AT_ONCE) {
            let places = places_in(self.repository, packs)?;
            moved.blobs += self.carry(places.values().flatten())?;
            let mut rows = Vec::new();
            let mut direct = Direct::new(self.repository.sealed_store());
            for (pack, blobs) in &places {
                self.monitor.check()?;
                rows.extend(self.row(*pack, blobs, &mut direct)?);
            }
            let mut rest = &rows[..];
            while !rest.is_empty() {
                let (mut bytes, mut count) = (0, 0);
                while count < rest.len() && (count == 0 || bytes + row_bytes(&rest[count]) <= ROWS_BYTES_MAX) {
                    bytes += row_bytes(&rest[count]);
                    count += 1;
                }
                let (now, later) = rest.split_at(count);
                moved.condemned += self.condemn(now)?;
                rest = later;
            }
        }
        Ok(moved)
    }

    /// Stores what is needed, whole here and nowhere else.
    fn carry<'p>(&self, places: impl Iterator<Item = &'p (ChunkId, BlobLocation)>) -> Result<u64> {
        let live = live_blobs(self.repository, self.monitor)?;
        let mut direct = Direct::new(self.repository.sealed_store());
        let mut carried = 0;
        for (id, place) in places {
            self.monitor.check()?;
            let is_live = live.as_ref().is_none_or(|live| live.has(place.pack, place.blob));
            if !is_live || self.repository.blobs().live_index().is_stored(id)? {
                continue;
            }
            if let Some(bytes) = direct.read(id, place)? {
                let is_new = match place.pack_kind {
                    ObjectKind::MetaPack => self.writer.put_node(*id, bytes.to_vec())?,
                    _ => self.writer.put_chunk(*id, bytes.to_vec())?,
                };
                carried += u64::from(is_new);
            }
        }
        self.writer.flush()?;
        self.repository.blobs().live_index().sync()?;
        Ok(carried)
    }

    /// The row of a pack: every blob of it that has a sound place elsewhere. None when no blob has.
    fn row(
        &self,
        pack: ObjectId,
        blobs: &[(ChunkId, BlobLocation)],
        direct: &mut Direct<'_>,
    ) -> Result<Option<CondemnedPack>> {
        let Some((_, first)) = blobs.first() else { return Ok(None) };
        let mut bitmap = vec![0; first.pack_blobs.div_ceil(8) as usize];
        let mut runs: Vec<Run> = Vec::new();
        for (id, place) in blobs {
            let Some((to, blob)) = self.target(id, place, direct)? else { continue };
            let Some(bits) = bitmap.get_mut(place.blob as usize / 8) else { continue };
            *bits |= 1 << (place.blob % 8);
            match runs.last_mut() {
                Some(run) if run.pack == to && run.first + run.count == blob => run.count += 1,
                _ => runs.push(Run { count: 1, pack: to, first: blob }),
            }
        }
        let survivors = Some(Survivors { blobs: first.pack_blobs, bitmap, runs });
        let row = CondemnedPack { kind: first.pack_kind, id: pack, survivors };
        Ok((!row.survivors.as_ref().is_none_or(|s| s.runs.is_empty())).then_some(row))
    }

    fn target(&self, id: &ChunkId, from: &BlobLocation, direct: &mut Direct<'_>) -> Result<Option<(ObjectId, u32)>> {
        for place in self.repository.blobs().live_index().places(id)? {
            if place.pack_kind != from.pack_kind || self.damaged.contains(&place.pack) {
                continue;
            }
            // What this session stored was verified when it was.
            if place.pack.session == self.session.number() || direct.is_sound(id, &place)? {
                return Ok(Some((place.pack, place.blob)));
            }
        }
        Ok(None)
    }

    /// One entry, judged against the whole log before its slot; how many packs it condemns.
    fn condemn(&self, rows: &[CondemnedPack]) -> Result<u64> {
        let repository = self.repository;
        let mut taken = Vec::new();
        let mut judged = false;
        let appended = self.session.append(&mut |view| {
            repository.blobs().live_index().sync()?;
            let mut live = LiveBlobs::default();
            let is_known = match live.add(view.needed(), view, repository, self.monitor) {
                Err(e) if is_damage(&e) => false,
                other => other.map(|()| true)?,
            };
            let live = is_known.then_some(&live);
            taken = rows.iter().filter(|row| may_go(row, view, live)).cloned().collect();
            judged = true;
            if taken.is_empty() {
                return Err(Error::new(Kind::Conflict, "no damaged pack can be given up"));
            }
            self.hold(&taken, view)?;
            let (session, condemned, plan) = (self.session.number(), taken.clone(), self.plan);
            Ok(Change::Condemn { session, condemned, packs: Vec::new(), segment: None, plan })
        });
        match appended {
            Err(_) if judged && taken.is_empty() => Ok(0),
            other => {
                other?;
                repository.refresh()?;
                Ok(taken.len() as u64)
            }
        }
    }
}

impl Moves<'_> {
    /// Locks what takes the place of these packs as long as any live point needs it (I8): the packs that survivors lie in, of this session or not,
    /// and the segments that map those of this one. They were locked when they were stored, perhaps long before this entry.
    fn hold(&self, condemned: &[CondemnedPack], view: &LogView) -> Result<()> {
        let mut rows = BTreeSet::new();
        for pack in condemned {
            let runs = pack.survivors.iter().flat_map(|survivors| &survivors.runs);
            rows.extend(runs.map(|run| ObjectRow { kind: pack.kind, id: run.pack }));
        }
        let own = view.segments.iter().filter(|segment| segment.session == self.session.number());
        rows.extend(own.map(|segment| ObjectRow { kind: ObjectKind::IndexSegment, id: segment.id() }));
        self.repository.hold(rows, view)
    }
}

/// Whether a pack may be condemned here ([LOG-13]). Without knowing what is needed, all of it is.
fn may_go(row: &CondemnedPack, view: &LogView, live: Option<&LiveBlobs>) -> bool {
    let Some(survivors) = &row.survivors else { return false };
    let survive = match live {
        Some(live) => live.is_within(row.id, &survivors.bitmap),
        None => survivors.bitmap.iter().map(|b| b.count_ones()).sum::<u32>() == survivors.blobs,
    };
    survive
        && !view.condemned.has(row.id)
        && !view.sessions.contains_key(&row.id.session)
        && survivors.runs.iter().all(|run| !view.condemned.has(run.pack))
}

fn row_bytes(row: &CondemnedPack) -> usize {
    24 + row.survivors.as_ref().map_or(0, |s| s.bitmap.len() + 16 * s.runs.len())
}
