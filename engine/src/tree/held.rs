//! Rows that readers hand out: borrowed from their leaf, which they keep alive, so that a listing copies no entry.

use super::descent::Step;
use format_spec::tree::{Entry, Node, Pair};
use std::ops::Deref;
use std::sync::Arc;

/// A folder entry; dereferences to [`Entry`]. Cheap to clone. It keeps its whole leaf in memory, so clone the `Entry` to keep it for long.
#[derive(Debug, Clone)]
pub struct EntryRef(Held);

/// A pair of a map; dereferences to [`Pair`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PairRef {
    leaf: Arc<Node>,
    at: usize,
}

#[derive(Debug, Clone)]
enum Held {
    Alone(Arc<Entry>),
    Row { leaf: Arc<Node>, at: usize },
}

impl EntryRef {
    /// The entry at a place, if the place is one.
    pub(super) fn at(step: &Step) -> Option<Self> {
        let Node::Folder(entries) = &*step.node else { return None };
        entries.get(step.at)?;
        Some(EntryRef(Held::Row { leaf: Arc::clone(&step.node), at: step.at }))
    }
}

impl From<Entry> for EntryRef {
    /// An entry that stands in no folder: the root of a restore point.
    fn from(entry: Entry) -> Self {
        EntryRef(Held::Alone(Arc::new(entry)))
    }
}

impl Deref for EntryRef {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        match &self.0 {
            Held::Alone(entry) => entry,
            Held::Row { leaf, at } => match &**leaf {
                Node::Folder(entries) => &entries[*at],
                _ => unreachable!("`at` has seen that this is a folder's leaf"),
            },
        }
    }
}

impl PairRef {
    /// The pair at a place, if the place is one.
    pub(super) fn at(step: &Step) -> Option<Self> {
        let Node::Map(pairs) = &*step.node else { return None };
        pairs.get(step.at)?;
        Some(PairRef { leaf: Arc::clone(&step.node), at: step.at })
    }
}

impl Deref for PairRef {
    type Target = Pair;

    fn deref(&self) -> &Pair {
        match &*self.leaf {
            Node::Map(pairs) => &pairs[self.at],
            _ => unreachable!("`at` has seen that this is a map's leaf"),
        }
    }
}
