//! Reading the log to its head.

use super::checkpoint::{Covering, Known};
use super::view::LogView;
use crate::error::{Error, Kind, Result};
use crate::limits::{LOG_FETCH_THREADS, SMALL_OBJECT_BYTES_MAX};
use crate::store::{Name, Store};
use bytes::Bytes;
use format_spec::keys::Secrets;
use format_spec::log::LogEntry;
use format_spec::{RepositoryId, names};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One repository's log.
#[derive(Debug)]
pub struct Log {
    pub(super) store: Arc<dyn Store>,
    pub(super) repository: RepositoryId,
    pub(super) secrets: Secrets,
    view: Mutex<Arc<LogView>>,
    pub(super) known: Mutex<Known>,
}

impl Log {
    /// A log that has read nothing yet.
    pub fn new(store: Arc<dyn Store>, repository: RepositoryId, secrets: Secrets, config_hash: [u8; 32]) -> Self {
        let view = Mutex::new(Arc::new(LogView::start(config_hash)));
        Log { store, repository, secrets, view, known: Mutex::default() }
    }

    /// What was read so far.
    pub fn view(&self) -> Arc<LogView> {
        self.view.lock().clone()
    }

    /// Reads on to the head: the first slot that does not exist. What was read nothing of begins with the newest checkpoint; so does what was
    /// summed up and deleted meanwhile ([LOG-23]).
    pub fn refresh(&self) -> Result<Arc<LogView>> {
        let mut view = LogView::clone(&self.view());
        if view.head == 0
            && let Covering::By(newest) = self.newest_covering(1)?
        {
            view = *newest;
        }
        loop {
            match self.read_on(&mut view) {
                Ok(()) => return Ok(self.advance(view)),
                // Each turn ends further on than it began: a checkpoint that covers the next slot is newer than the view.
                Err(e) if e.kind() == Kind::Damaged => match self.newest_covering(view.head + 1)? {
                    Covering::By(newer) => view = *newer,
                    Covering::None | Covering::Unreadable => return Err(e),
                },
                Err(e) => return Err(e),
            }
        }
    }

    /// Reads on until a listing, made after the last entry was read, shows nothing behind it. Whoever read an entry that was void, because its
    /// slot had been summed up and deleted, would see later ones there: the entry of the newest checkpoint's slot is never deleted.
    fn read_on(&self, view: &mut LogView) -> Result<()> {
        loop {
            let (expected, last) = self.expected(view.head)?;
            for slots in expected.chunks(LOG_FETCH_THREADS) {
                for (slot, object) in slots.iter().zip(self.fetch(slots)?) {
                    let object = object.ok_or_else(|| missing(*slot, last))?;
                    self.apply(view, *slot, &object)?;
                }
            }
            loop {
                let slot = view.head + 1;
                match self.get(slot) {
                    Ok(object) => self.apply(view, slot, &object)?,
                    // What a listing has shown behind it proves that this one was there. Who wrote into the gap would end the history behind it.
                    Err(e) if e.kind() == Kind::Absent && slot <= last => return Err(missing(slot, last)),
                    Err(e) if e.kind() == Kind::Absent => break,
                    Err(e) => return Err(e),
                }
            }
            if view.head <= last {
                return Ok(());
            }
        }
    }

    /// Takes in an entry that this process has just appended to what `before` shows. Nothing is read: a store that fails from now on
    /// cannot make a change that is done look like one that is not.
    pub(super) fn take(&self, before: &LogView, slot: u32, object: &[u8]) -> Result<()> {
        let mut view = before.clone();
        self.apply(&mut view, slot, object)?;
        self.advance(view);
        Ok(())
    }

    /// The furthest view wins: threads read beside each other.
    pub(super) fn advance(&self, view: LogView) -> Arc<LogView> {
        let mut current = self.view.lock();
        if view.head > current.head {
            *current = Arc::new(view);
        }
        current.clone()
    }

    /// The entries up to the current view's head that are still there, without a gap, read again one by one: for who needs more than the view
    /// keeps. Returns the slot of the first: 1, unless older ones were summed up and deleted.
    pub fn for_each(&self, visit: &mut dyn FnMut(&LogEntry) -> Result<()>) -> Result<u32> {
        let view = self.view();
        let mut listed = BTreeSet::new();
        self.store.list("log", None, &mut |l| {
            listed.extend(names::parse(l.name.as_str()).map(|(_, _, slot)| slot));
            true
        })?;
        let mut first = view.head + 1;
        while listed.contains(&(first - 1)) {
            first -= 1;
        }
        let listed_from = first;
        for slot in listed_from..=view.head {
            let object = self.get(slot)?;
            // A void entry may lie before the first that counts; behind it, nothing but what counts can.
            if view.hash_of(slot).is_some_and(|hash| hash != *blake3::hash(&object).as_bytes()) {
                first = slot + 1;
                continue;
            }
            visit(&self.decode(slot, &object)?)?;
        }
        Ok(first)
    }

    pub(super) fn decode(&self, slot: u32, object: &[u8]) -> Result<LogEntry> {
        LogEntry::decode(object, slot, self.repository, &self.secrets).map_err(|e| Error::from(e).on(names::log(slot)))
    }

    pub(super) fn get(&self, slot: u32) -> Result<Bytes> {
        let name = Name::new(names::log(slot))?;
        let object = self.store.get(&name)?;
        if object.len() as u64 > SMALL_OBJECT_BYTES_MAX {
            return Err(Error::new(Kind::Damaged, "a log entry is longer than any can be").on(name));
        }
        Ok(object)
    }

    fn apply(&self, view: &mut LogView, slot: u32, object: &[u8]) -> Result<()> {
        let entry = self.decode(slot, object)?;
        view.apply(&entry, *blake3::hash(object).as_bytes()).map_err(|e| e.on(names::log(slot)))
    }

    /// The unbroken run of slots after `head` that a listing shows, a hint of what to fetch together; and the last slot that it shows.
    fn expected(&self, head: u32) -> Result<(Vec<u32>, u32)> {
        let after = (head > 0).then(|| Name::new(names::log(head))).transpose()?;
        let mut slots = Vec::new();
        self.store.list("log", after.as_ref(), &mut |listed| {
            if let Some((_, _, slot)) = names::parse(listed.name.as_str()) {
                slots.push(slot);
            }
            true
        })?;
        slots.sort_unstable();
        slots.retain(|slot| *slot > head);
        let last = slots.last().copied().unwrap_or(head);
        let run = slots.iter().zip(head + 1..).take_while(|(a, b)| **a == *b).count();
        slots.truncate(run);
        Ok((slots, last))
    }

    /// The objects of these slots; `None` for one that is gone since it was listed.
    fn fetch(&self, slots: &[u32]) -> Result<Vec<Option<Bytes>>> {
        let get = |slot: u32| match self.get(slot) {
            Err(e) if e.kind() == Kind::Absent => Ok(None),
            other => other.map(Some),
        };
        if let [slot] = slots {
            return Ok(vec![get(*slot)?]);
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = slots.iter().map(|slot| scope.spawn(move || get(*slot))).collect();
            let lost = |_| Error::new(Kind::Bug, "a thread that reads the log died");
            workers.into_iter().map(|w| w.join().map_err(lost)?).collect()
        })
    }
}

fn missing(slot: u32, last: u32) -> Error {
    let what = format!("the entry is missing, though {} was there", names::log(last));
    Error::new(Kind::Damaged, what)
        .on(names::log(slot))
        .advise("restore this object, or a checkpoint of this slot or a later one, from a copy of the repository")
}
