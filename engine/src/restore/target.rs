//! What a target answers, told apart from what a store does.
//!
//! Promises: one item that the target refuses ends with that item. Only a full target ends the restore, because every item
//! after it would fail in the same way.

use crate::error::{Error, Kind};
use rustix::io::Errno;

/// What the target said about one path.
pub(super) fn refused(e: impl Into<std::io::Error>, path: &[u8]) -> Error {
    let e = e.into();
    let path = String::from_utf8_lossy(path);
    let kind = match Errno::from_io_error(&e) {
        Some(Errno::ISDIR | Errno::NOTDIR | Errno::NOTEMPTY | Errno::LOOP) => return in_the_way(&path),
        Some(Errno::NOSPC | Errno::DQUOT) => {
            return Error::new(Kind::NoSpace, e.to_string())
                .on(path)
                .advise("make room and run the same command again: what is restored stays");
        }
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Kind::Denied,
        Some(Errno::NOENT) => Kind::Absent,
        Some(Errno::EXIST) => Kind::Exists,
        _ => Kind::Unsupported,
    };
    Error::new(kind, format!("the target does not take it: {e}")).on(path)
}

/// Something of another kind has the name.
pub(super) fn in_the_way(path: &str) -> Error {
    Error::new(Kind::Exists, "something of another kind is in its place")
        .on(path)
        .advise("move it away, or use --delete")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_target_ends_a_restore() {
        for errno in 1..=133 {
            let error = refused(Errno::from_raw_os_error(errno), b"a/b");
            let full = matches!(Errno::from_raw_os_error(errno), Errno::NOSPC | Errno::DQUOT);
            assert_eq!(error.kind() == Kind::NoSpace, full, "{errno}");
            let ends =
                [Kind::Transient, Kind::Interrupted, Kind::Bug, Kind::Damaged, Kind::Archived, Kind::WrongPassword];
            assert!(!ends.contains(&error.kind()), "{errno}: {error}");
            assert_eq!(error.object(), Some("a/b"));
        }
    }
}
