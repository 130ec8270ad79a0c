//! Room that is kept for those who make room: on a disk that is full to the last byte, an entry of the log that lets restore
//! points go, or shuts a session out, must still find its place.
//!
//! ```text
//! +reserve           4 MB that nothing compresses      (a name outside the alphabet: no listing shows it)
//! ```
//!
//! Promises: it shrinks by about what is asked for and keeps the rest, so that a neighbour who fills the disk at once does not
//! get all of it. Refuses to fail anything: where it cannot be kept, there is none. Random bytes, for a file of zeros takes no
//! room where a file system compresses, and an allocation without bytes takes none where it writes elsewhere anyway.

use super::rights::Rights;
use super::stage::sync_folder;
use base::env::Machine;
use base::limits::RESERVE_BYTES;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Fills the file up, as far as there is room. It has the rights of an object: whoever shares the folder may spend it.
pub(super) fn keep(root: &OwnedFd, rights: &Rights) {
    if rustix::fs::statat(root, RESERVE, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|s| s.st_size.cast_unsigned() >= RESERVE_BYTES)
    {
        return;
    }
    let Some(file) = open(root, OFlags::CREATE) else { return };
    let Ok(mut length) = file.metadata().map(|metadata| metadata.len()) else { return };
    if let Err(error) = rights.apply_to_file(&file) {
        tracing::debug!(%error, "the reserve is its maker's alone");
    }
    let mut noise = vec![0; STEP_BYTES];
    while length < RESERVE_BYTES {
        let step = usize::try_from(RESERVE_BYTES - length).unwrap_or(STEP_BYTES).min(STEP_BYTES);
        let Some(noise) = noise.get_mut(..step) else { return };
        if Machine::shared().random(noise).is_err() || file.write_all_at(noise, length).is_err() {
            break;
        }
        length += step as u64;
    }
    if let Err(error) = file.sync_all().and_then(|()| sync_folder(root, "").map_err(std::io::Error::other)) {
        tracing::debug!(%error, "the reserve was not made durable");
    }
}

/// Gives back at least so many bytes, or what is left of it; false when there was nothing.
pub(super) fn spend(root: &OwnedFd, bytes: u64) -> bool {
    let Ok(stat) = rustix::fs::statat(root, RESERVE, AtFlags::SYMLINK_NOFOLLOW) else { return false };
    // More than was asked for: the entry may need a block for its folder as well, and a neighbour may be quicker.
    let left = stat.st_size.cast_unsigned().saturating_sub(bytes.saturating_mul(2).max(STEP_BYTES as u64));
    let shrunk = (left > 0).then(|| open(root, OFlags::empty())).flatten().is_some_and(|file| {
        // Some file systems give blocks back only when the change itself is on the disk.
        file.set_len(left).and_then(|()| file.sync_all()).is_ok()
    });
    // Another user's file can be taken away, where it cannot be written to.
    shrunk
        || rustix::fs::unlinkat(root, RESERVE, AtFlags::empty()).is_ok_and(|()| {
            let synced = sync_folder(root, "");
            tracing::debug!(?synced, "the reserve is used up");
            true
        })
}

fn open(root: &OwnedFd, more: OFlags) -> Option<File> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | more;
    let file = File::from(rustix::fs::openat(root, RESERVE, flags, Mode::from_raw_mode(0o600)).ok()?);
    file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
}

/// Holds a character that no object's name has.
const RESERVE: &str = "+reserve";
/// What is written at once, and given back at least.
const STEP_BYTES: usize = 128 * 1024;
