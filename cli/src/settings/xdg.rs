//! Where a user's files belong (<https://specifications.freedesktop.org/basedir-spec/>).

use crate::exit::{Failure, Result};
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

/// `$XDG_STATE_HOME`, or `~/.local/state`.
pub(crate) fn state() -> Result<PathBuf> {
    folder("XDG_STATE_HOME", ".local/state")
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
