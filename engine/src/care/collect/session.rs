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

    /// Ends it after an error, if it was opened; what the error means: it may have been fenced.
    pub(super) fn end_after(&self, error: Error) -> Error {
        let log = self.repository.log();
        match self.number {
            Some(number) => log.end_after(&**self.repository.env(), number, error, false),
            None => error,
        }
    }

    /// Ends it, if it was opened.
    pub(super) fn end(self) -> Result<()> {
        let log = self.repository.log();
        self.number.map_or(Ok(()), |number| log.end(&**self.repository.env(), number, "the collection is done"))
    }
}
