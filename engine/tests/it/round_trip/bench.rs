//! A workbench: a rig in a folder of its own, in short words of what must succeed.

use engine::backup::{BackupSummary, backup};
use engine::blob::CachePlace;
use engine::maintenance::CheckReport;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore::{RestoreOptions, RestoreSummary, restore};
use engine::source::Source;
use engine::store::{Location, Options, Store, open};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::rig::{Rig, restore_options};

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    rig: Rig,
}

impl Bench {
    /// A bench with an encrypted repository in a folder, and a cache that is kept.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let location = Location::parse(folder.path().join("repository")).expect("a location");
        let store = open(&location, &Options { create: true, ..Options::default() }).expect("a store");
        Bench::over(folder, store)
    }

    /// A bench over any store; the repository is created in it.
    pub(crate) fn over(folder: tempfile::TempDir, store: Arc<dyn Store>) -> Self {
        let cache = CachePlace::Folder(folder.path().join("cache"));
        let rig = Rig { cache, ..Rig::new(folder.path(), store) };
        Bench { folder, rig }
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.rig.source.clone()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        self.rig.write(name, bytes);
    }

    pub(crate) fn open(&self) -> Arc<Repository> {
        self.rig.open().expect("opens")
    }

    pub(crate) fn back_up(&self) -> BackupSummary {
        self.rig.back_up().expect("backs up")
    }

    /// A point of the job `test`, of any source.
    pub(crate) fn back_up_of(&self, source: &dyn Source, monitor: &Arc<Monitor>) -> engine::Result<BackupSummary> {
        backup(&self.open(), source, &self.rig.options(), monitor)
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
        self.rig.check().expect("checks")
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

pub(crate) fn inside(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().trim_ascii_start().strip_prefix(b"/").expect("absolute").to_vec()
}
