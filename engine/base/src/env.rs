//! The only door to the clock and to randomness, so that a seeded simulation can run the whole engine.
//!
//! Promises: nothing else in the engine asks the time or draws random bytes. Refuses to order anything: safety rests on the
//! log, never on a clock; times are for people and for the source's own change detection.

use crate::error::{Error, Kind, Result};
use format_spec::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The clock and the dice.
pub trait Env: Send + Sync {
    /// Wall time since the epoch.
    fn now(&self) -> Time;
    /// Seconds on a clock that never goes back, from an arbitrary start.
    fn elapsed(&self) -> f64;
    /// Fills `bytes` with randomness fit for keys.
    fn random(&self, bytes: &mut [u8]) -> Result<()>;
    /// Lets time pass on the clock of [`Env::elapsed`]: what waits for a store waits here.
    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
    /// How many threads are to ask the store for small things beside each other, where `wanted` would be fastest; with 1 the caller asks itself.
    /// A simulation wants an order that repeats itself.
    fn threads(&self, wanted: usize) -> usize {
        wanted
    }
    /// The host that jobs belong to which are run here: this machine's name, unless somebody says otherwise.
    fn host(&self) -> String {
        host_name()
    }
}

/// This machine's name, as restore points record it.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A time as messages show it: `2026-11-22T00:37:49Z`.
pub fn utc(time: Time) -> String {
    jiff::Timestamp::new(time.seconds, 0).map_or_else(|_| format!("{}s", time.seconds), |t| t.to_string())
}

/// A shared environment.
pub type SharedEnv = Arc<dyn Env>;

/// The machine's own clock and randomness.
#[derive(Debug)]
pub struct Machine {
    start: std::time::Instant,
}

impl Machine {
    /// The real environment.
    pub fn shared() -> SharedEnv {
        Arc::new(Machine { start: std::time::Instant::now() })
    }
}

impl Env for Machine {
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Time { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
    }

    fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes).map_err(|e| Error::new(Kind::Bug, format!("the system gives no randomness: {e}")))
    }
}

/// An environment of which somebody says more than the machine does.
struct Said {
    env: SharedEnv,
    host: Option<String>,
    threads_max: usize,
}

/// The same environment, under another host's name.
pub fn on_host(env: SharedEnv, host: impl Into<String>) -> SharedEnv {
    Arc::new(Said { env, host: Some(host.into()), threads_max: usize::MAX })
}

/// The same environment with at most so many threads that ask the store beside each other.
pub fn with_threads(env: SharedEnv, threads_max: usize) -> SharedEnv {
    Arc::new(Said { env, host: None, threads_max })
}

impl Env for Said {
    fn now(&self) -> Time {
        self.env.now()
    }

    fn elapsed(&self) -> f64 {
        self.env.elapsed()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        self.env.random(bytes)
    }

    fn sleep(&self, time: Duration) {
        self.env.sleep(time);
    }

    fn threads(&self, wanted: usize) -> usize {
        self.env.threads(wanted.min(self.threads_max))
    }

    fn host(&self) -> String {
        self.host.clone().unwrap_or_else(|| self.env.host())
    }
}

/// A repeatable environment for tests and simulations: the clock advances one millisecond a question, the dice follow the seed.
#[derive(Debug)]
pub struct Seeded {
    seed: u64,
    draws: AtomicU64,
    ticks: AtomicU64,
}

impl Seeded {
    /// An environment that repeats itself for the same seed and order of questions.
    pub fn shared(seed: u64) -> SharedEnv {
        Arc::new(Seeded { seed, draws: AtomicU64::new(0), ticks: AtomicU64::new(0) })
    }
}

impl Env for Seeded {
    fn now(&self) -> Time {
        let ms = self.ticks.fetch_add(1, Ordering::Relaxed);
        let seconds = 1_700_000_000 + i64::try_from(ms / 1000).unwrap_or(0);
        Time { seconds, nanos: u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000 }
    }

    fn elapsed(&self) -> f64 {
        f64::from(u32::try_from(self.ticks.load(Ordering::Relaxed)).unwrap_or(u32::MAX)) / 1000.0
    }

    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&draw.to_le_bytes());
        hasher.finalize_xof().fill(bytes);
        Ok(())
    }

    /// Nobody waits: the clock is put on, by a tick at least, or whoever waits for a part of one would wait for ever.
    fn sleep(&self, time: Duration) {
        let ticks = time.as_micros().div_ceil(1000);
        self.ticks.fetch_add(u64::try_from(ticks).unwrap_or(u64::MAX / 2), Ordering::Relaxed);
    }
}
