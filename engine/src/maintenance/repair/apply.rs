//! Carrying out a plan: new packs, condemned ones, new segments, rewritten points, and what the log calls suspect from then on.

use super::moves::Moves;
use super::plan::{HealJob, RepairOptions, RepairPlan, plan, segment_again};
use super::repair_source::{Healer, RepairSource};
use super::suspect::record;
use crate::blob::{Writer, WriterOptions, store_segment};
use crate::error::{Error, Kind, Result};
use crate::log::{CommitRef, SegmentRef};
use crate::maintenance::findings::Findings;
use crate::maintenance::plan_hash::PlanHash;
use crate::maintenance::trees::TreeCheck;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::{NewNodes, Point, PointSink, ReferenceChange, reference_set, roots_of};
use crate::session::{Opening, Rewrite, RewriteOutcome, WriteSession};
use bytes::Bytes;
use format_spec::config::Class;
use format_spec::container::ObjectKind;
use format_spec::log::{Change, ObjectRow, PointId, Purpose};
use format_spec::point::Manifest;
use format_spec::{ChunkId, ObjectId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Blobs stored anew because they were lost.
    pub blobs: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// By what they were given back.
    pub healed_by: BTreeMap<RepairSource, u64>,
    /// Blobs that were whole in damaged packs and were carried over.
    pub blobs_moved: u64,
    /// Damaged packs that were condemned: nobody needs them any more, and collection takes them away.
    pub packs_condemned: u64,
    /// Packs written.
    pub packs_written: u64,
    /// Bytes of those packs.
    pub bytes_stored: u64,
    /// Index segments made anew.
    pub segments: u64,
    /// Restore points that got a manifest again.
    pub manifests: u64,
    /// Damaged packs that the log calls suspect from now on.
    pub packs_suspect: u64,
    /// Packs that were found right, and that it calls so no more.
    pub packs_withdrawn: u64,
    /// Damaged objects of which something remains lost.
    pub remaining: u64,
    /// Whose backups store again what remains lost, as far as their sources still have it.
    pub jobs: Vec<HealJob>,
}

/// Carries out the plan with this hash. The repository is checked again first.
///
/// # Errors
/// `Conflict` when that plan is not what the repository asks for now; the store's errors. Nothing that was there is changed in any case.
pub fn apply(
    repository: &Arc<Repository>,
    options: &RepairOptions,
    hash: &PlanHash,
    monitor: &Arc<Monitor>,
) -> Result<RepairReport> {
    let plan = plan(repository, options, monitor)?;
    let is_this = plan.hash.is_quoted_by(hash);
    if !is_this && options.differ(hash) {
        let what = "the plan was made with another --level, or with another --from";
        return Err(Error::new(Kind::Input, what).on(hash).advise("give `apply` the options that `plan` had"));
    }
    if !is_this {
        return Err(Error::new(Kind::Conflict, format!("this is not the plan any more: it is {} now", plan.hash))
            .on(hash)
            .advise("the repository or its damage has changed: look at `cairn repair plan` again"));
    }
    let mut report = RepairReport::default();
    if plan.heals_something() {
        let work = Work::open(repository, options, &plan, monitor)?;
        let session = work.session.clone();
        work.run(&mut report).map_err(|e| session.end_after(e, false))?;
        repository.refresh()?;
    }
    if report.segments > 0 {
        // A segment that could be read only in part said less than the new one does.
        repository.blobs().live_index().rebuild()?;
    }
    (report.packs_suspect, report.packs_withdrawn) = record(repository, &plan)?;
    report.remaining = remaining(repository, &plan, monitor)?;
    report.jobs = if report.remaining > 0 { plan.jobs } else { Vec::new() };
    Ok(report)
}

