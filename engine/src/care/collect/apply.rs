//! Carrying a plan out: fence, repack, condemn, sweep, orphans.

use super::fold::fold;
use super::mark::Marks;
use super::orphans::delete_orphans;
use super::plan::{CollectOptions, CollectPlan, PackPlan, draw, shown};
use super::repack::{Repacked, Repacker};
use super::session::CareSession;
use super::sweep::{Swept, sweep};
use crate::blob::store_segment;
use crate::error::{Error, Kind, Result};
use crate::limits::{PUBLISH_BLOBS, PUBLISH_BYTES};
use crate::log::Log;
use crate::monitor::Monitor;
use crate::repository::Repository;
use format_spec::log::{Change, CondemnedPack, PublishedPack};
use format_spec::{ObjectId, Time};
use std::collections::BTreeMap;

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CollectReport {
    /// Silent sessions that were fenced.
    pub fenced: u64,
    /// Packs that were condemned.
    pub packs_condemned: u64,
    /// Their stored bytes.
    pub bytes_condemned: u64,
    /// Packs among them whose survivors were packed anew.
    pub packs_repacked: u64,
    /// Packs that were written for survivors.
    pub packs_written: u64,
    /// Stored bytes of those.
    pub bytes_written: u64,
    /// Index segments that were folded into larger ones.
    pub segments_folded: u64,
    /// Objects that were deleted, orphans included.
    pub objects_deleted: u64,
    /// Stored bytes of those.
    pub bytes_freed: u64,
    /// Entries and checkpoints of the log that were deleted because newer checkpoints cover them.
    pub log_entries_deleted: u64,
    /// Objects that the store has locked.
    pub objects_locked: u64,
    /// Objects that wait for the end of their grace.
    pub waiting: u64,
    /// When the first of those is due.
    pub sweep_after: Option<Time>,
    /// Packs that could not be repacked because they are damaged, with the reason.
    pub damaged: Vec<(ObjectId, String)>,
    /// Requests, about.
    pub requests: u64,
    /// Whether a limit ended the work before it was done.
    pub is_partial: bool,
}

/// What was spent of the limits.
#[derive(Debug, Default)]
pub(super) struct Spent {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    requests_max: Option<u64>,
    bytes_max: Option<u64>,
    /// Whether somebody who had more to do was told to stop.
    has_stopped: bool,
}

impl Spent {
    /// Asked by who has more to do.
    pub(super) fn is_over(&mut self) -> bool {
        self.has_stopped |= self.is_spent();
        self.is_spent()
    }

    fn is_spent(&self) -> bool {
        self.requests_max.is_some_and(|max| self.requests >= max) || self.bytes_max.is_some_and(|max| self.bytes >= max)
    }
}

/// Carries out the plan of this hash (the beginning of 8 bytes is enough), then sweeps what is due.
///
/// # Errors
/// `Conflict` when the plan at the present head is another one; the store's and the log's.
pub fn collect(
    repository: &Repository,
    options: &CollectOptions,
    hash: &[u8],
    monitor: &Monitor,
) -> Result<CollectReport> {
    repository.refresh()?;
    let (plan, marks) = draw(repository, options, monitor)?;
    if hash.len() < 8 || !plan.hash.starts_with(hash) {
        let what = format!("the repository has moved on since this plan: by now it would be {}", shown(&plan.hash));
        return Err(Error::new(Kind::Conflict, what).advise("look at `cairn gc plan` again, and apply that"));
    }
    let mut report = CollectReport::default();
    let mut spent = Spent { requests_max: options.requests_max, bytes_max: options.bytes_max, ..Spent::default() };
    fence(repository, options, &plan.fence, &mut report)?;
    // First what costs least and gives most; what this run condemns is due at once only without a grace.
    let mut swept = sweep(repository, &plan.due, &mut spent, monitor)?;
    let mut session = CareSession::new(repository, &options.host);
    condemn(repository, &mut session, &plan, marks, &mut report, &mut spent, monitor)
        .map_err(|e| session.cause_of(e))?;
    report.segments_folded = fold(repository, &mut session, &mut spent, monitor).map_err(|e| session.cause_of(e))?;
    session.end()?;
    if !spent.is_over() && monitor.check().is_ok() {
        // What was due before was asked for already: gone, or locked.
        let mut due = due_now(repository, options)?;
        due.retain(|row| plan.due.binary_search(row).is_err());
        swept.add(&sweep(repository, &due, &mut spent, monitor)?);
        let (orphans, bytes, locked) = delete_orphans(repository, &mut spent, monitor)?;
        swept.add(&Swept { objects: orphans, bytes, locked });
        sum_up(repository, options, &mut spent, &mut report)?;
    }
    (report.objects_deleted, report.bytes_freed, report.objects_locked) = (swept.objects, swept.bytes, swept.locked);
    let left = left(repository, options);
    (report.waiting, report.sweep_after) = (left.waiting, left.next_due);
    report.requests = spent.requests;
    report.is_partial = spent.has_stopped;
    monitor.check()?;
    Ok(report)
}

