//! The folder of records: read, changed, listed.
//!
//! Promises: the folder has mode 700 and each file mode 600; a change is written beside the file, synced and renamed
//! over it, under a lock that is waited for only so long. Refuses to write over a file that it cannot read.

use super::record::Record;
use super::row::hex;
use rustix::fs::{FlockOperation, flock};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where records are kept.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// Why what this machine remembers cannot be used.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// The file or folder that is in the way, where there is one.
    pub path: Option<PathBuf>,
    /// What is wrong.
    pub why: String,
}

impl Trouble {
    /// Trouble that no file has.
    pub fn new(why: impl Into<String>) -> Trouble {
        Trouble { path: None, why: why.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: {}", path.display(), self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl Folder {
    /// The folder below a state folder; nothing is asked of it yet.
    pub fn below(state: &Path) -> Folder {
        Folder(state.join("known"))
    }

    /// What is remembered of a location; `None` where nothing is.
    ///
    /// # Errors
    /// When it cannot be read, or is not what this release writes.
    pub fn read(&self, location: &str) -> Result<Option<Record>, Trouble> {
        let path = self.file(location);
        let Some(record) = load(&path)? else { return Ok(None) };
        if record.location != location {
            return Err(trouble(&path, format!("it is of another location, {}", record.location)));
        }
        Ok(Some(record))
    }

    /// Changes what is remembered of a location. `change` sees what stands there now, and says nothing twice.
    ///
    /// # Errors
    /// When it cannot be read or written, or the lock is held for too long.
    pub fn update(&self, location: &str, change: impl FnOnce(&mut Record)) -> Result<(), Trouble> {
        self.create().map_err(|e| trouble(&self.0, e))?;
        let _lock = self.lock()?;
        let before = self.read(location)?;
        let mut after = before.clone().unwrap_or_else(|| Record::new(location));
        change(&mut after);
        if before.as_ref() == Some(&after) {
            return Ok(());
        }
        self.replace(location, &after)
    }

    /// Puts a record in the place of whatever stands there, read or not.
    ///
    /// # Errors
    /// When it cannot be written, or the lock is held for too long.
    pub fn put(&self, record: &Record) -> Result<(), Trouble> {
        self.create().map_err(|e| trouble(&self.0, e))?;
        let _lock = self.lock()?;
        self.replace(&record.location, record)
    }

    /// Every record, by location; of a file that cannot be read, why.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<Result<Record, Trouble>>, Trouble> {
        let listed = match fs::read_dir(&self.0) {
            Ok(listed) => listed,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(trouble(&self.0, e)),
        };
        let mut found = Vec::new();
        for item in listed {
            let path = item.map_err(|e| trouble(&self.0, e))?.path();
            if path.file_name().is_some_and(|name| name.len() == NAME_DIGITS) {
                found.extend(load(&path).transpose());
            }
        }
        found.sort_by(|a, b| {
            let key = |record: &Result<Record, Trouble>| record.as_ref().map(|r| r.location.clone()).ok();
            key(a).cmp(&key(b))
        });
        Ok(found)
    }

    /// Forgets a location; whether anything was remembered of it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self, location: &str) -> Result<bool, Trouble> {
        let path = self.file(location);
        if !path.exists() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        match fs::remove_file(&path) {
            Ok(()) => sync(&self.0).map(|()| true).map_err(|e| trouble(&path, e)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(trouble(&path, e)),
        }
    }

    /// The file of a location.
    pub fn file(&self, location: &str) -> PathBuf {
        let name = hex(blake3::hash(location.as_bytes()).as_bytes());
        self.0.join(name.get(..NAME_DIGITS).unwrap_or_default())
    }

    fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let mode = fs::metadata(&self.0)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    /// The lock of the folder; it goes with the file.
    fn lock(&self) -> Result<File, Trouble> {
        let path = self.0.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|e| trouble(&path, e))?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(e) if e == rustix::io::Errno::WOULDBLOCK && begun.elapsed() < LOCK_WAIT => {
                    std::thread::sleep(LOCK_LOOK);
                }
                Err(e) if e == rustix::io::Errno::WOULDBLOCK => {
                    return Err(trouble(&path, "another process has held the lock for too long"));
                }
                Err(e) => return Err(trouble(&path, io::Error::from(e))),
            }
        }
    }

    fn replace(&self, location: &str, record: &Record) -> Result<(), Trouble> {
        let path = self.file(location);
        let beside = path.with_extension("new");
        let written = || {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
            file.write_all(record.text().as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            sync(&self.0)
        };
        written().map_err(|e| trouble(&path, e))
    }
}

