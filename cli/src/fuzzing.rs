//! The narrow door of the fuzz targets (`fuzz/src/cli.rs`) to the parsers of this crate.
//!
//! A binary has no interface, and the targets live outside of the workspace; this names exactly the functions that read text
//! which people wrote, and gives back plain types. Hidden, and free to change.

use crate::parse::{PointPath, job, key_cost, pattern::Pattern, place, quantity};
use crate::settings::profile;
use ops::known::Record;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What a config file says: repository, password file, threads, upload and download rates, settings of the store.
pub type Config =
    (Option<OsString>, Option<PathBuf>, Option<usize>, Option<u64>, Option<u64>, BTreeMap<String, String>);

/// Reads the text of a config file that lies at `path`, with a profile laid over it.
///
/// # Errors
/// What is wrong with it.
pub fn config(text: &str, path: &Path, profile: Option<&str>) -> Result<Config, String> {
    let found = profile::parse(text, path, profile).map_err(|failure| failure.message)?;
    let threads = found.threads.map(Into::into);
    Ok((found.repo, found.password_file, threads, found.limit_upload, found.limit_download, found.store))
}

/// The file of what this machine remembers of a location, read and written again.
///
/// # Errors
/// What is wrong with it.
pub fn known(text: &str) -> Result<String, String> {
    Record::parse(text).map(|record| record.text())
}

/// `POINT[:PATH]` as point and path.
///
/// # Errors
/// What is wrong with it.
pub fn place(text: &OsStr) -> Result<(String, Vec<u8>), String> {
    PointPath::parse(text).map(|place| (place.point, place.path))
}

/// An absolute path in a restore point, without its leading slash.
///
/// # Errors
/// What is wrong with it.
pub fn absolute(text: &OsStr) -> Result<Vec<u8>, String> {
    place::absolute(text)
}

/// Whether the path and one of its folders match a pattern of `find` and `restore`.
///
/// # Errors
/// What is wrong with the pattern.
pub fn path_pattern(text: &OsStr, ignore_case: bool, path: &[u8]) -> Result<(bool, bool), String> {
    Pattern::new(text, ignore_case).map(|pattern| (pattern.matches(path), pattern.covers(path)))
}

/// A number of bytes.
///
/// # Errors
/// What is wrong with it.
pub fn size(text: &str) -> Result<u64, String> {
    quantity::size(text)
}

/// Bytes a second.
///
/// # Errors
/// What is wrong with it.
pub fn rate(text: &str) -> Result<u64, String> {
    quantity::rate(text)
}

/// A share of the whole.
///
/// # Errors
/// What is wrong with it.
pub fn share(text: &str) -> Result<f64, String> {
    quantity::share(text)
}

/// How much trying a password may cost: the bounds, and as a text again.
///
/// # Errors
/// What is wrong with it.
pub fn key_cost(text: &str) -> Result<(u32, u32, usize, String), String> {
    let bounds = key_cost::bounds(text)?;
    Ok((bounds.memory_kib, bounds.passes, bounds.slots, key_cost::text(bounds)))
}

/// A job's name.
///
/// # Errors
/// What is wrong with it.
pub fn job(text: &str) -> Result<String, String> {
    job::job(text)
}
