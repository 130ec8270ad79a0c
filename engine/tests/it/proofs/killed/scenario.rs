//! A repository with a few points, an operation upon it, and what must be true wherever that was ended.

use super::super::gc::{collect_all, expire, options};
use super::super::rig::{CHEAP, PASSWORD, Rig, contents, names_of, noise, restore_options};
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::maintenance::retention::{ApplyOptions, Request, RetentionPlan, Rules, Scope, apply};
use engine::maintenance::{ClockVerdict, CollectOptions, plan_collection};
use engine::monitor::Monitor;
use engine::repository::{NewRepository, Repository};
use engine::restore::restore;
use engine::store::probe::LISTING_COMPLETE;
use engine::store::{Fault, Faulty, Memory, RequestKind};
use engine::{Kind, Result};
use format_spec::config::{Class, RetentionKind};
use format_spec::container::ObjectKind;
use format_spec::log::PointId;
use format_spec::{ObjectId, names};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is ended in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// `cairn backup`.
    Backup,
    /// `cairn expire --keep-last 1`, plan and apply.
    Expire,
    /// `cairn expire --path`, plan and apply: every point is rewritten.
    Erase,
    /// `cairn gc`, plan and apply: there are dead packs, sparse packs, a silent session and its orphans.
    Collect,
    /// The same where there is nothing to collect, but log entries and checkpoints to truncate.
    Truncate,
}

/// The repository as it is before the operation, in a memory that nobody changes.
pub(super) struct Scenario {
    pub(super) operation: Operation,
    pub(super) rig: Rig,
    /// What each point was made of, from the oldest to the newest.
    sources: Vec<(PointId, Contents)>,
}

type Contents = BTreeMap<PathBuf, Vec<u8>>;

impl Operation {
    pub(super) const ALL: [Operation; 4] = [Operation::Backup, Operation::Expire, Operation::Erase, Operation::Collect];

    /// Does it, upon whatever the rig's store holds.
    pub(super) fn run(self, rig: &Rig) -> Result<()> {
        match self {
            Operation::Backup => rig.back_up().map(drop),
            Operation::Expire => {
                let rules = Rules { last: Some(1), ..Rules::default() };
                retain(rig, Request::Rules { rules, kind: RetentionKind::Snapshot })
            }
            Operation::Erase => {
                let path = [&rig.inside()[..], b"/", ERASED.as_bytes()].concat();
                retain(rig, Request::Paths([path].into()))
            }
            Operation::Collect | Operation::Truncate => {
                let repository = rig.open()?;
                collect_all(&repository, &impatient()).map(drop)
            }
        }
    }
}

impl Scenario {
    pub(super) fn new(folder: &Path, operation: Operation) -> Scenario {
        let rig = rig(folder, operation == Operation::Truncate);
        let mut scenario = Scenario { operation, rig, sources: Vec::new() };
        // Who does much gets one point less.
        for round in u64::from(matches!(operation, Operation::Erase | Operation::Collect))..3 {
            scenario.change_source(round);
            let point = scenario.rig.back_up().unwrap().point.unwrap();
            scenario.sources.push((point, contents(&scenario.rig.source)));
            if operation == Operation::Truncate {
                let repository = scenario.rig.open().unwrap();
                repository.log().checkpoint(&**repository.env()).unwrap().unwrap();
            }
        }
        if operation == Operation::Collect {
            expire(&scenario.rig.open().unwrap(), scenario.sources.drain(..1).map(|(point, _)| point).collect());
            scenario.leave_orphans();
        }
        scenario.change_source(3);
        scenario
    }

    /// A third of the files is new in each round, so that every pack but the newest gets sparse when points expire.
    fn change_source(&self, round: u64) {
        for n in (0..6).filter(|n| self.sources.is_empty() || n % 3 == round % 3) {
            self.rig
                .write(format!("d{}/{n}", n % 2), &noise(100 * round + n, 3_000 + 500 * usize::try_from(n).unwrap()));
        }
        self.rig.write(ERASED, &noise(9_000 + round, 2_000));
    }

    /// A backup whose store goes away when its packs are there and no entry names them.
    fn leave_orphans(&self) {
        self.change_source(50);
        let dying = Faulty::new(self.rig.store.clone(), |call| {
            let is_late = call.verb == RequestKind::Put && call.name.starts_with("index/");
            is_late.then_some(Fault::Before(Kind::Denied))
        });
        self.rig.over(Arc::new(dying)).back_up().unwrap_err();
    }

    /// Everything that must be true in the healthy store of `rig`, after the operation was ended somewhere.
    pub(super) fn expect_whole(&self, rig: &Rig, place: &str) {
        self.expect_points(rig, place, 0);
        collect_all(&rig.open().unwrap(), &impatient()).unwrap_or_else(|e| panic!("{place}: the next gc: {e}"));
        expect_nothing_left(&rig.open().unwrap(), rig, place);
        self.expect_points(rig, place, 0);
        rig.back_up().unwrap_or_else(|e| panic!("{place}: the next backup: {e}"));
        self.expect_points(rig, place, 1);
    }

