//! A rig: one source, any store, any cache; what tests do with them, and what they compare.

use engine::backup::{BackupOptions, BackupSummary, backup};
use engine::blob::CachePlace;
use engine::care::{CheckOptions, CheckReport, Level, check};
use engine::env::{Machine, SharedEnv};
use engine::monitor::Monitor;
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::restore::{RestoreOptions, RestoreSummary, restore};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Faulty, ListOptions, Memory, ObjectName, RequestKind, Store, StoreExt};
use engine::{Error, Result};
use format_spec::config::{Class, Cutting};
use format_spec::key_slot::Cost;
use format_spec::point::Workload;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const PASSWORD: &[u8] = b"correct horse";
pub(crate) const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) source: PathBuf,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cache: CachePlace,
    pub(crate) env: SharedEnv,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) job: String,
}

impl Rig {
    /// A new repository in `store`, a source folder in `folder`, a cache that goes away.
    pub(crate) fn new(folder: &Path, store: Arc<dyn Store>) -> Rig {
        Rig::cut(folder, store, None)
    }

    pub(crate) fn cut(folder: &Path, store: Arc<dyn Store>, cutting: Option<Cutting>) -> Rig {
        Rig::made(folder, store, cutting, 0)
    }

    /// The same with parity in every pack.
    pub(crate) fn with_parity(folder: &Path, store: Arc<dyn Store>, percent: u8) -> Rig {
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

    pub(crate) fn create(&self, cutting: Option<Cutting>) {
        self.create_with(cutting, 0);
    }

    fn create_with(&self, cutting: Option<Cutting>, parity_percent: u8) {
        let new = NewRepository {
            class: Class::Backup,
            password: self.password.clone(),
            cost: CHEAP,
            label: "test".into(),
            probed: String::new(),
            cutting,
            block_target: None,
            level: None,
            parity_percent,
            retention: Default::default(),
            immutability: None,
            dedup: None,
            storage_class: String::new(),
            origin: None,
        };
        Repository::create(&*self.store, &new, &self.env).unwrap();
    }

    /// The same over another store.
    pub(crate) fn over(&self, store: Arc<dyn Store>) -> Rig {
        Rig { store, ..self.clone() }
    }

    pub(crate) fn open(&self) -> Result<Arc<Repository>> {
        Repository::open(self.store.clone(), self.password.as_deref(), &self.open_options())
    }

    pub(crate) fn open_options(&self) -> OpenOptions {
        OpenOptions {
            env: self.env.clone(),
            cache: self.cache.clone(),
            budgets: Default::default(),
            ranges: None,
            as_of: None,
        }
    }

    pub(crate) fn write(&self, name: impl AsRef<[u8]>, bytes: &[u8]) {
        let path = self.source.join(OsStr::from_bytes(name.as_ref()));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn back_up(&self) -> Result<BackupSummary> {
        self.back_up_with(&Arc::new(Monitor::new()))
    }

    pub(crate) fn back_up_with(&self, monitor: &Arc<Monitor>) -> Result<BackupSummary> {
        let source = FolderSource::new(std::slice::from_ref(&self.source), Rules::default())?;
        backup(&self.open()?, &source, &self.options(), monitor)
    }

    pub(crate) fn options(&self) -> BackupOptions {
        BackupOptions {
            job: self.job.clone(),
            tags: Vec::new(),
            full: false,
            dry_run: false,
            workload: Workload::Folders,
            threads: 2,
            original: None,
            drop_unreadable: false,
            point: None,
            shrink_max: None,
        }
    }

    pub(crate) fn check(&self) -> Result<CheckReport> {
        let options = CheckOptions { level: Level::Full, share: None, remember: None, point: None, threads: 2 };
        check(&self.open()?, &options, &Monitor::new())
    }

    /// Restores the source folder of a point into `target`; also what was warned of.
    pub(crate) fn restore(&self, point: &str, target: &Path) -> (Result<RestoreSummary>, Vec<String>) {
        self.restore_with(point, target, &restore_options(), &Arc::new(Monitor::new()))
    }

    pub(crate) fn restore_with(
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
    pub(crate) fn inside(&self) -> Vec<u8> {
        self.source.as_os_str().as_bytes()[1..].to_vec()
    }

    /// Backs up over a store that must be healthy now, checks, restores and compares.
    pub(crate) fn expect_healthy(&self) -> BackupSummary {
        let summary = self.back_up().expect("the next backup succeeds");
        self.expect_equal();
        summary
    }

    /// Checks clean, and the newest point is the source.
    pub(crate) fn expect_equal(&self) {
        assert_eq!(self.check().expect("checks").errors, Vec::new());
        let target = tempfile::tempdir().unwrap();
        let (done, warnings) = self.restore("latest", target.path());
        done.expect("restores");
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(contents(target.path()), contents(&self.source));
    }
}

pub(crate) fn restore_options() -> RestoreOptions {
    crate::round_trip::restore_options()
}

/// Every file and link below a folder with its bytes.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
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

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

/// The same rig over a store that does `work` once, before the first put of a name that begins so.
pub(crate) fn interrupted(rig: &Rig, prefix: &'static str, work: impl FnOnce() + Send + 'static) -> Rig {
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
pub(crate) fn names_of(store: &dyn Store) -> Vec<ObjectName> {
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
pub(crate) fn copy_of(store: &dyn Store) -> Arc<Memory> {
    let copy = Memory::new();
    for name in names_of(store) {
        copy.put_new(&name, store.get(&name).unwrap()).unwrap();
    }
    Arc::new(copy)
}

/// Tells `run` 1, 2, 3, ... on a few threads until it answers false; returns how many answered true.
pub(crate) fn parallel(run: impl Fn(u64) -> bool + Sync) -> u64 {
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
pub(crate) fn shown(e: &Error) -> String {
    format!("{:?} on {:?}: {e}", e.kind(), e.object())
}
