//! Each kind of trouble has its own errno, so that programs and people can tell damage from distance.
//!
//! EIO is for damage alone; what needs a newer release is EOPNOTSUPP. Never EAGAIN (programs spin on it), never ENOSYS (the kernel would never ask again), never
//! ENOENT for what is only out of reach.

use engine::Kind;
use fuser::Errno;
use view::Failure;

/// What the kernel is told.
pub(super) fn errno(failure: &Failure) -> Errno {
    match failure {
        Failure::NoSuchName => Errno::ENOENT,
        Failure::Gone => Errno::ESTALE,
        Failure::NotAFolder => Errno::ENOTDIR,
        Failure::IsAFolder => Errno::EISDIR,
        Failure::WrongKind => Errno::EINVAL,
        Failure::NoAttribute => Errno::ENODATA,
        Failure::NoNamespace => Errno::EOPNOTSUPP,
        Failure::Beyond => Errno::ENXIO,
        Failure::WouldBlock => Errno::EIO,
        Failure::Store(e) => match e.kind() {
            Kind::Archived => Errno::ENODATA,
            Kind::Transient | Kind::Interrupted => Errno::ETIMEDOUT,
            Kind::Denied => Errno::EACCES,
            // What a newer release has written is whole.
            Kind::Unsupported => Errno::EOPNOTSUPP,
            _ => Errno::EIO,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Error;

    #[test]
    fn kinds_of_trouble_stay_distinct() {
        let of = |kind| i32::from(errno(&Failure::Store(Error::new(kind, "x"))));
        let kinds = [Kind::Damaged, Kind::Archived, Kind::Transient, Kind::Denied].map(of);
        assert_eq!(kinds, [Errno::EIO, Errno::ENODATA, Errno::ETIMEDOUT, Errno::EACCES].map(i32::from));
        assert_eq!(of(Kind::Unsupported), i32::from(Errno::EOPNOTSUPP), "what needs a newer release is whole");
        assert_eq!(of(Kind::Absent), i32::from(Errno::EIO), "missing without having expired is damage");
        assert_eq!(i32::from(errno(&Failure::Gone)), i32::from(Errno::ESTALE));
    }

    /// What the kernel or programs would take for something else altogether.
    #[test]
    fn no_failure_makes_programs_spin_or_the_kernel_stop_asking() {
        use Kind::{
            Absent, Archived, Bug, Conflict, Damaged, Denied, Exists, Immutable, Input, Interrupted, NoRepository,
        };
        use Kind::{NoSpace, Transient, Unsupported, WrongPassword};
        let kinds = [
            Absent,
            Exists,
            Damaged,
            Archived,
            Immutable,
            Denied,
            Transient,
            NoSpace,
            Input,
            WrongPassword,
            NoRepository,
            Unsupported,
            Conflict,
            Interrupted,
            Bug,
        ];
        let own = [
            Failure::WouldBlock,
            Failure::Gone,
            Failure::NotAFolder,
            Failure::IsAFolder,
            Failure::WrongKind,
            Failure::NoAttribute,
            Failure::NoNamespace,
            Failure::Beyond,
        ];
        let failures = kinds.map(|kind| Failure::Store(Error::new(kind, "x"))).into_iter().chain(own);
        for failure in failures {
            let told = i32::from(errno(&failure));
            let never = [Errno::EAGAIN, Errno::ENOSYS, Errno::ENOENT, Errno::EINTR].map(i32::from);
            assert!(!never.contains(&told), "{failure:?}");
        }
        assert_eq!(i32::from(errno(&Failure::NoSuchName)), i32::from(Errno::ENOENT));
    }
}
