//! What may be asked for together, and the dates that follow from it.

use super::Period;
use super::period::day_up;
use crate::error::{Error, Kind, Result};
use crate::store::{Mode, Retention};
use format_spec::Time;
use format_spec::config::Class;
use std::fmt;
use std::str::FromStr;

/// What leaves when the period is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetentionType {
    /// A restore point; the last good state of an object stays.
    Snapshot,
    /// An item, by its own modification time.
    Item,
}

/// How long objects are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cover {
    /// For the whole period of retention.
    WholePeriod,
    /// For so many days after the commit.
    Days(u32),
}

/// What somebody wants a repository to be; not yet known to make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What the repository is for.
    pub class: Class,
    /// What leaves when the period is over.
    pub retention_type: RetentionType,
    /// How long restore points or items are kept; `None` when only keep rules by count (or nothing) were given.
    pub period: Option<Period>,
    /// Who may lift locks.
    pub mode: Mode,
    /// How long objects are locked.
    pub cover: Cover,
    /// Days that a lock reaches beyond what is needed; see [`super::Provider::generation_days`].
    pub generation_days: u32,
}

/// Settings of immutability that make sense together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    wish: Wish,
    /// The period of the lock; never for ever.
    locked: Period,
}

impl Policy {
    /// Takes what was wished for, if it makes sense.
    ///
    /// # Errors
    /// `Input`, with what would be right: a lock without an end, or with none that follows from the rules; days of locking where the
    /// whole period must be locked, or more of them than the period has.
    pub fn new(wish: Wish) -> Result<Self> {
        let period = match wish.period {
            Some(Period::Forever) => {
                return Err(refuse(
                    "immutability and keeping for ever do not go together: such a lock could never end",
                )
                .advise("give a period, such as --keep 3y"));
            }
            None => {
                return Err(refuse("immutability needs a period of retention: rules that count say nothing of a date")
                    .advise("give a period, such as --keep 3y; rules that count may stand beside it"));
            }
            Some(period) => period,
        };
        let days_least = period.days_least()?.unwrap_or(0);
        let locked = match (wish.cover, wish.class, wish.retention_type) {
            (Cover::WholePeriod, ..) => period,
            (Cover::Days(_), Class::Copy, _) => {
                return Err(refuse("a backup copy is locked for its whole period of retention, not for some days")
                    .advise("leave --immutable-days away"));
            }
            (Cover::Days(_), _, RetentionType::Item) => {
                return Err(refuse("item-level retention locks for its whole period, not for some days")
                    .advise("leave --immutable-days away, or use --retention-type snapshot"));
            }
            (Cover::Days(0), ..) => {
                return Err(refuse("a lock of no days locks nothing").advise("give at least one day"));
            }
            (Cover::Days(days), ..) if days > days_least => {
                let what = format!("a lock of {days} days is longer than the period {period} ({days_least} days)");
                return Err(refuse(&what).advise(format!("give at most {days_least} days, or a longer period")));
            }
            (Cover::Days(days), ..) => Period::Days(days),
        };
        Ok(Policy { wish, locked })
    }

    /// The same with more days of locking.
    ///
    /// # Errors
    /// `Immutable` for fewer days than now; `Input` where days make no sense.
    pub fn raised(&self, days: u32) -> Result<Self> {
        match self.wish.cover {
            Cover::Days(now) if days < now => Err(Error::new(
                Kind::Immutable,
                format!("days of locking are only ever raised: {now} now, {days} asked"),
            )
            .advise(format!("give at least {now} days"))),
            Cover::WholePeriod => {
                Err(refuse("this repository locks for the whole period already").advise("nothing needs to be raised"))
            }
            Cover::Days(_) => Policy::new(Wish { cover: Cover::Days(days), ..self.wish }),
        }
    }

    /// The settings.
    pub fn wish(&self) -> &Wish {
        &self.wish
    }

    /// Until when everything that a restore point committed at `commit` needs must be locked at least.
    ///
    /// # Errors
    /// `Input` when it lies beyond the calendar.
    pub fn needed_until(&self, commit: Time) -> Result<Time> {
        let end = self.locked.after(commit)?;
        end.ok_or_else(|| Error::new(Kind::Bug, "a lock without an end passed the rules"))
    }

    /// The lock for an object that is put, or extended, for a restore point committed at `commit` (by the store's clock): what is
    /// needed, a generation more, up to the day.
    ///
    /// # Errors
    /// `Input` when it lies beyond the calendar.
    pub fn retain_until(&self, commit: Time) -> Result<Retention> {
        let end = self.needed_until(commit)?;
        let generation = Period::Days(self.wish.generation_days).after(end)?.unwrap_or(end);
        Ok(Retention::new(self.wish.mode, day_up(generation)?))
    }

    /// Whether an object with this lock must be extended before a restore point that needs it is committed at `commit`.
    ///
    /// # Errors
    /// `Input` when the dates lie beyond the calendar.
    pub fn needs_extension(&self, current: Option<Retention>, commit: Time) -> Result<bool> {
        let needed = Retention::new(self.wish.mode, self.needed_until(commit)?);
        Ok(!current.is_some_and(|current| current.covers(&needed)))
    }
}

impl RetentionType {
    /// The word of the command line and of the config.
    pub fn as_str(self) -> &'static str {
        match self {
            RetentionType::Snapshot => "snapshot",
            RetentionType::Item => "item",
        }
    }
}

impl fmt::Display for RetentionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RetentionType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "snapshot" => Ok(RetentionType::Snapshot),
            "item" => Ok(RetentionType::Item),
            _ => Err(refuse(&format!("{text:?} is no type of retention")).advise("write snapshot or item")),
        }
    }
}

fn refuse(what: &str) -> Error {
    Error::new(Kind::Input, what)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
