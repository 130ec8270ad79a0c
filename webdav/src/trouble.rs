//! Why a request has no answer, as an HTTP status and a text: each kind of trouble its own, as on the mount.

use engine::Kind;
use hyper::StatusCode;
use view::Failure;

/// A status, and what to say with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Trouble {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Trouble { status, text: text.into() }
    }

    /// The store gave no answer in time.
    pub(crate) fn late() -> Self {
        Trouble::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the repository's storage is out of fetch: no answer in time; try again when it is back",
        )
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let (status, advice) = match &failure {
            Failure::NoSuchName | Failure::NotAFolder | Failure::WrongKind => {
                return Trouble::new(StatusCode::NOT_FOUND, "there is no such file or folder");
            }
            Failure::Gone => {
                return Trouble::new(StatusCode::GONE, "its restore point has expired; look for it in another one");
            }
            Failure::Store(e) => match e.kind() {
                // Not 423, which clients take for a lock and wait on.
                Kind::Archived => {
                    (StatusCode::CONFLICT, "it is archived; have it retrieved first, then ask for it again")
                }
                Kind::Transient | Kind::Interrupted => {
                    (StatusCode::GATEWAY_TIMEOUT, "the repository's storage is out of fetch; try again when it is back")
                }
                Kind::Denied => (StatusCode::FORBIDDEN, "the repository's storage refuses it; check its credentials"),
                Kind::Unsupported => (
                    StatusCode::NOT_IMPLEMENTED,
                    "it is not damaged, and needs a newer release of cairn than this one to be read",
                ),
                Kind::Damaged | Kind::Absent => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "it is damaged; see `cairn check`, or take it from another restore point",
                ),
                _ => (StatusCode::INTERNAL_SERVER_ERROR, "it cannot be read"),
            },
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "it cannot be read"),
        };
        match &failure {
            // What to do about this very thing is known.
            Failure::Store(e) if let Some(own) = e.advice() => {
                Trouble::new(status, format!("{advice} ({failure}); {own}"))
            }
            _ => Trouble::new(status, format!("{advice} ({failure})")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Error;

    #[test]
    fn kinds_of_trouble_stay_distinct() {
        let of = |kind| Trouble::from(Failure::Store(Error::new(kind, "x"))).status.as_u16();
        let kinds = [Kind::Damaged, Kind::Archived, Kind::Transient, Kind::Denied].map(of);
        assert_eq!(kinds, [500, 409, 504, 403]);
        assert_eq!(of(Kind::Unsupported), 501, "what needs a newer release is whole");
        assert_eq!(of(Kind::Absent), 500, "missing without having expired is damage");
        assert_eq!(Trouble::from(Failure::Gone).status, StatusCode::GONE);
        assert_eq!(Trouble::from(Failure::NoSuchName).status, StatusCode::NOT_FOUND);
    }
}
