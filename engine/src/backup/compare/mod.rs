//! The walk, compared with the base: decides what is unchanged, and tells the assembler.
//!
//! Unchanged means: same kind, size, modification time, change time and inode (`unchanged`), and the change time is older than the start of
//! the base's session. The last condition is what makes an edit within the same clock tick visible: such a file is read again.

mod unseen;

use super::event::{Event, Slot};
use super::file::FileJob;
use super::keep::{Before, Keeper};
use super::unchanged::{is_older, same_inode};
use crate::error::{Error, Kind, Result};
use crate::restore_point::IN_PART;
use crate::source::{Failure, Found, Outcome, Step, Walk};
use crate::tree::{EntryRef, FolderCursor, NodeSource};
use crossbeam_channel::Sender;
use format_spec::Time;
use format_spec::tree::{Content, Entry, Kind as ItemKind};
use std::collections::HashMap;
use std::sync::Arc;
use unseen::Unseen;

/// Compares one walk with the base and sends events and files on.
pub(super) struct Compare<'a> {
    pub(super) nodes: &'a dyn NodeSource,
    pub(super) events: Sender<Event>,
    pub(super) files: Sender<FileJob>,
    pub(super) keeper: &'a Keeper<'a>,
    /// Link groups whose content is being read, so that further names share it.
    reading: HashMap<[u8; 16], Arc<Slot>>,
    frames: Vec<Frame<'a>>,
}

/// An entered folder and where the base's folder stands.
struct Frame<'a> {
    path: Vec<u8>,
    base: Option<FolderCursor<'a>>,
    ahead: Option<EntryRef>,
    same: u64,
    gone: u64,
    /// When what the base has in it was read: the base's own start, unless the base holds it as kept. Change times must be older.
    as_of: Time,
    unseen: Unseen,
}

impl<'a> Compare<'a> {
    pub(super) fn new(
        nodes: &'a dyn NodeSource,
        events: Sender<Event>,
        files: Sender<FileJob>,
        keeper: &'a Keeper<'a>,
    ) -> Self {
        Compare { nodes, events, files, keeper, reading: HashMap::new(), frames: Vec::new() }
    }

    /// Runs the whole walk; `base` is the root folder of the base, or of the point that things are kept from.
    pub(super) fn run(mut self, walk: &mut dyn Walk, base: Option<&Entry>) -> Result<()> {
        while let Some(step) = walk.next() {
            self.keeper.monitor.check()?;
            match step {
                Step::Enter(found) => self.enter(found, base)?,
                Step::Item(found) => self.item(found)?,
                Step::Leave => self.leave()?,
                Step::Missing(failure) => self.missing(failure)?,
                Step::Unlisted { failure, in_part } => self.unlisted(failure, in_part)?,
                Step::Failed(failure) => self.record(&failure),
            }
        }
        if self.frames.is_empty() { Ok(()) } else { Err(Error::new(Kind::Bug, "the walk ended inside a folder")) }
    }

    /// Whether the session accounts for everything itself: the base is looked at, but nothing of it is built upon.
    fn is_full(&self) -> bool {
        self.keeper.again.is_some()
    }

