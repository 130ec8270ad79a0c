//! Plans that are carried out on real repositories: what leaves is gone, what stays is whole, and every reference set is exact.

use super::*;
use crate::proofs::rig::{contents, names_of};
use crate::proofs::{Rig, noise};
use engine::Kind;
use engine::env::{Env, SharedEnv};
use engine::maintenance::retention::{Applied, ApplyOptions, RetentionPlan, apply};
use engine::maintenance::{ClockVerdict, PlanHash};
use engine::monitor::Monitor;
use engine::store::{Memory, Store};
use format_spec::log::{Change, ObjectRange};
use std::collections::BTreeSet;
use std::fs::{File, hard_link};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A clock that tests set; its dice are fair.
pub(super) struct Clock {
    seconds: AtomicI64,
    elapsed: AtomicU64,
}

impl Env for Clock {
    fn now(&self) -> Time {
        Time::new(self.seconds.load(Ordering::Relaxed), 0)
    }

    fn elapsed(&self) -> f64 {
        f64::from(u32::try_from(self.elapsed.fetch_add(1, Ordering::Relaxed)).unwrap()) / 1e6
    }

    fn random(&self, bytes: &mut [u8]) -> engine::Result<()> {
        engine::env::Machine::shared().random(bytes)
    }
}

/// A repository whose clock stands, and a folder.
pub(super) struct Scene {
    pub(super) rig: Rig,
    clock: Arc<Clock>,
    pub(super) folder: tempfile::TempDir,
}

impl Scene {
    pub(super) fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock { seconds: AtomicI64::new(0), elapsed: AtomicU64::new(0) });
        let rig = Rig { env: clock.clone() as SharedEnv, ..Rig::new(folder.path(), Arc::new(Memory::new())) };
        Scene { rig, clock, folder }
    }

    /// The same repository through another store.
    pub(super) fn over(&self, store: Arc<dyn Store>) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        Scene { rig: self.rig.over(store), clock: self.clock.clone(), folder }
    }

    /// A point of the source as of a time; its id.
    pub(super) fn back_up(&self, now: &str) -> PointId {
        self.set(now);
        self.rig.back_up().unwrap().point.unwrap()
    }

    pub(super) fn set(&self, now: &str) {
        self.clock.seconds.store(at(now).seconds, Ordering::Relaxed);
    }

    /// A file of this modification time.
    pub(super) fn write(&self, name: &str, bytes: &[u8], modified: &str) {
        self.rig.write(name, bytes);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at(modified).seconds).unwrap());
        File::options().write(true).open(self.rig.source.join(name)).unwrap().set_modified(then).unwrap();
    }

    pub(super) fn plan(&self, scope: &Scope) -> RetentionPlan {
        RetentionPlan::make(&self.rig.open().unwrap(), scope, &Monitor::new()).unwrap()
    }

    pub(super) fn apply(&self, scope: &Scope, hash: PlanHash) -> engine::Result<Applied> {
        let options = ApplyOptions { hash, threads: 2 };
        apply(&self.rig.open().unwrap(), scope, &options, &ClockVerdict::trusted(), &Arc::new(Monitor::new()))
    }

    /// The same over a store that may refuse already when the repository is opened.
    pub(super) fn apply_if_open(&self, scope: &Scope, hash: PlanHash) -> engine::Result<Applied> {
        let options = ApplyOptions { hash, threads: 1 };
        apply(&self.rig.open()?, scope, &options, &ClockVerdict::trusted(), &Arc::new(Monitor::new()))
    }

    pub(super) fn plan_and_apply(&self, scope: &Scope) -> Applied {
        let plan = self.plan(scope);
        let applied = self.apply(scope, plan.hash).unwrap();
        assert_eq!(applied.plan.as_ref().unwrap().hash, plan.hash);
        assert_eq!(self.rig.check().unwrap().errors, Vec::new(), "trees and reference sets are exact");
        assert!(self.plan(scope).is_empty() || matches!(scope.request, Request::Points(_)), "nothing is left to do");
        applied
    }

    pub(super) fn live(&self) -> Vec<PointId> {
        self.rig.open().unwrap().points().unwrap().iter().map(|p| p.manifest.id).collect()
    }

    /// Names of all that a point holds.
    pub(super) fn names(&self, id: PointId) -> BTreeSet<String> {
        let target = tempfile::tempdir_in(self.folder.path()).unwrap();
        let (done, warnings) = self.rig.restore(&id.to_string(), target.path());
        done.unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        contents(target.path()).into_keys().map(|path| path.to_str().unwrap().to_owned()).collect()
    }
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

