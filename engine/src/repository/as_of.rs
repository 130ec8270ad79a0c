//! The repository as it was at an earlier position of its log: what somebody has done since does not count, and nothing is written.

use crate::error::{Error, Kind, Result};
use crate::log::Log;
use format_spec::Time;

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
        super::times::parse_time(text).map(AsOf::Time).ok_or_else(|| {
            Error::new(Kind::Input, format!("{text:?} is neither the number of a log entry nor a time"))
                .advise("write an entry's number, or a time such as 2026-02-27 or 2026-02-27T09:15")
        })
    }
}