fn load(path: &Path) -> Result<Option<Record>, Trouble> {
    let mut text = String::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(trouble(path, e)),
    };
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|e| trouble(path, e))?;
    Record::parse(&text).map(Some).map_err(|why| trouble(path, why))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn trouble(path: &Path, why: impl fmt::Display) -> Trouble {
    Trouble { path: Some(path.to_owned()), why: why.to_string() }
}

/// Hexadecimal digits of a file's name: half of a BLAKE3.
const NAME_DIGITS: usize = 32;
/// More than ten thousand repositories at one location.
const FILE_BYTES_MAX: u64 = 2 << 20;
/// The lock is held for the time of two syncs; a process that was stopped in between must not hold up a backup.
const LOCK_WAIT: Duration = Duration::from_secs(3);
const LOCK_LOOK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::super::row::Row;
    use super::*;
    use format_spec::RepositoryId;
    use format_spec::container::Suite;

    const PLACE: &str = "file:///srv/backup";

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::below(&dir.path().join("state/cairn"));
        (dir, folder)
    }

    fn seen(folder: &Folder, position: u32) -> Result<(), Trouble> {
        let row = Row::new(RepositoryId([1; 16]), Suite::Clear);
        folder.update(PLACE, |record| record.row_mut(row).forward(position, [0; 32]))
    }

    fn position(folder: &Folder) -> u32 {
        folder.read(PLACE).unwrap().unwrap().rows[0].position
    }

    #[test]
    fn folder_and_files_are_for_their_owner_alone() {
        let (_dir, folder) = folder();
        assert!(folder.read(PLACE).unwrap().is_none() && folder.list().unwrap().is_empty());
        seen(&folder, 7).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.0), mode(&folder.file(PLACE))), (0o700, 0o600));
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
        seen(&folder, 8).unwrap();
        assert_eq!((mode(&folder.0), position(&folder)), (0o700, 8));
    }

    #[test]
    fn processes_that_write_at_once_keep_the_furthest_position() {
        let (_dir, folder) = folder();
        std::thread::scope(|scope| {
            for first in 1..=8 {
                let folder = &folder;
                scope.spawn(move || (0..10).for_each(|n| seen(folder, first + 8 * n).unwrap()));
            }
        });
        assert_eq!(position(&folder), 80);
        assert_eq!(folder.list().unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_written_over_until_it_is_forgotten() {
        let (_dir, folder) = folder();
        seen(&folder, 7).unwrap();
        fs::write(folder.file(PLACE), "cairn known 2\n").unwrap();
        assert!(folder.read(PLACE).unwrap_err().why.contains("first line"));
        assert!(seen(&folder, 8).is_err() && folder.list().unwrap()[0].is_err());
        assert_eq!(fs::read(folder.file(PLACE)).unwrap(), b"cairn known 2\n");
        assert!(folder.forget(PLACE).unwrap() && !folder.forget(PLACE).unwrap());
        seen(&folder, 8).unwrap();
    }

    #[test]
    fn a_file_of_another_location_is_not_believed() {
        let (_dir, folder) = folder();
        seen(&folder, 7).unwrap();
        fs::rename(folder.file(PLACE), folder.file("s3://b")).unwrap();
        assert!(folder.read("s3://b").unwrap_err().why.contains("another location"));
    }

    #[test]
    fn a_lock_that_is_held_for_too_long_is_told() {
        let (_dir, folder) = folder();
        seen(&folder, 7).unwrap();
        let held = folder.lock().unwrap();
        assert!(seen(&folder, 8).unwrap_err().why.contains("held the lock"));
        drop(held);
        seen(&folder, 9).unwrap();
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let (dir, folder) = folder();
        fs::create_dir_all(dir.path().join("state")).unwrap();
        fs::write(dir.path().join("state/cairn"), b"").unwrap();
        assert!(seen(&folder, 7).is_err() && folder.read(PLACE).is_err() && folder.list().is_err());
        fs::remove_file(dir.path().join("state/cairn")).unwrap();
        seen(&folder, 7).unwrap();
        fs::remove_file(folder.file(PLACE)).unwrap();
        fs::create_dir(folder.file(PLACE)).unwrap();
        assert!(folder.read(PLACE).is_err() && seen(&folder, 8).is_err());
    }
}
