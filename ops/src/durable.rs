//! Small files that are whole or not there: keys, recovery sheets, kept configs.
//!
//! Promises: a file is written beside its place, synced, put there in one step, and its folder is synced before anybody relies
//! on it. So a crash leaves what stood there before, or the whole new file; never an empty one. Its owner alone reads it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Makes a new file; its folder is made, too.
///
/// # Errors
/// `AlreadyExists` where something stands there; the system's.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path)?;
    beside(folder, bytes)?.persist_noclobber(path).map_err(|e| e.error)?;
    sync(folder)
}

/// Makes a file, in the place of whatever stands there.
///
/// # Errors
/// The system's; what stood there stays.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Of a link, what it leads to is replaced.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(path)?;
    beside(folder, bytes)?.persist(path).map_err(|e| e.error)?;
    sync(folder)
}

/// Syncs a folder: what was put there or renamed stays.
///
/// # Errors
/// The system's.
pub fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The whole content, durable, under a name that nobody asks for.
fn beside(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    create_folder(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes a folder and those above it, each entered durably into its own.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        create_folder(above)?;
    }
    match std::fs::create_dir(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    folder_of(folder).map_or(Ok(()), sync)
}

fn folder_of(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(folder) => Ok(folder),
        None => Err(io::Error::other("it has no folder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn what_stands_there_is_replaced_as_a_whole_and_never_written_into() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/key");
        create(&path, b"first").unwrap();
        assert_eq!(create(&path, b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let (held, before) = (File::open(&path).unwrap(), std::fs::metadata(&path).unwrap().ino());
        replace(&path, b"third").unwrap();
        assert_eq!(io::read_to_string(held).unwrap(), "first", "whoever has it open sees one of both, whole");
        assert_eq!(std::fs::read(&path).unwrap(), b"third");
        let after = std::fs::metadata(&path).unwrap();
        assert!(after.ino() != before && after.permissions().mode() & 0o777 == 0o600);
        assert_eq!(std::fs::read_dir(dir.path().join("a/b")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_link_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        create(&dir.path().join("real"), b"first").unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        replace(&dir.path().join("link"), b"second").unwrap();
        assert_eq!(std::fs::read(dir.path().join("real")).unwrap(), b"second");
        assert!(dir.path().join("link").is_symlink());
    }
}
