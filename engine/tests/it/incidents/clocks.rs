//! Collectors that share a name, with clocks that share nothing.

use super::{change, elsewhere, interrupted, rig};
use crate::proofs::Rig;
use crate::proofs::gc::{collect_all, expire, options};
use engine::Result;
use engine::env::{Env, Machine, SharedEnv};
use engine::maintenance::{CollectOptions, plan_collection};
use engine::monitor::Monitor;
use format_spec::Time;
use format_spec::log::{Change, Purpose};
use std::sync::Arc;

/// A machine whose clock is wrong by so many seconds.
struct Skewed {
    machine: SharedEnv,
    seconds: i64,
}

impl Env for Skewed {
    fn now(&self) -> Time {
        let now = self.machine.now();
        Time { seconds: now.seconds + self.seconds, nanos: now.nanos }
    }

    fn elapsed(&self) -> f64 {
        self.machine.elapsed()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        self.machine.random(bytes)
    }
}

pub(crate) fn skewed(rig: &Rig, seconds: i64) -> Rig {
    Rig { env: Arc::new(Skewed { machine: Machine::shared(), seconds }), ..elsewhere(rig) }
}

/// As the command line has it: a day of grace and of lease; and all of them say that they are the same host.
fn usual() -> CollectOptions {
    CollectOptions { grace_seconds: 86_400, lease_seconds: 86_400, ..options() }
}

pub(crate) const YEARS: i64 = 10 * 365 * 86_400;

#[test]
fn incident_04_kopia_1087_wrong_clocks_and_one_host_name_cost_work_and_never_data() {
    for (one, two) in [(YEARS, -YEARS), (-YEARS, YEARS), (YEARS, YEARS)] {
        let folder = tempfile::tempdir().unwrap();
        let rig = rig(folder.path());
        let first = rig.back_up().unwrap().point.unwrap();
        change(&rig, 500);
        rig.back_up().unwrap();
        expire(&rig.open().unwrap(), vec![first]);
        change(&rig, 700);
        // A backup is about to commit; a collector ahead of its time fences it and sweeps at once, and meets another one in the middle.
        let (ahead, behind) = (skewed(&rig, one), skewed(&rig, two));
        let backup = interrupted(&rig, "points/", move || {
            let first = interrupted(&ahead, "index/", move || {
                collect_all(&behind.open().unwrap(), &usual()).unwrap();
            });
            // The other one may have fenced this one's session: then this one has done nothing, and says so.
            if let Err(e) = collect_all(&first.open().unwrap(), &usual()) {
                assert_eq!(e.kind(), engine::Kind::Conflict, "{e}");
            }
        });
        backup.back_up().unwrap();
        rig.expect_equal();
        for seconds in [one, two, 0, one] {
            collect_all(&skewed(&rig, seconds).open().unwrap(), &usual()).unwrap();
            rig.expect_equal();
        }
        rig.expect_healthy();
    }
}

fn opened_by(ahead: &Rig) -> u32 {
    let open = Change::Open { job: "k".into(), host: "h".into(), base: None, purpose: Purpose::Backup };
    ahead.open().unwrap().log().append(&*ahead.env, &mut |_| Ok(open.clone())).unwrap()
}

/// The incident: a machine under a clock of 2038 died during a backup, and nothing that was given up afterwards ever came back.
#[test]
fn a_session_under_a_future_clock_is_fenced_by_what_the_log_shows_of_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let first = rig.back_up().unwrap().point.unwrap();
    let session = opened_by(&skewed(&rig, YEARS));
    change(&rig, 500);
    rig.back_up().unwrap();
    expire(&rig.open().unwrap(), vec![first]);
    let plan =
        |days: i64| plan_collection(&skewed(&rig, days * 86_400).open().unwrap(), &usual(), &Monitor::new()).unwrap();
    // Today it may live, and is named: it holds back what was given up since it was opened.
    let today = plan(0);
    assert!(today.fence.is_empty());
    let later = CollectOptions { lease_seconds: 30 * 86_400, ..usual() };
    let held = plan_collection(&skewed(&rig, 3 * 86_400).open().unwrap(), &later, &Monitor::new()).unwrap();
    let [row] = &held.holding[..] else { panic!("{:?}", held.holding) };
    assert!(row.session == session && row.is_ahead && row.heard.is_some() && row.objects > 0, "{row:?}");
    assert_eq!(held.next_due, None, "its end has no date");
    assert_eq!(plan(3).fence, [session]);
    let past = skewed(&rig, 3 * 86_400);
    assert!(collect_all(&past.open().unwrap(), &usual()).unwrap().objects_deleted > 0);
    rig.expect_equal();
}

#[test]
fn a_session_that_nothing_follows_counts_as_silent_from_the_first_collection_on() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.back_up().unwrap();
    let session = opened_by(&skewed(&rig, YEARS));
    let at = |days: i64| skewed(&rig, days * 86_400);
    collect_all(&at(3).open().unwrap(), &usual()).unwrap();
    let plan =
        |days: i64, options: &CollectOptions| plan_collection(&at(days).open().unwrap(), options, &Monitor::new());
    assert!(plan(3, &usual()).unwrap().fence.is_empty());
    assert_eq!(plan(6, &usual()).unwrap().fence, [session]);
    // By its number it goes at once.
    let named = CollectOptions { fence: [session].into(), ..usual() };
    assert_eq!(plan(3, &named).unwrap().fence, [session]);
    assert_eq!(collect_all(&at(3).open().unwrap(), &named).unwrap().fenced, 1);
    assert_eq!(plan(3, &named).unwrap_err().kind(), engine::Kind::Input, "it is not open any more");
}
