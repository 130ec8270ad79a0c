//! Rewriting points: other trees or words under the same id and times.

use super::apply::Applied;
use super::cut::{Cut, Rewritten};
use super::locks::is_locked;
use super::plan::RetentionPlan;
use super::rules::Scope;
use crate::blob::{Stored, Writer, WriterOptions};
use crate::error::{Error, Kind, Result};
use crate::maintenance::plan_hash::PlanHash;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::{NewNodes, Point, PointSink, ReferenceChange, reference_set, roots_of, store_again};
use crate::session::{Opening, Rewrite, RewriteOutcome, WriteSession};
use crate::tree::{Names, NodeSink};
use format_spec::ChunkId;
use format_spec::log::Purpose;
use std::collections::HashSet;
use std::sync::Arc;

/// One session that rewrites points, one after the other.
pub(super) struct Rewriter<'a> {
    repository: &'a Arc<Repository>,
    monitor: &'a Monitor,
    cut: Cut<'a>,
    reason: String,
    session: WriteSession,
    writer: Writer,
    /// Every node that this session made, for whichever point.
    made: HashSet<ChunkId>,
}

impl<'a> Rewriter<'a> {
    /// Opens the session. It builds upon no point: those that it rewrites are live until it does.
    pub(super) fn open(
        repository: &'a Arc<Repository>,
        (scope, plan): (&Scope, PlanHash),
        threads: usize,
        monitor: &'a Arc<Monitor>,
    ) -> Result<Self> {
        let job = scope.job.as_ref().map(ToString::to_string).unwrap_or_default();
        let opening = Opening { job: &job, host: "", purpose: Purpose::Care, base: None };
        let session = WriteSession::open(repository, opening)?;
        let writer = session.writer(WriterOptions { threads, ..WriterOptions::default() }, monitor)?;
        let cut = scope.cut(repository, repository.env().now(), monitor)?;
        let reason = format!("{scope}; plan {plan}");
        Ok(Rewriter { repository, monitor, cut, reason, session, writer, made: HashSet::new() })
    }

    /// Rewrites every point that the plan rewrites.
    pub(super) fn rewrite_all(&mut self, plan: &RetentionPlan, applied: &mut Applied) -> Result<()> {
        for row in &plan.rows {
            self.monitor.check()?;
            let Some(change) = &row.change else { continue };
            let done = self.rewrite(&row.point, change)?;
            let told = if done { &mut applied.rewritten } else { &mut applied.left_out };
            told.push(row.point.manifest.id);
        }
        Ok(())
    }

    /// Gives a point the trees and words that its plan shows. False when the point is not what the plan saw any more.
    fn rewrite(&mut self, point: &Point, planned: &Rewritten) -> Result<bool> {
        let repository = self.repository;
        let old = &point.manifest;
        let mut sink = Recording {
            sink: PointSink::unaccounted(&self.writer, &repository.sealed_store().ids),
            made: &mut self.made,
        };
        let new = self.cut.rewrite(repository.nodes(), old, &mut sink)?;
        if new.as_ref() != Some(planned) {
            // Midnight has passed since the plan, and the day that is old is another one.
            return Err(Error::new(Kind::Conflict, "what leaves the restore point is not what the plan has shown")
                .on(old.id)
                .advise("look at the new plan, and apply that"));
        }
        self.writer.flush()?;
        let roots = roots_of(&planned.root, planned.maps);
        // Those of its nodes that this session made, for this point or another.
        let is_old = &mut |id: &ChunkId| Ok(!self.made.contains(id));
        let new_nodes = NewNodes::default().reached(&roots, repository.nodes(), is_old)?;
        loop {
            let known = repository.log().view();
            if !known.condemned.is_empty() {
                store_again(&roots, &new_nodes, repository.blobs(), &self.writer, "plan and apply again")?;
            }
            // Also of a point whose words alone change: a set names places as of its entry's slot, and this is another.
            let references = match self.references(point, &roots, &new_nodes) {
                // A collection came while the set was made.
                Err(e) if e.kind() == Kind::Damaged && repository.is_overtaken(known.head)? => continue,
                other => other?,
            };
            let manifest = planned.manifest(point, references);
            let rewrite = Rewrite {
                manifest: &manifest,
                slot: point.slot,
                known: known.head,
                reason: &self.reason,
                may: &|view| !is_locked(view, &[manifest.id], repository.env().now()),
            };
            match self.session.rewrite(&rewrite, self.monitor)? {
                RewriteOutcome::Done => return Ok(true),
                RewriteOutcome::Gone => return Ok(false),
                RewriteOutcome::Again => _ = repository.refresh()?,
            }
        }
    }

    /// What an error means: the session may have been fenced.
    pub(super) fn explain(&self, error: Error) -> Error {
        self.session.explain(error)
    }

    /// Ends the session: nobody has to wait for it.
    pub(super) fn finish(self) -> Result<Stored> {
        let stored = self.writer.stored();
        drop(self.writer);
        self.session.end("it has ended").map(|()| stored)
    }

    fn references(&self, point: &Point, roots: &[Names], new_nodes: &NewNodes) -> Result<ChunkId> {
        let (repository, old) = (self.repository, &point.manifest);
        let change = ReferenceChange {
            base: Some((old.references, point.slot)),
            base_roots: roots_of(&old.root, old.maps),
            roots: roots.to_vec(),
            new_nodes,
            blobs: repository.blobs(),
            log: repository.log().view(),
        };
        let set = reference_set(change, &mut PointSink::unaccounted(&self.writer, &repository.sealed_store().ids))?;
        self.writer.flush()?;
        Ok(set)
    }
}

/// A sink that remembers what it was given.
struct Recording<'a> {
    sink: PointSink<'a>,
    made: &'a mut HashSet<ChunkId>,
}

impl NodeSink for Recording<'_> {
    fn put_node(&mut self, bytes: Vec<u8>, names: &Names) -> Result<ChunkId> {
        let id = self.sink.put_node(bytes, names)?;
        self.made.insert(id);
        Ok(id)
    }
}
