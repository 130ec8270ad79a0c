//! Sessions that seem to run, by a clock that the test turns.

use super::*;
use crate::blob::CachePlace;
use crate::env::{Env, Seeded, SharedEnv};
use crate::repository::{NewRepository, OpenOptions};
use crate::store::Memory;
use format_spec::log::{Change, Purpose};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The seeded environment, with the time that the test sets.
struct Clock(AtomicI64, SharedEnv);

impl Env for Clock {
    fn now(&self) -> Time {
        Time::new(self.0.load(Ordering::SeqCst), 0)
    }

    fn elapsed(&self) -> f64 {
        self.1.elapsed()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        self.1.random(bytes)
    }
}

struct Rig {
    clock: Arc<Clock>,
    repository: Arc<Repository>,
}

impl Rig {
    fn new() -> Rig {
        let clock = Arc::new(Clock(AtomicI64::new(1_800_000_000), Seeded::shared(1)));
        let (store, env) = (Arc::new(Memory::new()), clock.clone() as SharedEnv);
        let new = NewRepository::new(format_spec::config::Class::Backup);
        Repository::create(&*store, &new, &env).unwrap();
        let options = OpenOptions::new(env, CachePlace::Temporary);
        Rig { clock, repository: Repository::open(store, None, &options).unwrap() }
    }

    fn open(&self, job: &str, host: &str) -> u32 {
        let open = Change::Open { job: job.to_owned(), host: host.to_owned(), base: None, purpose: Purpose::Backup };
        self.repository.log().append(&*self.clock, &mut |_| Ok(open.clone())).unwrap()
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn found(&self) -> Option<u32> {
        running(&self.repository, "j", "there", "here").unwrap().map(|found| found.session)
    }
}

#[test]
fn a_session_elsewhere_counts_as_running_until_it_was_silent_for_long() {
    let rig = Rig::new();
    assert_eq!(rig.found(), None);
    let there = rig.open("j", "there");
    assert_eq!(rig.found(), Some(there));
    let limit = i64::try_from(SILENCE_SECONDS_MAX).unwrap();
    rig.pass(limit - 1);
    assert_eq!(rig.found(), Some(there));
    rig.pass(1);
    assert_eq!(rig.found(), None);
    // A clock that is far behind says nothing either.
    rig.pass(-3 * limit);
    assert_eq!(rig.found(), None);
}

#[test]
fn own_sessions_other_jobs_and_those_that_were_begun_again_do_not_count() {
    let rig = Rig::new();
    rig.open("j", "here");
    rig.open("other", "there");
    assert_eq!(rig.found(), None);
    let _lost = rig.open("j", "there");
    let again = rig.open("j", "there");
    assert_eq!(rig.found(), Some(again));
    // A machine of that very name has lost it, or knows of it by its own lock.
    assert_eq!(running(&rig.repository, "j", "there", "there").unwrap(), None);
}

#[test]
fn a_job_of_the_same_name_on_another_host_is_another_job() {
    let rig = Rig::new();
    rig.open("j", "third");
    assert_eq!(rig.found(), None);
}
