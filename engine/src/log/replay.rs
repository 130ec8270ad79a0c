//! Reading the log to its head.

use super::checkpoint::{Covering, Known};
use super::locks::Raises;
use super::remembered::Witness;
use super::view::LogView;
use crate::error::{Error, Kind, Result};
use crate::limits::{LOG_FETCH_THREADS, SMALL_OBJECT_BYTES_MAX};
use crate::store::{ListOptions, ObjectName, SecondLook, Store, StoreExt};
use crate::threads;
use bytes::Bytes;
use format_spec::keys::Secrets;
use format_spec::log::LogEntry;
use format_spec::{RepositoryId, names};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

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
    /// What Config entries may raise.
    pub(super) raises: Option<Raises>,
    view: Mutex<Arc<LogView>>,
    pub(super) known: Mutex<Known>,
    /// Who is told of each entry that this process appended.
    pub(super) witness: OnceLock<Arc<dyn Witness>>,
    /// Slots that a SetAside put out of effect ([LOG-28]), as far as this process met one.
    pub(super) aside: Mutex<BTreeSet<u32>>,
}

impl Log {
    /// A log that has read nothing yet.
    pub fn new(store: Arc<dyn Store>, repository: RepositoryId, secrets: Secrets, config_hash: [u8; 32]) -> Self {
        let view = Mutex::new(Arc::new(LogView::start(config_hash)));
        Log {
            store,
            repository,
            secrets,
            has_voids: false,
            until: None,
            config_hash,
            raises: None,
            view,
            known: Mutex::default(),
            witness: OnceLock::new(),
            aside: Mutex::default(),
        }
    }

    /// The same log over another connection: nothing of it is read yet, and nothing ends it early.
    #[must_use]
    pub fn over(&self, store: Arc<dyn Store>) -> Self {
        let log = Log::new(store, self.repository, self.secrets.clone(), self.config_hash);
        Log { has_voids: self.has_voids, ..log }.raising(self.raises)
    }

    /// The same of a repository whose days of locking may be raised ([CONF-7]).
    #[must_use]
    pub fn raising(self, raises: Option<Raises>) -> Self {
        Log { raises, ..self }.afresh()
    }

    /// The same of a repository with immutability: there are void slots ([LOG-25]).
    #[must_use]
    pub fn with_voids(self) -> Self {
        Log { has_voids: true, ..self }
    }

    /// Whether it is seen as it was at an earlier slot.
    pub fn ends_early(&self) -> bool {
        self.until.is_some()
    }

    /// The same as it was at this slot. Nothing can be appended.
    #[must_use]
    pub fn until(self, slot: u32) -> Self {
        // What was read further on is read again.
        Log { until: Some(slot), ..self }.afresh()
    }

    fn afresh(self) -> Self {
        let view = self.start();
        Log { view: Mutex::new(Arc::new(view)), ..self }
    }

    /// The view before the first entry.
    pub(super) fn start(&self) -> LogView {
        LogView { raises: self.raises, ..LogView::start(self.config_hash) }
    }

    /// Where it is, without secrets.
    pub fn location(&self) -> String {
        self.store.location()
    }

    /// What was read so far.
    pub fn view(&self) -> Arc<LogView> {
        self.view.lock().clone()
    }

    /// Reads on to the head: the first slot that does not exist. What was read nothing of begins with the newest checkpoint; so does what was
    /// summed up and deleted meanwhile ([LOG-23]). Void slots at the head count in what is returned, but are looked at again each time.
    pub fn refresh(&self) -> Result<Arc<LogView>> {
        // Copied only when there is something new.
        let mut view = self.view();
        if let Some(first) = self.taken_in(&view) {
            view = Arc::new(self.before(first)?);
        }
        if view.head == 0
            && let Covering::By(newest) = self.newest_covering(1)?
        {
            view = Arc::new(*newest);
        }
        loop {
            match self.read_on(&mut view) {
                Ok(()) => return Ok(self.advance(view)),
                // Each turn ends further on than it began, as a checkpoint that covers the next slot is newer than the view; or more slots
                // are known to be set aside.
                Err(e) if e.kind() == Kind::Damaged => match self.newest_covering(view.head + 1)? {
                    Covering::By(newer) => view = Arc::new(*newer),
                    Covering::None | Covering::Unreadable => match self.learn_aside(view.head + 1)? {
                        Some(first) if first <= view.head => view = Arc::new(self.before(first)?),
                        Some(_) => {}
                        None => return Err(self.stopped(view.head + 1, e)),
                    },
                },
                Err(e) => return Err(e),
            }
        }
    }