/// What is lost for good, and the points that still lack something. These are looked at again: what they needed may have come back.
fn remaining(repository: &Repository, plan: &RepairPlan, monitor: &Monitor) -> Result<u64> {
    let lost = plan.items.iter().filter(|item| !item.follows && item.remains.is_some()).count() as u64;
    let slots: BTreeSet<u32> = plan.closely.subjects.iter().filter_map(|found| found.point).collect();
    let ids: BTreeSet<PointId> =
        plan.closely.points.iter().filter(|p| slots.contains(&p.slot)).map(|p| p.manifest.id).collect();
    let findings = Findings::default();
    let mut trees = TreeCheck::new(repository, &plan.closely.packs, &findings, monitor);
    for point in repository.points_and_damage().into_iter().filter_map(|(_, point)| point.ok()) {
        if ids.contains(&point.manifest.id) {
            trees.point(&point)?;
        }
    }
    drop(trees);
    Ok(lost + findings.settle(repository)?.len() as u64)
}

/// One session that makes no point, and ends by fencing itself. Until then nobody gives up what it stored.
struct Work<'a> {
    repository: &'a Arc<Repository>,
    options: &'a RepairOptions,
    plan: &'a RepairPlan,
    monitor: &'a Monitor,
    session: WriteSession,
    writer: Writer,
}

impl<'a> Work<'a> {
    fn open(
        repository: &'a Arc<Repository>,
        options: &'a RepairOptions,
        plan: &'a RepairPlan,
        monitor: &'a Arc<Monitor>,
    ) -> Result<Self> {
        let session =
            WriteSession::open(repository, Opening { job: JOB, host: "", purpose: Purpose::Care, base: None })?;
        let live_index = repository.blobs().live_index();
        // So that the writer does not take what they hold for stored.
        plan.closely.damage.packs.keys().for_each(|pack| _ = live_index.distrust().add_quietly(*pack));
        let writer = session.writer(WriterOptions { threads: options.threads, ..WriterOptions::default() }, monitor)?;
        Ok(Work { repository, options, plan, monitor, session, writer })
    }

    fn run(self, report: &mut RepairReport) -> Result<()> {
        self.heal(report)?;
        self.move_out(report)?;
        for reference in &self.plan.segments {
            report.segments += u64::from(self.segment(reference)?);
        }
        for (commit, point) in &self.plan.manifests {
            report.manifests += u64::from(self.manifest(commit, point)?);
        }
        let stored = self.end()?;
        (report.packs_written, report.bytes_stored) = (stored.packs, stored.bytes_stored);
        Ok(())
    }

    /// Stores what was lost, as its cures give it.
    fn heal(&self, report: &mut RepairReport) -> Result<()> {
        let plan = self.plan;
        let mut healer = Healer::new(self.repository, self.options.from.as_deref(), &plan.closely.packs)?;
        let gone = |id: ChunkId| {
            Error::new(Kind::Damaged, "what gave this blob back for the plan does not any more")
                .on(format!("blob {id}"))
                .advise("look at `cairn repair plan` again; what was healed so far is kept")
        };
        let mut put = |kind: ObjectKind, id: ChunkId, cure: RepairSource, bytes: &Bytes| -> Result<()> {
            let is_new = match kind {
                ObjectKind::MetaPack => self.writer.put_node(id, bytes.to_vec())?,
                _ => self.writer.put_chunk(id, bytes.to_vec())?,
            };
            if is_new {
                report.blobs += 1;
                report.bytes += bytes.len() as u64;
                *report.healed_by.entry(cure).or_default() += 1;
            }
            Ok(())
        };
        for bad in &plan.blobs {
            let (cure, bytes) = healer.read(bad)?.ok_or_else(|| gone(bad.id))?;
            put(bad.place.pack_kind, bad.id, cure, &bytes)?;
        }
        for (kind, id) in &plan.unplaced {
            let bytes = healer.in_copy(*kind, id)?.ok_or_else(|| gone(*id))?;
            put(*kind, *id, RepairSource::Copy, &bytes)?;
        }
        self.writer.flush()?;
        self.repository.blobs().live_index().sync()
    }

    /// Takes what is needed out of the damaged packs.
    fn move_out(&self, report: &mut RepairReport) -> Result<()> {
        let damaged: BTreeSet<ObjectId> = self.plan.closely.damage.packs.keys().copied().collect();
        let moves = Moves {
            repository: self.repository,
            session: &self.session,
            writer: &self.writer,
            damaged: &damaged,
            plan: self.plan.hash.whole(),
            monitor: self.monitor,
        };
        let moved = moves.all(&self.plan.moves)?;
        (report.blobs_moved, report.packs_condemned) = (moved.blobs, moved.condemned);
        Ok(())
    }

