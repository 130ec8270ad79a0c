//! Collectors that share a name, with clocks that share nothing.

use super::{change, elsewhere, interrupted, rig};
use crate::proofs::Rig;
use crate::proofs::collect::{collect_all, expire, options};
use engine::Result;
use engine::care::CollectOptions;
use engine::env::{Env, Machine, SharedEnv};
use format_spec::Time;
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

fn skewed(rig: &Rig, seconds: i64) -> Rig {
    Rig { env: Arc::new(Skewed { machine: Machine::shared(), seconds }), ..elsewhere(rig) }
}

/// As the command line has it: a day of grace and of lease; and all of them say that they are the same host.
fn usual() -> CollectOptions {
    CollectOptions { grace_seconds: 86_400, lease_seconds: 86_400, ..options() }
}

const YEARS: i64 = 10 * 365 * 86_400;

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
