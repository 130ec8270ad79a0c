//! Writes the row of an open repository after each entry that this process appends.

use super::folder::{Folder, Trouble};
use super::row::{Row, Seen};
use engine::log::Witness;
use format_spec::Time;
use std::fmt;

/// Keeps one row up to the log.
pub struct Keeper {
    folder: Folder,
    location: String,
    row: Row,
    /// Whether this machine's clock is remembered.
    seen: Seen,
    /// Who is told what goes wrong.
    tell: Box<dyn Fn(&Trouble) + Send + Sync>,
}

impl Keeper {
    /// A keeper of the row of one repository at a location.
    pub fn new(
        folder: Folder,
        location: String,
        row: Row,
        seen: Seen,
        tell: impl Fn(&Trouble) + Send + Sync + 'static,
    ) -> Keeper {
        Keeper { folder, location, row, seen, tell: Box::new(tell) }
    }
}

impl Witness for Keeper {
    fn appended(&self, slot: u32, hash: [u8; 32], time: Option<Time>) {
        let forward = |record: &mut super::Record| {
            let row = record.row_mut(self.row);
            row.forward(slot, hash);
            match (self.seen, time) {
                (Seen::Now(_), Some(time)) => row.believe(time.seconds),
                (Seen::Now(_), None) => {}
                (Seen::Doubted { last }, _) => row.doubt_from(slot, last),
            }
        };
        if let Err(trouble) = self.folder.update(&self.location, forward) {
            (self.tell)(&trouble);
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("location", &self.location).field("row", &self.row).finish_non_exhaustive()
    }
}
