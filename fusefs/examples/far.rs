//! Mounts a local repository as if its store were far away: each request waits, and each connection has its own bandwidth.
//!
//!     far REPOSITORY PASSWORD_FILE CACHE_FOLDER MOUNTPOINT LATENCY_MILLISECONDS MEGABYTES_PER_SECOND
//!
//! For benches/mount.py. It stays until `cairn umount MOUNTPOINT`.

use bytes::Bytes;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::repository::{OpenOptions, Repository};
use engine::store::{
    HeadOptions, Info, ListOptions, Listed, Location, ObjectName, ObjectRef, Options, PutOptions, Read, ReadRange,
    Receipt, Store, open,
};
use fusefs::MountOptions;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use view::catalog::RepositoryCatalog;

/// A store behind a long line.
#[derive(Debug)]
struct Far {
    store: Arc<dyn Store>,
    latency: Duration,
    bytes_per_second: f64,
}

impl Far {
    fn wait(&self, bytes: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a simulated line need not be exact to the byte")]
        let transfer = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        std::thread::sleep(self.latency + transfer);
    }
}

impl Store for Far {
    engine::store::forward!(store: versions, extend_lock, retrieve, rest_again, now, capabilities, room);

    fn location(&self) -> String {
        format!("far://{}", self.store.location())
    }

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> engine::Result<Receipt> {
        self.wait(bytes.len());
        self.store.put(name, bytes, options)
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> engine::Result<Read> {
        self.store.read(object, range).inspect(|read| self.wait(read.bytes.len()))
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> engine::Result<Info> {
        self.wait(0);
        self.store.head(object, options)
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> engine::Result<()> {
        self.wait(0);
        self.store.list(options, visit)
    }

    fn delete(&self, object: ObjectRef<'_>) -> engine::Result<()> {
        self.wait(0);
        self.store.delete(object)
    }

    /// A second look goes over the same line.
    fn fresh(&self) -> engine::Result<Option<Arc<dyn Store>>> {
        Ok(None)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [repository, password, cache, mountpoint, latency, bandwidth] = &words[..] else {
        return Err(
            "usage: far REPOSITORY PASSWORD_FILE CACHE_FOLDER MOUNTPOINT LATENCY_MILLISECONDS MEGABYTES_PER_SECOND"
                .into(),
        );
    };
    let store = open(&Location::parse(Path::new(repository))?, &Options::default())?;
    let latency = Duration::from_millis(latency.parse()?);
    let far = Arc::new(Far { store, latency, bytes_per_second: bandwidth.parse::<f64>()? * 1e6 });
    let password = std::fs::read(password)?;
    let options = OpenOptions {
        env: Machine::shared(),
        cache: CachePlace::Folder(PathBuf::from(cache)),
        budgets: view::limits::CACHES,
        ranges: None,
        as_of: None,
    };
    let repository = Repository::open(far, Some(password.trim_ascii_end()), &options)?;
    let catalog = Arc::new(RepositoryCatalog::new(repository, view::limits::prefetch())?);
    let handle = fusefs::mount(catalog, &MountOptions::at(mountpoint))?;
    handle.wait()?;
    Ok(())
}
