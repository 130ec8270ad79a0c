//! A workbench: a source folder, a repository in a store, and short words for what tests do with them.

use engine::backup::{BackupOptions, BackupSummary, backup};
use engine::blob::CachePlace;
use engine::care::{CheckOptions, CheckReport, Level, check};
use engine::env::Machine;
use engine::monitor::Monitor;
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::restore::{Overwrite, RestoreOptions, RestoreSummary, restore};
use engine::source::Source;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Location, Options, Store, open};
use format_spec::config::Class;
use format_spec::key_slot::Cost;
use format_spec::point::Workload;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Arc<dyn Store>,
}

pub(crate) const PASSWORD: &[u8] = b"correct horse";
const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

impl Bench {
    /// A bench with an encrypted repository in a folder.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("source")).expect("a source");
        let location = Location::parse(folder.path().join("repository")).expect("a location");
        let store = open(&location, &Options { create: true, ..Options::default() }).expect("a store");
        Bench::over(folder, store)
    }

    /// A bench over any store; the repository is created in it.
    pub(crate) fn over(folder: tempfile::TempDir, store: Arc<dyn Store>) -> Self {
        let new = NewRepository {
            class: Class::Backup,
            password: Some(PASSWORD.to_vec()),
            cost: CHEAP,
            label: "test".into(),
            probed: String::new(),
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
        Repository::create(&*store, &new, &Machine::shared()).expect("creates");
        Bench { folder, store }
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.source().join(name);
        std::fs::create_dir_all(path.parent().expect("below the source")).expect("folders");
        std::fs::write(path, bytes).expect("writes");
    }

    pub(crate) fn open(&self) -> Arc<Repository> {
        let options = OpenOptions {
            env: Machine::shared(),
            cache: CachePlace::Folder(self.folder.path().join("cache")),
            budgets: Default::default(),
            ranges: None,
            as_of: None,
        };
        Repository::open(self.store.clone(), Some(PASSWORD), &options).expect("opens")
    }

    pub(crate) fn back_up(&self) -> BackupSummary {
        self.try_back_up(&Arc::new(Monitor::new())).expect("backs up")
    }

    pub(crate) fn try_back_up(&self, monitor: &Arc<Monitor>) -> engine::Result<BackupSummary> {
        let source = FolderSource::new(&[self.source()], Rules::default())?;
        self.back_up_of(&source, monitor)
    }

    /// A point of the job `test`, of any source.
    pub(crate) fn back_up_of(&self, source: &dyn Source, monitor: &Arc<Monitor>) -> engine::Result<BackupSummary> {
        let options = BackupOptions {
            job: "test".into(),
            tags: Vec::new(),
            full: false,
            dry_run: false,
            workload: Workload::Folders,
            threads: 2,
            original: None,
            drop_unreadable: false,
            shrink_max: None,
            point: None,
        };
        backup(&self.open(), source, &options, monitor)
    }

    /// Restores the newest point's source folder into `target` (below the bench's folder).
    pub(crate) fn restore(&self, target: &str) -> RestoreSummary {
        let monitor = Arc::new(Monitor::new());
        let repository = self.open();
        let point = repository.find_point("latest").expect("a point");
        let inside = inside(&self.source());
        let options = RestoreOptions { verify: true, ..restore_options() };
        let done = restore(&repository, &point, &inside, &self.folder.path().join(target), &options, &monitor);
        assert_eq!(monitor.take_warnings(), Vec::new());
        done.expect("restores")
    }

    pub(crate) fn check(&self) -> CheckReport {
        let options = CheckOptions { level: Level::Full, share: None, remember: None, point: None, threads: 2 };
        check(&self.open(), &options, &Monitor::new()).expect("checks")
    }

    /// `diff -r` between the source and a restored folder.
    pub(crate) fn assert_equal_to_source(&self, target: &str) {
        let output = std::process::Command::new("diff")
            .args(["-r", "--no-dereference"])
            .arg(self.source())
            .arg(self.folder.path().join(target))
            .output()
            .expect("diff runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

pub(crate) fn restore_options() -> RestoreOptions {
    RestoreOptions {
        tell: None,
        overwrite: Overwrite::IfChanged,
        delete: false,
        dry_run: false,
        verify: false,
        sparse: false,
        select: Arc::new(|_, _| true),
        owners: rustix_root(),
        threads: 2,
    }
}

pub(crate) fn inside(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().trim_ascii_start().strip_prefix(b"/").expect("absolute").to_vec()
}

fn rustix_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}
