//! Mounts a local repository as if its store were far away: each request waits, and each connection has its own bandwidth.
//!
//!     far REPOSITORY PASSWORD_FILE CACHE_FOLDER MOUNTPOINT LATENCY_MILLISECONDS MEGABYTES_PER_SECOND
//!
//! For benches/mount.py. It stays until `cairn umount MOUNTPOINT`.

use engine::blob::CachePlace;
use engine::env::Machine;
use engine::repository::{OpenOptions, Repository};
use engine::store::{Location, Options, open};
use fusefs::MountOptions;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use testkit::stores::Far;
use view::catalog::RepositoryCatalog;

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
    let far = Arc::new(Far::behind(store, latency, bandwidth.parse::<f64>()? * 1e6));
    let password = std::fs::read(password)?;
    let options = OpenOptions {
        budgets: view::limits::CACHES,
        ..OpenOptions::new(Machine::shared(), CachePlace::Folder(PathBuf::from(cache)))
    };
    let repository = Repository::open(far, Some(password.trim_ascii_end()), &options)?;
    let catalog = Arc::new(RepositoryCatalog::new(repository, view::limits::prefetch())?);
    let handle = fusefs::mount(catalog, &MountOptions::at(mountpoint))?;
    handle.wait()?;
    Ok(())
}
