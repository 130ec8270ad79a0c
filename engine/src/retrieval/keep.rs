//! Keeping what was retrieved readable for as long as somebody reads it.

use super::extend::extend;
use crate::limits::DAY_SECONDS;
use crate::log::RetrievalRef;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::threads;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use format_spec::Time;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Extends retrievals by a day whenever their end comes near, until it is dropped. That it could not is worth a warning: the data may go away under
/// who reads, and then reading says so.
#[derive(Debug)]
pub struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Keeps these retrievals. `every` is how often to look.
    pub fn start(repository: &Arc<Repository>, retrievals: Vec<u32>, every: Duration, monitor: &Arc<Monitor>) -> Self {
        let (stop, stopped) = bounded(0);
        let (repository, monitor, warned) = (repository.clone(), monitor.clone(), monitor);
        let watch = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
                for retrieval in &retrievals {
                    if let Err(e) = keep(&repository, *retrieval) {
                        let subject = format!("retrieval {retrieval}");
                        monitor.warn(subject.as_bytes(), format!("could not be extended while data is read: {e}"));
                    }
                }
            }
        };
        let started = threads::spawn(watch);
        if let Err(e) = &started {
            warned.warn(b"", format!("retrievals are not extended while data is read: {e}"));
        }
        Keeper { stop: Some(stop), thread: started.ok() }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A thread that panicked has nothing more to keep.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Extends a retrieval whose end is near. One that has ended is left alone.
fn keep(repository: &Repository, retrieval: u32) -> crate::Result<()> {
    repository.log().refresh()?;
    let told = repository.log().view().retrievals.get(&retrieval).cloned();
    if told.is_some_and(|told| is_due(&told, repository.env().now())) {
        extend(repository, retrieval, EXTENDED_DAYS, &Monitor::new())?;
    }
    Ok(())
}

/// Whether the earliest moment at which the store may end it is near.
fn is_due(told: &RetrievalRef, now: Time) -> bool {
    let end = told.changed.seconds.saturating_add(i64::from(told.days) * DAY_SECONDS);
    end.saturating_sub(now.seconds) < MARGIN_SECONDS
}

/// Long enough for a machine that was asleep, short enough for retrievals of one day.
const MARGIN_SECONDS: i64 = 6 * 3600;
const EXTENDED_DAYS: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use format_spec::log::RetrievalMode;

    #[test]
    fn a_retrieval_is_extended_in_its_last_hours() {
        let at = |seconds| Time::new(seconds, 0);
        let told = |changed, days| RetrievalRef {
            mode: RetrievalMode::Standard,
            days,
            begun: at(0),
            changed: at(changed),
            objects: [].into(),
            about: String::new(),
        };
        let hour = 3600;
        assert!(!is_due(&told(0, 1), at(18 * hour)) && is_due(&told(0, 1), at(18 * hour + 1)));
        assert!(!is_due(&told(18 * hour, 1), at(20 * hour)), "it counts from its last change");
        assert!(!is_due(&told(0, 7), at(18 * hour + 1)));
    }
}
