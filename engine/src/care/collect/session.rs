//! The collector's own session: opened when the first object is written, ended by fencing itself, as it commits nothing.

use crate::error::{Error, Result};
use crate::repository::Repository;
use format_spec::ObjectId;
use format_spec::log::{Change, Purpose};

/// A session that may not be open yet.
pub(super) struct CareSession<'a> {
    repository: &'a Repository,
    host: &'a str,
    number: Option<u32>,
    next_ordinal: u32,
}

impl<'a> CareSession<'a> {
    pub(super) fn new(repository: &'a Repository, host: &'a str) -> Self {
        CareSession { repository, host, number: None, next_ordinal: 0 }
    }

    /// Its number; opens it.
    pub(super) fn number(&mut self) -> Result<u32> {
        if let Some(number) = self.number {
            return Ok(number);
        }
        let number = self.repository.log().append(&**self.repository.env(), &mut |_| {
            let (job, host) = ("collection".to_owned(), self.host.to_owned());
            Ok(Change::Open { job, host, base: None, purpose: Purpose::Care })
        })?;
        self.number = Some(number);
        Ok(number)
    }

    /// A name for one more object.
    pub(super) fn take(&mut self) -> Result<ObjectId> {
        let id = ObjectId { session: self.number()?, ordinal: self.next_ordinal };
        self.next_ordinal += 1;
        Ok(id)
    }

    /// What an error means that met this session.
    pub(super) fn judge(&self, error: Error) -> Error {
        match self.number {
            Some(session) => self.repository.log().judge(session, error),
            None => error,
        }
    }

    /// Ends it, if it was opened.
    pub(super) fn end(self) -> Result<()> {
        let Some(session) = self.number else { return Ok(()) };
        self.repository.log().append(&**self.repository.env(), &mut |view| {
            view.expect_session(session)?;
            Ok(Change::Fence { session, reason: "the collection is done".to_owned() })
        })?;
        Ok(())
    }
}
