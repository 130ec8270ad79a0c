//! One open session of the log: the object that a backup, a copy, a rewrite, a repair and a
//! collection work through.
//!
//! Promises: what it names is its own ([`Ordinals`]); it appends only while it is open; an error
//! that ended it is told for what it is ([`WriteSession::explain`]); it ends by its commit, by
//! [`WriteSession::end`], or by the error of its work. Others may work in it: they [`WriteSession::join`] it
//! with a range of ordinals that its opener [`WriteSession::reserve`]d for them. Refuses to end when it
//! is dropped: a session that was stopped stays open, so that no collection takes what it published
//! before the next one builds on it.

mod fence;
mod late;
mod rewrite;

pub use fence::fence;
pub use late::LateWriteSession;
pub use rewrite::{Rewrite, RewriteOutcome};

use crate::blob::{Ordinals, Writer, WriterOptions};
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::monitor::Monitor;
use crate::repository::{Committed, Grounds, Repository};
use crate::restore_point::Point;
use format_spec::ObjectId;
use format_spec::log::{Change, Purpose};
use format_spec::point::Manifest;
use std::ops::Range;
use std::sync::Arc;

/// What a session is opened for.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Its job.
    pub job: &'a str,
    /// The host that runs it.
    pub host: &'a str,
    /// What it is for.
    pub purpose: Purpose,
    /// The point that it needs from its first entry on: as long as it is open, nothing of that is
    /// collected.
    pub base: Option<&'a Point>,
}

/// An open session. Clones are the same session.
#[derive(Debug, Clone)]
pub struct WriteSession {
    repository: Arc<Repository>,
    ordinals: Arc<Ordinals>,
}

impl WriteSession {
    /// Opens a session.
    ///
    /// # Errors
    /// `Conflict` when the base was given up or rewritten; the log's.
    pub fn open(repository: &Arc<Repository>, opening: Opening<'_>) -> Result<Self> {
        let base = opening.base.map(|point| (point.manifest.id, point.slot));
        let number = repository.log().append(&**repository.env(), &mut |view| {
            // What it needs is held from this entry on: until then it may have been given up, or
            // written anew.
            if let Some((id, slot)) = base
                && view.live(&id).map(|live| live.slot) != Some(slot)
            {
                return Err(Error::new(Kind::Conflict, "the base was given up before the session was opened").on(id));
            }
            let (job, host) = (opening.job.to_owned(), opening.host.to_owned());
            Ok(Change::Open { job, host, base: base.map(|(id, _)| id), purpose: opening.purpose })
        })?;
        Ok(WriteSession { repository: repository.clone(), ordinals: Ordinals::all(number).into() })
    }

    /// Works in a session that another process has opened, with the ordinals that it reserved for
    /// this one.
    ///
    /// # Errors
    /// `Conflict` when the session has ended; the log's.
    pub fn join(repository: &Arc<Repository>, number: u32, ordinals: Range<u32>) -> Result<Self> {
        repository.log().refresh()?.expect_session(number)?;
        Ok(WriteSession { repository: repository.clone(), ordinals: Ordinals::within(number, ordinals).into() })
    }

    /// Its number: the slot of its first entry.
    pub fn number(&self) -> u32 {
        self.ordinals.session()
    }

    /// The repository that it writes into.
    pub fn repository(&self) -> &Arc<Repository> {
        &self.repository
    }

    /// The name of one more object.
    ///
    /// # Errors
    /// `Conflict` when all that this process may give are given.
    pub fn take(&self) -> Result<ObjectId> {
        self.ordinals.take()
    }

    /// So many ordinals for another process of this session, which it may [`WriteSession::join`] with.
    ///
    /// # Errors
    /// `Conflict` when there are not as many left.
    pub fn reserve(&self, count: u32) -> Result<Range<u32>> {
        self.ordinals.reserve(count)
    }

    /// Starts what stores blobs in this session.
    ///
    /// # Errors
    /// As [`Writer::start`].
    pub fn writer(&self, options: WriterOptions, monitor: &Arc<Monitor>) -> Result<Writer> {
        self.repository.writer(Some(self.ordinals.clone()), options, monitor)
    }

    /// Appends an entry of this session. `check` sees the log before its slot, as in
    /// [`crate::log::Log::append`].
    ///
    /// # Errors
    /// `Conflict` when the session has ended; what `check` refuses; the log's.
    pub fn append(&self, check: &mut dyn FnMut(&LogView) -> Result<Change>) -> Result<u32> {
        self.repository.log().append(&**self.repository.env(), &mut |view| {
            view.expect_session(self.number())?;
            check(view)
        })
    }

    /// Commits a point, which ends the session.
    ///
    /// # Errors
    /// As [`Repository::commit_point`].
    pub fn commit(&self, manifest: &Manifest, grounds: Grounds<'_>, monitor: &Monitor) -> Result<Committed> {
        self.repository.commit_point(self.number(), manifest, grounds, &mut || self.take(), monitor)
    }

    /// Whether it is known to have committed.
    pub fn has_committed(&self) -> bool {
        self.repository.log().view().commits.iter().any(|commit| commit.session == self.number())
    }

    /// Ends it, as it commits nothing. Nothing is done where it has ended already.
    ///
    /// # Errors
    /// The log's.
    pub fn end(&self, reason: &str) -> Result<()> {
        self.repository.log().end(&**self.repository.env(), self.number(), reason)
    }

    /// Ends it after an error of its work, and explains that. `is_of_old` says that damage, if the
    /// error is one, is of what others have stored; by damage of its own the store has shown that
    /// it keeps nothing, and the lease ends the session.
    #[must_use]
    pub fn end_after(&self, error: Error, is_of_old: bool) -> Error {
        self.repository.log().end_after(&**self.repository.env(), self.number(), error, is_of_old)
    }

    /// What an error of its work means: the objects of a session that was fenced may be deleted
    /// under its hands, and what is missing or damaged then means *fenced*.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        self.repository.log().explain_session_error(self.number(), error)
    }
}