pub(super) fn items(text: &str) -> Scope {
    Scope::of(Request::Rules { rules: period(text), kind: RetentionKind::Item })
}

#[test]
fn points_leave_by_a_plan_that_had_no_effect_itself() {
    let scene = Scene::new();
    let days = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"];
    let ids: Vec<PointId> = days
        .iter()
        .map(|day| {
            scene.write("file", day.as_bytes(), day);
            scene.back_up(day)
        })
        .collect();
    let scope = by(Rules { last: Some(2), ..Rules::default() });
    let before = names_of(&*scene.rig.store);
    let plan = scene.plan(&scope);
    assert_eq!(names_of(&*scene.rig.store), before, "a plan writes nothing");
    assert_eq!(scene.plan(&scope).hash, plan.hash);
    // Hours pass, another job's session comes and goes: the decisions are the same, and so is the plan.
    scene.set("2026-01-03T12:00:00Z");
    assert_eq!(scene.plan(&scope).hash, plan.hash);
    let wrong = scene.apply(&scope, [7; 32].into()).unwrap_err();
    assert_eq!(wrong.kind(), Kind::Input);
    assert_eq!(scene.live(), ids);
    assert_eq!(scene.plan_and_apply(&scope).expired, ids[..1]);
    assert_eq!(scene.live(), ids[1..]);
    assert_eq!(scene.names(ids[2]), names(["file"]));
}

#[test]
fn a_plan_that_a_new_point_outdated_is_refused() {
    let scene = Scene::new();
    scene.write("file", b"1", "2026-01-01T00:00:00Z");
    scene.back_up("2026-01-01T00:00:00Z");
    scene.back_up("2026-01-02T00:00:00Z");
    let scope = by(Rules { last: Some(1), ..Rules::default() });
    let plan = scene.plan(&scope);
    let third = scene.back_up("2026-01-03T00:00:00Z");
    let refused = scene.apply(&scope, plan.hash).unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(scene.live().len(), 3);
    assert_eq!(scene.plan_and_apply(&scope).expired.len(), 2);
    assert_eq!(scene.live(), [third]);
}

#[test]
fn a_job_is_not_emptied_without_its_name() {
    let scene = Scene::new();
    scene.write("file", b"1", "2026-01-01T00:00:00Z");
    let id = scene.back_up("2026-01-01T00:00:00Z");
    let scope = Scope::of(Request::Points([id].into()));
    let plan = scene.plan(&scope);
    assert_eq!(plan.emptied.iter().map(|job| job.told(&plan.jobs)).collect::<Vec<_>>(), ["test"]);
    assert_eq!(scene.apply(&scope, plan.hash).unwrap_err().kind(), Kind::Input);
    assert_eq!(scene.live(), [id]);
    let said = Scope { may_empty: plan.emptied.iter().cloned().collect(), ..scope };
    assert_ne!(scene.plan(&said).hash, plan.hash);
    assert_eq!(scene.apply(&said, scene.plan(&said).hash).unwrap().expired, [id]);
    assert_eq!(scene.live(), []);
}

