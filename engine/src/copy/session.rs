//! One copy: plan, carry, publish, commit.
//!
//! ```text
//! Open (purpose copy) ── packs and segments ──> Publish ...      one session carries
//!                                     Open ── manifest ──> Commit      a session of its own for each point, as a commit ends one
//! Fence (the copy is done)
//! ```
//! The packs are live while the carrying session is open; it ends after the last commit.

use super::delta::Delta;
use super::estimate::estimate;
use super::expiry_groups::Lanes;
use super::fetch::TransferMode;
use super::select::{Selected, Which, base_of, select};
use super::transfer::Carrier;
use super::wanted::Wanted;
use super::{CopyOptions, CopySummary, Failed};
use crate::blob::{Spool, Writer, WriterOptions};
use crate::error::{Error, Kind, Result};
use crate::limits::REGROUPED_BLOCK_TARGET;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::{JobId, Point};
use crate::session::{Opening, WriteSession};
use crate::store::StoreExt;
use format_spec::log::{PointId, Purpose};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Why the sessions of a copy end.
pub(super) const DONE: &str = "the copy is done";
/// Attempts of a copy whose ground moves: packs that were swept here or there, a session that was fenced.
const ATTEMPTS: usize = 3;
/// A point is committed at the latest when so many bytes were read for those before it and itself: some dozens of full packs.
const COMMIT_BYTES: u64 = 16_000_000_000;

pub(super) fn run(
    source: &Arc<Repository>,
    target: &Arc<Repository>,
    options: &CopyOptions,
    monitor: &Arc<Monitor>,
) -> Result<CopySummary> {
    super::expect_pair(source, target, false)?;
    options.heal_from.iter().try_for_each(|healer| super::pair::expect_healer(source, healer))?;
    let mut summary = CopySummary::default();
    // What the first attempt chose; later ones go on with it.
    let mut asked: Vec<PointId> = Vec::new();
    for left in (0..ATTEMPTS).rev() {
        source.refresh()?;
        target.refresh()?;
        target.expect_history_of(source, &target.log().view())?;
        let (before, here) = (source.log().view().head, target.log().view().head);
        let done = attempt(source, target, options, monitor, &mut summary, &mut asked);
        let Err(e) = done else { return Ok(summary) };
        // What was published is known to the next attempt, and what is spooled as well.
        let is_moved = match e.kind() {
            Kind::Conflict => true,
            Kind::Damaged | Kind::Absent => {
                source.refresh()? || source.log().view().head != before || target.log().refresh()?.head != here
            }
            _ => false,
        };
        if !is_moved {
            return Err(e);
        }
        if left == 0 {
            let what = "what it relied on moved each time that it was tried: collections or expiries go on beside it";
            return Err(Error::new(Kind::Conflict, what).advise("run the copy again").because(e));
        }
        tracing::info!("the copy begins again, for what it relied on has moved: {e}");
    }
    Ok(summary)
}

fn attempt(
    source: &Arc<Repository>,
    target: &Arc<Repository>,
    options: &CopyOptions,
    monitor: &Arc<Monitor>,
    summary: &mut CopySummary,
    asked: &mut Vec<PointId>,
) -> Result<()> {
    let spool = match &options.spool {
        Some(folder) if !options.dry_run => Some(Spool::open_somewhere(folder)?),
        _ => None,
    };
    let waiting = spool.as_ref().map_or_else(Vec::new, Spool::waiting);
    let selected = match asked.is_empty() {
        true => {
            let first = select(source, target, options, &waiting, monitor)?;
            asked.extend(first.points.iter().map(|point| point.manifest.id));
            summary.present = first.present;
            first
        }
        false => {
            let here = source.log().view();
            let is_done = |id: &PointId| summary.copied.contains(id) || summary.expired.contains(id);
            let gone = asked.iter().filter(|id| !is_done(id) && here.live(id).is_none()).copied();
            let gone: Vec<PointId> = gone.collect();
            summary.expired.extend(gone);
            let rest = asked.iter().filter(|id| here.live(id).is_some()).map(ToString::to_string);
            let again = CopyOptions { which: Which::Named(rest.collect()), ..options.clone() };
            select(source, target, &again, &[], monitor)?
        }
    };
    let is_idle = selected.points.is_empty();
    let session = match options.dry_run || is_idle {
        true => None,
        false => {
            let opening = Opening { job: "copy", host: &options.host, purpose: Purpose::Copy, base: None };
            Some(WriteSession::open(target, opening)?)
        }
    };
    if session.is_some() {
        target.sealed_store().store.keep_reserve();
    }
    let regroup = options.regroup.map(|level| (level, REGROUPED_BLOCK_TARGET));
    let how = WriterOptions { threads: options.threads, spool, regroup };
    let writer = match &session {
        Some(session) => session.writer(how, monitor)?,
        None => target.writer(None, how, monitor)?,
    };
    if is_idle {
        // A process that was killed at its very end left files of which nothing is needed any more.
        return writer.forget_known();
    }
    let (words, writer) = (waiting, &writer);
    let (waiting, failed) = (Vec::new(), Vec::new());
    let work = Copying { source, target, options, monitor, writer, summary, words, waiting, failed };
    work.run(selected, session.as_ref()).map_err(|e| match &session {
        // What was carried before a stop waits for the next copy.
        Some(session) if e.kind() != Kind::Interrupted => {
            writer.settle();
            session.end_after(e, false)
        }
        Some(session) => session.explain(e),
        None => e,
    })
}

