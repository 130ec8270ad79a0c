//! What cannot be read is kept: its last good state, as the base has it, under the time of its last good reading ([POINT-11]).
//!
//! Promises: an item that is still there but cannot be read stays in the point as the base has it, with everything below it; its line in the
//! ledger says since when, and goes on saying so through any number of points. What the base's own ledger says of a kept folder is said again.
//! Refuses: what vanished or became something else, what is too old for the repository to store, and what the base cannot give back whole.
//!
//! ```text
//! Missing(item)       -> the base's entry of this name, whole    one line: the item
//! Unlisted(folder)    -> everything that the base has in it      one line: the folder
//! Unlisted in part    -> what is there and was not seen          one line for each of those
//! a file's bytes      -> the base's entry of this name           one line: the file
//! ```
//!
//! A kept file of several names gets a link group of its own time: the inode may have other content by now, under names that could be read.

use crate::blob::{Blobs, Writer};
use crate::error::{Kind, Result};
use crate::monitor::Monitor;
use crate::restore_point::{Ledger, NewNodes, PointSink};
use crate::source::{Failure, Outcome};
use crate::tree::{EntryRef, MapCursor, NodeSink, NodeSource, names_of};
use format_spec::container::ObjectKind;
use format_spec::keys::IdKeys;
use format_spec::ledger::Exception;
use format_spec::point::Manifest;
use format_spec::tree::{Content, Entry, Kind as ItemKind, Node};
use format_spec::{ChunkId, Time};
use parking_lot::Mutex;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The path of each link group's first name.
pub(super) type LinkNames = BTreeMap<[u8; 16], Vec<u8>>;

/// The base's ledger, and when the items were read of which it says nothing.
#[derive(Default)]
pub(super) struct LastGood {
    read: Time,
    lines: BTreeMap<Vec<u8>, Exception>,
}

impl LastGood {
    /// The ledger of a base, or of none.
    ///
    /// # Errors
    /// The source's; those of lines that this release does not know.
    pub(super) fn load(nodes: &dyn NodeSource, base: Option<&Manifest>) -> Result<Self> {
        let Some(base) = base else { return Ok(LastGood::default()) };
        let mut lines = BTreeMap::new();
        for pair in MapCursor::open(nodes, base.maps.exceptions) {
            let pair = pair?;
            lines.insert(pair.key.clone(), Exception::decode(&pair.value)?);
        }
        Ok(LastGood { read: base.started, lines })
    }

    /// Whether the base's ledger has a line of this path: what is stored there is not what it was.
    pub(super) fn excepts(&self, path: &[u8]) -> bool {
        // What was left out is not stored: there is nothing to distrust.
        self.lines.get(path).is_some_and(|line| line.outcome != Outcome::Skipped)
    }

    /// When the items were read of which the base's ledger says nothing.
    pub(super) fn read(&self) -> Time {
        self.read
    }

    /// When the item was last read, if the base itself holds it as kept.
    pub(super) fn kept_at(&self, path: &[u8]) -> Option<Time> {
        match self.lines.get(path)?.outcome {
            Outcome::Kept { as_of, .. } => Some(as_of),
            _ => None,
        }
    }

    /// The base's lines of what lies below a folder.
    fn below(&self, folder: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &Exception)> {
        let prefix = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
        // The folder's own line is not below it, be it the root with its empty path.
        let from = if prefix.is_empty() { Bound::Excluded(Vec::new()) } else { Bound::Included(prefix.clone()) };
        let lines = self.lines.range::<Vec<u8>, _>((from, Bound::Unbounded));
        lines.take_while(move |(path, _)| path.starts_with(&prefix))
    }
}

/// What all threads of a session share that keep something.
pub(super) struct Keeper<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) monitor: &'a Monitor,
    pub(super) last: LastGood,
    /// Link group to the path of its first name in preorder ([POINT-5]).
    pub(super) links: Mutex<LinkNames>,
    /// In a session that accounts for every node itself, because it builds on no base.
    pub(super) again: Option<Again<'a>>,
    /// Items modified before this second have left the period: they are not stored ([CONF-6]).
    pub(super) stored_from: Option<i64>,
    /// Whether the base has files of several names.
    pub(super) has_links: bool,
    /// `--drop-unreadable`: nothing is kept.
    pub(super) drops: bool,
}

