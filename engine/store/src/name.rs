//! How objects are named: by a name of a small alphabet, and by a version where one is meant.

use base::error::{Error, Kind, Result};
use std::fmt;

/// An object's name inside the repository: fixed-width lowercase segments of `[0-9a-z_.-]` joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// Takes a name that obeys the alphabet.
    ///
    /// # Errors
    /// `Input` when the name is empty, starts or ends with `/`, or leaves the alphabet.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-' | b'/');
        let whole = !name.is_empty() && !name.starts_with('/') && !name.ends_with('/');
        if whole && name.bytes().all(good) && !name.split('/').any(|s| s.is_empty() || s == "." || s == "..") {
            Ok(ObjectName(name))
        } else {
            Err(Error::new(Kind::Input, format!("{name:?} is no object name")))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name lies under `prefix/`; everything lies under the empty prefix.
    pub fn is_below(&self, prefix: &str) -> bool {
        prefix.is_empty() || self.0.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The object of this name, in the version that the store shows.
    pub fn object(&self) -> ObjectRef<'_> {
        self.at(None)
    }

    /// The object of this name in one version; in the one that the store shows if none is named.
    pub fn at<'a>(&'a self, version: Option<&'a str>) -> ObjectRef<'a> {
        ObjectRef { name: self, version }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object that something is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectRef<'a> {
    /// Its name.
    pub name: &'a ObjectName,
    /// The version that is meant. Without one it is the version that the store shows: the newest, and the oldest behind
    /// [`crate::OldestVersionLayer`].
    pub version: Option<&'a str>,
}

impl<'a> From<&'a ObjectName> for ObjectRef<'a> {
    fn from(name: &'a ObjectName) -> Self {
        name.object()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet() {
        for text in ["log/0000000000000001", "a", "packs/0f/1.pack", "a_b-c.d", ".hidden"] {
            assert_eq!(ObjectName::new(text).unwrap().as_str(), text);
        }
        for text in ["", "/a", "a/", "a//b", "a/./b", "..", "a/../b", "A", "a b", "a\0", "\u{e9}", "a%41", "+staged/1"]
        {
            assert_eq!(ObjectName::new(text).unwrap_err().kind(), Kind::Input, "{text:?}");
        }
    }

    #[test]
    fn below_means_whole_segments() {
        let name = ObjectName::new("index/01/a").unwrap();
        assert!(["", "index", "index/01"].iter().all(|prefix| name.is_below(prefix)));
        assert!(!["ind", "index/0", "index/01/a", "index/"].iter().any(|prefix| name.is_below(prefix)));
    }
}
