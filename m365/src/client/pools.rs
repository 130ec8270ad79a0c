//! Pools of calls: who may call when, and who waits for whom.
//!
//! Each mailbox has a pool of its own, and so have the drives of the tenant together, the directory
//! and Teams. A fence holds all of a pool and nobody else.

use crate::pace::{self, Limits, Pace, Turn};
use base::error::Result;
use base::monitor::Monitor;
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whose limits a call counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pool<'a> {
    /// A mailbox, by the id of its user.
    Mailbox(&'a str),
    /// All drives of the tenant.
    Drives,
    /// The directory.
    Directory,
    /// Teams.
    Teams,
}

impl Pool<'_> {
    fn limits(self) -> Limits {
        match self {
            Pool::Mailbox(_) => pace::MAILBOX,
            Pool::Drives => pace::DRIVES,
            Pool::Directory => pace::DIRECTORY,
            Pool::Teams => pace::TEAMS,
        }
    }

    fn key(self) -> String {
        match self {
            Pool::Mailbox(user) => format!("mailbox {user}"),
            Pool::Drives => "drives".to_owned(),
            Pool::Directory => "directory".to_owned(),
            Pool::Teams => "teams".to_owned(),
        }
    }
}

/// All pools of a client.
pub struct Pools {
    begun: Instant,
    pools: Mutex<HashMap<String, Arc<One>>>,
}

struct One {
    pace: Mutex<Pace>,
    /// Rung when a call has ended, or a fence has moved.
    bell: Condvar,
}

impl Default for Pools {
    fn default() -> Self {
        Pools { begun: Instant::now(), pools: Mutex::default() }
    }
}

/// The right to make one call; it ends with the call.
pub struct Permit<'c> {
    one: Arc<One>,
    _client: std::marker::PhantomData<&'c Pools>,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.one.pace.lock().end();
        self.one.bell.notify_one();
    }
}

impl Pools {
    /// Waits until a call of so many units may begin.
    ///
    /// # Errors
    /// A stop.
    pub fn enter(&self, pool: Pool<'_>, units: u64, monitor: &Monitor) -> Result<Permit<'_>> {
        let one = self.one(pool);
        let mut pace = one.pace.lock();
        loop {
            monitor.check()?;
            let now = self.begun.elapsed();
            let wait = match pace.ask(now, units) {
                Turn::Go => break,
                Turn::At(until) => until.saturating_sub(now).min(LOOK_AGAIN),
                Turn::AfterAnother => LOOK_AGAIN,
            };
            one.bell.wait_for(&mut pace, wait);
        }
        drop(pace);
        Ok(Permit { one, _client: std::marker::PhantomData })
    }

    /// Nothing of a pool may come for so long.
    pub fn fence(&self, pool: Pool<'_>, wait: Duration) {
        // The service counts in whole seconds, and a call that comes a moment early counts against us.
        let until = self.begun.elapsed() + wait + EARLY;
        let one = self.one(pool);
        one.pace.lock().fence(until);
        one.bell.notify_all();
    }

    /// How long nothing of a pool may come.
    pub fn waits(&self, pool: Pool<'_>) -> Duration {
        self.one(pool).pace.lock().fenced_until().saturating_sub(self.begun.elapsed())
    }

    /// Waits, and holds nobody.
    ///
    /// # Errors
    /// A stop.
    pub fn rest(&self, wait: Duration, monitor: &Monitor) -> Result<()> {
        let until = Instant::now() + wait;
        loop {
            monitor.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_AGAIN));
        }
    }

    fn one(&self, pool: Pool<'_>) -> Arc<One> {
        let mut pools = self.pools.lock();
        let new = || Arc::new(One { pace: Mutex::new(Pace::new(pool.limits())), bell: Condvar::new() });
        pools.entry(pool.key()).or_insert_with(new).clone()
    }
}

/// How often one who waits looks whether the session ends.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Clocks differ by some milliseconds, and the way takes some.
const EARLY: Duration = Duration::from_millis(50);
