//! A rig: one source, any store, any cache; what tests do with them, and what they compare.

use crate::noise;
use engine::backup::{BackupOptions, BackupSummary, backup};
use engine::blob::CachePlace;
use engine::env::{Machine, SharedEnv};
use engine::maintenance::{
    CheckOptions, CheckReport, ClockVerdict, CollectOptions, CollectReport, Level, check, collect, plan_collection,
};
use engine::monitor::Monitor;
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::restore::{RestoreOptions, RestoreSummary, restore};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Faulty, ListOptions, Memory, ObjectName, RequestKind, Store, StoreExt};
use engine::{Error, Result};
use format_spec::config::{Class, Cutting};
use format_spec::key_slot::Cost;
use format_spec::log::{Change, PointId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What opens the repository of a rig.
pub const PASSWORD: &[u8] = b"correct horse";
/// What trying a password costs in a test.
pub const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// A source folder, a repository in a store, and how both are used.
#[derive(Clone)]
pub struct Rig {
    /// What is backed up.
    pub source: PathBuf,
    /// Where the repository is.
    pub store: Arc<dyn Store>,
    /// Where its cache is.
    pub cache: CachePlace,
    /// Clock and dice.
    pub env: SharedEnv,
    /// What opens it; none if it is not encrypted.
    pub password: Option<Vec<u8>>,
    /// The job of its points.
    pub job: String,
}

impl Rig {
    /// A new repository in `store`, a source folder in `folder`, a cache that goes away.
    pub fn new(folder: &Path, store: Arc<dyn Store>) -> Rig {
        Rig::cut(folder, store, None)
    }

    /// The same with content cut so.
    pub fn cut(folder: &Path, store: Arc<dyn Store>, cutting: Option<Cutting>) -> Rig {
        Rig::made(folder, store, cutting, 0)
    }

    /// The same with parity in every pack.
    pub fn with_parity(folder: &Path, store: Arc<dyn Store>, percent: u8) -> Rig {
        Rig::made(folder, store, None, percent)
    }

    fn made(folder: &Path, store: Arc<dyn Store>, cutting: Option<Cutting>, parity_percent: u8) -> Rig {
        let source = folder.join("source");
        std::fs::create_dir_all(&source).unwrap();
        let rig = Rig {
            source,
            store,
            cache: CachePlace::Temporary,
            env: Machine::shared(),
            password: Some(PASSWORD.to_vec()),
            job: "test".into(),
        };
        rig.create_with(cutting, parity_percent);
        rig
    }

    /// A source of small files and a large one, not backed up yet.
    pub fn with_files(folder: &Path, store: Arc<dyn Store>) -> Rig {
        let rig = Rig::new(folder, store);
        for (n, bytes) in (0..40).zip((3_000..).step_by(100)) {
            rig.write(format!("d{}/{n}", n % 4), &noise(n, bytes));
        }
        rig.write("large", &noise(1000, 3_000_000));
        rig
    }

    /// The same, backed up; the point.
    pub fn with_point(folder: &Path, store: Arc<dyn Store>) -> (Rig, PointId) {
        let rig = Rig::with_files(folder, store);
        let first = rig.back_up().expect("backs up").point.expect("a point");
        (rig, first)
    }

    /// The same, then changed and backed up again; the first point.
    pub fn with_two_points(folder: &Path, store: Arc<dyn Store>) -> (Rig, PointId) {
        let (rig, first) = Rig::with_point(folder, store);
        rig.change(1);
        rig.back_up().expect("backs up");
        (rig, first)
    }

    /// The same, and the first point has expired: there is something to collect.
    pub fn with_garbage(folder: &Path, store: Arc<dyn Store>) -> Rig {
        let (rig, first) = Rig::with_two_points(folder, store);
        expire(&rig.open().expect("opens"), vec![first]);
        rig
    }

    /// Another state of the files: every third small one is another one, and half of the large one.
    pub fn change(&self, round: u64) {
        for (n, bytes) in (0..40).zip((2_000..).step_by(10)).filter(|(n, _)| n % 3 == round % 3) {
            self.write(format!("d{}/{n}", n % 4), &noise(5000 + 100 * round + n, bytes));
        }
        let mut large = noise(1000, 3_000_000);
        large.truncate(1_500_000);
        large.extend(noise(7000 + round, 1_000_000));
        self.write("large", &large);
    }

    /// Creates the repository in the store.
    pub fn create(&self, cutting: Option<Cutting>) {
        self.create_with(cutting, 0);
    }

    fn create_with(&self, cutting: Option<Cutting>, parity_percent: u8) {
        let new = NewRepository {
            password: self.password.clone(),
            cost: CHEAP,
            label: "test".into(),
            cutting,
            parity_percent,
            ..NewRepository::new(Class::Backup)
        };
        Repository::create(&*self.store, &new, &self.env).unwrap();
    }

    /// The same over another store.
    pub fn over(&self, store: Arc<dyn Store>) -> Rig {
        Rig { store, ..self.clone() }
    }

    /// Opens the repository anew.
    pub fn open(&self) -> Result<Arc<Repository>> {
        Repository::open(self.store.clone(), self.password.as_deref(), &self.open_options())
    }

    /// How it is opened.
    pub fn open_options(&self) -> OpenOptions {
        OpenOptions::new(self.env.clone(), self.cache.clone())
    }

    /// Writes a file of the source, and the folders above it.
    pub fn write(&self, name: impl AsRef<[u8]>, bytes: &[u8]) {
        let path = self.source.join(OsStr::from_bytes(name.as_ref()));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Backs the source up.
    pub fn back_up(&self) -> Result<BackupSummary> {
        self.back_up_with(&Arc::new(Monitor::new()))
    }

    /// The same, heard by a monitor.
    pub fn back_up_with(&self, monitor: &Arc<Monitor>) -> Result<BackupSummary> {
        let source = FolderSource::new(std::slice::from_ref(&self.source), Rules::default())?;
        backup(&self.open()?, &source, &self.options(), monitor)
    }

    /// How it is backed up.
    pub fn options(&self) -> BackupOptions {
        BackupOptions::new(self.job.clone())
    }

    /// Checks everything.
    pub fn check(&self) -> Result<CheckReport> {
        let options = CheckOptions::new(Level::Full);
        check(&self.open()?, &options, &Monitor::new())
    }

    /// Restores the source folder of a point into `target`; also what was warned of.
    pub fn restore(&self, point: &str, target: &Path) -> (Result<RestoreSummary>, Vec<String>) {
        self.restore_with(point, target, &restore_options(), &Arc::new(Monitor::new()))
    }

    /// The same with options.
    pub fn restore_with(
        &self,
        point: &str,
        target: &Path,
        options: &RestoreOptions,
        monitor: &Arc<Monitor>,
    ) -> (Result<RestoreSummary>, Vec<String>) {
        let run = || {
            let repository = self.open()?;
            let point = repository.find_point(point)?;
            restore(&repository, &point, &self.inside(), target, options, monitor)
        };
        let done = run();
        let line = |w: engine::monitor::Warning| format!("{}: {}", String::from_utf8_lossy(&w.subject), w.reason);
        (done, monitor.take_warnings().into_iter().map(line).collect())
    }

    /// The source's path inside a restore point.
    pub fn inside(&self) -> Vec<u8> {
        self.source.as_os_str().as_bytes()[1..].to_vec()
    }

    /// Backs up over a store that must be healthy now, checks, restores and compares.
    pub fn expect_healthy(&self) -> BackupSummary {
        let summary = self.back_up().expect("the next backup succeeds");
        self.expect_equal();
        summary
    }

    /// Checks clean, and the newest point is the source.
    pub fn expect_equal(&self) {
        assert_eq!(self.check().expect("checks").errors, Vec::new());
        let target = tempfile::tempdir().unwrap();
        let (done, warnings) = self.restore("latest", target.path());
        done.expect("restores");
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(contents(target.path()), contents(&self.source));
    }
}

/// Everything, with owners where the test may set them.
pub fn restore_options() -> RestoreOptions {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    RestoreOptions { owners: is_root, ..RestoreOptions::default() }
}

/// Every file and link below a folder with its bytes.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(here) = todo.pop() {
        for entry in std::fs::read_dir(&here).unwrap() {
            let path = entry.unwrap().path();
            let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if kind.is_dir() {
                todo.push(path);
                out.insert(name, b"<folder>".to_vec());
            } else if kind.is_symlink() {
                out.insert(name, std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes());
            } else if kind.is_file() {
                out.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    out
}

/// How tests collect: at once, and what is hardly sparse too.
pub fn collect_options() -> CollectOptions {
    CollectOptions { dead_share: 0.01, grace_seconds: 0, ..CollectOptions::new("test") }
}

/// Plans and carries out.
pub fn collect_all(repository: &Arc<Repository>, options: &CollectOptions) -> Result<CollectReport> {
    let monitor = Monitor::new();
    let plan = plan_collection(repository, options, &monitor)?;
    collect(repository, options, &plan.hash, &ClockVerdict::trusted(), &monitor)
}

/// Gives points up.
pub fn expire(repository: &Repository, mut points: Vec<PointId>) {
    points.sort_unstable();
    let given_up = Change::Expire { points, reason: "test".into(), plan: [0; 32] };
    repository.log().append(&**repository.env(), &mut |_| Ok(given_up.clone())).expect("expires");
}

/// The same rig over a store that does `work` once, before the first put of a name that begins so.
pub fn interrupted(rig: &Rig, prefix: &'static str, work: impl FnOnce() + Send + 'static) -> Rig {
    let work = Mutex::new(Some(work));
    let store = Faulty::new(rig.store.clone(), move |call| {
        let is_due = call.verb == RequestKind::Put && call.name.starts_with(prefix);
        // Taken first: the work may come by here itself.
        let due = if is_due { work.lock().take() } else { None };
        due.into_iter().for_each(|work| work());
        None
    });
    rig.over(Arc::new(store))
}

/// Every object of a store.
pub fn names_of(store: &dyn Store) -> Vec<ObjectName> {
    let mut names = Vec::new();
    let all = |listed: engine::store::Listed| {
        names.push(listed.name);
        true
    };
    store.list(&ListOptions::below(""), &mut { all }).unwrap();
    names.sort();
    names
}

/// The same objects in a new memory.
pub fn copy_of(store: &dyn Store) -> Arc<Memory> {
    let copy = Memory::new();
    for name in names_of(store) {
        copy.put_new(&name, store.get(&name).unwrap()).unwrap();
    }
    Arc::new(copy)
}

/// Tells `run` 1, 2, 3, ... on a few threads until it answers false; returns how many answered true.
pub fn parallel(run: impl Fn(u64) -> bool + Sync) -> u64 {
    let (next, good) = (AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while run(next.fetch_add(1, Ordering::SeqCst)) {
                    good.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    good.into_inner()
}

/// An error as a test shows it.
pub fn shown(e: &Error) -> String {
    format!("{:?} on {:?}: {e}", e.kind(), e.object())
}
