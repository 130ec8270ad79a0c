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
    /// Slots that nobody with the keys has filled are void, not damaged ([LOG-25]).
    pub(super) has_voids: bool,
    /// Nothing behind this slot is read: the log is seen as it was.
    pub(super) until: Option<u32>,
    config_hash: [u8; 32],
    view: Mutex<Arc<LogView>>,
}

impl Log {
    /// A log that has read nothing yet.
    pub fn new(store: Arc<dyn Store>, repository: RepositoryId, secrets: Secrets, config_hash: [u8; 32]) -> Self {
        let view = Mutex::new(Arc::new(LogView::start(config_hash)));
        Log { store, repository, secrets, has_voids: false, until: None, config_hash, view }
    }

    /// The same of a repository with immutability: there are void slots ([LOG-25]).
    #[must_use]
    pub fn with_voids(self) -> Self {
        Log { has_voids: true, ..self }
    }

    /// The same as it was at this slot. Nothing can be appended.
    #[must_use]
    pub fn until(self, slot: u32) -> Self {
        // What was read further on is read again.
        Log { until: Some(slot), view: Mutex::new(Arc::new(LogView::start(self.config_hash))), ..self }
    }

    /// Where it is, without secrets.
    pub fn location(&self) -> String {
        self.store.location()
    }

    /// What was read so far.
    pub fn view(&self) -> Arc<LogView> {
        self.view.lock().clone()
    }

    /// Reads on to the head: the first slot that does not exist. Void slots at the head count in what is returned, but are looked at again
    /// each time.
    pub fn refresh(&self) -> Result<Arc<LogView>> {
        let mut view = LogView::clone(&self.view());
        let listed = self.listed(view.head)?;
        let run = listed.iter().zip(view.head + 1..).take_while(|(a, b)| **a == *b).count();
        for slots in listed.get(..run).unwrap_or_default().chunks(LOG_FETCH_THREADS) {
            for (slot, object) in slots.iter().zip(self.fetch(slots)?) {
                self.apply(&mut view, *slot, &object)?;
            }
        }
        while self.until.is_none_or(|until| view.head < until) {
            let slot = view.head + 1;
            match self.get(slot) {
                Ok(object) => self.apply(&mut view, slot, &object)?,
                // Entries are never removed, so what a listing has shown behind it proves that this one was there. Who wrote into the
                // gap would end the history behind it.
                Err(e) if e.kind() == Kind::Absent => match self.follows(slot, &listed)? {
                    Some(later) => {
                        let what = format!("the entry is missing, though {} follows", names::log(later));
                        return Err(Error::new(Kind::Damaged, what)
                            .on(names::log(slot))
                            .advise("restore this object from a copy of the repository"));
                    }
                    None => break,
                },
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

    /// The furthest view wins: threads read beside each other. One that ends with void slots is not kept, only what was before them: what
    /// stands there may still be taken away.
    fn advance(&self, view: LogView) -> Arc<LogView> {
        let mut current = self.view.lock();
        if view.head <= current.head {
            return current.clone();
        }
        let view = Arc::new(view);
        if view.voids_at_head().is_empty() {
            *current = view.clone();
        }
        view
    }

    /// Every entry up to the current view's head, read again one by one: for who needs more than the view keeps.
    pub fn for_each(&self, visit: &mut dyn FnMut(&LogEntry) -> Result<()>) -> Result<()> {
        let view = self.view();
        for slot in (1..=view.head).filter(|slot| view.voids.binary_search(slot).is_err()) {
            visit(&self.decode(slot, &self.get(slot)?)?)?;
        }
        Ok(())
    }

    pub(super) fn decode(&self, slot: u32, object: &[u8]) -> Result<LogEntry> {
        LogEntry::decode(object, slot, self.repository, &self.secrets).map_err(|e| Error::from(e).on(names::log(slot)))
    }

    pub(super) fn get(&self, slot: u32) -> Result<Bytes> {
        let name = Name::new(names::log(slot))?;
        let object = self.store.get(&name)?;
        if object.len() as u64 > SMALL_OBJECT_BYTES_MAX {
            if self.has_voids {
                return Ok(Bytes::new());
            }
            return Err(Error::new(Kind::Damaged, "a log entry is longer than any can be").on(name));
        }
        Ok(object)
    }

    fn apply(&self, view: &mut LogView, slot: u32, object: &[u8]) -> Result<()> {
        let entry = match self.decode(slot, object) {
            Err(e) if self.is_void(slot, object) => {
                tracing::warn!(slot, error = %e, "a slot of the log holds what nobody with the keys has put there: it is passed over");
                if view.voids_at_head().is_empty() {
                    self.advance(view.clone());
                }
                view.pass_over(slot);
                return Ok(());
            }
            other => other?,
        };
        view.apply(&entry, *blake3::hash(object).as_bytes()).map_err(|e| e.on(names::log(slot)))
    }

    /// Whether what stands in a slot counts for nothing.
    pub(super) fn is_void(&self, slot: u32, object: &[u8]) -> bool {
        self.has_voids && !LogEntry::is_sealed(object, slot, self.repository, &self.secrets)
    }

    /// The slots after `head` that a listing shows, rising: a hint of what to fetch together, and of what is missing.
    fn listed(&self, head: u32) -> Result<Vec<u32>> {
        let after = (head > 0).then(|| Name::new(names::log(head))).transpose()?;
        let mut slots = Vec::new();
        self.store.list("log", after.as_ref(), &mut |listed| {
            if let Some((_, _, slot)) = names::parse(listed.name.as_str()) {
                slots.push(slot);
            }
            true
        })?;
        slots.sort_unstable();
        slots.retain(|slot| *slot > head && self.until.is_none_or(|until| *slot <= until));
        Ok(slots)
    }

    /// An entry behind a slot that is missing. What nobody with the keys has put there proves nothing.
    fn follows(&self, missing: u32, listed: &[u32]) -> Result<Option<u32>> {
        let later = listed.get(listed.partition_point(|slot| *slot <= missing)..).unwrap_or_default();
        if !self.has_voids {
            return Ok(later.last().copied());
        }
        // What was there is followed at once by an entry, or by as many voids as anybody had the patience for.
        let looked_at = later.iter().take(FOLLOWERS_MAX).chain(later.iter().skip(FOLLOWERS_MAX).last());
        for slot in looked_at {
            if !self.is_void(*slot, &self.get(*slot)?) {
                return Ok(Some(*slot));
            }
        }
        Ok(None)
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

/// Objects behind a missing slot that are looked at before they are all taken for junk.
const FOLLOWERS_MAX: usize = 32;
