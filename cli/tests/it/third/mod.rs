//! What other people's programs say of a mount: each row of the table runs one of them on a point of a real repository, mounted
//! by the built binary, and again on a broken twin, where it must find what is wrong.
//!
//! ```text
//! trees      diff, rsync, tar, mtree, find, tree, hashdeep
//! attributes getfattr, getfacl, cat as somebody else, du, df
//! sparse     cp --sparse, xfs_io
//! programs   git, sqlite3, a program run from the mount, stress-ng, inotifywait
//! fio        verified reads, sequential and random, buffered and direct
//! handles    name_to_handle_at over a remount
//! servers    Samba and NFS-Ganesha, which serve the mount on
//! refused    every call that writes
//! somebody   a mount by nobody, through fusermount3
//! elsewhere  rows that other tests hold: kill -9, SIGTERM, a handler that panics, a foreign mount on top
//! ```

mod attributes;
mod elsewhere;
mod fio;
mod handles;
mod place;
mod programs;
mod refused;
#[path = "../../../../fusefs/tests/it/report.rs"]
mod report;
mod servers;
mod somebody;
mod source;
mod sparse;
mod table;
mod trees;

pub(crate) use report::can_mount;
