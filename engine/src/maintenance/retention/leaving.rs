//! What leaves a restore point, counted.

use format_spec::tree::{Entry, Kind as ItemKind};
use std::collections::BTreeSet;

/// Items that leave, and the names of inodes among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaving {
    /// Files, links and the like; not folders.
    pub items: u64,
    /// Folders.
    pub folders: u64,
    /// Sizes of the files among them. What the store gives back is told by the collection's plan: others may share their chunks.
    pub bytes: u64,
    /// Link groups of which a name leaves.
    pub(super) groups: BTreeSet<[u8; 16]>,
}

impl Leaving {
    /// Counts an entry, but not what is below it.
    pub(super) fn item(&mut self, entry: &Entry) {
        if entry.kind == ItemKind::Folder {
            self.folders += 1;
            return;
        }
        self.items += 1;
        if entry.kind == ItemKind::File {
            self.bytes = self.bytes.saturating_add(entry.size);
        }
        self.groups.extend(entry.link_group);
    }

    /// Counts what was counted elsewhere.
    pub(super) fn add(&mut self, other: &Leaving) {
        self.items += other.items;
        self.folders += other.folders;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.groups.extend(&other.groups);
    }

    /// Whether nothing leaves.
    pub fn is_nothing(&self) -> bool {
        self.items == 0 && self.folders == 0
    }
}
