//! Reading the log to its head.

use super::view::LogView;
use crate::error::{Error, Kind, Result};
use crate::limits::{LOG_FETCH_THREADS, SMALL_OBJECT_BYTES_MAX};
use crate::store::{Name, Store};
use bytes::Bytes;
use format_spec::keys::Secrets;
use format_spec::log::LogEntry;
use format_spec::{RepositoryId, names};
use parking_lot::Mutex;
use std::sync::Arc;

/// One repository's log.
#[derive(Debug)]
pub struct Log {
    pub(super) store: Arc<dyn Store>,
    pub(super) repository: RepositoryId,
    pub(super) secrets: Secrets,
    view: Mutex<Arc<LogView>>,
}

impl Log {
    /// A log that has read nothing yet.
    pub fn new(store: Arc<dyn Store>, repository: RepositoryId, secrets: Secrets, config_hash: [u8; 32]) -> Self {
        Log { store, repository, secrets, view: Mutex::new(Arc::new(LogView::start(config_hash))) }
    }

    /// What was read so far.
    pub fn view(&self) -> Arc<LogView> {
        self.view.lock().clone()
    }

    /// Reads on to the head: the first slot that does not exist.
    pub fn refresh(&self) -> Result<Arc<LogView>> {
        let mut view = LogView::clone(&self.view());
        let (expected, last) = self.expected(view.head)?;
        for slots in expected.chunks(LOG_FETCH_THREADS) {
            for (slot, object) in slots.iter().zip(self.fetch(slots)?) {
                self.apply(&mut view, *slot, &object)?;
            }
        }
        loop {
            let slot = view.head + 1;
            match self.get(slot) {
                Ok(object) => self.apply(&mut view, slot, &object)?,
                // Entries are never removed, so what a listing has shown behind it proves that this one was there. Who wrote into the
                // gap would end the history behind it.
                Err(e) if e.kind() == Kind::Absent && slot < last => {
                    let what = format!("the entry is missing, though {} follows", names::log(last));
                    return Err(Error::new(Kind::Damaged, what)
                        .on(names::log(slot))
                        .advise("restore this object from a copy of the repository"));
                }
                Err(e) if e.kind() == Kind::Absent => break,
                Err(e) => return Err(e),
            }
        }
        Ok(self.advance(view))
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
    fn advance(&self, view: LogView) -> Arc<LogView> {
        let mut current = self.view.lock();
        if view.head > current.head {
            *current = Arc::new(view);
        }
        current.clone()
    }

    /// Every entry up to the current view's head, read again one by one: for who needs more than the view keeps.
    pub fn for_each(&self, visit: &mut dyn FnMut(&LogEntry) -> Result<()>) -> Result<()> {
        for slot in 1..=self.view().head {
            visit(&self.decode(slot, &self.get(slot)?)?)?;
        }
        Ok(())
    }

    /// One entry up to the current view's head, read again.
    ///
    /// # Errors
    /// The store's; `Damaged` when it is not what the log was read from.
    pub fn entry(&self, slot: u32) -> Result<LogEntry> {
        let object = self.get(slot)?;
        let read = (slot as usize).checked_sub(1).and_then(|at| self.view().hashes.get(at).copied());
        if read != Some(*blake3::hash(&object).as_bytes()) {
            return Err(Error::new(Kind::Damaged, "the entry is another one than before").on(names::log(slot)));
        }
        self.decode(slot, &object)
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

    fn fetch(&self, slots: &[u32]) -> Result<Vec<Bytes>> {
        if let [slot] = slots {
            return Ok(vec![self.get(*slot)?]);
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = slots.iter().map(|slot| scope.spawn(move || self.get(*slot))).collect();
            let lost = |_| Error::new(Kind::Bug, "a thread that reads the log died");
            workers.into_iter().map(|w| w.join().map_err(lost)?).collect()
        })
    }
}
