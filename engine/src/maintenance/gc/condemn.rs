//! Repacking and condemning, batch by batch: each `Condemn` is judged against the whole log before its slot.
//!
//! Promises: a pack of which more is live by then than was carried over stays, and one that others took is left out (I3); what takes the place of packs
//! is locked as long as any point needs it that came meanwhile (I8). Refuses to give up a pack whose survivors cannot be read.

use super::mark::Marks;
use super::plan::{CollectPlan, PackPlan};
use super::repack::Repacker;
use super::report::{CollectReport, Spent};
use crate::blob::store_segment;
use crate::error::{Error, Kind, Result};
use crate::limits::{PUBLISH_BLOBS, PUBLISH_BYTES};
use crate::maintenance::findings::Finding;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::session::LateWriteSession;
use format_spec::container::ObjectKind;
use format_spec::index::PackRow;
use format_spec::log::{Change, CondemnedPack, ObjectRef, ObjectRow, PublishedPack};
use format_spec::{ObjectId, names};
use std::collections::BTreeMap;
use std::iter::Peekable;

/// One collection's work on packs.
pub(super) struct Condemning<'a, 's> {
    pub(super) repository: &'a Repository,
    pub(super) session: &'a mut LateWriteSession<'s>,
    pub(super) plan: &'a CollectPlan,
    /// What was live when the plan was drawn; what came since is added.
    pub(super) marks: Marks,
    pub(super) report: &'a mut CollectReport,
    pub(super) spent: &'a mut Spent,
    pub(super) monitor: &'a Monitor,
}

/// What is under way into one `Condemn`: packs, with their stored bytes.
#[derive(Default)]
struct Batch {
    condemned: BTreeMap<ObjectId, (CondemnedPack, u64)>,
    packs: Vec<PublishedPack>,
    segment: Option<ObjectRef>,
}

impl Batch {
    /// Leaves what is dead. What was stored for the others is left behind, and goes with the session.
    fn drop_repacked(&mut self) {
        self.condemned.retain(|_, (row, _)| row.survivors.is_none());
        (self.packs, self.segment) = (Vec::new(), None);
    }
}

/// Packs without survivors in one `Condemn`: 20 bytes each.
const DEAD_MAX: usize = 100_000;

impl Condemning<'_, '_> {
    /// Does all of it, or what the limits allow.
    pub(super) fn run(mut self) -> Result<()> {
        if self.plan.dead.is_empty() && self.plan.sparse.is_empty() {
            return Ok(());
        }
        let rows: BTreeMap<ObjectId, PackRow> =
            self.repository.blobs().live_index().packs()?.into_iter().map(|p| (p.id, p)).collect();
        let mut sparse = self.plan.sparse.iter().peekable();
        let mut dead = self.plan.dead.chunks(DEAD_MAX);
        loop {
            let mut batch = Batch::default();
            for pack in dead.next().unwrap_or_default() {
                let row = CondemnedPack { kind: pack.kind, id: pack.id, survivors: None };
                batch.condemned.insert(pack.id, (row, pack.bytes));
            }
            match self.repack(&rows, &mut sparse, &mut batch) {
                // What is dead can go without anything being stored, and gives room for the rest.
                Err(e) if e.kind() == Kind::NoSpace => {
                    tracing::info!(error = %e, "there is no room to pack sparse packs again");
                    self.report.is_short_of_room = true;
                    sparse = [].iter().peekable();
                    batch.drop_repacked();
                }
                other => other?,
            }
            self.append(batch)?;
            self.spent.requests += 3;
            let is_done = sparse.peek().is_none() && dead.len() == 0;
            if is_done || self.spent.is_over() || self.monitor.check().is_err() {
                return Ok(());
            }
        }
    }

