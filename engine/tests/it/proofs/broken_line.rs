//! A line that breaks every three minutes: what a session that ended has published, the next one relies on, and the backup comes to an end.

use super::rig::{Rig, noise};
use engine::Kind;
use engine::Result;
use engine::env::{Env, Machine, SharedEnv};
use engine::store::{Fault, Faulty, Memory, RequestKind};
use format_spec::Time;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// So long a line holds, in seconds.
const HOLDS_SECONDS: f64 = 180.0;
/// What it carries in a second: a pack in some 15 seconds, 54 MB until it breaks.
const BYTES_PER_SECOND: f64 = 300_000.0;
/// More than goes through before the line breaks.
const SOURCE_BYTES: usize = 80_000_000;
/// More runs than are needed when each publishes once after 30 seconds.
const RUNS_MAX: usize = 12;

/// A clock that runs so many times faster.
struct Fast {
    machine: SharedEnv,
    by: f64,
}

impl Env for Fast {
    fn now(&self) -> Time {
        self.machine.now()
    }

    fn elapsed(&self) -> f64 {
        self.machine.elapsed() * self.by
    }

    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        self.machine.random(bytes)
    }
}

/// One connection: packs go through one after the other, and some time after the first one nothing does.
fn line(rig: &Rig, by: f64, sent: Arc<AtomicU64>) -> Rig {
    let since: Mutex<Option<Instant>> = Mutex::new(None);
    let one = Mutex::new(());
    let is_down = move || since.lock().get_or_insert_with(Instant::now).elapsed().as_secs_f64() * by > HOLDS_SECONDS;
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.verb != RequestKind::Put || call.name.starts_with("keys/") {
            return None;
        }
        let _one = one.lock();
        if call.name.starts_with("data/") && !is_down() {
            let seconds = 5_000_000.0 / BYTES_PER_SECOND / by;
            std::thread::sleep(Duration::from_secs_f64(seconds));
            sent.fetch_add(1, Ordering::SeqCst);
        }
        is_down().then_some(Fault::Before(Kind::Denied))
    });
    rig.over(Arc::new(store))
}

/// Runs backups until one comes to its end; how many that took, and how many packs they sent.
fn runs(by: f64) -> (usize, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.env = Arc::new(Fast { machine: Machine::shared(), by });
    for part in 0..8 {
        rig.write(format!("part-{part}"), &noise(part, SOURCE_BYTES / 8));
    }
    let sent = Arc::new(AtomicU64::new(0));
    let done = (1..=RUNS_MAX).find(|run| match line(&rig, by, sent.clone()).back_up() {
        Ok(_) => true,
        Err(e) => {
            let published = rig.open().unwrap().log().view().segments.len();
            println!("run {run}: {published} segments published, {} packs sent: {e}", sent.load(Ordering::SeqCst));
            assert!(published >= *run, "a run left nothing behind: {e}");
            false
        }
    });
    rig.expect_equal();
    (done.expect("it comes to an end"), sent.load(Ordering::SeqCst))
}

#[test]
fn a_backup_over_a_line_that_breaks_again_and_again_comes_to_its_end() {
    let (runs, packs) = runs(60.0);
    assert!(runs > 1, "the line was not slow enough to prove anything");
    println!("broken line: {runs} runs, {packs} packs sent for {} MB", SOURCE_BYTES / 1_000_000);
}

/// The same with the times as they are: about a quarter of an hour.
#[test]
#[ignore = "takes a quarter of an hour: scripts/nightly"]
fn a_backup_over_a_line_that_breaks_every_three_minutes_comes_to_its_end() {
    let (runs, packs) = runs(1.0);
    assert!(runs > 1, "the line was not slow enough to prove anything");
    println!("broken line: {runs} runs, {packs} packs sent for {} MB", SOURCE_BYTES / 1_000_000);
}
