//! Whether bytes can be read now, and how those that cannot are asked for.
//!
//! ```text
//!   S3      Archived --retrieve--> Retrieving --hours--> Ready until ... --days--> Archived      (the store makes and drops a copy)
//!   Azure   Archived --retrieve--> Retrieving --hours--> Online --rest_again--> Archived         (the object moves)
//! ```
//!
//! Pure. Promises: a mode that a class or a size does not have is refused before anything is asked of a store. Refuses to guess:
//! a copy past its end is archived again whatever the store still shows, by the store's own clock.

use super::{ObjectName, StorageClass};
use base::error::{Error, Kind, Result};
use format_spec::Time;
use std::fmt;
use std::str::FromStr;

/// Whether bytes can be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Availability {
    /// At once, always.
    Online,
    /// Not before they are retrieved.
    Archived,
    /// Asked for, and not here yet.
    Retrieving,
    /// Retrieved, and archived again after that time, if the store tells one.
    Ready {
        /// When the readable copy goes, by the store's clock.
        until: Option<Time>,
    },
}

impl Availability {
    /// Whether a read would be answered.
    pub fn is_readable(self) -> bool {
        matches!(self, Availability::Online | Availability::Ready { .. })
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Availability::Online => "online",
            Availability::Archived => "archived",
            Availability::Retrieving => "retrieving",
            Availability::Ready { .. } => "ready",
        }
    }

    /// What S3 tells: the class, whether a restore goes on (`None` where none was asked for), until when its copy stays, and the time.
    pub(super) fn of_s3(class: &str, ongoing: Option<bool>, until: Option<Time>, now: Option<Time>) -> Self {
        let archive = match StorageClass::known(class) {
            Some(class) => class.is_archive(),
            // A class of tomorrow, or one that moves objects by itself: only a restore shows that it archives.
            None => false,
        };
        match ongoing {
            Some(true) => Availability::Retrieving,
            Some(false) if now.zip(until).is_some_and(|(now, until)| until <= now) => Availability::Archived,
            Some(false) => Availability::Ready { until },
            None if archive => Availability::Archived,
            None => Availability::Online,
        }
    }

    /// What Azure tells: the tier and the status of a move out of the archive.
    pub(super) fn of_azure(tier: &str, status: Option<&str>) -> Self {
        match status {
            Some(status) if status.starts_with("rehydrate-pending") => Availability::Retrieving,
            _ if tier.eq_ignore_ascii_case(StorageClass::Archive.as_str()) => Availability::Archived,
            _ => Availability::Online,
        }
    }
}

/// How one object rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TierStatus {
    /// Its class; `None` where the store has none, or one that Cairn does not put objects into.
    pub class: Option<StorageClass>,
    /// Whether it can be read now.
    pub availability: Availability,
    /// Stored length in bytes.
    pub bytes: u64,
}

impl TierStatus {
    /// An object of a store without classes.
    pub fn online(bytes: u64) -> Self {
        TierStatus { class: None, availability: Availability::Online, bytes }
    }
}

/// How fast, and so how dear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetrievalMode {
    /// Minutes; S3 `GLACIER` only, and no large objects.
    Expedited,
    /// Hours.
    Standard,
    /// Up to two days; S3 only.
    Bulk,
    /// An hour, perhaps; Azure only.
    High,
}

impl RetrievalMode {
    /// Every mode.
    pub const ALL: [RetrievalMode; 4] =
        [RetrievalMode::Expedited, RetrievalMode::Standard, RetrievalMode::Bulk, RetrievalMode::High];

    /// The mode of this name, in any case.
    ///
    /// # Errors
    /// `Input`, which lists every mode.
    pub fn parse(text: &str) -> Result<Self> {
        let found = RetrievalMode::ALL.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| {
            let all = RetrievalMode::ALL.map(RetrievalMode::as_str).join(", ");
            Error::new(Kind::Input, format!("{text:?} is no mode of retrieval")).advise(format!("write one of {all}"))
        })
    }

    /// The word of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            RetrievalMode::Expedited => "expedited",
            RetrievalMode::Standard => "standard",
            RetrievalMode::Bulk => "bulk",
            RetrievalMode::High => "high",
        }
    }

    /// Whether an object of `bytes` in `class` can be asked for in this mode.
    ///
    /// # Errors
    /// `Input`, with the modes that could.
    pub fn allows(self, class: StorageClass, bytes: u64) -> Result<()> {
        use RetrievalMode::{Bulk, Expedited, High, Standard};
        let modes: &[RetrievalMode] = match class {
            StorageClass::Archive => &[Standard, High],
            StorageClass::DeepArchive => &[Standard, Bulk],
            _ if bytes >= EXPEDITED_BYTES_END => &[Standard, Bulk],
            _ => &[Expedited, Standard, Bulk],
        };
        if modes.contains(&self) {
            return Ok(());
        }
        let why = match (self, class) {
            (_, StorageClass::Archive) => "is no mode of Azure",
            (High, _) => "is a mode of Azure only",
            (_, StorageClass::DeepArchive) => "is not to be had for DEEP_ARCHIVE",
            _ => "is not to be had for objects of 250 MB or more",
        };
        let modes: Vec<_> = modes.iter().map(|mode| mode.as_str()).collect();
        Err(Error::new(Kind::Input, format!("{self} {why}")).advise(format!("choose {}", modes.join(" or "))))
    }
}