/// What the base has of an item, and when that was read.
pub(super) struct Before {
    pub(super) path: Vec<u8>,
    pub(super) entry: Option<EntryRef>,
    pub(super) as_of: Time,
    /// Whether the item counts as changed rather than new, if it is stored.
    pub(super) replaces: bool,
}

impl Keeper<'_> {
    /// An item that was seen and whose bytes could not be read: the entry that is kept of it, or `instead`.
    ///
    /// # Errors
    /// The blob store's, but for damage of what would have been kept.
    pub(super) fn lost(&self, before: &Before, failure: &Failure, instead: Option<Entry>) -> Result<Option<Entry>> {
        let failure = Failure { path: before.path.clone(), ..failure.clone() };
        let kept = match &before.entry {
            Some(entry) if self.keeps(&failure) => self.keepable(&before.path, entry, before.as_of)?,
            _ => Keepable::No,
        };
        let entry = match kept {
            Keepable::AsItIs => before.entry.as_deref().cloned(),
            Keepable::As(entry) => Some(*entry),
            Keepable::No => None,
        };
        match entry {
            Some(_) => self.told(failure, before.as_of, 1),
            None => self.ledger.record(&failure, self.monitor),
        }
        Ok(entry.or(instead))
    }

    /// Whether what fails so is kept: an item that went away, or became another, has left the source.
    pub(super) fn keeps(&self, failure: &Failure) -> bool {
        !self.drops && failure.outcome == Outcome::Failed && self.ledger.can_name(&failure.path)
    }

    /// How the base's entry of an item that is no folder stays.
    ///
    /// # Errors
    /// As [`Keeper::lost`].
    pub(super) fn keepable(&self, path: &[u8], entry: &EntryRef, as_of: Time) -> Result<Keepable> {
        if self.is_aged_out(entry) {
            return Ok(Keepable::No);
        }
        if let Some(again) = &self.again {
            match again.content(entry) {
                Err(e) if e.kind() == Kind::Damaged => {
                    let what = format!("what the restore point before has of it cannot be kept: {e}");
                    self.monitor.warn(path, what);
                    return Ok(Keepable::No);
                }
                other => other?,
            }
        }
        let Some(group) = entry.link_group else { return Ok(Keepable::AsItIs) };
        if self.last.kept_at(path).is_some() || self.is_below_kept(path) {
            self.links_to(group, path);
            return Ok(Keepable::AsItIs);
        }
        let group = group_of(group, as_of);
        self.links_to(group, path);
        Ok(Keepable::As(Box::new(Entry { link_group: Some(group), ..Entry::clone(entry) })))
    }

    /// An item that is older than what the repository stores. Folders never leave by their age.
    pub(super) fn is_aged_out(&self, entry: &Entry) -> bool {
        entry.kind != ItemKind::Folder && self.stored_from.is_some_and(|from| entry.mtime.seconds < from)
    }

    /// Whether a folder of the base cannot be taken over unread: something in it is too old, has a link group, or is to be accounted for.
    pub(super) fn must_look_into(&self, folder: &Entry) -> bool {
        self.again.is_some() || self.has_links || self.stored_from.is_some_and(|from| folder.totals.oldest < from)
    }

    /// Notes a name of a linked inode that is in the point. Names may come from several threads: the first in preorder stays.
    pub(super) fn links_to(&self, group: [u8; 16], path: &[u8]) {
        let mut links = self.links.lock();
        match links.get(&group) {
            Some(first) if preorder(first, path) != Ordering::Greater => {}
            _ => _ = links.insert(group, path.to_vec()),
        }
    }

    /// No name of this inode could be read.
    pub(super) fn unlink(&self, group: &[u8; 16]) {
        self.links.lock().remove(group);
    }

    /// The lines of something that is kept, with `items` items in all: what the base's ledger said of it, and one for the rest.
    pub(super) fn told(&self, failure: Failure, as_of: Time, items: u64) {
        let mut rest = items;
        for (path, line) in self.last.below(&failure.path) {
            if let Outcome::Kept { items, .. } = line.outcome {
                rest = rest.saturating_sub(items);
            }
            let failure = Failure { path: path.clone(), outcome: line.outcome, reason: line.reason.clone() };
            self.ledger.carry(&failure);
        }
        let outcome = if rest > 0 { Outcome::Kept { as_of, items: rest } } else { Outcome::Failed };
        self.ledger.record(&Failure { outcome, ..failure }, self.monitor);
    }

    fn is_below_kept(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        std::iter::once(0).chain(ends).any(|end| path.get(..end).is_some_and(|p| self.last.kept_at(p).is_some()))
    }
}

