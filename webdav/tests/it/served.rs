//! A source, its restore point in memory, and a server of it that ends with the test.

use crate::asked::{Asked, ask};
use crate::memory::{Memory, Outage};
use engine::restore_point::Point;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use view::{Shown, View};
use webdav::{Login, Options, Served, Server};

/// 2026-11-22T00:37:49Z.
pub(crate) const START: i64 = 1_795_307_869;
/// What the point is called.
pub(crate) const POINT: &str = "2026-11-22T00-37-49Z";

pub(crate) struct Place {
    pub(crate) source: PathBuf,
    pub(crate) catalog: Arc<Memory>,
    pub(crate) point: Arc<Point>,
    pub(crate) view: Arc<View>,
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<Served>>,
    _folder: tempfile::TempDir,
}

impl Place {
    /// A server of one point of a source that `fill` makes.
    pub(crate) fn of(fill: impl FnOnce(&Path)) -> Self {
        Place::with(fill, None, |_, _| {})
    }

    /// The same with a password, and with something done to the catalog before it is served.
    pub(crate) fn with(fill: impl FnOnce(&Path), login: Option<Login>, prepare: impl FnOnce(&Memory, &Point)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().canonicalize().unwrap().join("source");
        fs::create_dir(&source).unwrap();
        fill(&source);
        let catalog = Arc::new(Memory::default());
        let point = catalog.back_up(&source, "host", "job", START);
        prepare(&catalog, &point);
        let shown = Shown::default();
        let view = Arc::new(View::open(Arc::clone(&catalog) as Arc<_>, shown, Default::default()).unwrap());
        let listen = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(Arc::clone(&view), Options { listen, login, open_to_all: false }).unwrap();
        let (address, stop) = (server.address(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let running = std::thread::spawn(move || server.run(|| stopped.load(Ordering::Relaxed)).unwrap());
        Place { source, catalog, point, view, address, stop, running: Some(running), _folder: folder }
    }

    /// The URL of a file of the source, through `latest`.
    pub(crate) fn url(&self, below: &str) -> String {
        self.within("by-job/host/job/latest", below)
    }

    pub(crate) fn within(&self, point: &str, below: &str) -> String {
        format!("/{point}{}/{below}", self.source.display())
    }

    pub(crate) fn get(&self, url: &str) -> Asked {
        self.ask("GET", url, &[])
    }

    pub(crate) fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> Asked {
        ask(self.address, method, url, headers)
    }

    /// The paths that a PROPFIND of a folder's names lists, itself first.
    pub(crate) fn listed(&self, url: &str) -> Vec<String> {
        let answer = self.ask("PROPFIND", url, &[("Depth", "1")]);
        assert_eq!(answer.status, 207, "{answer:?}");
        answer.between("<D:href>", "</D:href>")
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> Served {
        self.stop();
        self.running.take().unwrap().join().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.catalog.set_outage(Outage::None);
        self.stop();
        if let Some(running) = self.running.take() {
            let ended = running.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

/// A few files, among them one of several pieces.
pub(crate) fn some_files(source: &Path) {
    fs::create_dir(source.join("folder")).unwrap();
    fs::write(source.join("folder/inner.html"), "<script>alert(1)</script>").unwrap();
    fs::write(source.join("empty"), "").unwrap();
    fs::write(source.join("a b & <c>%.txt"), "text").unwrap();
    fs::write(source.join(".hidden"), "hidden").unwrap();
    fs::write(source.join("large.bin"), noise(3_000_000)).unwrap();
    let sparse = File::create(source.join("sparse")).unwrap();
    sparse.set_len(5 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"data", 4 << 20).unwrap();
    symlink("folder", source.join("link")).unwrap();
}

/// Bytes that do not compress.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    testkit::noise(0, bytes)
}
