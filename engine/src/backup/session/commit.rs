//! The end of a session: its reference set, and the commit.
//!
//! Promises I2: at the slot of the commit every blob that the point needs lies in a pack that is published and neither condemned nor suspect. What a
//! collector took meanwhile is stored again, and the set made again, until a commit finds nothing condemned since; a base that turns out to need
//! suspect packs ends the session, and the next one reads the whole source. And I8: in a repository with
//! immutability all that the point needs is locked long enough first.

use super::LockWork;
use super::session::{Attempt, Ended};
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
    /// The reference set's nodes are stored after everything that it names, and published on their own. What was given up while the session
    /// relied on it is stored again first.
    pub(super) fn references(
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
            store_again(roots, new_nodes, repository.blobs(), self.writer, "run the backup again")?;
        }
        let base = self.base.as_deref();
        let change = ReferenceChange {
            base: base.map(|b| (b.manifest.references, b.slot)),
            base_roots: base
                .map(|b| roots_of(&b.manifest.root, b.manifest.links, b.manifest.exceptions))
                .unwrap_or_default(),
            roots: roots.to_vec(),
            new_nodes,
            blobs: repository.blobs(),
            log: repository.log().view(),
        };
        let mut sink = PointSink::unaccounted(self.writer, &repository.sealed_store().ids);
        let set = reference_set(change, &mut sink).map_err(Ended::reading_old)?;
        self.writer.flush()?;
        Ok(set)
    }

    /// Commits, and returns the point's number; `None` when packs were condemned after `known`: then the reference set must be made again.
    ///
    /// # Errors
    /// `Conflict` when the point that unreadable items were kept from is not, at the commit's slot, what it was when they were: what was erased
    /// meanwhile must not come back.
    pub(super) fn commit(
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
            let what = "the restore point that unreadable items are kept from was rewritten, or let go, meanwhile";
            Err(Error::new(Kind::Conflict, what).on(point.manifest.id))
        };
        let done = session.commit(manifest, Grounds { known, expect: &expect, name }, self.monitor)?;
        if let Some(secured) = &done.secured {
            let LockWork { asked, extended } = self.locks.get();
            self.locks.set(LockWork { asked: asked + secured.asked, extended: extended + secured.extended });
        }
        Ok(done.number)
    }
}
