//! The walk, compared with the base: decides what is unchanged, and tells the assembler.
//!
//! Unchanged means: same kind, size, modification time, change time, inode and device, and the change time is older than the start of the
//! base's session. The last condition is what makes an edit within the same clock tick visible: such a file is read again.

use super::event::{Event, Slot};
use super::file::FileJob;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::restore_point::Ledger;
use crate::source::{Failure, Found, Outcome, Step, Walk};
use crate::tree::{EntryRef, FolderCursor, NodeSource};
use crossbeam_channel::Sender;
use format_spec::Time;
use format_spec::tree::{Content, Entry, Kind as ItemKind};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Change times within this many nanoseconds before the base's start count as "not older": the kernel's clock for file times
/// ticks in steps of up to 10 ms.
const CLOCK_STEP_NANOS: u32 = 50_000_000;
/// File systems without fractions of a second have steps of up to two seconds.
const COARSE_STEP_SECONDS: i64 = 2;

/// Compares one walk with the base and sends events and files on.
pub(super) struct Compare<'a> {
    pub(super) nodes: &'a dyn NodeSource,
    pub(super) events: Sender<Event>,
    pub(super) files: Sender<FileJob>,
    pub(super) ledger: &'a Ledger,
    pub(super) monitor: &'a Monitor,
    /// When the base's session started; change times must be older.
    pub(super) trusted_before: Option<Time>,
    /// Items modified before this second have left the period: they are not stored ([CONF-6]).
    stored_from: Option<i64>,
    pub(super) links: Links,
    /// Paths that the base's ledger has an exception for: what is stored of them is not what they are.
    distrusted: HashSet<Vec<u8>>,
    frames: Vec<Frame<'a>>,
}

/// The names of inodes that have several.
#[derive(Default)]
pub(super) struct Links {
    /// Link group to the path of its first name in preorder.
    pub(super) first: BTreeMap<[u8; 16], Vec<u8>>,
    /// Groups whose content is being read, so that further names share it.
    reading: HashMap<[u8; 16], Arc<Slot>>,
}

/// An entered folder and where the base's folder stands.
struct Frame<'a> {
    base: Option<FolderCursor<'a>>,
    ahead: Option<EntryRef>,
    same: u64,
    gone: u64,
}

impl<'a> Compare<'a> {
    pub(super) fn new(
        nodes: &'a dyn NodeSource,
        events: Sender<Event>,
        files: Sender<FileJob>,
        ledger: &'a Ledger,
        monitor: &'a Monitor,
        trusted_before: Option<Time>,
        distrusted: HashSet<Vec<u8>>,
    ) -> Self {
        Compare {
            nodes,
            events,
            files,
            ledger,
            monitor,
            trusted_before,
            stored_from: None,
            links: Links::default(),
            distrusted,
            frames: Vec::new(),
        }
    }

    /// Leaves items out that were modified before this second.
    pub(super) fn stored_from(mut self, from: Option<i64>) -> Self {
        self.stored_from = from;
        self
    }

    /// Runs the whole walk; `base` is the base's root folder.
    pub(super) fn run(mut self, walk: &mut dyn Walk, base: Option<&Entry>) -> Result<Links> {
        while let Some(step) = walk.next() {
            self.monitor.check()?;
            match step {
                Step::Enter(found) => self.enter(found, base)?,
                Step::Item(found) => self.item(found)?,
                Step::Leave => self.leave()?,
                Step::Failed(failure) => self.ledger.record(&failure, self.monitor),
            }
        }
        if self.frames.is_empty() {
            Ok(self.links)
        } else {
            Err(Error::new(Kind::Bug, "the walk ended inside a folder"))
        }
    }