/// Sums the log up when that is due, and deletes what older sums cover.
fn sum_up(
    repository: &Repository,
    options: &CollectOptions,
    spent: &mut Spent,
    report: &mut CollectReport,
) -> Result<()> {
    repository.log().checkpoint_if_due(&**repository.env());
    // That the log stays long is not work left undone.
    if spent.is_spent() {
        return Ok(());
    }
    let grace = u64::try_from(options.grace_seconds).unwrap_or(0);
    let left = spent.requests_max.map_or(u64::MAX, |max| max.saturating_sub(spent.requests));
    let truncated = repository.truncate_log(grace, left)?;
    report.log_entries_deleted = (truncated.entries.len() + truncated.checkpoints.len()) as u64;
    spent.requests += report.log_entries_deleted + 1;
    Ok(())
}

/// Shuts silent sessions out; one that has spoken meanwhile stays.
fn fence(
    repository: &Repository,
    options: &CollectOptions,
    sessions: &[u32],
    report: &mut CollectReport,
) -> Result<()> {
    for session in sessions {
        let now = repository.env().now();
        let reason = format!("no sign of life for more than {} s, seen by {}", options.lease_seconds, options.host);
        let appended = repository.log().append(&**repository.env(), &mut |view| {
            let still =
                view.sessions.get(session).is_some_and(|s| now.seconds - s.last.seconds > options.lease_seconds);
            if still {
                return Ok(Change::Fence { session: *session, reason: reason.clone() });
            }
            Err(Error::new(Kind::Conflict, "a session that seemed silent is alive, or has ended")
                .on(format!("session {session}"))
                .advise("look at `cairn gc plan` again"))
        });
        appended?;
        report.fenced += 1;
    }
    Ok(())
}

/// What is under way into one `Condemn`.
#[derive(Default)]
struct Batch {
    condemned: BTreeMap<ObjectId, (CondemnedPack, u64)>,
}

/// Repacks and condemns, batch by batch; each `Condemn` is judged against the whole log before its slot.
fn condemn(
    repository: &Repository,
    session: &mut CareSession<'_>,
    plan: &CollectPlan,
    mut marks: Marks,
    report: &mut CollectReport,
    spent: &mut Spent,
    monitor: &Monitor,
) -> Result<()> {
    if plan.dead.is_empty() && plan.sparse.is_empty() {
        return Ok(());
    }
    let salts: BTreeMap<ObjectId, [u8; 32]> =
        repository.blobs().catalog().packs()?.into_iter().map(|p| (p.id, p.salt)).collect();
    let mut sparse = plan.sparse.iter().peekable();
    let mut dead = plan.dead.chunks(DEAD_MAX);
    loop {
        let mut batch = Batch::default();
        let mut repacker = Repacker::new(repository, session);
        for pack in dead.next().unwrap_or_default() {
            let row = CondemnedPack { kind: pack.kind, id: pack.id, survivors: None };
            batch.condemned.insert(pack.id, (row, pack.bytes));
        }
        while let Some(pack) = sparse.peek() {
            let is_full = repacker.stored >= PUBLISH_BYTES || repacker.blobs >= PUBLISH_BLOBS;
            if is_full || spent.is_over() || monitor.check().is_err() {
                break;
            }
            let before = (repacker.requests, repacker.bytes);
            take_over(repository.log(), &mut repacker, pack, &salts, &mut batch, report)?;
            spent.requests += repacker.requests - before.0;
            spent.bytes += repacker.bytes - before.1;
            monitor.done(1, pack.bytes);
            sparse.next();
        }
        let repacked = repacker.finish()?;
        report.packs_written += repacked.packs.len() as u64;
        report.bytes_written += repacker.stored;
        append(repository, session, batch, repacked, plan.hash, &mut marks, report, monitor)?;
        spent.requests += 3;
        let is_done = sparse.peek().is_none() && dead.len() == 0;
        if is_done || spent.is_over() || monitor.check().is_err() {
            return Ok(());
        }
    }
}

