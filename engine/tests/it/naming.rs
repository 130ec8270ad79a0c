//! What a point's name needs ([POINT-12]): settled at the commit, whatever clocks say and whatever expires.

use crate::copy::{Pair, Which};
use crate::proofs::Rig;
use crate::proofs::gc::expire;
use crate::proofs::rig::interrupted;
use engine::Result;
use engine::env::{Env, Machine, SharedEnv};
use engine::store::Memory;
use format_spec::Time;
use format_spec::log::PointId;
use format_spec::point::Alone::{self, InJob, InRepository, Nowhere};
use parking_lot::Mutex;
use std::sync::Arc;

/// A machine whose clock stands.
struct Standing {
    machine: SharedEnv,
    now: Mutex<i64>,
}

impl Env for Standing {
    fn now(&self) -> Time {
        Time::new(*self.now.lock(), 0)
    }

    fn elapsed(&self) -> f64 {
        self.machine.elapsed()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        self.machine.random(bytes)
    }
}

/// A rig and its clock, which stands at 1000.
fn standing(rig: &Rig) -> (Rig, Arc<Standing>) {
    let env = Arc::new(Standing { machine: Machine::shared(), now: Mutex::new(1000) });
    (Rig { env: env.clone(), ..rig.clone() }, env)
}

fn rig(folder: &std::path::Path) -> (Rig, Arc<Standing>) {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    rig.write("file", b"bytes");
    standing(&rig)
}

/// Backs up at a time; what the point's name needs.
fn at(rig: &Rig, clock: &Standing, now: i64) -> (PointId, Alone, i64) {
    *clock.now.lock() = now;
    let id = rig.back_up().unwrap().point.unwrap();
    let (alone, latest) = says(rig, id);
    (id, alone, latest)
}

fn says(rig: &Rig, id: PointId) -> (Alone, i64) {
    let points = rig.open().unwrap().points().unwrap();
    let naming = points.iter().find(|p| p.manifest.id == id).unwrap().manifest.naming.unwrap();
    (naming.alone, naming.latest)
}

#[test]
fn a_second_is_a_name_once_though_the_first_point_expired() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, clock) = rig(folder.path());
    let (first, alone, latest) = at(&rig, &clock, 1000);
    assert_eq!((alone, latest), (InRepository, 1000));
    assert_eq!(at(&rig, &clock, 1000).1, Nowhere);
    expire(&rig.open().unwrap(), vec![first]);
    assert_eq!(at(&rig, &clock, 1000).1, Nowhere, "the name has been given");
    assert_eq!(at(&rig, &clock, 1001).1, InRepository);
    // All points of the job are gone, and the clock went back.
    let all = rig.open().unwrap().points().unwrap().iter().map(|p| p.manifest.id).collect();
    expire(&rig.open().unwrap(), all);
    assert_eq!(at(&rig, &clock, 1001).1, Nowhere);
    assert_eq!(at(&rig, &clock, 999).1, Nowhere);
    assert_eq!(at(&rig, &clock, 1002).1, InRepository);
}

#[test]
fn what_a_checkpoint_sums_up_still_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, clock) = rig(folder.path());
    let (first, ..) = at(&rig, &clock, 5000);
    expire(&rig.open().unwrap(), vec![first]);
    *clock.now.lock() = 1;
    let repository = rig.open().unwrap();
    repository.log().checkpoint(&**repository.env()).unwrap();
    drop(repository);
    assert_eq!(at(&rig, &clock, 5000).1, Nowhere);
    assert_eq!(at(&rig, &clock, 5001).1, InRepository);
}

#[test]
fn another_machine_whose_clock_is_ahead_costs_no_name_where_the_jobs_own_points_say_enough() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, clock) = rig(folder.path());
    let (other, ahead) = standing(&Rig { job: "other".into(), ..rig.clone() });
    at(&rig, &clock, 1000);
    at(&other, &ahead, 9000);
    let (second, alone, latest) = at(&rig, &clock, 1001);
    assert_eq!((alone, latest), (InJob, 1001));
    // A number that is gone could be a point of this job of any second before the log's last.
    expire(&rig.open().unwrap(), vec![second]);
    let (_, alone, latest) = at(&rig, &clock, 1002);
    assert_eq!((alone, latest), (Nowhere, 9000));
    assert_eq!(at(&rig, &clock, 9001).1, InRepository);
}

#[test]
fn of_two_at_once_the_second_to_commit_knows_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path());
    let other = rig.clone();
    let outer = interrupted(&rig, "points/", move || {
        other.back_up().unwrap();
    });
    let late = outer.back_up().unwrap().point.unwrap();
    let points = rig.open().unwrap().points().unwrap();
    let of = |p: &engine::restore_point::Point| p.manifest.naming.unwrap().alone;
    assert_eq!((points.len(), points[1].manifest.id), (2, late));
    assert_eq!(points.iter().filter(|p| of(p) != Nowhere).count(), 1, "{:?}", [of(&points[0]), of(&points[1])]);
}

#[test]
fn a_copy_is_called_as_its_original_where_all_come_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("file", b"bytes");
    let (rig, clock) = standing(&pair.source);
    let made = [at(&rig, &clock, 1000), at(&rig, &clock, 1000)];
    pair.copy(Which::All).unwrap();
    assert_eq!(made.map(|(id, ..)| says(&pair.target, id).0), [InRepository, Nowhere]);
}