    /// Reads on until a listing, made after the last entry was read, shows nothing behind it. Whoever read an entry that was void, because its
    /// slot had been summed up and deleted, would see later ones there: the entry of the newest checkpoint's slot is never deleted.
    fn read_on(&self, view: &mut Arc<LogView>) -> Result<()> {
        loop {
            let listed = self.listed(view.head)?;
            let last = listed.last().copied().unwrap_or(view.head);
            let run = listed.iter().zip(view.head + 1..).take_while(|(a, b)| **a == *b).count();
            for slots in listed.get(..run).unwrap_or_default().chunks(LOG_FETCH_THREADS) {
                for (slot, object) in slots.iter().zip(self.fetch(slots)?) {
                    match object? {
                        Some(object) => self.apply(Arc::make_mut(view), *slot, &object)?,
                        None => return self.expect_end(*slot, &listed),
                    }
                }
            }
            loop {
                if self.until.is_some_and(|until| view.head >= until) {
                    return Ok(());
                }
                let slot = view.head + 1;
                if self.is_aside(slot) {
                    Arc::make_mut(view).pass_over(slot);
                    continue;
                }
                match self.get(slot) {
                    Ok(object) => self.apply(Arc::make_mut(view), slot, &object)?,
                    Err(e) if e.kind() == Kind::Absent && slot <= last => return self.expect_end(slot, &listed),
                    Err(e) if e.kind() == Kind::Absent => break,
                    Err(e) => return Err(e),
                }
            }
            if view.head <= last {
                return Ok(());
            }
        }
    }

