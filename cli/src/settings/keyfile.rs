//! The key file of the default repository: a generated password as text, in a file that its owner alone can read.
//!
//! Promises: the file is whole or not there, also after a crash; where a key slot changes that the file opens, the file is
//! kept in step before the old slot goes, so the default repository never locks itself out. Refuses to write over a key
//! that may open something else: it is set aside first.

use super::password;
use super::{Repo, Settings, xdg};
use crate::exit::{Exit, Failure, Result};
use crate::output::human;
use engine::env::SharedEnv;
use engine::repository::Repository;
use ops::{Secret, durable};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where it lies: `$XDG_CONFIG_HOME/cairn/default.key`.
pub(crate) fn path() -> Result<PathBuf> {
    Ok(xdg::config()?.join("cairn").join("default.key"))
}

/// The folder of the default repository: `$XDG_DATA_HOME/cairn/default`.
pub(super) fn repository() -> Result<PathBuf> {
    Ok(xdg::data()?.join("cairn").join("default"))
}

/// The key file, where these settings name the default repository; by its folder, whether that was named or not.
pub(crate) fn of(settings: &Settings) -> Option<PathBuf> {
    let is_default = match &settings.repo {
        Repo::Default(_) => true,
        Repo::Given(text) => {
            let given = engine::store::Location::parse(text).ok();
            let folder = given.and_then(|place| match place {
                engine::store::Location::Folder(path) => path.canonicalize().ok(),
                _ => None,
            });
            folder.is_some() && folder == repository().ok().and_then(|path| path.canonicalize().ok())
        }
    };
    path().ok().filter(|_| is_default)
}

/// The key file of the default repository, if it is this one and what the file holds opens this slot.
///
/// # Errors
/// The store's.
pub(crate) fn that_opens(slot: &str, repo: &Repository, settings: &Settings) -> Result<Option<PathBuf>> {
    let Some(path) = of(settings).filter(|path| path.exists()) else { return Ok(None) };
    // A file that cannot be read opens nothing.
    let Ok(key) = password::read_file(&path) else { return Ok(None) };
    Ok(repo.opens_slot(slot, &key)?.then_some(path))
}

/// Makes a key and keeps it in `path`, durable before this returns: a repository whose key was lost would be worthless.
/// A file that is there already is left alone and used; an empty one, which a crash of an older release has left, is not.
///
/// # Errors
/// When the file or its folder cannot be written.
pub(crate) fn create(path: &Path, env: &SharedEnv) -> Result<Secret> {
    let is_empty = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == 0);
    if path.exists() && !is_empty {
        return password::read_file(path);
    }
    let mut random = Zeroizing::new([0; 32]);
    env.random(&mut *random)?;
    let mut key = Zeroizing::new(String::with_capacity(64));
    random.iter().for_each(|byte| write!(key, "{byte:02x}").expect("a string takes everything"));
    let key = Zeroizing::new(key.as_bytes().to_vec());
    let line = line(&key);
    let written = if is_empty { durable::replace(path, &line) } else { durable::create(path, &line) };
    match written {
        // Another first run was faster.
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => password::read_file(path),
        other => other.map(|()| key).map_err(|e| not_written(path, &e)),
    }
}

/// Keeps this password in the file, in the place of the one that it had.
///
/// # Errors
/// When the file or its folder cannot be written; then it is as it was.
pub(crate) fn keep(path: &Path, password: &[u8]) -> Result<()> {
    durable::replace(path, &line(password)).map_err(|e| not_written(path, &e))
}

/// The same after a recovery sheet opened the repository. A key that opens nothing any more is set aside, as it may be of another repository; one
/// that opens something stays. Says what was done.
///
/// # Errors
/// As [`keep`]; the store's.
pub(crate) fn keep_after_import(repo: &Repository, settings: &Settings, password: &[u8]) -> Result<Option<String>> {
    let Some(path) = of(settings) else { return Ok(None) };
    let shown = human::path(&path);
    if !path.exists() {
        keep(&path, password)?;
        return Ok(Some(format!("the key file {shown} holds the new password")));
    }
    if let Ok(key) = password::read_file(&path)
        && repo.opens_any_slot(&key)?
    {
        return Ok(None);
    }
    let aside = aside(&path).map_err(|e| not_written(&path, &e))?;
    keep(&path, password)?;
    let aside = human::path(&aside);
    Ok(Some(format!("the key file {shown} opened nothing and holds the new password now; what it held is in {aside}")))
}

/// Gives the file a second name that is free.
fn aside(path: &Path) -> std::io::Result<PathBuf> {
    for number in 1..=ASIDE_MAX {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        match std::fs::hard_link(path, &name) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| PathBuf::from(name)),
        }
    }
    Err(std::io::Error::other("too many old key files lie beside it"))
}

/// As it stands in the file: one line feed is dropped when it is read [KEY-4].
fn line(password: &[u8]) -> Secret {
    let mut line = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    line.extend_from_slice(password);
    line.push(b'\n');
    line
}

fn not_written(path: &Path, e: &std::io::Error) -> Failure {
    let message = format!("{}: the key file cannot be written: {e}", human::path(path));
    Failure::new(Exit::Failed, "cannot_write", message)
        .advise("make its folder writable, or name a repository with --repo and a password")
}

/// Old key files that may lie beside it.
const ASIDE_MAX: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_its_owner_alone_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/default.key");
        let first = create(&path, &engine::env::Seeded::shared(1)).unwrap();
        let again = create(&path, &engine::env::Seeded::shared(2)).unwrap();
        assert_eq!(first, again);
        assert_eq!(first.len(), 64);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_empty_file_that_a_crash_has_left_is_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("default.key");
        std::fs::write(&path, b"").unwrap();
        let made = create(&path, &engine::env::Seeded::shared(1)).unwrap();
        assert_eq!(password::read_file(&path).unwrap(), made);
    }

    #[test]
    fn passwords_of_any_bytes_come_back_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("default.key");
        for password in [&b"plain"[..], b"with\n", b"\n\n", b"\xff\0"] {
            keep(&path, password).unwrap();
            assert_eq!(&**password::read_file(&path).unwrap(), password);
        }
        let first = aside(&path).unwrap();
        assert!(first != aside(&path).unwrap() && first.exists());
    }
}