#[test]
fn items_leave_every_point_by_their_own_age() {
    let scene = Scene::new();
    for n in 0..300 {
        let modified = if n % 3 == 0 { "2025-01-01T00:00:00Z" } else { "2025-12-01T00:00:00Z" };
        scene.write(&format!("many/{n:03}"), &noise(n, 600), modified);
    }
    scene.write("old", &noise(1000, 400_000), "2025-01-01T00:00:00Z");
    hard_link(scene.rig.source.join("old"), scene.rig.source.join("old-too")).unwrap();
    scene.write("first", b"1", "2025-11-01T00:00:00Z");
    let one = scene.back_up("2025-12-02T00:00:00Z");
    scene.write("second", b"2", "2025-12-03T00:00:00Z");
    let two = scene.back_up("2025-12-04T00:00:00Z");
    let before = scene.rig.open().unwrap().points().unwrap();
    let (all, few) = (scene.names(one).len(), scene.names(one).len() - 102);
    assert_eq!(all, 304);
    let scope = items("1y");
    assert!(scene.plan(&scope).is_empty(), "nothing is a year old yet");

    scene.set("2026-01-01T23:00:00Z");
    assert!(scene.plan(&scope).is_empty(), "an item leaves on the day after");
    scene.set("2026-01-02T01:00:00Z");
    let plan = scene.plan(&scope);
    let loses = |at: usize| plan.rows[at].change.as_ref().unwrap().left.clone();
    assert_eq!((loses(0).items, loses(0).bytes, loses(0).folders), (102, 60_000 + 800_000, 0));
    assert_eq!(plan.rows[0].decision.reasons.last().unwrap().to_string(), "loses 102 items, 860,000 bytes");
    scene.set("2026-01-02T23:59:59Z");
    let applied = scene.plan_and_apply(&scope);
    assert_eq!((applied.expired.len(), applied.rewritten.clone()), (0, vec![one, two]));
    assert_eq!(scene.live(), [one, two]);
    assert_eq!(scene.names(one).len(), few);
    assert!(!scene.names(one).contains("many/000") && scene.names(two).contains("second"));
    let after = scene.rig.open().unwrap().points().unwrap();
    for (old, new) in before.iter().zip(&after) {
        let (old, new) = (&old.manifest, &new.manifest);
        assert_eq!((old.id, old.started, old.finished, &old.job), (new.id, new.started, new.finished, &new.job));
        assert_eq!(new.maps.links, None, "both names of the old file have left");
        let files = |m: &format_spec::point::Manifest| m.counts.new + m.counts.changed + m.counts.unchanged;
        assert_eq!(files(old) - files(new), 102);
    }
    assert_eq!(after[0].number + after[1].number, 3 + 4);
    // The next backup builds on the rewritten point.
    scene.set("2026-01-03T00:00:00Z");
    scene.rig.back_up().unwrap();
    assert_eq!(scene.rig.check().unwrap().errors, Vec::new());
}

#[test]
fn paths_are_erased_from_all_points_and_hard_links_keep_their_other_names() {
    let scene = Scene::new();
    let time = "2026-01-01T00:00:00Z";
    scene.write("keep/a", &noise(1, 70_000), time);
    scene.write("secret/deep/b", &noise(2, 300_000), time);
    scene.write("secret/c", b"c", time);
    hard_link(scene.rig.source.join("secret/c"), scene.rig.source.join("z-link")).unwrap();
    hard_link(scene.rig.source.join("secret/c"), scene.rig.source.join("zz-link")).unwrap();
    let one = scene.back_up(time);
    scene.write("keep/new", b"new", time);
    let two = scene.back_up("2026-01-02T00:00:00Z");
    let inside = |name: &str| [&scene.rig.inside()[..], b"/", name.as_bytes()].concat();
    let scope = Scope::of(Request::Paths([inside("secret"), inside("secret/c"), inside("nowhere")].into()));
    let applied = scene.plan_and_apply(&scope);
    assert_eq!(applied.rewritten, [one, two]);
    let plan = applied.plan.unwrap();
    let left = &plan.rows[0].change.as_ref().unwrap().left;
    assert_eq!((left.items, left.folders, left.bytes), (2, 2, 300_001));
    assert_eq!(scene.names(one), names(["keep", "keep/a", "z-link", "zz-link"]));
    assert_eq!(scene.names(two), names(["keep", "keep/a", "keep/new", "z-link", "zz-link"]));
    let repository = scene.rig.open().unwrap();
    let links = repository.points().unwrap()[0].manifest.maps.links;
    let pair = engine::tree::MapCursor::open(repository.nodes(), links).next().unwrap().unwrap();
    assert_eq!(pair.value, inside("z-link"));
}