    /// Puts a segment in the place of a damaged one. False when somebody else has.
    fn segment(&self, reference: &SegmentRef) -> Result<bool> {
        let (repository, session) = (self.repository, self.session.number());
        let again = segment_again(repository, self.options, reference)?;
        if !again.lacks.is_empty() {
            return Ok(false);
        }
        let mut segments = Vec::new();
        if !again.segment.packs.is_empty() {
            let mut take = || self.session.take();
            let (sealed_store, env) = (repository.sealed_store(), &**repository.env());
            segments.push(store_segment(sealed_store, env, self.monitor, &mut take, &again.segment)?.1);
        }
        let mut is_late = false;
        let appended = self.session.append(&mut |view| {
            is_late = !view.segments.contains(reference);
            if is_late {
                return Err(Error::new(Kind::Conflict, "somebody else has replaced this segment"));
            }
            // As a collection does: who stored it may have stood still since (I8).
            let row = |ordinal| ObjectRow { kind: ObjectKind::IndexSegment, id: ObjectId { session, ordinal } };
            repository.hold(segments.iter().map(|segment| row(segment.ordinal)), view)?;
            Ok(Change::Fold { session, replaced: vec![reference.id()], segments: segments.clone() })
        });
        match appended {
            Err(_) if is_late => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// Gives a point a manifest again: the same, but that its reference set names what is live now. False when it is not live any more.
    fn manifest(&self, commit: &CommitRef, point: &Point) -> Result<bool> {
        let repository = self.repository;
        // Numbers of another repository say nothing here.
        let is_twin = self.options.from.as_ref().is_some_and(|from| from.id() == repository.id());
        let first = if is_twin { point.place().min(commit.number) } else { commit.number };
        loop {
            let known = repository.log().view();
            let references = self.references(commit, &point.manifest)?;
            // Also of where the point was made the other one may say more, or less.
            let (mut source, mut seen) = (point.manifest.source, point.manifest.seen.clone());
            match self.options.from.as_ref().filter(|_| !is_twin) {
                Some(from) if repository.config().class == Class::Copy => {
                    (source, seen) = (Some(from.source_of(point)), from.seen_with(point));
                }
                // Where points are made they say nothing of other repositories.
                Some(_) => (source, seen) = (None, Vec::new()),
                None => {}
            }
            let unnamed = Some(point.manifest.left_out_unnamed());
            let manifest = Manifest { first: Some(first), references, source, seen, unnamed, ..point.manifest.clone() };
            let reason = format!("its manifest was damaged; plan {}", self.plan.hash);
            let rewrite =
                Rewrite { manifest: &manifest, slot: commit.slot, known: known.head, reason: &reason, may: &|_| true };
            match self.session.rewrite(&rewrite, self.monitor)? {
                RewriteOutcome::Done => return Ok(true),
                RewriteOutcome::Gone => return Ok(false),
                RewriteOutcome::Again => _ = repository.refresh()?,
            }
        }
    }

    /// The reference set, made anew where packs were condemned since the commit: a set names places as of its entry's slot.
    fn references(&self, commit: &CommitRef, manifest: &Manifest) -> Result<ChunkId> {
        let repository = self.repository;
        let log = repository.log().view();
        if !log.condemned.any_after(commit.slot) {
            return Ok(commit.references);
        }
        let roots = roots_of(&manifest.root, manifest.maps);
        let new_nodes = NewNodes::default();
        let change = ReferenceChange {
            base: Some((commit.references, commit.slot)),
            base_roots: roots.clone(),
            roots,
            new_nodes: &new_nodes,
            blobs: repository.blobs(),
            log,
        };
        let set = reference_set(change, &mut PointSink::unaccounted(&self.writer, &repository.sealed_store().ids))?;
        self.writer.flush()?;
        repository.blobs().live_index().sync()?;
        Ok(set)
    }

    /// Ends the session; what it has stored.
    fn end(self) -> Result<crate::blob::Stored> {
        let stored = self.writer.stored();
        drop(self.writer);
        self.session.end("the repair is done").map(|()| stored)
    }
}

/// The job of repair's sessions.
const JOB: &str = "repair";
