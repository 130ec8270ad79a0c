//! A repository in memory whose clock tests set, and points that come at their hours without being
//! backed up each time: a point is a copy of the first one of its job, with an id and a time of its
//! own.

use bytes::Bytes;
use engine::Kind;
use engine::backup::{BackupOptions, backup};
use engine::blob::CachePlace;
use engine::env::{Env, Machine, SharedEnv};
use engine::maintenance::ClockVerdict;
use engine::maintenance::retention::{Bound, Loss, Request, RetentionPlan, Rules, Scope};
use engine::monitor::Monitor;
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::restore_point::JobName;
use engine::source::folder::FolderSource;
use engine::source::rules;
use engine::store::{Memory, ObjectName, Store, StoreExt};
use format_spec::config::{Class, RetentionKind};
use format_spec::container::{Header, ObjectKind};
use format_spec::key_slot::Cost;
use format_spec::log::{Change, ObjectRef, PointId, Purpose};
use format_spec::point::{Manifest, Workload};
use format_spec::{ObjectId, Time, names};
use ops::plans::expire::Expire;
use ops::plans::gc::Collect;
use ops::plans::{Planned, Ran, run};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

pub(crate) const DAY: i64 = 86_400;
pub(crate) const HOUR: i64 = 3600;
/// The first night begins here: 2026-01-05T02:00:00Z.
pub(crate) const START: i64 = 1_767_578_400;

struct Clock(AtomicI64);

impl Env for Clock {
    fn now(&self) -> Time {
        Time::new(self.0.load(Ordering::Relaxed), 0)
    }

    fn elapsed(&self) -> f64 {
        0.0
    }

    fn random(&self, bytes: &mut [u8]) -> engine::Result<()> {
        Machine::shared().random(bytes)
    }

    fn host(&self) -> String {
        "host".to_owned()
    }
}

/// The repository, and a folder that is backed up.
pub(crate) struct Nights {
    clock: Arc<Clock>,
    store: Arc<dyn Store>,
    pub(crate) repo: Arc<Repository>,
    folder: tempfile::TempDir,
    monitor: Arc<Monitor>,
    pub(crate) bound: Bound,
}

impl Nights {
    pub(crate) fn new() -> Nights {
        let (clock, store) = (Arc::new(Clock(AtomicI64::new(START))), Arc::new(Memory::new()) as Arc<dyn Store>);
        let folder = tempfile::tempdir().unwrap();
        let new = NewRepository {
            class: Class::Backup,
            password: None,
            cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
            label: String::new(),
            probed: "listing_complete=yes\n".to_owned(),
            cutting: None,
            block_target: None,
            level: None,
            parity_percent: 0,
            retention: Default::default(),
            immutability: None,
            dedup: None,
            storage_class: String::new(),
            origin: None,
        };
        let env = clock.clone() as SharedEnv;
        Repository::create(&*store, &new, &env).unwrap();
        let repo = open(&store, &env);
        Nights { clock, store, repo, folder, monitor: Arc::new(Monitor::new()), bound: Bound::default() }
    }

    /// A machine that has read nothing of the log yet, and begins with its newest checkpoint.
    pub(crate) fn reopen(&mut self) {
        self.repo = open(&self.store, &(self.clock.clone() as SharedEnv));
    }

    pub(crate) fn set(&self, now: i64) {
        self.clock.0.store(now, Ordering::Relaxed);
    }

