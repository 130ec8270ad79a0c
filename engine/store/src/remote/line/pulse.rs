//! The pulse of one request: when bytes last moved, and whether they move fast enough.
//!
//! Two things end a request from here: silence and a drip. A drip is a request that moves less than [`DRIP_BYTES_PER_SECOND`] over a whole
//! window while the line as a whole moves hardly more: many requests that share a slow line are slow, too, and are left alone.

use super::Terms;
use super::trouble::Trouble;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How one request goes.
#[derive(Debug)]
pub(super) struct Pulse {
    bytes: AtomicU64,
    phase: AtomicU8,
    moved: Arc<AtomicU64>,
}

impl Pulse {
    /// Of a request over the line that has moved so many bytes.
    pub(super) fn new(moved: Arc<AtomicU64>) -> Self {
        Pulse { bytes: AtomicU64::new(0), phase: AtomicU8::new(WAITS), moved }
    }

    /// So many bytes moved.
    pub(super) fn beat(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A body goes out from now on.
    pub(super) fn sends(&self) {
        self.phase.store(SENDS, Ordering::Relaxed);
    }

    /// The server has it all, and thinks.
    pub(super) fn waits(&self) {
        self.phase.store(WAITS, Ordering::Relaxed);
    }

    /// The answer has begun.
    pub(super) fn receives(&self) {
        self.phase.store(RECEIVES, Ordering::Relaxed);
    }

    /// Ends when the request has to be given up.
    pub(super) async fn watch(&self, terms: &Terms) -> Trouble {
        let state = || (self.phase.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        let (mut seen, mut moved) = (state(), Instant::now());
        let (mut window, mut before) = (Instant::now(), (seen, self.moved.load(Ordering::Relaxed)));
        loop {
            sleep(LOOK_EVERY).await;
            let (now, line) = (state(), self.moved.load(Ordering::Relaxed));
            if now != seen {
                (seen, moved) = (now, Instant::now());
            }
            let silence = if terms.outage.has_answered() { terms.silence } else { terms.silence.min(SILENCE_AT_START) };
            if moved.elapsed() >= silence {
                return Trouble::Silent(silence);
            }
            // A window is of one phase, and none in which the server thinks.
            if now.0 != before.0.0 || now.0 == WAITS {
                (window, before) = (Instant::now(), (now, line));
            } else if window.elapsed() >= terms.drip_window {
                let seconds = window.elapsed().as_secs().max(1);
                let rate = |from: u64, to: u64| (to - from) / seconds;
                let (own, all) = (rate(before.0.1, now.1), rate(before.1, line));
                if own < DRIP_BYTES_PER_SECOND && all < LINE_BYTES_PER_SECOND {
                    return Trouble::Drips(own);
                }
                (window, before) = (Instant::now(), (now, line));
            }
        }
    }
}

const WAITS: u8 = 0;
const SENDS: u8 = 1;
const RECEIVES: u8 = 2;
/// Silence and drips are times of many seconds.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Before the first answer, another connection is tried soon: the patience of a start is a minute.
const SILENCE_AT_START: Duration = Duration::from_secs(20);
/// At this speed a pack of 5 MB takes forty minutes.
const DRIP_BYTES_PER_SECOND: u64 = 2_000;
/// A line that moves more than this in all is only slow, and shared.
const LINE_BYTES_PER_SECOND: u64 = 16_000;
