//! The log's end where it cannot be read: what stands there, and how it is set aside ([LOG-28]).
//!
//! Promises: an entry that anybody can decode is never set aside, nor is one that another connection answers differently about; nothing is deleted
//! or overwritten, as what was damaged keeps its slot and a new entry behind it says that it counts for nothing. Put-if-absent decides between
//! the repair and a writer that read the entry when it was sound: one of them gets the slot, and the other looks again. Refuses to guess what
//! stood there, and to set aside what has an entry behind it that can be read.
//!
//! ```text
//!    log/7    log/8     log/9             log/10
//!    entry    entry     cannot be read    SetAside { first: 9 }, chained to log/8: every session that was open has ended
//! ```

use super::checkpoint::{Covering, patiently};
use super::replay::Log;
use super::view::{LogView, VOID};
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::limits::SET_ASIDE_MAX;
use crate::store::{ListOptions, ObjectName, StoreExt};
use bytes::Bytes;
use format_spec::container::ObjectKind;
use format_spec::log::{Change, LogEntry};
use format_spec::names;
use std::sync::Arc;

/// Slots at the log's end, from the first that cannot be read to the last that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What is in them, rising.
    pub slots: Vec<EndSlot>,
    /// The first of them that holds an entry which can be read, if one does: then this is not the log's end, but a gap in it.
    pub readable: Option<u32>,
    /// What the next entry that can be read says of the object in the slot before it: its BLAKE3.
    pub stated: Option<(u32, [u8; 32])>,
}

/// One slot that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndSlot {
    /// The slot.
    pub slot: u32,
    /// BLAKE3 of what is there; `None` where nothing is, or something that is not an object.
    pub hash: Option<[u8; 32]>,
    /// Why it cannot be read.
    pub what: String,
}

impl End {
    /// The slot of the first entry that cannot be read.
    pub fn first(&self) -> Option<u32> {
        self.slots.first().map(|slot| slot.slot)
    }

    /// The slot behind all of them.
    fn next(&self) -> Option<u32> {
        self.slots.last().and_then(|slot| slot.slot.checked_add(1))
    }
}

impl Log {
    /// Where the log stops being readable: the slot, and why. `None` when it can be read to its end.
    ///
    /// # Errors
    /// The store's; everything else that keeps the log from being read.
    pub fn stops_at(&self) -> Result<Option<(u32, Error)>> {
        match self.refresh() {
            Ok(_) => Ok(None),
            Err(e) => slot_of(&e).map(|slot| Some((slot, e.again()))).ok_or(e),
        }
    }

