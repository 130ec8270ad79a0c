//! Folders that go away with their process, and what killed processes left of them.
//!
//! ```text
//! AROUND/cairn-cache-<random>/held       locked for as long as its process lives
//!
//! made --held is made and locked--> is it still there? --yes--> ours
//!   ^                                        \--no: a sweep took it for a dead process's-- again
//! ```
//!
//! Promises: such a folder is this user's alone, under a name that nobody can foresee. Whoever makes one first removes those of the same
//! user whose process is dead. Refuses to remove anything else: what is another user's, what bears the name without being made here (it has
//! no file `held`, and is not empty), what a living process has locked, and anything at all below a folder in which others could exchange
//! it meanwhile. On a file system without locks nothing is swept.

use crate::error::{Error, Kind, Result};
use parking_lot::Mutex;
use rustix::process::geteuid;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What such a folder is for; part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A cache that has no lasting place.
    Cache,
    /// Packs that are being filled.
    Spool,
}

/// A folder that goes away with its process.
#[derive(Debug)]
pub struct Temporary {
    // Fields are dropped in this order: nobody else gets the lock before the folder is gone.
    folder: TempDir,
    _held: File,
}

/// Those of this process.
static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Those of this process: nobody's data.
pub fn made() -> Vec<PathBuf> {
    MADE.lock().clone()
}

/// Whether this is a folder of this user's that nobody else can write to. Temporary folders are shared: somebody else may have been
/// there first.
pub fn is_private(folder: &Path) -> bool {
    let ours = geteuid().as_raw();
    fs::symlink_metadata(folder)
        .is_ok_and(|found| found.is_dir() && found.uid() == ours && found.mode() & WRITTEN_BY_OTHERS == 0)
}

/// Where they are made, the usual place first: among the system's temporary files, and in memory.
pub fn places() -> [PathBuf; 2] {
    [std::env::temp_dir(), PathBuf::from(MEMORY)]
}

impl Temporary {
    /// Makes one below `around`, and removes those that killed processes left there.
    ///
    /// # Errors
    /// The file system's: `Denied`, `NoSpace`, `Transient`.
    pub fn create_in(around: &Path, purpose: Purpose) -> Result<Self> {
        sweep(around);
        let failed = |e: io::Error| Error::from(e).on(around.display());
        for _ in 0..ATTEMPTS_MAX {
            let mut named = tempfile::Builder::new();
            named.prefix(purpose.prefix()).rand_bytes(RANDOM_LENGTH).permissions(Permissions::from_mode(0o700));
            let folder = named.tempdir_in(around).map_err(failed)?;
            if let Some(held) = hold(folder.path()).map_err(failed)? {
                MADE.lock().push(folder.path().to_owned());
                return Ok(Temporary { folder, _held: held });
            }
        }
        Err(Error::new(Kind::Transient, "temporary folders vanish as soon as they are made")
            .on(around.display())
            .advise("find out who removes them, or set TMPDIR to another folder"))
    }

    /// Makes one in the first of [`places`] that takes it.
    ///
    /// # Errors
    /// The last one's.
    pub fn create(purpose: Purpose) -> Result<Self> {
        let [usual, last] = places();
        Temporary::create_in(&usual, purpose).or_else(|_| Temporary::create_in(&last, purpose))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        MADE.lock().retain(|made| made != self.folder.path());
    }
}

impl Purpose {
    const ALL: [Purpose; 2] = [Purpose::Cache, Purpose::Spool];

    const fn prefix(self) -> &'static str {
        match self {
            Purpose::Cache => "cairn-cache-",
            Purpose::Spool => "cairn-spool-",
        }
    }
}

/// Locks a folder that was just made; `None` if somebody swept it meanwhile.
fn hold(folder: &Path) -> io::Result<Option<File>> {
    let path = folder.join(HELD);
    let held = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    // Where there are no locks, a sweep gets none either, and leaves the folder alone.
    _ = held.lock();
    Ok(stands_at(&held, &path).then_some(held))
}

/// Removes what killed processes of this user left in `around`. What stands in the way is left for the next one.
fn sweep(around: &Path) {
    // Elsewhere somebody could put a folder of ours in the place of the one that was looked at.
    let is_steady = fs::metadata(around).is_ok_and(|found| {
        let ours = [0, geteuid().as_raw()].contains(&found.uid());
        ours && (found.mode() & WRITTEN_BY_OTHERS == 0 || found.mode() & STICKY != 0)
    });
    if !is_steady {
        return;
    }
    for item in fs::read_dir(around).into_iter().flatten().flatten() {
        if item.file_name().to_str().is_some_and(is_our_name) {
            _ = sweep_one(&item.path());
        }
    }
}