    /// Carries the survivors of as many sparse packs over as one entry publishes, and stores what that makes.
    fn repack<'p>(
        &mut self,
        rows: &BTreeMap<ObjectId, PackRow>,
        sparse: &mut Peekable<impl Iterator<Item = &'p PackPlan>>,
        batch: &mut Batch,
    ) -> Result<()> {
        let mut repacker = Repacker::new(self.repository, self.session);
        while let Some(pack) = sparse.peek() {
            let is_full = repacker.stored >= PUBLISH_BYTES || repacker.blobs >= PUBLISH_BLOBS;
            if is_full || self.spent.is_over() || self.monitor.check().is_err() {
                break;
            }
            let before = (repacker.requests, repacker.bytes);
            let taken = match rows.get(&pack.id) {
                Some(row) => take_over(self.repository, &mut repacker, pack, row, self.report)?,
                // Others have condemned it since the plan.
                None => None,
            };
            if let Some(row) = taken {
                batch.condemned.insert(pack.id, (row, pack.bytes));
            }
            self.spent.requests += repacker.requests - before.0;
            self.spent.bytes += repacker.bytes - before.1;
            self.monitor.done(1, pack.bytes);
            sparse.next();
        }
        let repacked = repacker.finish()?;
        let stored = repacker.stored;
        if let Some(new) = repacked.segment {
            let (sealed_store, env) = (self.repository.sealed_store(), &**self.repository.env());
            let mut take = || self.session.take();
            let (id, object) = store_segment(sealed_store, env, self.monitor, &mut take, &new)?;
            batch.segment = Some(object);
            self.repository.blobs().live_index().remember(id, new);
        }
        batch.packs = repacked.packs.iter().map(|p| p.published).collect();
        self.report.packs_written += batch.packs.len() as u64;
        self.report.bytes_written += stored;
        Ok(())
    }

    /// One `Condemn`. What came before its slot is marked first: a pack of which more is live than was carried over stays.
    fn append(&mut self, batch: Batch) -> Result<()> {
        if batch.condemned.is_empty() && batch.packs.is_empty() {
            return Ok(());
        }
        let (repository, marks, monitor, plan) =
            (self.repository, &mut self.marks, self.monitor, self.plan.hash.whole());
        let Batch { condemned, packs, segment } = batch;
        let mut taken = Vec::new();
        let mut is_empty = false;
        let open = self.session.get()?;
        let session = open.number();
        let row = |kind, ordinal| ObjectRow { kind, id: ObjectId { session, ordinal } };
        let stored: Vec<ObjectRow> = packs.iter().map(|p| row(p.kind, p.object.ordinal)).collect();
        let stored = [stored, segment.iter().map(|s| row(ObjectKind::IndexSegment, s.ordinal)).collect()].concat();
        let appended = open.append(&mut |view| {
            // New reference sets lie in packs that were published since.
            repository.blobs().live_index().sync()?;
            marks.add(view.needed(), view, repository, monitor)?;
            let fits = |(row, _): &&(CondemnedPack, u64)| {
                let survivors = row.survivors.as_ref().map(|s| &s.bitmap[..]).unwrap_or_default();
                !view.condemned.has(row.id) && marks.is_within(row.id, survivors)
            };
            taken = condemned.values().filter(fits).cloned().collect();
            let condemned: Vec<CondemnedPack> = taken.iter().map(|(row, _)| row.clone()).collect();
            is_empty = condemned.is_empty() && packs.is_empty();
            if is_empty {
                return Err(Error::new(Kind::Conflict, "others have condemned all of it"));
            }
            repository.hold(stored.iter().copied(), view)?;
            Ok(Change::Condemn { session, condemned, packs: packs.clone(), segment, plan })
        });
        if !is_empty {
            appended?;
        }
        repository.refresh()?;
        self.report.packs_condemned += taken.len() as u64;
        self.report.packs_repacked += taken.iter().filter(|(row, _)| row.survivors.is_some()).count() as u64;
        self.report.bytes_condemned += taken.iter().map(|(_, bytes)| bytes).sum::<u64>();
        Ok(())
    }
}

/// Carries the survivors of a pack over; `None` for a damaged one whose survivors are not all to be had elsewhere: it stays where it is and is told.
fn take_over(
    repository: &Repository,
    repacker: &mut Repacker<'_, '_>,
    pack: &PackPlan,
    row: &PackRow,
    report: &mut CollectReport,
) -> Result<Option<CondemnedPack>> {
    let damage = match repacker.pack(pack, row) {
        Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent) => e,
        other => return other.map(Some),
    };
    // Another collection may have taken it over, and swept it.
    if repository.log().refresh()?.condemned.has(pack.id) {
        return Ok(None);
    }
    let carried = repacker.pack_from_copies(pack)?;
    if carried.is_none() {
        report.damaged.push(Finding { object: names::of_session(pack.kind, pack.id), what: damage.to_string() });
    }
    Ok(carried)
}
