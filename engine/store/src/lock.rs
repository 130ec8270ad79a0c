//! Versions and locks as the store keeps them: what cannot be deleted before when, and the words of it.
//!
//! Promises: a lock is compared by what it forbids, so that it is never weakened by mistake. Refuses to know why something is
//! locked and for how long it should be: that is decided by the room of immutability.

use super::{ObjectName, Store};
use base::error::{Error, Kind, Result};
use format_spec::Time;
use std::fmt;

/// Who may lift a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// An administrator with a special permission (S3 `GOVERNANCE`, an unlocked policy of Azure).
    Governance,
    /// Nobody, not even the owner of the account (S3 `COMPLIANCE`, a locked policy of Azure).
    Compliance,
}

impl Mode {
    /// The word of the command line and of the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Governance => "governance",
            Mode::Compliance => "compliance",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "governance" => Ok(Mode::Governance),
            "compliance" => Ok(Mode::Compliance),
            _ => Err(Error::new(Kind::Input, format!("{text:?} is no mode of immutability"))
                .advise("write compliance or governance")),
        }
    }
}

/// A lock on one version of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectLock {
    /// Who may lift it.
    pub mode: Mode,
    /// Until when the version cannot be deleted, by the store's own clock. Stores keep whole seconds.
    pub until: Time,
}

impl ObjectLock {
    /// A lock until `until`, rounded up to a whole second: stores keep no parts, and a lock never ends early.
    pub fn new(mode: Mode, until: Time) -> Self {
        let seconds = if until.nanos > 0 { until.seconds.saturating_add(1) } else { until.seconds };
        ObjectLock { mode, until: Time::new(seconds, 0) }
    }

    /// Whether this lock forbids at least what `wanted` forbids.
    pub fn covers(&self, wanted: &ObjectLock) -> bool {
        self.mode >= wanted.mode && self.until >= wanted.until
    }

    /// The weakest lock that forbids what either forbids.
    #[must_use]
    pub fn or_stronger(&self, other: &ObjectLock) -> Self {
        ObjectLock { mode: self.mode.max(other.mode), until: self.until.max(other.until) }
    }
}

impl fmt::Display for ObjectLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} until {}", self.mode, instant(self.until))
    }
}

/// One version of an object, or a delete marker, as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The store's name for it; `None` where the store keeps only one.
    pub id: Option<String>,
    /// Stored length in bytes; nothing for a marker.
    pub bytes: u64,
    /// True for a delete marker: it hides what is below and holds nothing.
    pub marker: bool,
}

/// What a place says of itself. Nothing is proven by it: [`super::probe_lock`] proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Every put makes a version that can be named.
    pub versions: bool,
    /// Versions can be locked.
    pub locks: bool,
}

/// A lock was asked of a store that has none: an option that cannot be enforced is an error.
pub(super) fn no_locks(name: &ObjectName) -> Error {
    Error::new(Kind::Unsupported, "this store cannot lock objects")
        .on(name)
        .advise("use a bucket with object lock or a container with version-level immutability, or no immutability")
}

/// A version that is locked was to be deleted.
pub(super) fn locked(name: &ObjectName, retention: Option<&ObjectLock>) -> Error {
    let what = match retention {
        Some(retention) => format!("retention forbids to delete this version ({retention})"),
        None => "retention forbids to delete this version".to_owned(),
    };
    Error::new(Kind::Immutable, what).on(name).advise("wait until the lock ends")
}

