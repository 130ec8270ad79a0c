//! What may be asked for together, and the dates that follow from it.

use super::period::{day_up, days_after, days_least, days_most, end};
use crate::error::{Error, Kind, Result};
use crate::log::Raises;
use crate::store::{Mode, ObjectLock};
use format_spec::Time;
use format_spec::config::{Class, Config, IMMUTABILITY, Immutability, LockMode, RetentionKind};
use format_spec::period::{Period, Unit};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

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
pub struct LockSettings {
    /// What the repository is for.
    pub class: Class,
    /// What leaves when the period is over.
    pub retention_kind: RetentionKind,
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
pub struct LockPolicy {
    wish: LockSettings,
    /// The period of the lock; never for ever.
    locked: Period,
}

impl LockPolicy {
    /// Takes what was wished for, if it makes sense.
    ///
    /// # Errors
    /// `Input`, with what would be right: a lock without an end, or with none that follows from the rules; days of locking where the
    /// whole period must be locked, or more of them than the period has.
    pub fn new(wish: LockSettings) -> Result<Self> {
        let period = match wish.period {
            Some(period) if period.is_for_ever() => {
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
        let days_least = days_least(period)?.unwrap_or(0);
        let locked = match (wish.cover, wish.class, wish.retention_kind) {
            (Cover::WholePeriod, ..) => period,
            (Cover::Days(_), Class::Copy, _) => {
                return Err(refuse("a backup copy is locked for its whole period of retention, not for some days")
                    .advise("leave --immutable-days away"));
            }
            (Cover::Days(_), _, RetentionKind::Item) => {
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
            (Cover::Days(days), ..) => {
                Period::new(days, Unit::Days).map_err(|e| refuse(&format!("{days} days of locking: {e}")))?
            }
        };
        Ok(LockPolicy { wish, locked })
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
            Cover::Days(_) => LockPolicy::new(LockSettings { cover: Cover::Days(days), ..self.wish }),
        }
    }

    /// What a repository's config says, with the days that entries of its log have raised since; `None` when it locks nothing.
    ///
    /// # Errors
    /// `Damaged` when the settings make no sense together.
    pub fn of(config: &Config, settings: &BTreeMap<u16, Vec<u8>>) -> Result<Option<Self>> {
        let Some(first) = config.immutability else { return Ok(None) };
        // The log keeps only what may be raised.
        let raised = settings.get(&IMMUTABILITY).map(|bytes| Immutability::decode(bytes)).transpose()?;
        let days = raised.map_or(first.days, |raised| raised.days);
        let wish = LockSettings {
            class: config.class,
            retention_kind: config.retention.kind,
            period: Some(config.retention.period),
            mode: mode_of(first.mode),
            cover: days.map_or(Cover::WholePeriod, |days| Cover::Days(days.get())),
            generation_days: first.generation_days,
        };
        let wrong = |e: Error| Error::new(Kind::Damaged, "the settings of immutability make no sense").because(e);
        LockPolicy::new(wish).map(Some).map_err(|e| wrong(e).on(format_spec::names::CONFIG))
    }

    /// What entries of the log may raise on top of this, which is what the config says.
    ///
    /// # Errors
    /// `Input` when the period lies beyond the calendar.
    pub fn raises(&self) -> Result<Option<Raises>> {
        let Some(days_max) = self.wish.period.map_or(Ok(None), days_least)? else { return Ok(None) };
        Ok(matches!(self.wish.cover, Cover::Days(_)).then(|| Raises { first: self.field(), days_max }))
    }

    /// The field of the config.
    pub fn field(&self) -> Immutability {
        let days = match self.wish.cover {
            Cover::WholePeriod => None,
            Cover::Days(days) => NonZeroU32::new(days),
        };
        let mode = match self.wish.mode {
            Mode::Governance => LockMode::Governance,
            Mode::Compliance => LockMode::Compliance,
        };
        Immutability { mode, days, generation_days: self.wish.generation_days }
    }

    /// The settings.
    pub fn wish(&self) -> &LockSettings {
        &self.wish
    }

    /// Until when everything that a restore point committed at `commit` needs must be locked at least.
    ///
    /// # Errors
    /// `Input` when it lies beyond the calendar.
    pub fn needed_until(&self, commit: Time) -> Result<Time> {
        end(self.locked, commit)?.ok_or_else(|| Error::new(Kind::Bug, "a lock without an end passed the rules"))
    }

    /// The lock for an object that is put, or extended, for a restore point committed at `commit` (by the store's clock): what is
    /// needed, a generation more, up to the day.
    ///
    /// # Errors
    /// `Input` when it lies beyond the calendar.
    pub fn retain_until(&self, commit: Time) -> Result<ObjectLock> {
        let end = self.needed_until(commit)?;
        let generation = days_after(self.wish.generation_days, end)?;
        Ok(ObjectLock::new(self.wish.mode, day_up(generation)?))
    }

    /// For how many days an object will be locked that is put now and that no later restore point needs: at least, and at most. Months and years
    /// are reckoned in their shortest run, and their longest.
    ///
    /// # Errors
    /// `Input` when it lies beyond the calendar.
    pub fn days_locked(&self) -> Result<(u32, u32)> {
        let more = self.wish.generation_days;
        let (least, most) = (days_least(self.locked)?.unwrap_or(0), days_most(self.locked)?.unwrap_or(0));
        // Up to the end of the day on which it would end.
        Ok((least.saturating_add(more), most.saturating_add(more).saturating_add(1)))
    }

    /// Whether an object with this lock must be extended before a restore point that needs it is committed at `commit`.
    ///
    /// # Errors
    /// `Input` when the dates lie beyond the calendar.
    pub fn needs_extension(&self, current: Option<ObjectLock>, commit: Time) -> Result<bool> {
        let needed = ObjectLock::new(self.wish.mode, self.needed_until(commit)?);
        Ok(!current.is_some_and(|current| current.covers(&needed)))
    }
}

fn mode_of(mode: LockMode) -> Mode {
    match mode {
        LockMode::Governance => Mode::Governance,
        LockMode::Compliance => Mode::Compliance,
    }
}

fn refuse(what: &str) -> Error {
    Error::new(Kind::Input, what)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
