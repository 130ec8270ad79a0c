//! What a restore point says about what it left out (POINT-8, POINT-9): the rules in force when it was made.
//!
//! Promises: a rule of a kind that this release does not know is carried as its bytes, so that a copy or a rewrite loses none. Refuses to judge
//! paths: that is the engine's.

use crate::bytes::Cursor;
use crate::{FormatError, Result};

/// One rule by which items were left out ([POINT-8]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A pattern of `--exclude`, raw bytes; the last one that matches decides.
    Exclude(Vec<u8>),
    /// The patterns of `.cairnignore` files hold in their folders.
    IgnoreFiles,
    /// The contents of folders with a `CACHEDIR.TAG` are left out.
    CacheFolders,
    /// Files of more bytes are left out.
    LargerThan(u64),
    /// Folders on another file system than their source are kept empty.
    OneFileSystem,
    /// There were more rules than the point lists.
    More,
    /// A rule that a later release knows: its bytes.
    Other(Vec<u8>),
}

impl Rule {
    /// The field's bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Rule::Exclude(pattern) => [&[EXCLUDE], &pattern[..]].concat(),
            Rule::IgnoreFiles => vec![IGNORE_FILES],
            Rule::CacheFolders => vec![CACHE_FOLDERS],
            Rule::LargerThan(bytes) => [&[LARGER_THAN][..], &bytes.to_le_bytes()].concat(),
            Rule::OneFileSystem => vec![ONE_FILE_SYSTEM],
            Rule::More => vec![MORE],
            Rule::Other(bytes) => bytes.clone(),
        }
    }

    /// Reads the field.
    ///
    /// # Errors
    /// A rule without a kind, or of a known kind with another length.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "POINT-8");
        let plain = |rule: Rule, cursor: Cursor<'_>| cursor.end().map(|()| rule);
        match cursor.u8()? {
            EXCLUDE if bytes.len() > 1 => Ok(Rule::Exclude(bytes[1..].to_vec())),
            EXCLUDE => Err(FormatError::broken("POINT-8", "a pattern", "at least one byte", "none")),
            IGNORE_FILES => plain(Rule::IgnoreFiles, cursor),
            CACHE_FOLDERS => plain(Rule::CacheFolders, cursor),
            LARGER_THAN => {
                let bytes = cursor.u64()?;
                plain(Rule::LargerThan(bytes), cursor)
            }
            ONE_FILE_SYSTEM => plain(Rule::OneFileSystem, cursor),
            MORE => plain(Rule::More, cursor),
            _ => Ok(Rule::Other(bytes.to_vec())),
        }
    }
}

const EXCLUDE: u8 = 1;
const IGNORE_FILES: u8 = 2;
const CACHE_FOLDERS: u8 = 3;
const LARGER_THAN: u8 = 4;
const ONE_FILE_SYSTEM: u8 = 5;
const MORE: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_reads_back_and_a_later_one_keeps_its_bytes() {
        let later = vec![200, 1, 2];
        for rule in [
            Rule::Exclude(b"*.o\xff".to_vec()),
            Rule::IgnoreFiles,
            Rule::CacheFolders,
            Rule::LargerThan(1 << 40),
            Rule::OneFileSystem,
            Rule::More,
            Rule::Other(later),
        ] {
            assert_eq!(Rule::decode(&rule.encode()).as_ref(), Ok(&rule));
        }
    }

    #[test]
    fn a_rule_of_another_length_is_refused() {
        for bytes in [&[][..], &[1], &[2, 0], &[4, 0, 0], &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[6, 6]] {
            assert!(Rule::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