    /// `check --read-data` is clean, and every live point is what it was made of. `more` backups have ended well since.
    fn expect_points(&self, rig: &Rig, place: &str, more: usize) {
        assert_eq!(rig.check().expect(place).errors, Vec::new(), "{place}");
        let repository = rig.open().unwrap();
        let points = repository.points().unwrap();
        let live: BTreeSet<PointId> = points.iter().map(|p| p.manifest.id).collect();
        let known: Vec<PointId> = self.sources.iter().map(|(id, _)| *id).filter(|id| live.contains(id)).collect();
        let unknown = live.len() - known.len();
        // Whole operations or none: an expiry lets all go or none, a backup adds one or none.
        let goes = if self.operation == Operation::Expire { self.sources.len() - 1 } else { 0 };
        assert!([self.sources.len(), self.sources.len() - goes].contains(&known.len()), "{place}: {known:?} are live");
        assert_eq!(known.last(), self.sources.last().map(|(id, _)| id), "{place}");
        let added = usize::from(self.operation == Operation::Backup);
        assert!((more..=more + added).contains(&unknown), "{place}: {unknown} more points are live");
        let now = contents(&rig.source);
        for point in &points {
            let target = tempfile::tempdir().unwrap();
            let monitor = Arc::new(Monitor::new());
            restore(&repository, point, &rig.inside(), target.path(), &restore_options(), &monitor).expect(place);
            assert_eq!(monitor.take_warnings().len(), 0, "{place}");
            let shown = contents(target.path());
            let source =
                self.sources.iter().find(|(id, _)| *id == point.manifest.id).map_or(&now, |(_, source)| source);
            let is_erased = self.operation == Operation::Erase && shown == without_erased(source);
            assert!(shown == *source || is_erased, "{place}: {} is not its source", point.manifest.id);
        }
    }
}

/// A new repository, in a store of which is known, or not, that its listings are complete: else nothing is truncated.
fn rig(folder: &Path, lists_all: bool) -> Rig {
    let rig = Rig {
        source: folder.join("source"),
        store: Arc::new(Memory::new()),
        cache: CachePlace::Temporary,
        env: Machine::shared(),
        password: Some(PASSWORD.to_vec()),
        job: "test".into(),
    };
    std::fs::create_dir_all(&rig.source).unwrap();
    let new = NewRepository {
        password: rig.password.clone(),
        cost: CHEAP,
        label: "test".into(),
        probed: if lists_all { LISTING_COMPLETE.into() } else { String::new() },
        ..NewRepository::new(Class::Backup)
    };
    Repository::create(&*rig.store, &new, &rig.env).unwrap();
    rig
}

/// The next collection has left no pack without need, and no object that nobody names.
fn expect_nothing_left(repository: &Repository, rig: &Rig, place: &str) {
    let plan = plan_collection(repository, &impatient(), &Monitor::new()).unwrap();
    let left = (plan.fence.len(), plan.dead.len(), plan.sparse.len(), plan.due.len(), plan.waiting);
    assert_eq!(left, (0, 0, 0, 0, 0), "{place}: a second collection would find something: {plan:?}");
    let view = repository.log().view();
    let mut needed = BTreeSet::new();
    needed.extend(repository.blobs().live_index().packs().unwrap().iter().map(|p| names::of_session(p.kind, p.id)));
    needed.extend(view.segments.iter().map(|s| names::of_session(ObjectKind::IndexSegment, s.id())));
    let manifest = |c: &engine::log::CommitRef| ObjectId { session: c.session, ordinal: c.object.ordinal };
    needed.extend(view.commits.iter().map(|c| names::of_session(ObjectKind::RestorePoint, manifest(c))));
    let kinds = [ObjectKind::DataPack, ObjectKind::MetaPack, ObjectKind::IndexSegment, ObjectKind::RestorePoint];
    let there = names_of(&*rig.store).into_iter().filter(|name| kinds.iter().any(|k| name.is_below(names::folder(*k))));
    let there: BTreeSet<String> = there.map(|name| name.to_string()).collect();
    assert_eq!(there, needed, "{place}");
    // What two checkpoints sum up is truncated, and nothing after.
    let of = |folder| names_of(&*rig.store).into_iter().filter(|name| name.is_below(folder)).collect::<Vec<_>>();
    let (entries, checkpoints) = (of("log"), of("checkpoint"));
    let floor = checkpoints.len().checked_sub(2).and_then(|at| names::parse(checkpoints[at].as_str()));
    let first = floor.map_or(1, |(_, _, slot)| slot);
    let expected: Vec<String> = (first..=view.head).map(names::log).collect();
    assert_eq!(entries.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{place}");
    assert!(checkpoints.len() <= 2, "{place}: {checkpoints:?}");
}

/// Plans and carries out, as `cairn expire` does.
fn retain(rig: &Rig, request: Request) -> Result<()> {
    let (repository, monitor) = (rig.open()?, Arc::new(Monitor::new()));
    let scope = Scope::of(request);
    let plan = RetentionPlan::make(&repository, &scope, &monitor)?;
    let options = ApplyOptions { hash: plan.hash, threads: 2 };
    apply(&repository, &scope, &options, &ClockVerdict::trusted(), &monitor).map(drop)
}

/// Shuts out every session that is open, and has no grace.
fn impatient() -> CollectOptions {
    CollectOptions { lease_seconds: -1, ..options() }
}

fn without_erased(source: &Contents) -> Contents {
    source
        .iter()
        .filter(|(path, _)| **path != Path::new(ERASED))
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}

/// What [`Operation::Erase`] takes out of every point.
const ERASED: &str = "erased";
