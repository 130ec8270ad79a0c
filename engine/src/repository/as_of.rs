//! The repository as it was at an earlier position of its log: what somebody has done since does not count, and nothing is written.

use crate::error::{Error, Kind, Result};
use crate::log::Log;
use crate::store::{
    Asked, Capabilities, Info, Listed, Name, Receipt, Resting, Retention, RetrievalMode, Space, StorageClass, Store,
    Terms, Version,
};
use bytes::Bytes;
use format_spec::Time;
use std::ops::Range;
use std::sync::Arc;

/// An earlier position of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// After this entry; 0 is before the first.
    Entry(u32),
    /// After the last entry that its writer made at this time or before, by his clock.
    Time(Time),
}

impl AsOf {
    /// The log up to there.
    ///
    /// # Errors
    /// `Absent` when the log is not that long or not that old; what reading it says.
    pub(super) fn limit(self, log: Log) -> Result<Log> {
        let slot = match self {
            AsOf::Entry(slot) => slot,
            AsOf::Time(time) => {
                let (mut found, mut first) = (None, None);
                log.refresh()?;
                log.for_each(&mut |entry| {
                    first.get_or_insert(entry.time);
                    if entry.time <= time {
                        found = Some(entry.slot);
                    }
                    Ok(())
                })?;
                found.ok_or_else(|| {
                    let oldest =
                        first.map_or_else(|| "it is empty".to_owned(), |t| format!("it begins at {}", super::utc(t)));
                    Error::new(Kind::Absent, "the log has no entry that is so old").on(log.location()).advise(oldest)
                })?
            }
        };
        let log = log.until(slot);
        let head = log.refresh()?.head;
        if head < slot {
            return Err(Error::new(Kind::Absent, format!("the log has no entry {slot} any more, or not yet"))
                .on(log.location())
                .advise(format!("its last one is {head}")));
        }
        Ok(log)
    }

    /// Takes a number of an entry or a time, as people write them.
    ///
    /// # Errors
    /// `Input` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        if let Ok(slot) = text.parse::<u32>() {
            return Ok(AsOf::Entry(slot));
        }
        super::select::parse_time(text).map(AsOf::Time).ok_or_else(|| {
            Error::new(Kind::Input, format!("{text:?} is neither the number of a log entry nor a time"))
                .advise("write an entry's number, or a time such as 2026-02-27 or 2026-02-27T09:15")
        })
    }
}

/// A store that refuses every change.
#[derive(Debug)]
pub(super) struct ReadOnly {
    inner: Arc<dyn Store>,
}

impl ReadOnly {
    pub(super) fn new(inner: Arc<dyn Store>) -> Self {
        ReadOnly { inner }
    }
}

impl Store for ReadOnly {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put_new(&self, name: &Name, _: Bytes) -> Result<Receipt> {
        Err(refuse(name))
    }

    fn put_locked(&self, name: &Name, _: Bytes, _: &Retention) -> Result<Receipt> {
        Err(refuse(name))
    }

    fn delete(&self, name: &Name, _: Option<&str>) -> Result<()> {
        Err(refuse(name))
    }

    fn extend_retention(&self, name: &Name, _: Option<&str>, _: &Retention) -> Result<Retention> {
        Err(refuse(name))
    }

    fn get(&self, name: &Name) -> Result<Bytes> {
        self.inner.get(name)
    }

    fn get_range(&self, name: &Name, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(name, range)
    }

    fn get_tail(&self, name: &Name, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.inner.get_tail(name, bytes_max)
    }

    fn head(&self, name: &Name) -> Result<Info> {
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, after: Option<&Name>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.inner.list(prefix, after, visit)
    }

    fn list_oldest(&self, prefix: &str, after: Option<&Name>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.inner.list_oldest(prefix, after, visit)
    }

    fn now(&self) -> Result<Time> {
        self.inner.now()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.inner.capabilities()
    }

    fn versions(&self, name: &Name) -> Result<Vec<Version>> {
        self.inner.versions(name)
    }

    fn get_version(&self, name: &Name, version: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_version(name, version, range)
    }

    fn retention(&self, name: &Name, version: Option<&str>) -> Result<Option<Retention>> {
        self.inner.retention(name, version)
    }

    fn put_in(&self, name: &Name, _: Bytes, _: &Terms) -> Result<Receipt> {
        Err(refuse(name))
    }

    fn resting_of(&self, name: &Name, version: Option<&str>) -> Result<Resting> {
        self.inner.resting_of(name, version)
    }

    fn list_resting(
        &self,
        prefix: &str,
        after: Option<&Name>,
        visit: &mut dyn FnMut(Name, Resting) -> bool,
    ) -> Result<()> {
        self.inner.list_resting(prefix, after, visit)
    }

    fn list_resting_oldest(
        &self,
        prefix: &str,
        after: Option<&Name>,
        visit: &mut dyn FnMut(Name, Resting) -> bool,
    ) -> Result<()> {
        self.inner.list_resting_oldest(prefix, after, visit)
    }

    fn retrieve_of(&self, name: &Name, _: Option<&str>, _: RetrievalMode, _: u32) -> Result<Asked> {
        Err(refuse(name))
    }

    fn rest_again_of(&self, name: &Name, _: Option<&str>, _: StorageClass) -> Result<()> {
        Err(refuse(name))
    }

    fn space(&self) -> Result<Option<Space>> {
        self.inner.space()
    }
}

fn refuse(name: &Name) -> Error {
    Error::new(Kind::Input, "the repository was opened as of an earlier time: it is only read")
        .on(name)
        .advise("leave --as-of out")
}