    fn enter(&mut self, found: Found, root: Option<&Entry>) -> Result<()> {
        let Found { mut entry, path, opens } = found;
        let base = match self.frames.is_empty() {
            true => root.map(|r| EntryRef::from(r.clone())),
            false => self.base_entry(&entry.name)?,
        };
        let base = self.keep_kind(base, ItemKind::Folder);
        match &base {
            Some(before) if self.unchanged(before, &entry, &path) => entry = Entry::clone(before),
            _ => {
                if let Err(e) = self.fill(&mut entry, &path, &*opens) {
                    self.failed(&path, e.to_string());
                }
            }
        }
        self.flush()?;
        let cursor = base.as_ref().map(|b| FolderCursor::open(self.nodes, b)).transpose()?;
        self.ledger.count(|c| c.folders += 1);
        self.frames.push(Frame { base: cursor, ahead: None, same: 0, gone: 0 });
        entry.content = Content::None;
        entry.totals = Default::default();
        self.send(Event::Enter { entry: Box::new(entry), base: base.map(|b| Box::new(Entry::clone(&b))) })
    }

    fn leave(&mut self) -> Result<()> {
        while self.advance()?.is_some() {
            self.skip();
        }
        self.flush()?;
        self.frames.pop();
        self.send(Event::Leave)
    }

    fn item(&mut self, found: Found) -> Result<()> {
        if self.stored_from.is_some_and(|from| found.entry.mtime.seconds < from) {
            let reason = "older than the repository keeps items".to_owned();
            let failure = Failure { path: found.path, outcome: Outcome::Skipped, reason };
            self.ledger.record(&failure, self.monitor);
            return Ok(());
        }
        let before = self.base_entry(&found.entry.name)?;
        if let Some(group) = found.entry.link_group {
            self.links.first.entry(group).or_insert_with(|| found.path.clone());
        }
        match before {
            Some(before) if self.unchanged(&before, &found.entry, &found.path) => {
                self.ledger.count(|c| c.unchanged += 1);
                self.monitor.done(1, before.size);
                let frame = self.frame()?;
                if frame.gone > 0 {
                    self.flush()?;
                }
                self.frame()?.same += 1;
                Ok(())
            }
            before => {
                let replaces = before.is_some();
                if replaces {
                    self.skip();
                }
                self.flush()?;
                self.changed(found, replaces)
            }
        }
    }

    /// A new or changed item: files go to the readers, everything else is complete after `fill`.
    fn changed(&mut self, found: Found, replaces: bool) -> Result<()> {
        let stored = |ledger: &Ledger| ledger.count(|c| *if replaces { &mut c.changed } else { &mut c.new } += 1);
        if found.entry.kind != ItemKind::File {
            let Found { mut entry, path, opens } = found;
            self.monitor.done(1, 0);
            if let Err(e) = self.fill(&mut entry, &path, &*opens) {
                // A symlink without its target is none: it is gone, or became something else, since the walk saw it.
                if entry.kind == ItemKind::Symlink {
                    self.ledger.record(&Failure::of(path, &e), self.monitor);
                    return Ok(());
                }
                self.failed(&path, e.to_string());
            }
            stored(self.ledger);
            return self.send(Event::Put(Box::new(entry)));
        }
        let name = found.entry.name.clone();
        if let Some(group) = found.entry.link_group
            && let Some(slot) = self.links.reading.get(&group)
        {
            stored(self.ledger);
            self.monitor.done(1, found.entry.size);
            let slot = slot.clone();
            return self.send(Event::File { name, slot });
        }
        let slot = Arc::new(Slot::default());
        if let Some(group) = found.entry.link_group {
            self.links.reading.insert(group, slot.clone());
        }
        let job = FileJob::new(found, replaces, slot.clone());
        self.files.send(job).map_err(|_| ended())?;
        self.send(Event::File { name, slot })
    }

    /// Loads what `stat` does not tell; problems with single attributes are told.
    fn fill(&self, entry: &mut Entry, path: &[u8], opens: &dyn crate::source::Opens) -> std::io::Result<()> {
        opens.fill(entry)?.into_iter().for_each(|reason| self.failed(path, reason));
        Ok(())
    }

