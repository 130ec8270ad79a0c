//! What will be asked for next: files behind one that was opened in order, folders below one that was listed.
//!
//! Promises: looks only at what is in memory and never waits; a wrong guess costs a few fetched blocks. Refuses to guess for those who
//! open files at random.

use super::nodes::Fetch;
use super::{Failure, Inode, View};
use crate::item::{Inside, Item};
use crate::limits::{FILES_AHEAD, OPENED_IN_ORDER};
use engine::tree::{self, FolderCursor};
use format_spec::tree::{Content, Entry, Kind};
use parking_lot::Mutex;

/// The last files that were opened, as far as they were opened in order.
#[derive(Debug, Default)]
pub(super) struct Order {
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    opened: u64,
    streak: u32,
    /// Numbers up to which files are fetched already.
    warm: u64,
}

/// Numbers between two files that are opened in order: folders and empty files lie between them.
const STEP_MAX: u64 = 16;

impl Order {
    /// Takes an opened file in; true when those behind it should be fetched.
    fn note(&self, inode: Inode) -> bool {
        let mut last = self.last.lock();
        // Asked in memory first, then with patience.
        if last.opened == inode.0 {
            return false;
        }
        let goes_on = (1..=STEP_MAX).contains(&inode.0.wrapping_sub(last.opened));
        last.streak = if goes_on { last.streak.saturating_add(1) } else { 0 };
        if !goes_on {
            last.warm = 0;
        }
        last.opened = inode.0;
        let half = FILES_AHEAD as u64 / 2;
        let wanted = last.streak >= OPENED_IN_ORDER && (last.warm < inode.0 || last.warm - inode.0 < half);
        if wanted {
            last.warm = inode.0.saturating_add(FILES_AHEAD as u64);
        }
        wanted
    }
}

impl View {
    /// A file was opened: if files are being opened in order, those behind it in its folder are fetched.
    pub(super) fn warm_behind(&self, inode: Inode, parent: Inode, name: &[u8]) {
        if self.order.note(inode) {
            let chunks = self.behind(parent, name).unwrap_or_default();
            self.catalog.warm(chunks, Vec::new());
        }
    }

    /// A folder was listed: what is in the folders below it will probably be asked for.
    pub(super) fn warm_below<'e>(&self, entries: impl Iterator<Item = &'e Entry>) {
        // Near by, a node comes with its block as fast as it could be asked for.
        if self.catalog.is_local() {
            return;
        }
        let tree = |entry: &Entry| match entry.content {
            Content::Tree(id) if entry.kind == Kind::Folder => Some(id),
            _ => None,
        };
        let nodes: Vec<_> = entries.filter_map(tree).filter(|id| !self.nodes.has(id)).collect();
        if !nodes.is_empty() {
            self.catalog.warm(Vec::new(), nodes);
        }
    }

    fn behind(&self, parent: Inode, name: &[u8]) -> Result<Vec<format_spec::ChunkId>, Failure> {
        let Item::Inside(Inside { point, entry, .. }) = self.item(Fetch::CachedOnly, parent)? else {
            return Ok(Vec::new());
        };
        self.ask(Fetch::CachedOnly, &point, |nodes| {
            let Some(found) = tree::find(nodes, &entry, name)? else { return Ok(Vec::new()) };
            let mut cursor = FolderCursor::open(nodes, &entry)?;
            cursor.seek_index(found.position.saturating_add(1))?;
            let chunk = |found: &tree::Found| match found.entry.content {
                Content::Chunk(id) => Some(id),
                _ => None,
            };
            // An entry that is not in memory ends the guess, nothing else.
            Ok(cursor.take(FILES_AHEAD).map_while(engine::Result::ok).filter_map(|found| chunk(&found)).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_opened_in_order_are_noticed_and_others_are_not() {
        let order = Order::default();
        let opened = |n: &u64| order.note(Inode(1 << 36 | *n));
        assert!([500, 7, 90, 91, 3].iter().map(opened).all(|wanted| !wanted));
        assert_eq!([20, 21, 23].map(|n| opened(&n)), [false, false, true]);
        assert!([24, 30, 40, 50].iter().map(opened).all(|wanted| !wanted), "they are fetched already");
        let ahead: Vec<bool> = (51..120).map(|n| opened(&n)).collect();
        assert_eq!(ahead.iter().filter(|w| **w).count(), 1, "the next ones, in time");
        assert_eq!([5, 6, 7].map(|n| opened(&n)), [false, false, true], "and others, before those");
    }
}