/// How an entry of the base stays in the point.
pub(super) enum Keepable {
    /// As the base has it.
    AsItIs,
    /// With another link group.
    As(Box<Entry>),
    /// Not at all.
    No,
}

/// Accounts for kept content in a session without a base, and stores again what is not stored soundly.
pub(super) struct Again<'a> {
    pub(super) blobs: &'a Blobs,
    pub(super) writer: &'a Writer,
    pub(super) ids: &'a IdKeys,
    pub(super) new_nodes: &'a NewNodes,
}

impl Again<'_> {
    /// # Errors
    /// `Damaged` when the repository cannot give the content back.
    fn content(&self, entry: &Entry) -> Result<()> {
        let mut todo = match entry.content {
            Content::None => return Ok(()),
            Content::Chunk(id) => return self.chunk(&id),
            Content::Tree(id) => vec![id],
        };
        // What turns out to be damaged halfway must not be accounted for.
        let apart = NewNodes::default();
        let mut sink = PointSink::new(self.writer, self.ids, &apart);
        while let Some(id) = todo.pop() {
            let bytes = self.blobs.blob(ObjectKind::MetaPack, &id)?;
            let names = names_of(&Node::decode(&bytes)?);
            names.chunks.iter().try_for_each(|id| self.chunk(id))?;
            todo.extend(&names.nodes);
            sink.put_node(bytes.to_vec(), &names)?;
        }
        self.new_nodes.absorb(apart)
    }

    fn chunk(&self, id: &ChunkId) -> Result<()> {
        if !self.blobs.live_index().is_stored(id)? {
            self.writer.put_chunk(*id, self.blobs.chunk(id)?.to_vec())?;
        }
        Ok(())
    }
}

/// The group of those names of an inode that are kept as of the same time.
fn group_of(group: [u8; 16], as_of: Time) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&group).update(&as_of.seconds.to_le_bytes()).update(&as_of.nanos.to_le_bytes());
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// The order of a preorder walk: name by name.
fn preorder(a: &[u8], b: &[u8]) -> Ordering {
    a.split(|c| *c == b'/').cmp(b.split(|c| *c == b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preorder_goes_name_by_name() {
        // As bytes, the second pair would be the other way round: `-` sorts before `/`.
        assert_eq!(preorder(b"a/b", b"a/c"), Ordering::Less);
        assert_eq!(preorder(b"a/z", b"a-b"), Ordering::Less);
        assert_eq!(preorder(b"a", b"a/b"), Ordering::Less);
    }

    #[test]
    fn lines_below_a_folder_are_its_own() {
        let line = || Exception { outcome: Outcome::Failed, reason: String::new() };
        let lines = [&b"a"[..], b"a-b", b"a/b", b"a/b/c", b"a0", b"b"].map(|p| (p.to_vec(), line()));
        let last = LastGood { read: Time::default(), lines: lines.into() };
        let below = |folder: &[u8]| last.below(folder).map(|(p, _)| p.clone()).collect::<Vec<_>>();
        assert_eq!(below(b"a"), [b"a/b".to_vec(), b"a/b/c".to_vec()]);
        assert_eq!(below(b"").len(), 6);
        assert!(below(b"b").is_empty());
    }

    #[test]
    fn names_that_are_kept_as_of_one_time_stay_together() {
        let group = [7; 16];
        assert_eq!(group_of(group, Time::new(5, 1)), group_of(group, Time::new(5, 1)));
        assert_ne!(group_of(group, Time::new(5, 1)), group_of(group, Time::new(5, 2)));
        assert_ne!(group_of(group, Time::new(5, 1)), group);
    }
}