    /// The base's entry that was at hand is in the new folder as it is.
    fn same(&mut self, entry: &Entry) -> Result<()> {
        if self.is_full() {
            return self.send(Event::Put(Box::new(entry.clone())));
        }
        if self.frame()?.gone > 0 {
            self.flush()?;
        }
        self.frame()?.same += 1;
        Ok(())
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
                    self.in_part(&path, &e);
                }
            }
        }
        let as_of = self.keeper.last.kept_at(&path).or(self.frames.last().map(|f| f.as_of));
        let as_of = as_of.unwrap_or_else(|| self.keeper.last.read());
        let cursor = base.as_ref().map(|b| FolderCursor::open(self.nodes, b)).transpose()?;
        self.keeper.ledger.count(|c| c.folders += 1);
        entry.content = Content::None;
        entry.totals = Default::default();
        self.open_folder(path, entry, cursor.zip(base.as_deref()), as_of, Unseen::Gone)
    }

    /// A folder begins, seen or taken over; `base` is what the base has of it.
    fn open_folder(
        &mut self,
        path: Vec<u8>,
        entry: Entry,
        base: Option<(FolderCursor<'a>, &Entry)>,
        as_of: Time,
        unseen: Unseen,
    ) -> Result<()> {
        self.flush()?;
        let (cursor, base) = base.unzip();
        self.frames.push(Frame { path, base: cursor, ahead: None, same: 0, gone: 0, as_of, unseen });
        let base = base.filter(|_| !self.is_full()).map(|b| Box::new(b.clone()));
        self.send(Event::Enter { entry: Box::new(entry), base })
    }

    fn leave(&mut self) -> Result<()> {
        while self.advance()?.is_some() {
            self.unseen()?;
        }
        self.end_folder()
    }

    /// The folder that was opened last ends; what is known of it only now is told.
    fn end_folder(&mut self) -> Result<()> {
        self.flush()?;
        let frame = self.frames.pop();
        if let Some(Frame { unseen: Unseen::KeptWhole(failure, items), as_of, .. }) = frame {
            match items {
                0 => self.record(&failure),
                items => self.keeper.told(failure, as_of, items),
            }
        }
        self.send(Event::Leave)
    }

    fn item(&mut self, found: Found) -> Result<()> {
        if self.keeper.is_aged_out(&found.entry) {
            let reason = "older than the repository keeps items".to_owned();
            self.record(&Failure { path: found.path, outcome: Outcome::Skipped, reason });
            return Ok(());
        }
        let before = self.base_entry(&found.entry.name)?;
        if let Some(group) = found.entry.link_group {
            self.keeper.links_to(group, &found.path);
        }
        match before {
            Some(before) if self.unchanged(&before, &found.entry, &found.path) => {
                self.keeper.ledger.count(|c| c.unchanged += 1);
                self.keeper.monitor.done(1, before.size);
                match before.link_group == found.entry.link_group {
                    true => self.same(&before),
                    false => self.renumbered(&before, &found.entry),
                }
            }
            before => {
                if before.is_some() {
                    self.skip();
                }
                self.flush()?;
                self.changed(found, before)
            }
        }
    }

    /// An unchanged item with several names whose file system has another device number now. Its group is named by that number, which
    /// another file system may have taken over: what is stored of it is renamed with it, and its content is not read.
    fn renumbered(&mut self, before: &Entry, now: &Entry) -> Result<()> {
        self.gone();
        self.flush()?;
        let entry = Entry { device: now.device, link_group: now.link_group, ..before.clone() };
        self.send(Event::Put(Box::new(entry)))
    }

    /// A new or changed item: files go to the readers, everything else is complete after `fill`.
    fn changed(&mut self, found: Found, before: Option<EntryRef>) -> Result<()> {
        let as_of = self.keeper.last.kept_at(&found.path).unwrap_or(self.frame()?.as_of);
        let replaces = before.is_some() && !self.is_full();
        let kind = found.entry.kind;
        let entry = before.filter(|b| b.kind == kind);
        let before = Before { path: found.path.clone(), entry, as_of, replaces };
        if kind != ItemKind::File {
            return self.changed_at_once(found, &before);
        }
        let name = found.entry.name.clone();
        let before = Box::new(before);
        if let Some(group) = found.entry.link_group
            && let Some(slot) = self.reading.get(&group)
        {
            self.keeper.monitor.done(1, found.entry.size);
            let slot = slot.clone();
            return self.send(Event::File { name, slot, before });
        }
        let slot = Arc::new(Slot::default());
        if let Some(group) = found.entry.link_group {
            self.reading.insert(group, slot.clone());
        }
        let job = FileJob::new(found, slot.clone());
        self.files.send(job).map_err(|_| ended())?;
        self.send(Event::File { name, slot, before })
    }

    /// A new or changed item without content of its own.
    fn changed_at_once(&mut self, found: Found, before: &Before) -> Result<()> {
        let Found { mut entry, path, opens } = found;
        self.keeper.monitor.done(1, 0);
        if let Err(e) = self.fill(&mut entry, &path, &*opens) {
            // A symlink without its target is none: what the base has of it stays, unless it is gone since the walk saw it.
            if entry.kind == ItemKind::Symlink {
                let kept = self.keeper.lost(before, &Failure::of(path, &e), None)?;
                return kept.map_or(Ok(()), |kept| self.send(Event::Put(Box::new(kept))));
            }
            self.in_part(&path, &e);
        }
        self.keeper.ledger.stored(before.replaces);
        self.send(Event::Put(Box::new(entry)))
    }

    /// Loads what `stat` does not tell; problems with single attributes are told.
    fn fill(&self, entry: &mut Entry, path: &[u8], opens: &dyn crate::source::Opens) -> std::io::Result<()> {
        opens.fill(entry)?.into_iter().for_each(|reason| self.in_part(path, &reason));
        Ok(())
    }

    /// The item is stored; some of its attributes could not be read.
    fn in_part(&self, path: &[u8], why: &dyn std::fmt::Display) {
        self.record(&in_part(path, why));
    }

    fn unchanged(&self, before: &Entry, now: &Entry, path: &[u8]) -> bool {
        let read = self.frames.last().map_or(self.keeper.last.read(), |f| f.as_of);
        !self.is_full()
            && is_older(now.ctime, read)
            && !self.keeper.last.excepts(path)
            && before.kind == now.kind
            && same_inode(before, now)
            && (before.size == now.size || now.kind != ItemKind::File)
            && before.mtime == now.mtime
            && before.ctime == now.ctime
    }

    /// The base's entry of this name; entries that sort before it are gone.
    fn base_entry(&mut self, name: &[u8]) -> Result<Option<EntryRef>> {
        loop {
            match self.advance()? {
                Some(ahead) if ahead.name.as_slice() < name => self.unseen()?,
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
        let keeper = self.keeper;
        let frame = self.frame()?;
        if frame.ahead.is_none()
            && let Some(cursor) = &mut frame.base
        {
            frame.ahead = match cursor.next().transpose() {
                // Nothing is built upon it: what cannot be read of it is only not kept.
                Err(e) if keeper.again.is_some() && e.kind() == Kind::Damaged => {
                    keeper.monitor.warn(&frame.path, format!("the restore point before is damaged here: {e}"));
                    frame.base = None;
                    None
                }
                other => other?.map(|found| found.entry),
            };
        }
        Ok(self.frames.last().and_then(|frame| frame.ahead.as_ref()))
    }

    /// The base's entry at hand is not in the new folder.
    fn skip(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.ahead = None;
        }
        self.gone();
    }

    /// The base's entry that was at hand is not in the new folder.
    fn gone(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        // Order matters: what was the same is told before what is gone.
        let same = std::mem::take(&mut frame.same);
        frame.gone += 1;
        if same > 0 {
            let _ = self.events.send(Event::Same(same));
        }
    }

    /// Tells what has been counted so far.
    fn flush(&mut self) -> Result<()> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let (same, gone) = (std::mem::take(&mut frame.same), std::mem::take(&mut frame.gone));
        if self.keeper.again.is_some() {
            return Ok(());
        }
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

/// What is told of an item that is stored without all of its attributes.
pub(super) fn in_part(path: &[u8], why: &dyn std::fmt::Display) -> Failure {
    Failure { path: path.to_vec(), outcome: Outcome::Failed, reason: format!("{IN_PART}: {why}") }
}

/// The path of a name in a folder.
fn below(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

fn ended() -> Error {
    Error::new(Kind::Interrupted, "the session has ended")
}
