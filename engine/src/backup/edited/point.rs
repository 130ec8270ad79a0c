//! An edited draft becomes a point: an interim one, after which the session goes on, or the last.

use super::super::BackupSummary;
use super::super::session::{Attempt, Ended, Last, Product};
use super::draft::Draft;
use super::fresh::FreshSink;
use super::superseded;
use crate::error::{Error, Kind, Result};
use crate::restore_point::{NamedByBase, roots_of};
use crate::source::Closing;
use format_spec::PointId;
use format_spec::point::{INTERIM, LedgerCounts, Maps, PointKind};

/// What a commit is for.
enum Commit {
    Interim,
    Last { closing: Closing, reason: String },
}

impl Draft<'_> {
    /// Commits an interim point, and opens another session upon it.
    ///
    /// # Errors
    /// What ends the run.
    pub(super) fn commit_interim(&self) -> Result<PointId> {
        let summary = self.commit(Commit::Interim).map_err(Ended::into_error)?;
        summary.point.ok_or_else(|| Error::new(Kind::Bug, "an interim point has no id"))
    }

    /// Commits the point that the run was for, and lets interim points go.
    ///
    /// # Errors
    /// What ends the run.
    pub(super) fn finish(&self, closing: Closing, reason: String) -> std::result::Result<BackupSummary, Ended> {
        let summary = self.commit(Commit::Last { closing, reason })?;
        let attempt = self.attempt.read();
        if let Err(e) = superseded::expire(self.repository, attempt.base.as_deref()) {
            // The point is there all the same; the next one, or a run of the retention, lets them go.
            self.monitor.warn(
                self.about.organisation.as_bytes(),
                format!("interim points that are not needed any more could not be let go: {e}"),
            );
        }
        Ok(summary)
    }

    /// What becomes of a run that has failed.
    pub(super) fn give_up(&self, ended: Ended) -> Ended {
        self.attempt.read().give_up(ended)
    }

    fn commit(&self, commit: Commit) -> std::result::Result<BackupSummary, Ended> {
        let _turn = self.turn.lock();
        let mut root = self.folders.lock();
        let mut state = self.state.lock();
        let mut attempt = self.attempt.write();
        let nodes = self.nodes();
        let mut sink = attempt.sink(&self.new_nodes);
        let (folder, counted) = root.close(&nodes, &mut sink).map_err(Ended::reading_old)?;
        let state = state.close(&nodes, &mut sink).map_err(Ended::reading_old)?;
        // Lines are asked for while the nodes are on their way: unlike folders and state, nothing holds them until then.
        let mut fresh = FreshSink { fresh: &self.fresh, sink: &mut sink };
        let (exceptions, lines) = self.told.close(&nodes, &mut fresh).map_err(Ended::reading_old)?;
        attempt.writer.flush()?;
        self.fresh.forget();
        let items = folder.totals.descendants.saturating_add(1);
        let touched = counted.new + counted.changed + counted.folders;
        let counts = LedgerCounts {
            new: counted.new,
            changed: counted.changed,
            folders: counted.folders,
            unchanged: items.saturating_sub(touched),
            ..lines
        };
        let is_last = matches!(commit, Commit::Last { .. });
        let options = attempt.options;
        let mut tags = options.tags.clone();
        let (id, kind, reason, started) = match commit {
            Commit::Interim => {
                tags.push(INTERIM.to_owned());
                let kind = if attempt.base.is_some() { PointKind::Incremental } else { PointKind::Full };
                (None, kind, "the session goes on".to_owned(), self.repository.env().now())
            }
            Commit::Last { closing, reason } => {
                // Why nothing was built upon says more than that all was read.
                let reason = if attempt.base.is_none() && attempt.newest.is_some() { reason } else { closing.reason };
                (options.point, closing.kind, reason, self.started)
            }
        };
        let product = Product {
            id,
            started,
            about: self.about.clone(),
            kind,
            reason,
            tags,
            root: folder,
            maps: Maps { links: None, exceptions, state },
            counts,
            unnamed: self.unnamed,
            shrunken: None,
            takes_over: true,
        };
        let reached = {
            let log = self.repository.log().view();
            let base = attempt.base.as_deref().map(|base| (base.manifest.references, base.slot));
            let mut named = NamedByBase::over(base, self.repository.blobs(), &log).map_err(Ended::reading_old)?;
            let roots = roots_of(&product.root, product.maps);
            self.new_nodes.reached(&roots, &nodes, &mut |id| named.names(id)).map_err(Ended::reading_old)?
        };
        let mut summary = attempt.commit(product, &reached)?;
        let stored = attempt.writer.stored();
        let mut before = self.before.lock();
        *before += stored;
        (summary.bytes_new, summary.chunks_new) = (before.bytes_new, before.chunks_new);
        (summary.bytes_stored, summary.packs_written) = (before.bytes_stored, before.packs);
        summary.data_packs_written = before.data_packs;
        if !is_last {
            let next = self.open_upon(&attempt, &summary)?;
            *attempt = next;
        }
        Ok(summary)
    }
}

impl<'a> Draft<'a> {
    fn open_upon(&self, attempt: &Attempt<'a>, summary: &BackupSummary) -> Result<Attempt<'a>> {
        let view = self.repository.log().view();
        let live = summary.point.and_then(|id| view.live(&id).copied());
        let gone = || Error::new(Kind::Conflict, "the interim point was let go while the session was about to go on");
        let base = self.repository.load(&live.ok_or_else(gone)?)?;
        let last = Last { base: Some(base), newest: None };
        Attempt::open(attempt.repository, attempt.options, last, &self.about.host, attempt.monitor)
    }
}
