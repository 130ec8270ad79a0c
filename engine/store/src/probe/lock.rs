//! Object lock, tried out: a lock is believed only when the store has refused to delete what it holds.
//!
//! The trial writes one small object that is locked for some minutes in the mode of governance, which somebody with rights can still
//! lift, so that nothing stays for ever. It cannot delete that object itself: it goes with the next trial that finds its lock ended.
//! The place is tried in the state in which it will be used.

use super::{CONTENT_BYTES, Tell, random};
use crate::lock::delete_versions;
use crate::{ListOptions, Mode, ObjectLock, ObjectName, PutOptions, Store, StoreExt};
use base::env::Env;
use base::error::{Error, Kind, Result};
use base::limits::STORE_SKEW_SECONDS_MAX;
use bytes::Bytes;
use format_spec::Time;

/// What a trial of object lock has proven, and what was seen where it was not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockProbed {
    /// The place says that it keeps versions and locks them.
    pub declared: bool,
    /// A put with a lock made a version that is shown locked, as long as asked for.
    pub kept: bool,
    /// Deleting the locked version was refused, for the reason that it is locked, and its bytes were still there.
    pub enforced: bool,
    /// A lock was extended, and not shortened.
    pub raised_only: bool,
    /// How far the store's clock is ahead of ours, in seconds; a lock is reckoned from the store's.
    pub skew_seconds: Option<i64>,
    /// One sentence for each thing that was not as it should be.
    pub observed: Vec<String>,
}

impl LockProbed {
    /// Refuses a store whose locks do not hold.
    ///
    /// # Errors
    /// `Unsupported`, naming what is missing and what was observed; `Input` when the clocks differ by more than five minutes.
    pub fn require(&self) -> Result<()> {
        let needed = [
            (self.declared, "object lock switched on for the bucket, or version-level immutability for the container"),
            (self.skew_seconds.is_some(), "a clock of its own"),
            (self.kept, "locks on new objects"),
            (self.raised_only, "raising locks and never shortening them"),
            (self.enforced, "refusing to delete what is locked"),
        ];
        let missing: Vec<&str> = needed.iter().filter(|(has, _)| !has).map(|(_, what)| *what).collect();
        if !missing.is_empty() {
            let (missing, observed) = (missing.join(", "), self.observed.join("; "));
            return Err(Error::new(Kind::Unsupported, format!("this store lacks: {missing} (observed: {observed})"))
                .advise("use a place whose locks hold, or make the repository without immutability"));
        }
        match self.skew_seconds {
            Some(skew) if skew.abs() > STORE_SKEW_SECONDS_MAX => {
                let what = format!("the store's clock differs from this machine's by {skew} seconds");
                Err(Error::new(Kind::Input, what).advise("set the clock of this machine, then try again"))
            }
            _ => Ok(()),
        }
    }

    /// What was proven, as lines `name=value` for the config.
    pub fn lines(&self) -> Vec<String> {
        let word = |proven: bool| if proven { "yes" } else { "no" };
        vec![
            format!("lock_declared={}", word(self.declared)),
            format!("lock_kept={}", word(self.kept)),
            format!("lock_raised_only={}", word(self.raised_only)),
            format!("lock_enforced={}", word(self.enforced)),
        ]
    }
}

/// Tries locks out; some ten small requests. To be asked for only when immutability is.
///
/// # Errors
/// What the store says when the trial itself is impossible. What it does wrong is no error here but a missing capability.
pub fn probe_lock(store: &dyn Store, env: &dyn Env, tell: Tell<'_>) -> Result<LockProbed> {
    tell("locking an object, and deleting it all the same");
    let mut probed = LockProbed::default();
    // Nobody knows the trial's object by its name.
    try_out(store, env, &mut probed).map_err(|e| e.on_instead(store.location()))?;
    Ok(probed)
}

fn try_out(store: &dyn Store, env: &dyn Env, probed: &mut LockProbed) -> Result<()> {
    let declared = store.capabilities()?;
    probed.declared = declared.versions && declared.locks;
    if !probed.declared {
        probed.observed.push("the place says that it locks nothing".to_owned());
    }
    let now = match judge(store.now())? {
        Ok(now) => now,
        Err(message) => {
            probed.observed.push(message);
            return Ok(());
        }
    };
    probed.skew_seconds = Some(now.seconds.saturating_sub(env.now().seconds));
    if let Err(message) = judge(sweep(store))? {
        probed.observed.push(format!("versions could not be listed ({message})"));
    }
    let mut name = format!("{LOCKS}/");
    for byte in random(env, 16)? {
        name.push_str(&format!("{byte:02x}"));
    }
    let trial = Trial { store, name: ObjectName::new(name)?, content: random(env, CONTENT_BYTES)?, now };
    match trial.put(probed)? {
        Some(version) => trial.try_version(&version, probed),
        // It may be there all the same, without a lock.
        None => tidy(store, &trial.name),
    }
}

