//! A session that is opened when it is first needed: a collection that finds nothing to write
//! leaves no entry.

use super::{Opening, WriteSession};
use crate::error::{Error, Result};
use crate::repository::Repository;
use format_spec::ObjectId;
use std::sync::Arc;

/// A session that may not be open yet.
#[derive(Debug)]
pub struct LateWriteSession<'a> {
    repository: &'a Arc<Repository>,
    opening: Opening<'a>,
    session: Option<WriteSession>,
}

impl<'a> LateWriteSession<'a> {
    /// One that is opened so.
    pub fn new(repository: &'a Arc<Repository>, opening: Opening<'a>) -> Self {
        LateWriteSession { repository, opening, session: None }
    }

    /// The session; opens it.
    ///
    /// # Errors
    /// As [`WriteSession::open`].
    pub fn get(&mut self) -> Result<WriteSession> {
        let session = match self.session.take() {
            Some(session) => session,
            None => WriteSession::open(self.repository, self.opening)?,
        };
        Ok(self.session.insert(session).clone())
    }

    /// The name of one more object.
    ///
    /// # Errors
    /// As [`WriteSession::open`] and [`WriteSession::take`].
    pub fn take(&mut self) -> Result<ObjectId> {
        self.get()?.take()
    }

    /// Ends it after an error, if it was opened; what the error means: it may have been fenced.
    #[must_use]
    pub fn end_after(&self, error: Error) -> Error {
        match &self.session {
            Some(session) => session.end_after(error, false),
            None => error,
        }
    }

    /// Ends it, if it was opened.
    ///
    /// # Errors
    /// The log's.
    pub fn end(self, reason: &str) -> Result<()> {
        self.session.map_or(Ok(()), |session| session.end(reason))
    }
}
