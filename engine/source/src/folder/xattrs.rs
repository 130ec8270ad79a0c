//! Extended attributes, POSIX ACLs among them, of any kind of item.
//!
//! Promises: nothing is opened and no symlink is followed: the item is named through `/proc/self/fd`, relative to its folder's
//! descriptor, which works for fifos, devices and symlinks too and at any depth. Attributes that vanish in between are left
//! out; one that cannot be read becomes a reason and the others are kept.

use format_spec::tree::Entry;
use rustix::fs::{lgetxattr, llistxattr};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// Loads the attributes of `name` in the folder `fd` into `entry`, in byte order; the reasons for those that are missing.
///
/// # Errors
/// `NotFound` when the item is gone.
pub(super) fn load(fd: &OwnedFd, name: &CStr, entry: &mut Entry) -> io::Result<Vec<String>> {
    let mut path = format!("{DESCRIPTORS}/{}/", fd.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    let path = CString::new(path)?;
    entry.xattrs.clear();
    let list = match list(&path) {
        Ok(list) => list,
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Err(Errno::NOENT) if !Path::new(DESCRIPTORS).exists() => {
            return Ok(vec!["its extended attributes and ACLs were not read: /proc is not mounted".to_owned()]);
        }
        Err(Errno::NOENT) => return Err(Errno::NOENT.into()),
        Err(e) => return Ok(vec![format!("its extended attributes and ACLs cannot be listed: {e}")]),
    };
    let mut reasons = Vec::new();
    for name in list.split_inclusive(|b| *b == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        match value(&path, name) {
            Ok(value) => entry.xattrs.push((name.to_bytes().to_vec(), value)),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(Errno::NOENT) => return Err(Errno::NOENT.into()),
            Err(e) => {
                reasons.push(format!("its extended attribute {} cannot be read: {e}", name.to_string_lossy()));
            }
        }
    }
    entry.xattrs.sort_unstable();
    Ok(reasons)
}

fn list(path: &CStr) -> rustix::io::Result<Vec<u8>> {
    sized_answer(|buffer| llistxattr(path, buffer))
}

fn value(path: &CStr, name: &CStr) -> rustix::io::Result<Vec<u8>> {
    sized_answer(|buffer| lgetxattr(path, name, buffer))
}

/// The answer of a call that fills a buffer: most fit into a small one, and none is larger than the kernel's limit.
///
/// # Errors
/// The kernel's.
pub fn sized_answer(get: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; XATTR_BYTES_USUAL];
    loop {
        match get(&mut buffer) {
            Err(Errno::RANGE) if buffer.len() < XATTR_BYTES_MAX => buffer.resize(XATTR_BYTES_MAX, 0),
            Err(e) => return Err(e),
            Ok(n) => {
                buffer.truncate(n);
                return Ok(buffer);
            }
        }
    }
}

const DESCRIPTORS: &str = "/proc/self/fd";
/// The kernel's own limit for one value and for the list of names (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const XATTR_BYTES_MAX: usize = 65_536;
/// Enough for nearly every list of names and every ACL.
const XATTR_BYTES_USUAL: usize = 512;