/// One locked object.
struct Trial<'a> {
    store: &'a dyn Store,
    name: ObjectName,
    content: Bytes,
    now: Time,
}

impl Trial<'_> {
    fn lock(&self, seconds: i64) -> ObjectLock {
        ObjectLock::new(Mode::Governance, Time::new(self.now.seconds.saturating_add(seconds), 0))
    }

    fn put(&self, probed: &mut LockProbed) -> Result<Option<String>> {
        match judge(self.store.put(&self.name, self.content.clone(), &PutOptions::locked(&self.lock(LOCK_SECONDS))))? {
            Ok(receipt) => {
                if receipt.version.is_none() {
                    probed.observed.push("a locked object got no version".to_owned());
                }
                Ok(receipt.version)
            }
            Err(message) => {
                probed.observed.push(format!("an object could not be locked ({message})"));
                Ok(None)
            }
        }
    }

    fn try_version(&self, version: &str, probed: &mut LockProbed) -> Result<()> {
        let asked = self.lock(LOCK_SECONDS);
        let shown = self.store.lock_of(self.name.at(Some(version)))?;
        probed.kept = shown.is_some_and(|shown| shown.covers(&asked));
        if !probed.kept {
            let shown = shown.map_or_else(|| "none".to_owned(), |r| r.to_string());
            probed.observed.push(format!("of a lock ({asked}) is shown: {shown}"));
        }
        let faults = [self.raise(version)?, self.delete(version)?];
        [probed.raised_only, probed.enforced] = [faults[0].is_none(), faults[1].is_none()];
        probed.observed.extend(faults.into_iter().flatten());
        Ok(())
    }

    /// Raises the lock, asks for a shorter one, and looks at what is shown; what was wrong.
    fn raise(&self, version: &str) -> Result<Option<String>> {
        let longer = self.lock(LOCK_SECONDS + 60);
        for wanted in [longer, self.lock(60)] {
            match judge(self.store.extend_lock(self.name.at(Some(version)), &wanted))? {
                Ok(shown) if shown.covers(&longer) => {}
                Ok(shown) => return Ok(Some(format!("of a raised lock ({longer}) is shown: {shown}"))),
                Err(message) => return Ok(Some(format!("a lock could not be extended ({message})"))),
            }
        }
        Ok(None)
    }

    /// Deletes what is locked; what was wrong.
    fn delete(&self, version: &str) -> Result<Option<String>> {
        match self.store.delete(self.name.at(Some(version))) {
            Ok(()) => Ok(Some("a locked version was deleted".to_owned())),
            Err(e) if e.kind() == Kind::Immutable => {
                let whole = 0..self.content.len() as u64;
                let there =
                    self.store.get_range(self.name.at(Some(version)), whole).is_ok_and(|bytes| bytes == self.content);
                Ok((!there).then(|| "a locked version was not deleted, but lost its bytes".to_owned()))
            }
            Err(e) if e.kind() == Kind::Denied => {
                Ok(Some(format!("a locked version was not deleted, but not because it is locked ({})", e.whole())))
            }
            Err(e) => Err(e),
        }
    }
}

/// Frees what earlier trials had to leave, as far as its lock has ended.
fn sweep(store: &dyn Store) -> Result<()> {
    let mut left = Vec::new();
    store.list(&ListOptions::below(LOCKS).oldest(), &mut |listed| {
        left.push(listed.name);
        left.len() < SWEPT_MAX
    })?;
    left.iter().try_for_each(|name| tidy(store, name))
}

/// Frees the object as far as it goes: by its versions, or by its name where there are none.
fn tidy(store: &dyn Store, name: &ObjectName) -> Result<()> {
    if judge(delete_versions(store, name))?.is_err() {
        let _ = judge(store.delete(name.object()))?;
    }
    Ok(())
}

/// A store's own answer, right or wrong; an error that says nothing about its abilities ends the trial.
fn judge<T>(result: Result<T>) -> Result<std::result::Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(e) if matches!(e.kind(), Kind::Transient | Kind::NoRepository | Kind::NoSpace | Kind::Bug) => Err(e),
        // Nobody knows the trial's object by its name.
        Err(e) => Ok(Err(e.whole())),
    }
}

/// Where the trial's objects lie.
const LOCKS: &str = "probe/locks";
/// Long enough for the trial on the slowest store, short enough to be forgotten.
const LOCK_SECONDS: i64 = 180;
const SWEPT_MAX: usize = 100;
