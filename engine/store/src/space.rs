//! How much room is left where bytes are kept.
//!
//! Promises: what the file system says about bytes that an ordinary user may still write. Refuses to guess: a store that tells nothing (S3, Azure)
//! has no answer, and a user's quota that the file system does not fold into its answer is not seen; it shows as `NoSpace` when it is full.

use base::error::{Error, Result};
use std::path::Path;

/// Room of one file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What may still be written by who is not root.
    pub bytes_free: u64,
    /// What there is in all.
    pub bytes_total: u64,
}

impl Space {
    /// The room around a folder, or around the nearest one above it that is there.
    ///
    /// # Errors
    /// The file system's, on the folder.
    pub fn around(folder: &Path) -> Result<Space> {
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let there = absolute.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"));
        let told = rustix::fs::statvfs(there);
        told.map(Space::told).map_err(|e| Error::from(std::io::Error::from(e)).on(there.display()))
    }

    /// As `statvfs` tells it: counts are in units of `f_frsize`.
    pub(super) fn told(by: rustix::fs::StatVfs) -> Space {
        Space {
            bytes_free: by.f_bavail.saturating_mul(by.f_frsize),
            bytes_total: by.f_blocks.saturating_mul(by.f_frsize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Fault, Faulty, Limits, Location, Memory, MeteredStore, OldestVersionLayer, Options, StoreExt, Throttled, open,
    };
    use std::sync::Arc;

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_what_is_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = Space::around(&folder.path().join("not/yet/there")).unwrap();
        let there = Space::around(folder.path()).unwrap();
        assert_eq!(below.bytes_total, there.bytes_total);
        assert!(there.bytes_free > 0 && there.bytes_free <= there.bytes_total);
    }

    #[test]
    fn decorators_pass_the_answer_on_and_a_store_that_knows_none_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { upload_bytes_per_second: Some(1 << 30), ..Limits::default() };
        let options = Options { limits, ..Options::default() };
        let store = open(&Location::Folder(folder.path().to_owned()), &options).unwrap();
        let total = Space::around(folder.path()).unwrap().bytes_total;
        let throttled = Arc::new(Throttled::new(store, Limits::default()));
        let counted = MeteredStore::new(Arc::new(OldestVersionLayer::new(throttled)));
        assert_eq!(counted.space().unwrap().map(|space| space.bytes_total), Some(total));
        assert_eq!(
            Faulty::nth(Arc::new(Memory::new()), 0, Fault::After(base::error::Kind::Denied)).space().unwrap(),
            None
        );
    }
}
