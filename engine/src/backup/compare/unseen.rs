//! What the base has and the walk does not show: gone, or kept because it could not be looked at.

use super::super::keep::Keepable;
use super::{Compare, Event, below};
use crate::error::{Error, Kind, Result};
use crate::source::Failure;
use crate::tree::FolderCursor;
use format_spec::Time;
use format_spec::tree::{Content, Entry, Kind as ItemKind};

/// What becomes of what the base has in a folder and the walk does not show.
pub(super) enum Unseen {
    /// It has left the source.
    Gone,
    /// The folder was listed in part: each stays on its own.
    Kept(Failure),
    /// The folder was not listed at all: it stays as a whole, so many items so far.
    KeptWhole(Failure, u64),
    /// The folder itself is kept: its items are counted with it.
    Held,
}

impl Compare<'_> {
    pub(super) fn record(&self, failure: &Failure) {
        self.keeper.ledger.record(failure, self.keeper.monitor);
    }

    /// An item that could not even be looked at stays as the base has it, with everything below it.
    pub(super) fn missing(&mut self, failure: Failure) -> Result<()> {
        let name = failure.path.rsplit(|b| *b == b'/').next().unwrap_or_default().to_vec();
        let before = self.base_entry(&name)?;
        let Some(before) = before else {
            self.record(&failure);
            return Ok(());
        };
        self.frame()?.ahead = Some(before);
        if !self.keeper.keeps(&failure) {
            self.skip();
            self.record(&failure);
            return Ok(());
        }
        self.keep_ahead(failure)
    }

    /// The base's entry at hand stays, and has a line of its own in the ledger.
    fn keep_ahead(&mut self, failure: Failure) -> Result<()> {
        let as_of = self.keeper.last.kept_at(&failure.path).unwrap_or(self.frame()?.as_of);
        match self.take_over(as_of)? {
            0 => self.record(&failure),
            items => self.keeper.told(failure, as_of, items),
        }
        Ok(())
    }

    pub(super) fn unlisted(&mut self, failure: Failure, in_part: bool) -> Result<()> {
        if !self.keeper.keeps(&failure) {
            self.record(&failure);
            return Ok(());
        }
        if in_part {
            self.record(&failure);
        }
        self.frame()?.unseen = if in_part { Unseen::Kept(failure) } else { Unseen::KeptWhole(failure, 0) };
        Ok(())
    }

    /// The base's entry at hand is not in the walk: it is gone, unless the folder could not be listed.
    pub(super) fn unseen(&mut self) -> Result<()> {
        let frame = self.frame()?;
        let Some(ahead) = &frame.ahead else { return Ok(()) };
        let (path, as_of) = (below(&frame.path, &ahead.name), frame.as_of);
        match &frame.unseen {
            Unseen::Gone => self.skip(),
            Unseen::Kept(of_folder) => {
                let failure = Failure { path, ..of_folder.clone() };
                self.keep_ahead(failure)?;
            }
            Unseen::KeptWhole(..) => {
                let taken = self.take_over(as_of)?;
                if let Unseen::KeptWhole(_, items) = &mut self.frame()?.unseen {
                    *items += taken;
                }
            }
            Unseen::Held => return Err(Error::new(Kind::Bug, "the walk is in a folder that it could not enter")),
        }
        Ok(())
    }

    /// Takes the base's entry at hand over as it is, with everything below it; returns how many items that are.
    fn take_over(&mut self, as_of: Time) -> Result<u64> {
        let depth = self.frames.len();
        let mut items = self.take_one(as_of)?;
        while self.frames.len() > depth {
            self.keeper.monitor.check()?;
            if self.advance()?.is_some() {
                items += self.take_one(as_of)?;
            } else {
                self.end_folder()?;
            }
        }
        Ok(items)
    }

    /// Takes one entry over; a folder that must be looked into is entered.
    fn take_one(&mut self, as_of: Time) -> Result<u64> {
        let frame = self.frame()?;
        let Some(entry) = frame.ahead.take() else { return Ok(0) };
        let path = below(&frame.path, &entry.name);
        if entry.kind == ItemKind::Folder {
            if self.keeper.must_look_into(&entry) {
                let base = FolderCursor::open(self.nodes, &entry)?;
                let bare = Entry { content: Content::None, totals: Default::default(), ..Entry::clone(&entry) };
                self.open_folder(path, bare, Some((base, &entry)), as_of, Unseen::Held)?;
                return Ok(1);
            }
            self.same(&entry)?;
            return Ok(1 + entry.totals.descendants);
        }
        match self.keeper.keepable(&path, &entry, as_of)? {
            Keepable::AsItIs => self.same(&entry)?,
            Keepable::As(other) => {
                self.gone();
                self.flush()?;
                self.send(Event::Put(other))?;
            }
            Keepable::No => {
                self.gone();
                return Ok(0);
            }
        }
        Ok(1)
    }
}
