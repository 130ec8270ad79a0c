//! Storage classes as the stores' own interfaces name them: what they allow, and which may be read at once.
//!
//! ```text
//!              read at once, source and target      read at once, target only      retrieved first, target only
//!   S3         STANDARD  STANDARD_IA  ONEZONE_IA    GLACIER_IR                     GLACIER  DEEP_ARCHIVE
//!   Azure      Hot  Cool  Cold                      -                              Archive
//! ```
//!
//! Pure. Promises: a class is one of these, or an error that lists them. Refuses to know prices, and to take a class for kept because a
//! store took the put: [`super::probe_class`] proves that.

use super::ObjectName;
use base::error::{Error, Kind, Result};
use std::fmt;
use std::str::FromStr;

/// Where an object rests. Named as the store's own interface names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StorageClass {
    /// S3 `STANDARD`.
    Standard,
    /// S3 `STANDARD_IA`, infrequent access.
    StandardIa,
    /// S3 `ONEZONE_IA`: one place only.
    OneZoneIa,
    /// S3 `GLACIER_IR`, instant retrieval.
    GlacierInstant,
    /// S3 `GLACIER`, flexible retrieval.
    Glacier,
    /// S3 `DEEP_ARCHIVE`.
    DeepArchive,
    /// Azure `Hot`.
    Hot,
    /// Azure `Cool`.
    Cool,
    /// Azure `Cold`.
    Cold,
    /// Azure `Archive`.
    Archive,
}

/// Whose classes these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Stores that speak S3.
    S3,
    /// Azure Blob Storage.
    Azure,
}

impl StorageClass {
    /// Every class.
    pub const ALL: [StorageClass; 10] = [
        StorageClass::Standard,
        StorageClass::StandardIa,
        StorageClass::OneZoneIa,
        StorageClass::GlacierInstant,
        StorageClass::Glacier,
        StorageClass::DeepArchive,
        StorageClass::Hot,
        StorageClass::Cool,
        StorageClass::Cold,
        StorageClass::Archive,
    ];

    /// The class of this name, in any case.
    ///
    /// # Errors
    /// `Input`, which lists every class.
    pub fn parse(text: &str) -> Result<Self> {
        StorageClass::known(text).ok_or_else(|| {
            Error::new(Kind::Input, format!("{text:?} is no storage class")).advise(format!("write one of {}", all()))
        })
    }

    /// The class of this name, in any case; `None` for those that Cairn does not put objects into.
    pub(super) fn known(text: &str) -> Option<Self> {
        StorageClass::ALL.into_iter().find(|class| class.as_str().eq_ignore_ascii_case(text.trim()))
    }

    /// The name in requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            StorageClass::Standard => "STANDARD",
            StorageClass::StandardIa => "STANDARD_IA",
            StorageClass::OneZoneIa => "ONEZONE_IA",
            StorageClass::GlacierInstant => "GLACIER_IR",
            StorageClass::Glacier => "GLACIER",
            StorageClass::DeepArchive => "DEEP_ARCHIVE",
            StorageClass::Hot => "Hot",
            StorageClass::Cool => "Cool",
            StorageClass::Cold => "Cold",
            StorageClass::Archive => "Archive",
        }
    }

    /// Whether what rests here cannot be read before it is retrieved.
    pub fn is_archive(self) -> bool {
        matches!(self, StorageClass::Glacier | StorageClass::DeepArchive | StorageClass::Archive)
    }

    /// Whether a repository whose packs rest here may be copied from; the others are only copied to.
    pub fn may_be_source(self) -> bool {
        !self.is_archive() && self != StorageClass::GlacierInstant
    }

    /// Whose class it is.
    pub fn provider(self) -> Provider {
        match self {
            StorageClass::Hot | StorageClass::Cool | StorageClass::Cold | StorageClass::Archive => Provider::Azure,
            _ => Provider::S3,
        }
    }

    /// Days that are charged at least, however early an object is deleted.
    pub fn minimum_days(self) -> u32 {
        match self {
            StorageClass::Standard | StorageClass::Hot => 0,
            StorageClass::StandardIa | StorageClass::OneZoneIa | StorageClass::Cool => 30,
            StorageClass::GlacierInstant | StorageClass::Glacier | StorageClass::Cold => 90,
            StorageClass::DeepArchive | StorageClass::Archive => 180,
        }
    }
}

impl fmt::Display for StorageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StorageClass {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        StorageClass::parse(text)
    }
}

impl Provider {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::S3 => "S3",
            Provider::Azure => "Azure",
        }
    }
}

/// A class was asked of a store that has none.
pub(super) fn no_classes(name: &ObjectName, class: StorageClass) -> Error {
    Error::new(Kind::Unsupported, format!("this store has no storage classes, and so no {class}"))
        .on(name)
        .advise("use a bucket or container, or leave the storage class out")
}

/// A class of the one was asked of the other.
pub(super) fn foreign_class(name: &ObjectName, class: StorageClass, here: Provider) -> Error {
    let whose = class.provider().as_str();
    let fitting: Vec<_> = StorageClass::ALL.iter().filter(|c| c.provider() == here).map(|c| c.as_str()).collect();
    Error::new(Kind::Input, format!("{class} is a storage class of {whose}, and this store speaks {}", here.as_str()))
        .on(name)
        .advise(format!("write one of {}", fitting.join(", ")))
}

/// What to do where a place does not have a class.
pub(super) const ADVICE_CLASS: &str = "use another storage class, or leave it out: this place does not have this one";

fn all() -> String {
    StorageClass::ALL.map(StorageClass::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_others_are_answered_with_the_list() {
        for class in StorageClass::ALL {
            for text in [class.as_str().to_owned(), class.as_str().to_lowercase(), class.as_str().to_uppercase()] {
                assert_eq!(StorageClass::parse(&text).unwrap(), class, "{text}");
            }
            assert_eq!(class.to_string().parse::<StorageClass>().unwrap(), class);
        }
        let error = StorageClass::parse("REDUCED_REDUNDANCY").unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        assert!(StorageClass::ALL.iter().all(|class| error.advice().unwrap().contains(class.as_str())), "{error:?}");
    }

    #[test]
    fn the_table_of_sources_and_targets_is_the_one_that_is_promised() {
        let sources = StorageClass::ALL.into_iter().filter(|c| c.may_be_source()).map(StorageClass::as_str);
        assert_eq!(sources.collect::<Vec<_>>(), ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "Hot", "Cool", "Cold"]);
        let archives = StorageClass::ALL.into_iter().filter(|c| c.is_archive()).map(StorageClass::as_str);
        assert_eq!(archives.collect::<Vec<_>>(), ["GLACIER", "DEEP_ARCHIVE", "Archive"]);
        let azure = StorageClass::ALL.into_iter().filter(|c| c.provider() == Provider::Azure).count();
        assert_eq!(azure, 4);
        assert!(StorageClass::ALL.into_iter().filter(|c| c.is_archive()).all(|c| c.minimum_days() >= 90));
    }

    #[test]
    fn a_class_of_another_provider_is_answered_with_those_that_fit() {
        let error = foreign_class(&ObjectName::new("data/1").unwrap(), StorageClass::Archive, Provider::S3);
        assert_eq!(error.kind(), Kind::Input);
        let advice = error.advice().unwrap();
        assert!(advice.contains("DEEP_ARCHIVE") && !advice.contains("Archive"), "{advice}");
    }
}