    /// A file of this modification time in the folder.
    pub(crate) fn write(&self, name: &str, modified: i64) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, name).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(modified.try_into().unwrap());
        File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }

    /// A point of the folder as it is.
    pub(crate) fn back_up(&self, job: &str, now: i64) {
        self.set(now);
        let source = FolderSource::new(&[self.folder.path().to_path_buf()], rules::Rules::default()).unwrap();
        let options = BackupOptions {
            job: job.to_owned(),
            tags: Vec::new(),
            full: false,
            dry_run: false,
            workload: Workload::Folders,
            threads: 1,
            original: None,
            drop_unreadable: false,
            point: None,
            shrink_max: None,
        };
        backup(&self.repo, &source, &options, &self.monitor).unwrap();
    }

    /// One more point of the folder as it was at the job's first.
    pub(crate) fn add(&self, job: &str, now: i64) {
        self.set(now);
        let (repo, sealed_store, env) = (&self.repo, self.repo.sealed_store(), &**self.repo.env());
        let Some(first) = self.of_job(job).first().cloned() else { return self.back_up(job, now) };
        let open = Change::Open { job: job.to_owned(), host: String::new(), base: None, purpose: Purpose::Backup };
        let session = repo.log().append(env, &mut |_| Ok(open.clone())).unwrap();
        let mut id = [0; 16];
        env.random(&mut id).unwrap();
        let time = Time::new(now, 0);
        let manifest = Manifest { id: PointId(id), started: time, finished: time, first: None, base: None, ..first };
        let header = Header::new(
            ObjectKind::RestorePoint,
            sealed_store.secrets.suite(),
            sealed_store.repository,
            session,
            0,
            [7; 32],
        );
        let (bytes, body_hash) = manifest.encode(header, &sealed_store.secrets);
        let point = ObjectRef { ordinal: 0, bytes: bytes.len() as u64, body_hash };
        let name = names::of_session(ObjectKind::RestorePoint, ObjectId { session, ordinal: 0 });
        sealed_store.store.put_new(&ObjectName::new(name).unwrap(), Bytes::from(bytes)).unwrap();
        let commit = Change::Commit { session, point, id: manifest.id, references: manifest.references };
        repo.log().append(env, &mut |_| Ok(commit.clone())).unwrap();
        repo.log().checkpoint_if_due(env);
    }

    /// The points of a day before a time, one each so many seconds.
    pub(crate) fn add_day(&self, job: &str, every: i64, until: i64) {
        (1..=DAY / every).rev().for_each(|back| self.add(job, until - (back - 1) * every - 60));
    }

    fn of_job(&self, job: &str) -> Vec<Manifest> {
        let points = self.repo.points().unwrap();
        points.iter().filter(|point| point.manifest.job == job).map(|point| point.manifest.clone()).collect()
    }

    pub(crate) fn points(&self, job: &str) -> usize {
        self.of_job(job).len()
    }

    /// The items that each point of a job has.
    pub(crate) fn items(&self, job: &str) -> Vec<u64> {
        self.of_job(job).iter().map(|m| m.counts.new + m.counts.changed + m.counts.unchanged).collect()
    }

    fn expire(&self, scope: &Scope) -> Expire {
        Expire { scope: scope.clone(), clock: ClockVerdict::trusted(), threads: 1, bound: self.bound }
    }

    /// What a run does at this time.
    pub(crate) fn run(&self, scope: &Scope, now: i64) -> Ran<Expire> {
        self.set(now);
        run(&self.expire(scope), &self.repo, &self.monitor).unwrap()
    }

    /// What is within the bound of a run, without doing it: each job's loss.
    pub(crate) fn losses(&self, scope: &Scope, now: i64) -> Vec<Loss> {
        self.set(now);
        let plan = RetentionPlan::make(&self.repo, scope, &self.monitor).unwrap();
        self.bound.losses(&plan, &self.repo, &self.monitor).unwrap()
    }

    /// What a person does who has seen the plan.
    pub(crate) fn apply_by_hand(&self, scope: &Scope) -> usize {
        let expire = self.expire(scope);
        let hash = expire.plan(&self.repo, &self.monitor).unwrap().hash;
        let stale = expire.apply(&self.repo, &[9; 32].into(), &self.monitor);
        assert_eq!(stale.unwrap_err().kind(), Kind::Input, "another hash is not this plan's");
        expire.apply(&self.repo, &hash, &self.monitor).unwrap().expired.len()
    }

    /// A collection with a grace of so many seconds.
    pub(crate) fn collect(&self, grace_seconds: i64) -> u64 {
        let options = engine::maintenance::CollectOptions {
            dead_share: 0.25,
            grace_seconds,
            lease_seconds: DAY,
            fence: Default::default(),
            requests_max: None,
            bytes_max: None,
            host: "host".to_owned(),
        };
        let budget = engine::price::Budget { max_requests: None, max_cost: None };
        let collect = Collect { options, clock: ClockVerdict::trusted(), prices: None, budget };
        run(&collect, &self.repo, &self.monitor).unwrap().done.report.objects_deleted
    }
}

fn open(store: &Arc<dyn Store>, env: &SharedEnv) -> Arc<Repository> {
    let env = Arc::clone(env);
    let options =
        OpenOptions { env, cache: CachePlace::Temporary, budgets: Default::default(), ranges: None, as_of: None };
    Repository::open(Arc::clone(store), None, &options).unwrap()
}

/// A scope by rules.
pub(crate) fn by(rules: Rules) -> Scope {
    Scope::of(Request::Rules { rules, kind: RetentionKind::Snapshot })
}

/// The same for one job.
pub(crate) fn of_job(scope: &Scope, job: &str) -> Scope {
    let name: JobName = job.parse().unwrap();
    Scope { job: Some(name), ..scope.clone() }
}
