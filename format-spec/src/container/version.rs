//! The version that an object states, read before anything else is believed of it ([CONT-3]).
//!
//! Promises: of any object with Cairn's magic the numbers come out, also when this release refuses the object itself. Refuses to judge
//! anything beyond them: that is [`Header::decode`](super::Header::decode)'s.

use crate::bytes::Cursor;
use crate::{FormatError, Result};
use std::fmt;

/// Version and flags of an object's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Who does not know it refuses.
    pub major: u16,
    /// Who does not know it reads on.
    pub minor: u16,
    /// Features that a reader must know.
    pub incompat: u32,
    /// Features that a writer must know.
    pub ro_compat: u32,
    /// Features that nobody needs to know.
    pub compat: u32,
}

impl Version {
    /// What this release writes.
    pub const WRITTEN: Version = Version { major: 1, minor: 0, incompat: 0, ro_compat: 0, compat: 0 };

    /// The version of an object, by its first bytes.
    ///
    /// # Errors
    /// When it is no object of Cairn, too short, or (of a major version that is known) its header is damaged.
    pub fn of(object: &[u8]) -> Result<Version> {
        let mut cursor = Cursor::new(object, "CONT-2");
        if cursor.array::<8>()? != crate::object_kind::MAGIC {
            return Err(FormatError::broken("CONT-2", "magic", "a Cairn object", "other bytes"));
        }
        let (major, minor) = (cursor.u16()?, cursor.u16()?);
        cursor.take(4)?;
        let (incompat, ro_compat, compat) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        if major == Version::WRITTEN.major {
            let head: [u8; super::HEADER_BYTES] = Cursor::new(object, "CONT-2").array()?;
            let (stated, found) = (&head[92..], crc32fast::hash(&head[..92]));
            if stated != found.to_le_bytes() {
                return Err(FormatError::broken("CONT-2", "header CRC", format!("{stated:02x?}"), found));
            }
        }
        Ok(Version { major, minor, incompat, ro_compat, compat })
    }

    /// Whether this release reads it.
    pub fn is_readable(&self) -> bool {
        self.major == Version::WRITTEN.major && self.incompat == 0
    }

    /// Whether this release may write beside it.
    pub fn is_writable(&self) -> bool {
        self.is_readable() && self.ro_compat == 0
    }
}

impl fmt::Display for Version {
    /// `1.0`, and the flags where one is set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        let flags = [("incompat", self.incompat), ("ro_compat", self.ro_compat), ("compat", self.compat)];
        for (name, bits) in flags.into_iter().filter(|(_, bits)| *bits != 0) {
            write!(f, ", {name} {bits:#x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RepositoryId;
    use crate::container::{Header, ObjectKind, Suite};

    fn header(change: impl Fn(&mut [u8])) -> Vec<u8> {
        let mut bytes = Header::new(ObjectKind::Config, Suite::Clear, RepositoryId([1; 16]), 0, 0, [2; 32]).encode();
        change(&mut bytes);
        let crc = crc32fast::hash(&bytes[..92]);
        bytes[92..].copy_from_slice(&crc.to_le_bytes());
        bytes.to_vec()
    }

    #[test]
    fn a_header_of_this_release_states_what_it_writes() {
        let version = Version::of(&header(|_| {})).unwrap();
        assert_eq!(version, Version::WRITTEN);
        assert!(version.is_writable());
        assert_eq!(version.to_string(), "1.0");
    }

    /// CONT-3: unknown versions and flags are told apart by what they allow.
    #[test]
    fn a_newer_header_tells_its_numbers_although_it_is_refused() {
        let newer = header(|b| b[8] = 2);
        assert!(Header::decode(&newer).unwrap_err().is_unsupported());
        let version = Version::of(&newer).unwrap();
        assert_eq!((version.to_string().as_str(), version.is_readable()), ("2.0", false));
        // Where a newer header keeps its CRC is not known: its numbers still come out.
        assert!(Version::of(&newer[..40]).is_ok());
        let flagged = Version::of(&header(|b| b[16] = 4)).unwrap();
        assert_eq!((flagged.to_string().as_str(), flagged.is_readable()), ("1.0, incompat 0x4", false));
        let read_only = Version::of(&header(|b| (b[10], b[21]) = (3, 1))).unwrap();
        assert_eq!(read_only.to_string(), "1.3, ro_compat 0x100");
        assert!(read_only.is_readable() && !read_only.is_writable());
        assert!(Version::of(&header(|b| b[24] = 1)).unwrap().is_writable());
    }

    #[test]
    fn what_is_no_header_or_a_damaged_one_has_no_version() {
        assert_eq!(Version::of(b"something else entirely").unwrap_err().rule(), "CONT-2");
        assert_eq!(Version::of(&header(|_| {})[..20]).unwrap_err().rule(), "CONT-2");
        let mut flipped = header(|_| {});
        flipped[40] ^= 1;
        assert_eq!(Version::of(&flipped).unwrap_err().rule(), "CONT-2");
    }
}