/// Packs without survivors in one `Condemn`: 20 bytes each.
const DEAD_MAX: usize = 100_000;

/// A damaged pack stays where it is and is told.
fn take_over(
    log: &Log,
    repacker: &mut Repacker<'_, '_>,
    pack: &PackPlan,
    salts: &BTreeMap<ObjectId, [u8; 32]>,
    batch: &mut Batch,
    report: &mut CollectReport,
) -> Result<()> {
    let salt = salts.get(&pack.id).copied().unwrap_or_default();
    match repacker.pack(pack, salt) {
        Ok(condemned) => _ = batch.condemned.insert(pack.id, (condemned, pack.bytes)),
        Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent) => {
            // Another collection may have taken it over, and swept it.
            if !log.refresh()?.condemned.has(pack.id) {
                report.damaged.push((pack.id, e.to_string()));
            }
        }
        Err(e) => return Err(e),
    }
    Ok(())
}

/// One `Condemn`. What came before its slot is marked first: a pack of which more is live than was carried over stays.
#[expect(clippy::too_many_arguments, reason = "each is one thing that the entry or its judgement needs")]
fn append(
    repository: &Repository,
    session: &mut CareSession<'_>,
    batch: Batch,
    repacked: Repacked,
    plan: [u8; 32],
    marks: &mut Marks,
    report: &mut CollectReport,
    monitor: &Monitor,
) -> Result<()> {
    if batch.condemned.is_empty() && repacked.packs.is_empty() {
        return Ok(());
    }
    let packs: Vec<PublishedPack> = repacked.packs.iter().map(|p| p.published).collect();
    let mut segment = None;
    if let Some(new) = repacked.segment {
        let (vault, env, mut take) = (repository.vault(), &**repository.env(), || session.take());
        let (id, object) = store_segment(vault, env, monitor, &mut take, &new)?;
        segment = Some(object);
        repository.blobs().catalog().remember(id, new);
    }
    let mut taken = Vec::new();
    let mut is_empty = false;
    let session = session.number()?;
    let appended = repository.log().append(&**repository.env(), &mut |view| {
        view.expect_session(session)?;
        // New reference sets lie in packs that were published since.
        repository.blobs().catalog().sync()?;
        marks.add(view.needed(), view, repository, monitor)?;
        let fits = |(row, _): &&(CondemnedPack, u64)| {
            let survivors = row.survivors.as_ref().map(|s| &s.bitmap[..]).unwrap_or_default();
            !view.condemned.has(row.id) && marks.is_within(row.id, survivors)
        };
        taken = batch.condemned.values().filter(fits).cloned().collect();
        let condemned: Vec<CondemnedPack> = taken.iter().map(|(row, _)| row.clone()).collect();
        is_empty = condemned.is_empty() && packs.is_empty();
        if is_empty {
            return Err(Error::new(Kind::Conflict, "others have condemned all of it"));
        }
        Ok(Change::Condemn { session, condemned, packs: packs.clone(), segment, plan })
    });
    if !is_empty {
        appended?;
    }
    repository.refresh()?;
    report.packs_condemned += taken.len() as u64;
    report.packs_repacked += taken.iter().filter(|(row, _)| row.survivors.is_some()).count() as u64;
    report.bytes_condemned += taken.iter().map(|(_, bytes)| bytes).sum::<u64>();
    Ok(())
}

fn due_now(repository: &Repository, options: &CollectOptions) -> Result<Vec<format_spec::log::ObjectRow>> {
    repository.refresh()?;
    Ok(left(repository, options).due)
}

/// What is due and what waits, by the known log.
fn left(repository: &Repository, options: &CollectOptions) -> CollectPlan {
    let mut plan = CollectPlan::empty(repository.log().view().head);
    super::sweep::due(&repository.log().view(), repository.env().now(), options.grace_seconds, &mut plan);
    plan
}