impl fmt::Display for RetrievalMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RetrievalMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        RetrievalMode::parse(text)
    }
}

/// What a request to retrieve has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    /// Newly asked for, or (S3) the days of a ready one were changed.
    Accepted,
    /// Asked for before, and not here yet.
    Underway,
    /// To be read already, with nothing to change.
    Ready,
}

/// The bytes of what rests, or is still on its way, were to be read.
pub(super) fn archived(name: &ObjectName, availability: Availability) -> Error {
    match availability {
        Availability::Retrieving => {
            Error::new(Kind::Archived, "the object rests in an archive class and is being retrieved")
                .on(name)
                .advise(ADVICE_WAIT)
        }
        _ => Error::new(Kind::Archived, "the object rests in an archive class").on(name).advise(ADVICE_RETRIEVE),
    }
}

/// A retrieval is for a day at least.
pub(super) fn some_days(name: &ObjectName, days: u32) -> Result<()> {
    let none = || Error::new(Kind::Input, "a retrieval is for one day at least").on(name);
    if days > 0 { Ok(()) } else { Err(none()) }
}

/// A retrieval was asked of a store that archives nothing.
pub(super) fn no_archive(name: &ObjectName) -> Error {
    Error::new(Kind::Unsupported, "this store has no archive to retrieve from").on(name)
}

pub(super) const ADVICE_RETRIEVE: &str = "bring it back first with `cairn retrieve start`";
const ADVICE_WAIT: &str = "wait until it is here: `cairn retrieve status`";
/// Amazon takes expedited requests "for all but the largest archived objects (250 MB+)".
const EXPEDITED_BYTES_END: u64 = 250_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Time> {
        Some(Time::new(seconds, 0))
    }

    #[test]
    fn what_s3_shows_is_read_by_class_restore_and_the_stores_clock() {
        let cases = [
            ("STANDARD", None, None, at(5), Availability::Online),
            ("GLACIER_IR", None, None, at(5), Availability::Online),
            ("GLACIER", None, None, at(5), Availability::Archived),
            ("DEEP_ARCHIVE", Some(true), None, at(5), Availability::Retrieving),
            ("GLACIER", Some(false), at(6), at(5), Availability::Ready { until: at(6) }),
            ("GLACIER", Some(false), at(5), at(5), Availability::Archived),
            ("GLACIER", Some(false), None, at(5), Availability::Ready { until: None }),
            ("GLACIER", Some(false), at(5), None, Availability::Ready { until: at(5) }),
            ("A_CLASS_OF_TOMORROW", None, None, at(5), Availability::Online),
            ("A_CLASS_OF_TOMORROW", Some(true), None, at(5), Availability::Retrieving),
        ];
        for (class, ongoing, until, now, expected) in cases {
            assert_eq!(
                Availability::of_s3(class, ongoing, until, now),
                expected,
                "{class} {ongoing:?} {until:?} {now:?}"
            );
        }
    }

    #[test]
    fn what_azure_shows_is_read_by_tier_and_status() {
        let cases = [
            ("Hot", None, Availability::Online),
            ("Archive", None, Availability::Archived),
            ("archive", Some(""), Availability::Archived),
            ("Archive", Some("rehydrate-pending-to-hot"), Availability::Retrieving),
            ("Archive", Some("rehydrate-pending-to-cool"), Availability::Retrieving),
            ("P10", None, Availability::Online),
        ];
        for (tier, status, expected) in cases {
            assert_eq!(Availability::of_azure(tier, status), expected, "{tier} {status:?}");
        }
    }

    #[test]
    fn a_mode_is_refused_where_a_class_or_a_size_does_not_have_it() {
        use RetrievalMode::{Bulk, Expedited, High, Standard};
        use StorageClass::{Archive, DeepArchive, Glacier};
        let cases = [
            (Glacier, 249_999_999, vec![Expedited, Standard, Bulk]),
            (Glacier, 250_000_000, vec![Standard, Bulk]),
            (DeepArchive, 1, vec![Standard, Bulk]),
            (Archive, 1, vec![Standard, High]),
        ];
        for (class, bytes, allowed) in cases {
            for mode in RetrievalMode::ALL {
                let outcome = mode.allows(class, bytes);
                assert_eq!(outcome.is_ok(), allowed.contains(&mode), "{mode} {class} {bytes}");
                if let Err(refused) = outcome {
                    assert_eq!(refused.kind(), Kind::Input);
                    assert!(refused.to_string().starts_with(mode.as_str()), "{refused}");
                    let advice = refused.advice().unwrap();
                    assert!(allowed.iter().all(|mode| advice.contains(mode.as_str())), "{advice}");
                }
            }
        }
    }

    #[test]
    fn modes_are_named_as_the_command_line_names_them() {
        assert!(
            RetrievalMode::ALL.iter().all(|m| m.to_string().to_uppercase().parse::<RetrievalMode>().unwrap() == *m)
        );
        assert_eq!(RetrievalMode::parse("fast").unwrap_err().kind(), Kind::Input);
    }
}