#[test]
fn words_change_and_nothing_else_does() {
    let scene = Scene::new();
    scene.write("file", b"1", "2026-01-01T00:00:00Z");
    let id = scene.back_up("2026-01-01T00:00:00Z");
    let newer = scene.back_up("2026-01-02T00:00:00Z");
    let before = scene.rig.open().unwrap().points().unwrap()[0].manifest.clone();
    let tags = |add: &[&str], remove: &[&str]| {
        let set = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Scope::of(Request::Tags { points: [id].into(), add: set(add), remove: set(remove) })
    };
    let applied = scene.apply(&tags(&["b", "a"], &[]), scene.plan(&tags(&["b", "a"], &[])).hash).unwrap();
    assert_eq!(applied.rewritten, [id]);
    let change = tags(&["c"], &["a"]);
    scene.apply(&change, scene.plan(&change).hash).unwrap();
    let after = scene.rig.open().unwrap().points().unwrap()[0].manifest.clone();
    assert_eq!(after.tags, ["b", "c"]);
    // Its number is the highest now, and yet the other one is the newest.
    let newest = scene.rig.open().unwrap().newest_where(|point| point.manifest.job == "test").unwrap();
    assert_eq!((scene.live(), newest.unwrap().manifest.id), (vec![id, newer], newer));
    assert_eq!(after.first, Some(1));
    assert_eq!(format_spec::point::Manifest { tags: Vec::new(), first: None, ..after }, before);
    assert_eq!(scene.rig.check().unwrap().errors, Vec::new());
    let typo = RetentionPlan::make(&scene.rig.open().unwrap(), &tags(&[], &["cc"]), &Monitor::new());
    assert_eq!(typo.unwrap_err().kind(), Kind::Input);
}

#[test]
fn locked_points_keep_their_items_and_say_until_when() {
    let scene = Scene::new();
    scene.write("old", b"1", "2025-01-01T00:00:00Z");
    scene.write("new", b"2", "2025-12-01T00:00:00Z");
    let one = scene.back_up("2025-12-02T00:00:00Z");
    let two = scene.back_up("2025-12-03T00:00:00Z");
    scene.set("2026-06-01T00:00:00Z");
    let repository = scene.rig.open().unwrap();
    for (id, until) in [(one, "2026-12-02T00:00:00Z"), (two, "2026-05-01T00:00:00Z")] {
        let view = repository.log().view();
        let commit = view.live(&id).unwrap();
        let first = format_spec::ObjectId { session: commit.session, ordinal: commit.object.ordinal };
        let range = ObjectRange { kind: format_spec::container::ObjectKind::RestorePoint, first, count: 1 };
        let lock = || Change::Lock { until: at(until), objects: vec![range] };
        repository.log().append(&**repository.env(), &mut |_| Ok(lock())).unwrap();
    }
    let path = [&scene.rig.inside()[..], b"/old"].concat();
    for scope in [items("1y"), Scope::of(Request::Paths([path].into()))] {
        let plan = RetentionPlan::make(&repository, &scope, &Monitor::new()).unwrap();
        let shown: Vec<_> = plan.rows.iter().map(|row| (row.decision.forbidden, row.change.is_some())).collect();
        assert_eq!(shown, [(true, false), (false, true)]);
        assert_eq!(plan.rows[0].decision.reasons.last().unwrap().to_string(), "locked until 2026-12-02T00:00:00Z");
    }
    let scope = items("1y");
    let hash = RetentionPlan::make(&repository, &scope, &Monitor::new()).unwrap().hash;
    let options = ApplyOptions { hash, threads: 2 };
    let applied = apply(&repository, &scope, &options, &ClockVerdict::trusted(), &Arc::new(Monitor::new())).unwrap();
    assert_eq!(applied.rewritten, [two]);
    assert_eq!((scene.names(one).len(), scene.names(two).len()), (2, 1));
    assert_eq!(scene.rig.check().unwrap().errors, Vec::new());
}