    /// Looks at every slot from `first` on, which cannot be read.
    ///
    /// # Errors
    /// The store's; `Unsupported` for an entry of a later release, and for more slots than anybody would damage.
    pub fn end_from(&self, first: u32) -> Result<End> {
        let last = self.listed_from(first)?.last().copied().unwrap_or(first);
        if last - first >= SET_ASIDE_MAX {
            let what = format!("{} slots of the log follow one that cannot be read", last - first);
            return Err(Error::new(Kind::Unsupported, what)
                .on(names::log(first))
                .advise("give the log back from a copy of the repository"));
        }
        let mut end = End { slots: Vec::new(), readable: None, stated: None };
        for slot in first..=last {
            match patiently(|| self.get(slot)) {
                Ok(object) => match self.decode(slot, &object) {
                    // One that can be read and does not follow the one before it is still nobody's to set aside.
                    Ok(entry) => {
                        end.readable.get_or_insert(slot);
                        end.stated.get_or_insert((slot - 1, entry.previous));
                    }
                    Err(e) if e.kind() == Kind::Damaged => {
                        let hash = Some(*blake3::hash(&object).as_bytes());
                        end.slots.push(EndSlot { slot, hash, what: e.to_string() });
                    }
                    Err(e) => return Err(e),
                },
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent) => {
                    end.slots.push(EndSlot { slot, hash: None, what: e.to_string() });
                }
                Err(e) => return Err(e),
            }
        }
        Ok(end)
    }

    /// Sets the log's end aside. `seen` is what another connection has shown of it; this one has to show the same. Returns the slot of the entry
    /// that says so, and sums the log up there, so that releases which do not know such entries read on.
    ///
    /// # Errors
    /// `Conflict` when the end is another one by now; `Input` when it is not an end; `Damaged` when what stands before it is; the store's.
    pub fn set_aside(&self, env: &dyn Env, seen: &End) -> Result<u32> {
        let first = seen.first().filter(|_| seen.readable.is_none());
        let (Some(first), Some(slot)) = (first, seen.next()) else {
            return Err(Error::new(Kind::Input, "no damaged entry is at the log's end").on(self.location()));
        };
        if self.end_from(first)? != *seen {
            return Err(Error::new(Kind::Conflict, "two connections to the store do not show the same at the log's end")
                .on(names::log(first))
                .advise("nothing was changed: look again with `cairn repair plan`; if the answers go on changing, look at the store and the line to it"));
        }
        if let Covering::By(summed) = self.newest_covering(first)? {
            return Err(Error::new(
                Kind::Conflict,
                format!("a checkpoint up to entry {} sums it up meanwhile", summed.head),
            )
            .on(names::log(first))
            .advise("nothing was changed, and nothing need be set aside: the log can be read again"));
        }
        let view = self.over(Arc::clone(&self.store)).until(first - 1).refresh()?;
        if view.head != first - 1 {
            return Err(
                Error::new(Kind::Conflict, "the log does not reach to its damaged end any more").on(names::log(first))
            );
        }
        view.expect_writable()?;
        let mut attempt = [0; 16];
        env.random(&mut attempt)?;
        let change = Change::SetAside { first };
        let entry = LogEntry { slot, previous: view.head_hash, attempt, time: env.now(), change };
        let mut salt = [0; 32];
        env.random(&mut salt)?;
        let object = Bytes::from(entry.encode(self.repository, &self.secrets, salt));
        if self.decode(slot, &object)? != entry {
            return Err(Error::new(Kind::Bug, "a log entry does not decode to what was written").on(names::log(slot)));
        }
        let name = ObjectName::new(names::log(slot))?;
        match patiently(|| self.store.put_new(&name, object.clone())) {
            Err(e) if e.kind() == Kind::Exists && patiently(|| self.store.get(&name))? != object => {
                return Err(Error::new(Kind::Conflict, "somebody has appended to the log meanwhile")
                    .on(name)
                    .advise("look again with `cairn repair plan`"));
            }
            Err(e) if e.kind() != Kind::Exists => return Err(e),
            _ => {}
        }
        // It counts when the log can be read to it, as anybody else reads it.
        if self.refresh()?.head < slot {
            return Err(Error::new(Kind::Damaged, "the store took the entry and does not have it").on(name));
        }
        self.checkpoint(env)?;
        Ok(slot)
    }

    /// Names what cannot be read of checkpoints up to the head and, if `entries` are looked at too, of the entries that are there and that reading to
    /// the head did not need; and what can be read and tells another history than the log ([LOG-21], 2c).
    ///
    /// # Errors
    /// The store's, and those of `visit`.
    pub fn for_each_summed_up(
        &self,
        entries: bool,
        visit: &mut dyn FnMut(&str, Error, Spare) -> Result<()>,
    ) -> Result<()> {
        let view = self.view();
        for at in self.checkpoints_from(1)?.into_iter().filter(|at| *at <= view.head) {
            let name = names::checkpoint(at);
            match self.read_checkpoint(at) {
                Ok(_) if self.sums_up_nothing(&view, at)? => {}
                Ok((told, _))
                    if told.head_hash != VOID && view.hash_of(at).is_some_and(|known| known != told.head_hash) =>
                {
                    visit(
                        &name,
                        other_history("this checkpoint states another entry of its slot than the log has"),
                        Spare::No,
                    )?;
                }
                Ok(_) => {}
                Err(e) if e.kind() == Kind::Absent => {}
                Err(e) => visit(&name, e, Spare::Yes)?,
            }
        }
        if view.since > 0 {
            self.compare_own_entry(&view, visit)?;
        }
        let slots = if entries { self.listed_from(1)? } else { Vec::new() };
        for slot in slots.into_iter().filter(|slot| *slot <= view.since && !view.is_void(*slot)) {
            match patiently(|| self.get(slot)).and_then(|object| self.decode(slot, &object)) {
                Ok(_) => {}
                Err(e) if e.kind() == Kind::Absent => {}
                Err(e) => visit(&names::log(slot), e, Spare::Yes)?,
            }
        }
        Ok(())
    }

    /// Compares the entry of the slot of the checkpoint that the log was read from: the one entry below it that stays ([LOG-22]), and that no writer
    /// that stood still can have put there later. What cannot be read of it is told with the others.
    fn compare_own_entry(&self, view: &LogView, visit: &mut dyn FnMut(&str, Error, Spare) -> Result<()>) -> Result<()> {
        let slot = view.since;
        if view.is_void(slot) {
            return Ok(());
        }
        let object = match patiently(|| self.get(slot)) {
            Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => return Ok(()),
            other => other?,
        };
        let Ok(entry) = self.decode(slot, &object) else { return Ok(()) };
        let stated = |slot: u32, found: [u8; 32]| view.hash_of(slot).is_none_or(|stated| stated == found);
        let what = match (stated(slot, *blake3::hash(&object).as_bytes()), stated(slot - 1, entry.previous)) {
            (true, true) => return Ok(()),
            (false, _) => "the checkpoint of this slot states another entry",
            (true, false) => "this entry follows another one than the checkpoint of this slot states",
        };
        visit(&names::log(slot), other_history(what), Spare::No)
    }

    /// Whether a checkpoint of this slot counts for nothing, as the slot is set aside: a writer that stood still while that happened may create
    /// it at any later time, of the entry that it had read when it was sound.
    pub(super) fn sums_up_nothing(&self, view: &LogView, slot: u32) -> Result<bool> {
        if !view.is_void(slot) {
            return Ok(false);
        }
        if !self.has_voids || self.is_aside(slot) {
            return Ok(true);
        }
        // Void as nobody with the keys has filled it, or set aside: the next entry tells, while it is there.
        let Some(next) = (slot + 1..=view.head).find(|slot| !view.is_void(*slot)) else { return Ok(false) };
        Ok(self.entry(next)?.is_none_or(|e| matches!(e.change, Change::SetAside { first } if first <= slot)))
    }

    /// Whether a slot is known to be set aside.
    pub(super) fn is_aside(&self, slot: u32) -> bool {
        self.aside.lock().contains(&slot)
    }

    /// The first slot that this view took in as an entry, and that is known by now to be set aside. The view of a process stays as it was when
    /// reading on failed after the SetAside was met: the next reading must not go on from there.
    pub(super) fn taken_in(&self, view: &LogView) -> Option<u32> {
        let aside = self.aside.lock();
        aside.range(..=view.head).copied().find(|slot| view.hash_of(*slot).is_some() && !view.is_void(*slot))
    }

    /// Looks for the entry that sets aside a slot which cannot be read, or which does not fit what is before it. Returns the first slot that it
    /// names, if that is news.
    pub(super) fn learn_aside(&self, slot: u32) -> Result<Option<u32>> {
        for later in self.listed_from(slot)?.into_iter().take(SET_ASIDE_MAX as usize + 1) {
            let entry = match self.get(later).and_then(|object| self.decode(later, &object)) {
                Ok(entry) => entry,
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent) => continue,
                Err(e) if e.kind() == Kind::Unsupported => return Ok(None),
                Err(e) => return Err(e),
            };
            let Change::SetAside { first } = entry.change else { return Ok(None) };
            if first > slot {
                return Ok(None);
            }
            let mut aside = self.aside.lock();
            let known = aside.len();
            aside.extend(first..later);
            return Ok((aside.len() > known).then_some(first));
        }
        Ok(None)
    }

    /// The view to begin with for whoever took in entries from `first` on that count for nothing: of the newest checkpoint before them, or of none.
    pub(super) fn before(&self, first: u32) -> Result<LogView> {
        for at in self.checkpoints_from(1)?.into_iter().filter(|at| *at < first) {
            match self.read_checkpoint(at) {
                Ok((view, _)) => return Ok(view),
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Unsupported) => self.pass_over(at, &e),
                Err(e) if e.kind() == Kind::Absent => {}
                Err(e) => return Err(e),
            }
        }
        Ok(self.start())
    }

    /// The error with which reading stops at a slot, with what can be done about it.
    pub(super) fn stopped(&self, slot: u32, e: Error) -> Error {
        // The chain may be broken elsewhere: a checkpoint, or what an entry says.
        if slot_of(&e) != Some(slot) {
            return e;
        }
        let before = slot - 1;
        let read = match before {
            0 => String::new(),
            _ => format!("`--as-of {before}` reads everything before it; "),
        };
        let object = self.get(slot);
        // What is not even an object has a cure of its own, which the store knows.
        if let Err(foreign) = &object
            && foreign.kind() == Kind::Damaged
            && let Some(cure) = foreign.advice()
        {
            return e.advise_instead(format!("{read}{cure}"));
        }
        let is_last = self.listed_from(slot + 1).is_ok_and(|later| later.is_empty());
        let is_readable = object.and_then(|object| self.decode(slot, &object)).is_ok();
        let cure = match (is_readable, is_last) {
            (true, _) => "the log was tampered with or restored from a copy: `cairn repair plan` tells more",
            (false, true) => "`cairn repair plan` offers to set it aside",
            (false, false) => "`cairn repair plan --from COPY` puts it back from a copy of the repository",
        };
        e.advise_instead(format!("{read}{cure}"))
    }

    /// The slots from this one on that a listing shows, rising, whatever this log is limited to.
    fn listed_from(&self, first: u32) -> Result<Vec<u32>> {
        let after = (first > 1).then(|| ObjectName::new(names::log(first - 1))).transpose()?;
        let mut slots = Vec::new();
        self.store.list(&ListOptions::below("log").after(after.as_ref()), &mut |listed| {
            slots.extend(names::parse(listed.name.as_str()).map(|(_, _, slot)| slot).filter(|slot| *slot >= first));
            true
        })?;
        slots.sort_unstable();
        Ok(slots)
    }
}

/// Whether the log goes on without something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spare {
    /// Nobody needs it.
    Yes,
    /// It is whole, and contradicts the log.
    No,
}

fn other_history(what: &str) -> Error {
    Error::new(Kind::Damaged, format!("LOG-21: {what}: one of them is of another history"))
        .advise("the log was tampered with or restored from a copy: `--as-of` reads what was before it")
}

/// The slot of the log entry that an error of damage is about.
fn slot_of(e: &Error) -> Option<u32> {
    match (e.kind(), e.object().and_then(names::parse)) {
        (Kind::Damaged, Some((ObjectKind::LogEntry, _, slot))) => Some(slot),
        _ => None,
    }
}