fn sweep_one(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Ok(());
    }
    let path = folder.join(HELD);
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    match OpenOptions::new().read(true).write(true).custom_flags(no_link).open(&path) {
        Ok(held) => {
            let is_dead = held.try_lock().is_ok() && stands_at(&held, &path);
            // The lock is kept until the folder is gone: its maker waits for it, and then makes another.
            if is_dead { fs::remove_dir_all(folder) } else { Ok(()) }
        }
        // Just made, or its maker was killed at that moment. It is empty then, or not ours; a maker that lives makes another.
        Err(e) if e.kind() == ErrorKind::NotFound => fs::remove_dir(folder),
        Err(e) => Err(e),
    }
}

/// A prefix and as many letters and digits as are drawn.
fn is_our_name(name: &str) -> bool {
    let drawn = Purpose::ALL.iter().find_map(|purpose| name.strip_prefix(purpose.prefix()));
    drawn.is_some_and(|drawn| drawn.len() == RANDOM_LENGTH && drawn.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether this name is still that of the open file.
fn stands_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// Locked while the process lives.
const HELD: &str = "held";
/// A file system in memory that every Linux has.
const MEMORY: &str = "/dev/shm";
/// Random characters of a name.
const RANDOM_LENGTH: usize = 10;
const WRITTEN_BY_OTHERS: u32 = 0o022;
/// Only the owner of what lies in such a folder renames or removes it.
const STICKY: u32 = 0o1000;
/// A folder that was swept is made again this often.
const ATTEMPTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(around: &Path, drawn: &str) -> PathBuf {
        let folder = around.join(format!("{}{drawn}", Purpose::Cache.prefix()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn what_dead_processes_left_is_swept_and_nothing_else() {
        let around = tempfile::tempdir().unwrap();
        let living = Temporary::create_in(around.path(), Purpose::Cache).unwrap();
        let dead = named(around.path(), "dead000000");
        fs::write(dead.join(HELD), b"").unwrap();
        fs::create_dir(dead.join("deep")).unwrap();
        fs::write(dead.join("deep/file"), b"1").unwrap();
        let empty = named(around.path(), "empty00000");
        // Somebody's own, under such a name.
        let own = named(around.path(), "own0000000");
        fs::write(own.join("letter"), b"1").unwrap();
        let other_name = named(around.path(), "of-mine");
        fs::write(other_name.join(HELD), b"").unwrap();
        let kept = around.path().join("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join(HELD), b"").unwrap();
        let link = around.path().join("cairn-spool-link000000");
        std::os::unix::fs::symlink(&kept, &link).unwrap();

        let next = Temporary::create_in(around.path(), Purpose::Spool).unwrap();
        assert!(!dead.exists() && !empty.exists());
        for stays in [living.path(), next.path(), &own, &other_name, &link, &kept.join(HELD)] {
            assert!(stays.exists(), "{}", stays.display());
        }
        let gone = living.path().to_owned();
        assert!(made().contains(&gone));
        drop(living);
        assert!(!gone.exists() && !made().contains(&gone));
    }

    #[test]
    fn nothing_is_swept_where_others_could_exchange_it() {
        let around = tempfile::tempdir().unwrap();
        let dead = named(around.path(), "dead000000");
        fs::write(dead.join(HELD), b"").unwrap();
        for (mode, stays) in [(0o777, true), (0o1777, false)] {
            fs::set_permissions(around.path(), Permissions::from_mode(mode)).unwrap();
            drop(Temporary::create_in(around.path(), Purpose::Cache).unwrap());
            assert_eq!(dead.exists(), stays, "{mode:o}");
        }
    }

    /// Many make folders and sweep at once: each has its own until it lets go of it.
    #[test]
    fn a_folder_that_is_being_made_is_not_lost_to_a_sweep() {
        let around = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let folder = Temporary::create_in(around.path(), Purpose::Cache).unwrap();
                        fs::write(folder.path().join("mine"), b"1").unwrap();
                        sweep(around.path());
                        assert!(folder.path().join("mine").exists() && folder.path().join(HELD).exists());
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(around.path()).unwrap().count(), 0);
    }
}