    fn failed(&self, path: &[u8], reason: String) {
        let failure = Failure { path: path.to_vec(), outcome: Outcome::Failed, reason };
        self.ledger.record(&failure, self.monitor);
    }

    fn unchanged(&self, before: &Entry, now: &Entry, path: &[u8]) -> bool {
        let older = self.trusted_before.is_some_and(|start| older_than(now.ctime, start));
        older
            && !self.distrusted.contains(path)
            && before.kind == now.kind
            && (before.size == now.size || now.kind != ItemKind::File)
            && before.mtime == now.mtime
            && before.ctime == now.ctime
            && before.inode == now.inode
            && before.device == now.device
    }

    /// The base's entry of this name; entries that sort before it are gone.
    fn base_entry(&mut self, name: &[u8]) -> Result<Option<EntryRef>> {
        loop {
            match self.advance()? {
                Some(ahead) if ahead.name.as_slice() < name => self.skip(),
                Some(ahead) if ahead.name == name => {
                    let found = self.frame()?.ahead.take();
                    return Ok(found);
                }
                _ => return Ok(None),
            }
        }
    }

    /// A base entry of another kind does not count: the item is new, the old entry gone.
    fn keep_kind(&mut self, base: Option<EntryRef>, kind: ItemKind) -> Option<EntryRef> {
        if base.as_ref().is_some_and(|b| b.kind != kind) {
            self.skip();
            return None;
        }
        base
    }

    fn advance(&mut self) -> Result<Option<&EntryRef>> {
        let frame = self.frame()?;
        if frame.ahead.is_none()
            && let Some(cursor) = &mut frame.base
        {
            frame.ahead = cursor.next().transpose()?.map(|found| found.entry);
        }
        Ok(frame.ahead.as_ref())
    }

    /// The base's entry at hand is not in the new folder.
    fn skip(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.ahead = None;
            if frame.same > 0 {
                // Order matters: what was the same is told before what is gone.
                let same = std::mem::take(&mut frame.same);
                let _ = self.events.send(Event::Same(same));
            }
            if let Some(frame) = self.frames.last_mut() {
                frame.gone += 1;
            }
        }
    }

    /// Tells what has been counted so far.
    fn flush(&mut self) -> Result<()> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let (same, gone) = (std::mem::take(&mut frame.same), std::mem::take(&mut frame.gone));
        if gone > 0 {
            self.send(Event::Gone(gone))?;
        }
        if same > 0 {
            self.send(Event::Same(same))?;
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<&mut Frame<'a>> {
        self.frames.last_mut().ok_or_else(|| Error::new(Kind::Bug, "the walk yields items outside of any folder"))
    }

    fn send(&self, event: Event) -> Result<()> {
        self.events.send(event).map_err(|_| ended())
    }
}

fn ended() -> Error {
    Error::new(Kind::Interrupted, "the session has ended")
}

fn older_than(ctime: Time, start: Time) -> bool {
    if ctime.nanos == 0 {
        return ctime.seconds < start.seconds - COARSE_STEP_SECONDS;
    }
    let nanos = |t: Time| i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos);
    nanos(ctime) < nanos(start) - i128::from(CLOCK_STEP_NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_in_the_clocks_last_step_is_not_trusted() {
        let start = Time::new(1000, 500_000_000);
        assert!(older_than(Time::new(1000, 440_000_000), start));
        assert!(!older_than(Time::new(1000, 460_000_000), start));
        assert!(!older_than(Time::new(1000, 500_000_000), start));
        assert!(!older_than(Time::new(2000, 1), start));
    }

    #[test]
    fn whole_second_times_keep_two_seconds_distance() {
        assert!(!older_than(Time::new(998, 0), Time::new(1000, 0)));
        assert!(older_than(Time::new(997, 0), Time::new(1000, 0)));
    }
}
