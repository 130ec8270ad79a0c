//! Where the local cache lies that nobody has named.
//!
//! ```text
//! $XDG_CACHE_HOME/cairn, ~/.cache/cairn -> without a home: this user's passing folder -> if that is somebody else's: a temporary one
//! ```
//! Promises: a cache ends no work, and never lies where others could write; each step down is noted once. The temporary one is made once a
//! process, and goes away with it ([`leave`]).

use super::xdg;
use crate::exit::Result;
use crate::output::human;
use engine::monitor::NOTE;
use engine::temporary::{Purpose, Temporary};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};

/// The cache of a user who has no place for one.
static TEMPORARY: Mutex<Option<Temporary>> = Mutex::new(None);

/// What was noted: settings are resolved more than once in a run.
static NOTED: std::sync::Once = std::sync::Once::new();

/// The place, if nobody has named one.
///
/// # Errors
/// Wrong usage: there is no home, and not even a temporary folder.
pub(super) fn usual() -> Result<PathBuf> {
    let why = match xdg::cache() {
        Ok(folder) => return Ok(folder.join("cairn")),
        Err(why) => why,
    };
    let note = |lies: String| {
        NOTED.call_once(|| {
            tracing::warn!(target: NOTE, "{}: the cache lies in {lies} (--cache-dir names another folder)", why.message);
        });
    };
    match xdg::passing() {
        Ok(folder) => {
            let folder = folder.join("cache");
            note(human::path(&folder));
            Ok(folder)
        }
        Err(refused) => {
            let Some(folder) = temporary() else { return Err(why) };
            note(format!("{} for this run alone, as {refused}", human::path(&folder)));
            Ok(folder)
        }
    }
}

/// The temporary folder of this process, made when it is first asked for.
fn temporary() -> Option<PathBuf> {
    let mut made = TEMPORARY.lock();
    if made.is_none() {
        *made = Temporary::create(Purpose::Cache).ok();
    }
    made.as_ref().map(Temporary::path).map(Path::to_owned)
}

/// Lets go of a temporary one: the last thing that a run does. One that ends otherwise leaves it to the next that makes one.
pub(crate) fn leave() {
    drop(TEMPORARY.lock().take());
}
