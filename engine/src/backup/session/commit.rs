//! The end of a session: its reference set, and the commit.
//!
//! Promises I2: at the slot of the commit every blob that the point needs lies in a pack that is
//! published and neither condemned nor suspect. What a collector took meanwhile is stored again, and
//! the set made again, until a commit finds nothing condemned since; a base that turns out to need
//! suspect packs ends the session, and the next one reads the whole source. And I8: in a repository
//! with immutability all that the point needs is locked long enough first.

use super::super::{BackupSummary, LockWork};
use super::attempt::Attempt;
use super::blame::Ended;
use super::product::{Product, take_over};
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::repository::{Grounds, NameOf};
use crate::restore_point::{NewNodes, Point, PointSink, ReferenceChange, reference_set, roots_of, store_again};
use crate::session::WriteSession;
use crate::tree::Names;
use format_spec::ChunkId;
use format_spec::point::Manifest;
use std::sync::Arc;

impl Attempt<'_> {
    /// Commits what the session has made and flushed; of a dry run it only says what that would be.
    /// `new_nodes` are the nodes that were put for it, all of which the product reaches.
    pub(in crate::backup) fn commit(
        &self,
        product: Product,
        new_nodes: &NewNodes,
    ) -> std::result::Result<BackupSummary, Ended> {
        let mut summary = self.summary(&product);
        let takes_over = product.takes_over;
        let Some(session) = &self.session else { return Ok(summary) };
        let roots = roots_of(&product.root, product.maps);
        let mut manifest = self.manifest(product)?;
        let original = self.options.original.as_deref();
        summary.number = loop {
            let known = self.repository.log().view();
            manifest.references = match self.references(&roots, new_nodes, &known) {
                // A collection came while the set was made: what it took is stored again, and the set made again.
                Err(e) if e.error.kind() == Kind::Damaged && self.repository.is_overtaken(known.head)? => continue,
                other => other?,
            };
            let stored = self.writer.stored();
            manifest.bytes = [summary.bytes_source, stored.bytes_new, stored.bytes_stored];
            self.monitor.check()?;
            let kept_from = match takes_over {
                true => self.base.as_deref(),
                false => self.newest.as_deref().filter(|_| manifest.counts.kept > 0),
            };
            let name = match original {
                None => NameOf::Made(self.before),
                Some(original) => NameOf::Copied(original.alone, self.before),
            };
            if let Some(number) = self.append(session, &manifest, known.head, kept_from, name)? {
                break number;
            }
        };
        let stored = self.writer.stored();
        summary.point = Some(manifest.id);
        (summary.bytes_stored, summary.packs_written) = (stored.bytes_stored, stored.packs);
        summary.locks = *self.locks.lock();
        // What a collection took and was stored again counts too.
        (summary.bytes_new, summary.chunks_new) = (stored.bytes_new, stored.chunks_new);
        summary.data_packs_written = stored.data_packs;
        Ok(summary)
    }

    fn manifest(&self, product: Product) -> Result<Manifest> {
        let Product { id, started, about, kind, reason, tags, root, maps, counts, unnamed, shrunken, .. } = product;
        let mut manifest = Manifest {
            id: self.point_id(id)?,
            started,
            finished: self.repository.env().now(),
            job: self.options.job.clone(),
            host: about.host,
            organisation: about.organisation,
            paths: about.paths,
            tags,
            kind,
            kind_reason: reason,
            workload: self.options.workload,
            root,
            maps,
            counts,
            base: self.base.as_ref().map(|b| b.manifest.id),
            references: ChunkId([0; 32]),
            bytes: [0; 3],
            first: None,
            rules: about.rules,
            cut: self.stored_from().map(|seconds| format_spec::Time::new(seconds, 0)),
            unnamed: Some(unnamed),
            shrunken,
            naming: None,
            source: None,
            seen: Vec::new(),
        };
        if let Some(original) = self.options.original.as_deref() {
            take_over(&mut manifest, original);
        }
        Ok(manifest)
    }

    fn summary(&self, product: &Product) -> BackupSummary {
        let stored = self.writer.stored();
        BackupSummary {
            point: None,
            number: 0,
            kind: product.kind,
            kind_reason: product.reason.clone(),
            counts: product.counts,
            shrunken: product.shrunken,
            bytes_source: product.root.totals.bytes,
            bytes_new: stored.bytes_new,
            bytes_stored: stored.bytes_stored,
            chunks_new: stored.chunks_new,
            packs_written: stored.packs,
            data_packs_written: stored.data_packs,
            locks: LockWork::default(),
        }
    }

    /// The reference set's nodes are stored after everything that it names, and published on their
    /// own. What was given up while the session relied on it is stored again first.
    fn references(
        &self,
        roots: &[Names],
        new_nodes: &NewNodes,
        known: &Arc<LogView>,
    ) -> std::result::Result<ChunkId, Ended> {
        let repository = self.repository;
        if self.base.as_deref().map_or(Ok(false), |base| repository.relies_on_suspects(base))? {
            let what = "packs that the base needs were found damaged while this session ran";
            return Err(Error::new(Kind::Conflict, what)
                .advise("run the backup again: it reads the whole source")
                .into());
        }
        if !known.condemned.is_empty() || !known.suspects.is_empty() {
            store_again(roots, new_nodes, repository.blobs(), &self.writer, "run the backup again")?;
        }
        let base = self.base.as_deref();
        let change = ReferenceChange {
            base: base.map(|b| (b.manifest.references, b.slot)),
            base_roots: base.map(|b| roots_of(&b.manifest.root, b.manifest.maps)).unwrap_or_default(),
            roots: roots.to_vec(),
            new_nodes,
            blobs: repository.blobs(),
            log: repository.log().view(),
        };
        let mut sink = PointSink::unaccounted(&self.writer, &repository.sealed_store().ids);
        let set = reference_set(change, &mut sink).map_err(Ended::reading_old)?;
        self.writer.flush()?;
        Ok(set)
    }

    /// Commits, and returns the point's number; `None` when packs were condemned after `known`: then
    /// the reference set must be made again.
    ///
    /// # Errors
    /// `Conflict` when the point that unreadable items were kept from is not, at the commit's slot,
    /// what it was when they were: what was erased meanwhile must not come back.
    fn append(
        &self,
        session: &WriteSession,
        manifest: &Manifest,
        known: u32,
        kept_from: Option<&Point>,
        name: NameOf,
    ) -> Result<Option<u32>> {
        let expect = |view: &LogView| {
            if let Some(original) = self.options.original.as_deref() {
                self.repository.expect_history_of(&original.repository, view)?;
                self.repository.expect_beside(view, &original.manifest)?;
            }
            let Some(point) = kept_from else { return Ok(()) };
            if view.live(&point.manifest.id).is_some_and(|live| live.slot == point.slot) {
                return Ok(());
            }
            let what = "the restore point that items are kept from was rewritten, or let go, meanwhile";
            Err(Error::new(Kind::Conflict, what).on(point.manifest.id))
        };
        let done = session.commit(manifest, Grounds { known, expect: &expect, name }, self.monitor)?;
        if let Some(secured) = &done.secured {
            let mut locks = self.locks.lock();
            (locks.asked, locks.extended) = (locks.asked + secured.asked, locks.extended + secured.extended);
        }
        Ok(done.number)
    }
}