pub(super) struct Copying<'a> {
    pub(super) source: &'a Arc<Repository>,
    pub(super) target: &'a Arc<Repository>,
    pub(super) options: &'a CopyOptions,
    pub(super) monitor: &'a Arc<Monitor>,
    pub(super) writer: &'a Writer,
    pub(super) summary: &'a mut CopySummary,
    /// What an earlier copy left in the spool about points that wait.
    words: Vec<String>,
    /// Points whose blobs are stored or spooled, and that are not committed.
    pub(super) waiting: Vec<Arc<Point>>,
    failed: Vec<Failed>,
}

impl Copying<'_> {
    fn run(mut self, mut selected: Selected, session: Option<&WriteSession>) -> Result<()> {
        if selected.points.iter().any(|point| base_of(self.source, self.target, point).is_none()) {
            // A copy without a base relies on the index alone, so the store is asked whether the packs are there.
            self.target.blobs().live_index().compare_with_store()?;
        }
        let recovered = self.writer.recover()?;
        self.summary.blocks_recovered += recovered.blocks;
        let deltas = self.deltas(&mut selected)?;
        let mut wanted = Wanted::of(self.source, self.writer, &deltas)?;
        self.summary.blobs_wanted = wanted.blobs;
        self.summary.bytes_wanted = wanted.packs.values().map(|p| p.bytes).sum();
        let points = selected.points.len() as u64;
        let estimate = estimate(self.source, self.target, &wanted, points, self.options.prices.as_ref());
        let allowed = self.options.budget.check(&estimate);
        self.summary.estimate.get_or_insert(estimate);
        if let Err(refused) = allowed {
            // Nothing was carried: the session ends as it began, and what waited before goes on waiting.
            self.writer.leave(&self.words)?;
            session.map_or(Ok(()), |session| session.end(DONE))?;
            return Err(refused);
        }
        let lanes = Lanes::new(self.source, self.target, &selected, &deltas);
        let mut lost = BTreeMap::new();
        let mut since_commit = 0;
        let is_dry = session.is_none();
        for (point, delta) in selected.points.iter().zip(&deltas) {
            self.monitor.check()?;
            let packs = wanted.take(delta);
            let before = self.summary.bytes_read;
            if !is_dry {
                let mut carrier = Carrier {
                    source: self.source,
                    healer: self.options.heal_from.as_deref(),
                    writer: self.writer,
                    monitor: self.monitor,
                    manner: TransferMode {
                        verify_full: self.options.verify_full,
                        regroup: self.options.regroup.is_some(),
                    },
                    threads: self.options.threads,
                    lane: &|pack, blob| lanes.of(point, pack, blob),
                    lost: std::mem::take(&mut lost),
                    summary: self.summary,
                };
                carrier.carry(&packs)?;
                lost = carrier.lost;
            }
            since_commit += self.summary.bytes_read - before;
            self.waiting.push(point.clone());
            if since_commit >= COMMIT_BYTES {
                self.commit(&lost)?;
                since_commit = 0;
            }
        }
        self.summary.blobs_lost += lost.len() as u64;
        if is_dry {
            self.summary.waiting = self.waiting.iter().map(|p| p.manifest.id).collect();
            self.summary.failed.append(&mut self.failed);
            return Ok(());
        }
        let now = self.target.env().now();
        let since = recovered.since.unwrap_or(now);
        // What is from the future was put under a wrong clock, and would wait until then.
        let has_waited = u64::try_from(now.seconds.saturating_sub(since.seconds)).unwrap_or(u64::MAX);
        // Where nothing waits for a full pack, all that the points need is stored, and they gain nothing by waiting.
        if has_waited >= self.options.flush_after_seconds || !self.writer.is_filling() {
            self.commit(&lost)?;
            self.writer.forget_words()?;
        } else {
            let ids: Vec<String> = self.waiting.iter().map(|p| p.manifest.id.to_string()).collect();
            self.writer.leave(&ids)?;
        }
        let stored = self.writer.stored();
        self.summary.bytes_written += stored.bytes_stored;
        self.summary.packs_written += stored.packs;
        self.summary.waiting = self.waiting.iter().map(|p| p.manifest.id).collect();
        self.summary.failed.append(&mut self.failed);
        // Full packs of points that wait are published, and only an open session keeps them from being collected.
        match session {
            Some(session) if self.waiting.is_empty() => session.end(DONE),
            _ => Ok(()),
        }
    }

    /// The differences of each point to the one that will be before it in the target. A point whose set cannot be read stays out.
    fn deltas(&mut self, selected: &mut Selected) -> Result<Vec<Delta>> {
        let view = self.source.log().view();
        let mut newest: HashMap<JobId, Arc<Point>> = HashMap::new();
        let (mut deltas, mut readable) = (Vec::new(), Vec::new());
        for point in std::mem::take(&mut selected.points) {
            let job = self.source.job_of(&point);
            let base = match newest.get(&job) {
                Some(base) => Some(base.clone()),
                None => base_of(self.source, self.target, &point).map(|(base, _)| base),
            };
            match Delta::between(self.source, &view, base.as_deref(), &point) {
                Ok(delta) => {
                    deltas.push(delta);
                    newest.insert(job, point.clone());
                    readable.push(point);
                }
                // What moved while it was read is looked for again, what is damaged stays so.
                Err(e)
                    if e.kind() == Kind::Damaged
                        && !self.source.refresh()?
                        && self.source.log().view().head == view.head =>
                {
                    self.fail(&point, format!("what it needs cannot be told: {e}"));
                }
                Err(e) => return Err(e),
            }
        }
        selected.points = readable;
        Ok(deltas)
    }

    pub(super) fn fail(&mut self, point: &Point, reason: String) {
        self.failed.push(Failed { point: point.manifest.id, reason });
    }
}