/// Raises what `have` locks to `wanted` and proves it: `raise` asks the store, `read` reads back. Nothing is asked of the store when
/// the lock is strong enough already, so a lock is never shortened.
pub(super) fn raise(
    name: &ObjectName,
    wanted: &ObjectLock,
    read: impl Fn() -> Result<Option<ObjectLock>>,
    raise: impl FnOnce(&ObjectLock) -> Result<()>,
) -> Result<ObjectLock> {
    let before = read()?;
    match before {
        Some(have) if have.covers(wanted) => return Ok(have),
        Some(have) => raise(&have.or_stronger(wanted))?,
        None => raise(wanted)?,
    }
    match read()? {
        Some(have) if have.covers(wanted) => Ok(have),
        have => {
            let have = have.map_or_else(|| "no lock".to_owned(), |r| r.to_string());
            Err(Error::new(Kind::Unsupported, format!("the store was asked for a lock ({wanted}) and shows {have}"))
                .on(name)
                .advise("this store does not enforce locks: use one with object lock"))
        }
    }
}

/// Every version of `name` is deleted by its id, the newest first, so that what is read stays the same until it is gone. What is
/// locked stays, and the first refusal is returned after everything else is gone.
pub fn delete_versions(store: &dyn Store, name: &ObjectName) -> Result<()> {
    let mut refused = Ok(());
    for version in store.versions(name)?.iter().rev() {
        match store.delete(name.at(version.id.as_deref())) {
            Err(e) if e.kind() == Kind::Immutable => refused = refused.and(Err(e)),
            other => other?,
        }
    }
    refused
}

/// A time as RFC 3339 in UTC, as S3 wants it.
pub(super) fn instant(time: Time) -> String {
    jiff::Timestamp::from_second(time.seconds).map_or_else(|_| format!("{}s", time.seconds), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_covers_what_is_shorter_and_weaker() {
        let at = |mode, seconds| ObjectLock::new(mode, Time::new(seconds, 0));
        let (weak, strong) = (at(Mode::Governance, 100), at(Mode::Compliance, 100));
        assert!(strong.covers(&weak) && !weak.covers(&strong) && weak.covers(&weak));
        assert!(!at(Mode::Compliance, 99).covers(&weak));
        let both = at(Mode::Compliance, 50).or_stronger(&at(Mode::Governance, 70));
        assert_eq!(both, at(Mode::Compliance, 70));
    }

    #[test]
    fn parts_of_a_second_lock_a_whole_one() {
        assert_eq!(ObjectLock::new(Mode::Governance, Time::new(5, 1)).until, Time::new(6, 0));
        assert_eq!(ObjectLock::new(Mode::Governance, Time::new(5, 0)).until, Time::new(5, 0));
    }

    #[test]
    fn a_lock_is_written_for_people() {
        let retention = ObjectLock::new(Mode::Compliance, Time::new(1_700_000_000, 0));
        assert_eq!(retention.to_string(), "compliance until 2023-11-14T22:13:20Z");
        assert_eq!("governance".parse::<Mode>().unwrap(), Mode::Governance);
        assert_eq!("locked".parse::<Mode>().unwrap_err().kind(), Kind::Input);
    }

    #[test]
    fn raising_is_proven_by_reading_back_and_leaves_alone_what_is_long_enough() {
        let name = ObjectName::new("a").unwrap();
        let lock = |seconds| ObjectLock::new(Mode::Governance, Time::new(seconds, 0));
        // What the store shows before and after, whether it is asked, and what comes of it.
        let cases = [
            (None, Some(lock(20)), true, Ok(lock(20))),
            (Some(lock(10)), Some(lock(20)), true, Ok(lock(20))),
            (Some(lock(30)), None, false, Ok(lock(30))),
            (None, None, true, Err(Kind::Unsupported)),
            (Some(lock(10)), Some(lock(10)), true, Err(Kind::Unsupported)),
            (Some(lock(10)), Some(lock(19)), true, Err(Kind::Unsupported)),
        ];
        for (before, after, asked, expected) in cases {
            let was_asked = std::cell::Cell::new(false);
            let read = || Ok(if was_asked.get() { after } else { before });
            let outcome = raise(&name, &lock(20), read, |_| {
                was_asked.set(true);
                Ok(())
            });
            assert_eq!(outcome.map_err(|e| e.kind()), expected, "{before:?} {after:?}");
            assert_eq!(was_asked.get(), asked, "{before:?} {after:?}");
        }
    }
}
