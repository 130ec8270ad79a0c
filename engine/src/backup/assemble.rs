//! Building the trees from events: folders whose entries are all the same are taken over by their id, others are built anew.

use super::event::{Event, Read};
use super::keep::Keeper;
use crate::error::{Error, Kind, Result};
use crate::tree::{EntryRef, FolderBuilder, FolderCursor, NodeSink, NodeSource};
use crossbeam_channel::Receiver;
use format_spec::tree::Entry;

/// Consumes events until the root folder ends, and returns it with content and sums.
pub(super) fn assemble(
    events: &Receiver<Event>,
    nodes: &dyn NodeSource,
    keeper: &Keeper<'_>,
    sink: &mut dyn NodeSink,
) -> Result<Entry> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    loop {
        let early = |_| Error::new(Kind::Interrupted, "the walk ended early");
        match events.recv().map_err(early)? {
            Event::Enter { entry, base } => frames.push(Frame::new(*entry, base.map(|b| *b), nodes)?),
            Event::Same(n) => top(&mut frames)?.same(n, sink)?,
            Event::Gone(n) => top(&mut frames)?.gone(n, sink)?,
            Event::Put(entry) => top(&mut frames)?.put(&entry, sink)?,
            Event::File { name, slot, before } => {
                let entry = match slot.wait()? {
                    Read::Stored(entry) => {
                        keeper.ledger.stored(before.replaces);
                        Some(*entry)
                    }
                    Read::Lost { failure, group, instead } => {
                        group.iter().for_each(|group| keeper.unlink(group));
                        keeper.lost(&before, &failure, instead.map(|entry| *entry))?
                    }
                };
                if let Some(entry) = entry {
                    top(&mut frames)?.put(&Entry { name, ..entry }, sink)?;
                }
            }
            Event::Leave => {
                let frame = frames.pop().ok_or_else(unbalanced)?;
                let (entry, base) = frame.leave(sink)?;
                let Some(parent) = frames.last_mut() else { return Ok(entry) };
                match base {
                    Some(base) if base == entry => parent.same(1, sink)?,
                    Some(_) => {
                        parent.gone(1, sink)?;
                        parent.put(&entry, sink)?;
                    }
                    None => parent.put(&entry, sink)?,
                }
            }
        }
    }
}

/// A folder under construction. As long as everything is the same as in the base, there is no builder, only a position.
struct Frame<'a> {
    entry: Entry,
    base: Option<Entry>,
    nodes: &'a dyn NodeSource,
    position: u64,
    building: Option<Building<'a>>,
}

struct Building<'a> {
    builder: FolderBuilder,
    /// The base's entries from `position` on.
    rest: Option<FolderCursor<'a>>,
}

impl<'a> Frame<'a> {
    fn new(entry: Entry, base: Option<Entry>, nodes: &'a dyn NodeSource) -> Result<Self> {
        let building = base.is_none().then(|| Building { builder: FolderBuilder::new(), rest: None });
        Ok(Frame { entry, base, nodes, position: 0, building })
    }

    fn same(&mut self, n: u64, sink: &mut dyn NodeSink) -> Result<()> {
        let Some(building) = &mut self.building else {
            self.position += n;
            return Ok(());
        };
        for _ in 0..n {
            let entry = building.next_base()?;
            building.builder.push(&entry, sink)?;
        }
        Ok(())
    }

    fn gone(&mut self, n: u64, sink: &mut dyn NodeSink) -> Result<()> {
        let building = self.build(sink)?;
        (0..n).try_for_each(|_| building.next_base().map(|_| ()))
    }

    fn put(&mut self, entry: &Entry, sink: &mut dyn NodeSink) -> Result<()> {
        self.build(sink)?.builder.push(entry, sink)
    }

    /// The first difference: what was the same so far is pushed into a builder.
    fn build(&mut self, sink: &mut dyn NodeSink) -> Result<&mut Building<'a>> {
        if self.building.is_none() {
            let rest = self.base.as_ref().map(|b| FolderCursor::open(self.nodes, b)).transpose()?;
            let mut building = Building { builder: FolderBuilder::new(), rest };
            for _ in 0..self.position {
                let entry = building.next_base()?;
                building.builder.push(&entry, sink)?;
            }
            self.building = Some(building);
        }
        self.building.as_mut().ok_or_else(unbalanced)
    }

    /// The finished folder, and the base's folder for comparison.
    fn leave(mut self, sink: &mut dyn NodeSink) -> Result<(Entry, Option<Entry>)> {
        match (self.building, &self.base) {
            (Some(building), _) => (self.entry.content, self.entry.totals) = building.builder.finish(sink)?,
            (None, Some(base)) if base.totals.entries == self.position => {
                (self.entry.content, self.entry.totals) = (base.content, base.totals);
            }
            (None, _) => {
                return Err(Error::new(Kind::Bug, "a folder ended before all entries of the base were accounted for"));
            }
        }
        Ok((self.entry, self.base))
    }
}

impl Building<'_> {
    fn next_base(&mut self) -> Result<EntryRef> {
        let next = self.rest.as_mut().and_then(Iterator::next).transpose()?;
        next.map(|found| found.entry)
            .ok_or_else(|| Error::new(Kind::Bug, "the base's folder has fewer entries than were compared"))
    }
}

fn top<'f, 'a>(frames: &'f mut [Frame<'a>]) -> Result<&'f mut Frame<'a>> {
    frames.last_mut().ok_or_else(unbalanced)
}

fn unbalanced() -> Error {
    Error::new(Kind::Bug, "events outside of any folder")
}
