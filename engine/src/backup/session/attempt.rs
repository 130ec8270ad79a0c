//! One try at a session: what it was opened upon, and what it stores with.

use super::super::{BackupOptions, LockWork};
use super::blame::Ended;
use crate::blob::{Spool, Writer, WriterOptions};
use crate::error::{Error, Kind, Result};
use crate::maintenance::retention::items_from;
use crate::monitor::Monitor;
use crate::repository::{Before, Repository};
use crate::restore_point::{NewNodes, Point, PointSink};
use crate::session::{Opening, WriteSession};
use format_spec::Time;
use format_spec::log::{PointId, Purpose};
use parking_lot::Mutex;
use std::sync::Arc;

/// The newest point of the job, as far as a session needs it.
pub(in crate::backup) struct Last {
    /// What is built upon.
    pub(in crate::backup) base: Option<Arc<Point>>,
    /// What is kept from.
    pub(in crate::backup) newest: Option<Arc<Point>>,
}

/// An open session with its writer, or a dry run.
pub(in crate::backup) struct Attempt<'a> {
    pub(in crate::backup) repository: &'a Arc<Repository>,
    pub(in crate::backup) options: &'a BackupOptions,
    pub(in crate::backup) monitor: &'a Arc<Monitor>,
    pub(in crate::backup) base: Option<Arc<Point>>,
    /// The point that unreadable items are kept from; `None` where nothing is kept.
    pub(in crate::backup) newest: Option<Arc<Point>>,
    pub(in crate::backup) started: Time,
    pub(in crate::backup) before: Before,
    /// `None` in a dry run.
    pub(in crate::backup) session: Option<WriteSession>,
    pub(in crate::backup) writer: Writer,
    /// Locks that were asked for and extended.
    pub(super) locks: Mutex<LockWork>,
}

impl<'a> Attempt<'a> {
    /// Opens a session upon what the job has.
    ///
    /// # Errors
    /// As [`WriteSession::open`] and [`Writer::start`].
    pub(in crate::backup) fn open(
        repository: &'a Arc<Repository>,
        options: &'a BackupOptions,
        last: Last,
        host: &str,
        monitor: &'a Arc<Monitor>,
    ) -> Result<Self> {
        let before = repository.before();
        let started = repository.env().now();
        let Last { base, newest } = last;
        // What is kept must not be collected before it is named again. A copy keeps nothing: its original says what is in it.
        let newest = newest.filter(|_| !options.drop_unreadable && options.original.is_none());
        let needed = base.as_deref().or(newest.as_deref());
        let opening = Opening { job: &options.job, host, purpose: Purpose::Backup, base: needed };
        let session = if options.dry_run { None } else { Some(WriteSession::open(repository, opening)?) };
        let spool =
            options.original.as_ref().and_then(|o| o.spool.as_deref()).map(Spool::open_somewhere).transpose()?;
        let how = WriterOptions { threads: options.threads, spool, regroup: None };
        let writer = match &session {
            Some(session) => session.writer(how, monitor)?,
            None => repository.writer(None, how, monitor)?,
        };
        let locks = Mutex::default();
        Ok(Attempt { repository, options, monitor, base, newest, started, before, session, writer, locks })
    }

    /// Where nodes of the point go, which are accounted for in `new_nodes`.
    pub(in crate::backup) fn sink<'s>(&'s self, new_nodes: &'s NewNodes) -> PointSink<'s> {
        PointSink::new(&self.writer, &self.repository.sealed_store().ids, new_nodes)
    }

    /// The id of the new point: the caller's, or a random one.
    pub(super) fn point_id(&self, given: Option<PointId>) -> Result<PointId> {
        if let Some(id) = given {
            return Ok(id);
        }
        let mut id = [0; 16];
        self.repository.env().random(&mut id)?;
        Ok(PointId(id))
    }

    /// The second before which items have left the period.
    pub(in crate::backup) fn stored_from(&self) -> Option<i64> {
        items_from(self.repository.config().retention, self.started)
    }

    /// What the error that ended it means, and what becomes of it. A session that was stopped is to go on: it publishes what it has stored, and
    /// stays open so that no collection takes that before the next one builds on it. Any other is of no use to anybody, and ends.
    pub(in crate::backup) fn give_up(&self, ended: Ended) -> Ended {
        let read_old = ended.read_old && !self.writer.has_failed();
        let error = match &self.session {
            // A session that has committed is ended by that.
            Some(session) if !session.has_committed() => self.end(session, ended.error, read_old),
            _ => ended.error,
        };
        Ended { error, read_old }
    }

    fn end(&self, session: &WriteSession, error: Error, read_old: bool) -> Error {
        if error.kind() != Kind::Interrupted {
            self.writer.settle();
            return session.end_after(error, read_old);
        }
        if let Err(also) = self.writer.salvage() {
            tracing::warn!(error = %also, "what was stored before the stop could not be published");
        }
        error
    }
}
