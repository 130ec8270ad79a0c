//! Where a user's files belong (<https://specifications.freedesktop.org/basedir-spec/>).

use crate::exit::{Failure, Result};
use engine::temporary;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// `$XDG_DATA_HOME`, or `~/.local/share`.
pub(crate) fn data() -> Result<PathBuf> {
    folder("XDG_DATA_HOME", ".local/share")
}

/// `$XDG_CONFIG_HOME`, or `~/.config`.
pub(crate) fn config() -> Result<PathBuf> {
    folder("XDG_CONFIG_HOME", ".config")
}

/// `$XDG_CACHE_HOME`, or `~/.cache`.
pub(crate) fn cache() -> Result<PathBuf> {
    folder("XDG_CACHE_HOME", ".cache")
}

/// Where cairn keeps what it remembers on this machine: `CAIRN_STATE_DIR`, or `cairn` below the user's state.
pub(crate) fn state_dir() -> Result<PathBuf> {
    match given_state_dir() {
        // Absolute, as a mount in the background leaves the working folder.
        Some(dir) => Ok(std::path::absolute(&dir).unwrap_or(dir)),
        None => Ok(folder("XDG_STATE_HOME", ".local/state")?.join("cairn")),
    }
}

/// `CAIRN_STATE_DIR`, where it is set.
pub(crate) fn given_state_dir() -> Option<PathBuf> {
    std::env::var_os("CAIRN_STATE_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// A folder that only this user can write to, at the same place for all runs until the machine is started again.
///
/// # Errors
/// The system's; where others can write to it.
pub(crate) fn passing() -> std::io::Result<PathBuf> {
    let folder = passing_place();
    let refused = |why: &str| std::io::Error::other(format!("{}: {why}", folder.display()));
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|e| refused(&e.to_string()))?;
    match temporary::is_private(&folder) {
        true => Ok(folder),
        false => Err(refused("it is not a folder that only this user can write to")),
    }
}

/// Where that folder is, or would be.
pub(crate) fn passing_place() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir()) {
        Some(runtime) => runtime.join("cairn"),
        None => std::env::temp_dir().join(format!("cairn-{}", rustix::process::geteuid().as_raw())),
    }
}

/// The specification ignores relative paths.
fn folder(variable: &str, below_home: &str) -> Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(folder) = absolute(variable) {
        return Ok(folder);
    }
    match absolute("HOME").or_else(std::env::home_dir) {
        Some(home) => Ok(home.join(below_home)),
        None => Err(Failure::usage(format!("neither {variable} nor HOME is set"))
            .advise("set HOME, or name the places with --repo, --cache-dir and --password-file")),
    }
}
