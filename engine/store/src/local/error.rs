//! What an error number of the file system means to the engine.

use base::error::{Error, Kind};
use rustix::io::Errno;

/// The error that `errno` stands for.
pub(super) fn classify(errno: Errno, what: &str) -> Error {
    let (kind, advice) = match errno {
        Errno::NOENT | Errno::NOTDIR => (Kind::Absent, None),
        Errno::EXIST => (Kind::Exists, None),
        Errno::ROFS => (Kind::Denied, Some("the file system is mounted read-only: mount it writable, or only read")),
        Errno::ACCESS | Errno::PERM => (Kind::Denied, Some("give this user the right to read and write the folder")),
        Errno::NOSPC | Errno::DQUOT => (Kind::NoSpace, Some("free some space or raise the quota, then run again")),
        Errno::FBIG => (Kind::NoSpace, Some("this file system allows no file of this size: use another one")),
        Errno::NAMETOOLONG | Errno::INVAL | Errno::ISDIR | Errno::LOOP => (Kind::Input, None),
        Errno::NOSYS | Errno::OPNOTSUPP => (Kind::Unsupported, Some("use another file system for the repository")),
        Errno::INTR => (Kind::Transient, None),
        Errno::IO => (Kind::Transient, Some("the disk reports errors: look at the system's log before trying again")),
        _ => (Kind::Transient, Some("try again")),
    };
    let error = Error::new(kind, what).because(std::io::Error::from(errno));
    match advice {
        Some(advice) => error.advise(advice),
        None => error,
    }
}

/// The same for errors of the standard library.
pub(super) fn classify_io(error: &std::io::Error, what: &str) -> Error {
    match Errno::from_io_error(error) {
        Some(errno) => classify(errno, what),
        None => Error::new(Kind::Transient, format!("{what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_a_file_system_keeps_its_kind() {
        let cases = [
            (Errno::NOENT, Kind::Absent),
            (Errno::EXIST, Kind::Exists),
            (Errno::ROFS, Kind::Denied),
            (Errno::ACCESS, Kind::Denied),
            (Errno::PERM, Kind::Denied),
            (Errno::NOSPC, Kind::NoSpace),
            (Errno::DQUOT, Kind::NoSpace),
            (Errno::FBIG, Kind::NoSpace),
            (Errno::NAMETOOLONG, Kind::Input),
            (Errno::OPNOTSUPP, Kind::Unsupported),
            (Errno::IO, Kind::Transient),
            (Errno::STALE, Kind::Transient),
        ];
        for (errno, kind) in cases {
            assert_eq!(classify(errno, "x").kind(), kind, "{errno:?}");
            assert_eq!(classify_io(&errno.into(), "x").kind(), kind, "{errno:?}");
        }
    }
}
