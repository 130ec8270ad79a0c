//! Progress while the engine works: a bar on a terminal, JSON lines with `--json`, warnings as they come.
//!
//! One thread reads the monitor's counters; the work itself never waits for it.

use super::rows::ProgressRow;
use super::{Output, Row, human};
use engine::monitor::{Counters, Monitor};
use engine::threads;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use parking_lot::{Condvar, Mutex};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Runs `work` while its progress is shown; returns when both have ended, with every warning told.
pub(crate) fn show<T>(output: &Output, label: &str, monitor: &Monitor, work: impl FnOnce() -> T) -> T {
    let ended = Ended::default();
    let display = Display::new(output, label);
    std::thread::scope(|scope| {
        let ticker = threads::scoped(scope, || tick(output, &display, monitor, &ended));
        // The ticker must end even if the work panics, or the scope would wait for ever.
        let finish = Finish(&ended);
        let result = work();
        drop(finish);
        match ticker {
            // A ticker that panicked has nothing more to show.
            Ok(ticker) => _ = ticker.join(),
            // Without a thread nothing was shown; what went wrong is told all the same.
            Err(_) => tick(output, &display, monitor, &ended),
        }
        display.clear(output);
        result
    })
}

#[derive(Default)]
struct Ended {
    flag: Mutex<bool>,
    changed: Condvar,
}

struct Finish<'a>(&'a Ended);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        *self.0.flag.lock() = true;
        self.0.changed.notify_all();
    }
}

fn tick(output: &Output, display: &Display, monitor: &Monitor, ended: &Ended) {
    let start = Instant::now();
    let mut told = start;
    loop {
        let over = {
            let mut flag = ended.flag.lock();
            if !*flag {
                ended.changed.wait_for(&mut flag, TICK);
            }
            *flag
        };
        for warning in monitor.take_warnings() {
            output.warning(&warning.subject, &warning.reason);
        }
        display.draw(&monitor.counters);
        if !over && output.json && output.progress && told.elapsed() >= JSON_EVERY {
            told = Instant::now();
            // A reader that went away will be noticed at the next answer.
            let _ = output.row(|| line(&monitor.counters, start.elapsed()));
        }
        if over {
            return;
        }
    }
}

fn line(counters: &Counters, elapsed: Duration) -> Row {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let known = |total: u64| Some(total).filter(|total| *total > 0);
    let seconds = elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    let rate = read(&counters.bytes) as f64 / seconds.max(0.001);
    Row::new("progress").report(&ProgressRow {
        items_done: read(&counters.items),
        items_total: known(read(&counters.items_total)),
        bytes_done: read(&counters.bytes),
        bytes_total: known(read(&counters.bytes_total)),
        bytes_per_second: rate.round(),
        seconds_elapsed: seconds,
    })
}

/// The bar, if one is drawn.
struct Display {
    bar: Option<ProgressBar>,
    items: Arc<AtomicU64>,
}

impl Display {
    fn new(output: &Output, label: &str) -> Display {
        let items = Arc::new(AtomicU64::new(0));
        let drawn = output.progress && !output.json && std::io::stderr().is_terminal();
        let bar = drawn.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style(false, &items));
            bar.set_prefix(label.to_owned());
            bar
        });
        output.bar.lock().clone_from(&bar);
        Display { bar, items }
    }

    fn draw(&self, counters: &Counters) {
        let Some(bar) = &self.bar else { return };
        self.items.store(counters.items.load(Ordering::Relaxed), Ordering::Relaxed);
        let total = counters.bytes_total.load(Ordering::Relaxed);
        if total > 0 && bar.length() != Some(total) {
            bar.set_style(style(true, &self.items));
            bar.set_length(total);
        }
        bar.set_position(counters.bytes.load(Ordering::Relaxed));
        bar.tick();
    }

    fn clear(&self, output: &Output) {
        *output.bar.lock() = None;
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(total_known: bool, items: &Arc<AtomicU64>) -> ProgressStyle {
    let template = if total_known { KNOWN } else { UNKNOWN };
    let items = Arc::clone(items);
    ProgressStyle::with_template(template)
        .expect("the templates are constant and valid")
        .progress_chars("=> ")
        .with_key("files", move |_: &ProgressState, text: &mut dyn std::fmt::Write| {
            // The bar ignores what it cannot draw.
            let _ = text.write_str(&human::count(items.load(Ordering::Relaxed)));
        })
        .with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let rate = Duration::try_from_secs_f64(state.per_sec().max(0.0) / 1e9).unwrap_or_default().as_nanos();
            let _ = write!(text, "{}/s", human::bytes(u64::try_from(rate).unwrap_or(u64::MAX)));
        })
}

const KNOWN: &str =
    "{prefix} [{bar:24}] {percent:>3}% {decimal_bytes}/{decimal_total_bytes}, {files} files, {rate}, {eta} left";
const UNKNOWN: &str = "{prefix} {spinner} {decimal_bytes}, {files} files, {rate}, {elapsed}";
const TICK: Duration = Duration::from_millis(100);
const JSON_EVERY: Duration = Duration::from_secs(1);
