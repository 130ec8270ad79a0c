//! Workers that wait for the store, so that session threads never do.

use crate::limits::QUEUE_MAX;
use crossbeam_channel::{Sender, TrySendError, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of workers before a queue with an end. They end when the pool is dropped and the queue is empty.
pub(super) struct Pool {
    queue: Sender<Job>,
}

impl Pool {
    pub(super) fn start(name: &str, workers: usize) -> std::io::Result<Self> {
        let (queue, jobs) = bounded::<Job>(QUEUE_MAX);
        for n in 0..workers {
            let jobs = jobs.clone();
            let work = move || {
                for job in jobs {
                    // A job answers for its own panics; this one is for those of its last line, so that no worker is lost.
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        tracing::error!("a mount's worker survived a panic");
                    }
                }
            };
            std::thread::Builder::new().name(format!("{name}-{n}")).spawn(work)?;
        }
        Ok(Pool { queue })
    }

    /// Hands a job over; gives it back when there are too many. Never waits.
    pub(super) fn submit(&self, job: Job) -> Result<(), Job> {
        self.queue.try_send(job).map_err(|e| match e {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }
}