    /// A slot that is not there, though a listing has shown it or a later one: it was there. Who wrote into the gap would end the history behind
    /// it. What nobody with the keys has put behind it proves nothing ([LOG-25]).
    fn expect_end(&self, slot: u32, listed: &[u32]) -> Result<()> {
        let later = listed.get(listed.partition_point(|s| *s <= slot)..).unwrap_or_default();
        if !self.has_voids {
            return Err(missing(slot, listed.last().copied().unwrap_or(slot)));
        }
        // What was there is followed at once by an entry, or by as many voids as anybody had the patience for.
        let looked_at = later.iter().take(FOLLOWERS_MAX).chain(later.iter().skip(FOLLOWERS_MAX).last());
        for later in looked_at {
            match self.get(*later) {
                Ok(object) if self.is_void(*later, &object) => {}
                Err(e) if e.kind() == Kind::Absent => {}
                Ok(_) => return Err(missing(slot, *later)),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Takes in an entry that this process has just appended to what `before` shows. Nothing is read: a store that fails from now on
    /// cannot make a change that is done look like one that is not.
    pub(super) fn take(&self, before: &LogView, slot: u32, object: &[u8]) -> Result<()> {
        let mut view = before.clone();
        self.apply(&mut view, slot, object)?;
        let view = self.advance(Arc::new(view));
        if let Some(witness) = self.witness.get() {
            witness.appended(slot, *blake3::hash(object).as_bytes(), view.newest);
        }
        Ok(())
    }

    /// The furthest view wins: threads read beside each other. One that ends with void slots is not kept, only what was before them: what
    /// stands there may still be taken away.
    pub(super) fn advance(&self, view: Arc<LogView>) -> Arc<LogView> {
        let mut current = self.view.lock();
        if view.head <= current.head {
            return current.clone();
        }
        if view.voids_at_head().is_empty() {
            *current = view.clone();
        }
        view
    }

    /// The entries up to the current view's head that are still there, without a gap, read again one by one: for who needs more than the view
    /// keeps. Returns the slot of the first: 1, unless older ones were summed up and deleted.
    pub fn for_each(&self, visit: &mut dyn FnMut(&LogEntry) -> Result<()>) -> Result<u32> {
        let view = self.view();
        let mut listed = BTreeSet::new();
        self.store.list(&ListOptions::below("log"), &mut |l| {
            listed.extend(names::parse(l.name.as_str()).map(|(_, _, slot)| slot));
            true
        })?;
        let mut first = view.head + 1;
        while listed.contains(&(first - 1)) {
            first -= 1;
        }
        let listed_from = first;
        for slot in (listed_from..=view.head).filter(|slot| !view.is_void(*slot)) {
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

    /// One entry up to the current view's head, read again; `None` where it is not to be had any more: summed up and deleted, or damaged since.
    /// Whether an old one counts is known only by what it vouches for.
    ///
    /// # Errors
    /// The store's, when it is out of reach.
    pub fn entry(&self, slot: u32) -> Result<Option<LogEntry>> {
        let object = match self.get(slot) {
            Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => return Ok(None),
            other => other?,
        };
        let is_another = |hash: [u8; 32]| hash != *blake3::hash(&object).as_bytes();
        if self.view().hash_of(slot).is_some_and(is_another) {
            return Ok(None);
        }
        Ok(self.decode(slot, &object).ok())
    }

    pub(super) fn decode(&self, slot: u32, object: &[u8]) -> Result<LogEntry> {
        LogEntry::decode(object, slot, self.repository, &self.secrets).map_err(|e| Error::from(e).on(names::log(slot)))
    }

    pub(super) fn get(&self, slot: u32) -> Result<Bytes> {
        let name = ObjectName::new(names::log(slot))?;
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
        if self.is_aside(slot) {
            view.pass_over(slot);
            return Ok(());
        }
        let mut again = None;
        let entry = match self.decode(slot, object) {
            Err(e) if e.kind() == Kind::Damaged => self.second_look(slot, object, e).map(|(entry, right)| {
                again = Some(right);
                entry
            }),
            other => other,
        };
        let object = again.as_deref().unwrap_or(object);
        let entry = match entry {
            Err(e) if e.kind() != Kind::Transient && self.is_void(slot, object) => {
                tracing::warn!(slot, error = %e, "a slot of the log holds what nobody with the keys has put there: it is passed over");
                if view.voids_at_head().is_empty() {
                    self.advance(Arc::new(view.clone()));
                }
                view.pass_over(slot);
                return Ok(());
            }
            other => other?,
        };
        view.apply(&entry, *blake3::hash(object).as_bytes()).map_err(|e| e.on(names::log(slot)))
    }

    /// A second look at an entry that came damaged; what came then. One that is gone by then was summed up and deleted meanwhile, or is missing:
    /// the damage is what the caller has a cure for in both cases.
    fn second_look(&self, slot: u32, object: &[u8], damage: Error) -> Result<(LogEntry, Bytes)> {
        let name = ObjectName::new(names::log(slot))?;
        let first = damage.again();
        let second = SecondLook::after(&Bytes::copy_from_slice(object), damage).over(&*self.store, |look| {
            let object = look.get(&name)?;
            Ok((self.decode(slot, &object)?, object))
        });
        second.map_err(|e| if e.kind() == Kind::Absent { first } else { e })
    }

    /// Whether what stands in a slot counts for nothing.
    pub(super) fn is_void(&self, slot: u32, object: &[u8]) -> bool {
        self.has_voids && !LogEntry::is_sealed(object, slot, self.repository, &self.secrets)
    }

    /// The slots after `head` that a listing shows, rising: a hint of what to fetch together, and of what is missing.
    fn listed(&self, head: u32) -> Result<Vec<u32>> {
        let after = (head > 0).then(|| ObjectName::new(names::log(head))).transpose()?;
        let mut slots = Vec::new();
        self.store.list(&ListOptions::below("log").after(after.as_ref()), &mut |listed| {
            if let Some((_, _, slot)) = names::parse(listed.name.as_str()) {
                slots.push(slot);
            }
            true
        })?;
        slots.sort_unstable();
        slots.retain(|slot| *slot > head && self.until.is_none_or(|until| *slot <= until));
        Ok(slots)
    }

    /// The objects of these slots, each alone: one that cannot be had does not stand for those before it. `None` for one that is gone since it
    /// was listed; what is set aside is not asked for.
    fn fetch(&self, slots: &[u32]) -> Result<Vec<Result<Option<Bytes>>>> {
        let get = |slot: u32| {
            if self.is_aside(slot) {
                return Ok(Some(Bytes::new()));
            }
            match self.get(slot) {
                Err(e) if e.kind() == Kind::Absent => Ok(None),
                other => other.map(Some),
            }
        };
        if let [slot] = slots {
            return Ok(vec![get(*slot)]);
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> =
                slots.iter().map(|slot| threads::scoped(scope, move || get(*slot))).collect::<Result<_>>()?;
            let lost = |_| Error::new(Kind::Bug, "a thread that reads the log died");
            workers.into_iter().map(|w| w.join().map_err(lost)).collect()
        })
    }
}

/// Objects behind a missing slot that are looked at before they are all taken for junk.
const FOLLOWERS_MAX: usize = 32;

fn missing(slot: u32, last: u32) -> Error {
    let what = format!("the entry is missing, though {} was there", names::log(last));
    Error::new(Kind::Damaged, what).on(names::log(slot))
}
