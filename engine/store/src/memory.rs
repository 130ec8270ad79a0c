//! A store in memory, for tests of other rooms and for the simulation: the same semantics, no disk, no waiting.
//!
//! [`Memory::new`] is a plain store: one object a name. [`Memory::locking`] is a bucket with object lock: every put makes a version, a
//! plain delete only a marker, and a locked version goes by nobody's hand until the injected clock has passed its lock's end.
//! [`Memory::archiving`] (or [`Memory::with_archive`] on a locking one) keeps storage classes: what rests in an archive refuses reads until it
//! was retrieved, which takes as long as the test says, by the injected clock; then it is readable for the days asked for.

use super::lock::{self, locked, no_locks};
use super::thaw::Rest;
use super::{
    Asked, Capabilities, HeadOptions, Info, ListOptions, Listed, ObjectLock, ObjectName, ObjectRef, ObjectVersion,
    PutOptions, Read, ReadRange, Receipt, RetrievalMode, Room, StorageClass, Store, TierStatus,
};
use super::{availability, class};
use base::env::{Machine, SharedEnv};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// Objects in memory; clones of an [`std::sync::Arc`] around it share them.
pub struct Memory {
    kept: Mutex<Kept>,
    clock: SharedEnv,
    locking: bool,
    /// Seconds that a retrieval takes; without them there are no classes.
    thaw_seconds: Option<i64>,
}

/// Versions of each name, the oldest first. No list is empty.
#[derive(Default)]
struct Kept {
    objects: BTreeMap<ObjectName, Vec<Layer>>,
    made: u64,
}

/// One version; a marker has no bytes.
#[derive(Clone)]
struct Layer {
    id: String,
    bytes: Option<Bytes>,
    lock: Option<ObjectLock>,
    rest: Option<Rest>,
    stored: Time,
}

impl Memory {
    /// An empty store that keeps one object a name.
    pub fn new() -> Self {
        Memory { kept: Mutex::default(), clock: Machine::shared(), locking: false, thaw_seconds: None }
    }

    /// An empty store that keeps storage classes by `clock`; a retrieval takes `thaw_seconds` of it.
    pub fn archiving(clock: SharedEnv, thaw_seconds: u32) -> Self {
        Memory { clock, ..Memory::new() }.with_archive(thaw_seconds)
    }

    /// The same store with storage classes; a retrieval takes `thaw_seconds` of its clock.
    #[must_use]
    pub fn with_archive(self, thaw_seconds: u32) -> Self {
        Memory { thaw_seconds: Some(i64::from(thaw_seconds)), ..self }
    }

    /// An empty store that keeps versions and enforces locks by `clock`.
    pub fn locking(clock: SharedEnv) -> Self {
        Memory { clock, locking: true, ..Memory::new() }
    }

    /// Puts `bytes` over an object, present or not, as somebody could who has the rights and no manners: in place of it, or as its
    /// newest version where versions are kept. For tests that damage things.
    pub fn replace(&self, name: &ObjectName, bytes: Bytes) {
        self.push(name, Some(bytes));
    }

    fn push(&self, name: &ObjectName, bytes: Option<Bytes>) {
        let layer = Layer { id: String::new(), bytes, lock: None, rest: None, stored: self.clock.now() };
        self.kept.lock().push(name, layer, self.locking);
    }

    fn create(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        let (lock, rest) = (options.lock, options.class.map(Rest::new));
        let mut kept = self.kept.lock();
        if options.class.is_some_and(StorageClass::is_archive)
            && let Some(ours) = kept.objects.get(name).and_then(|layers| layers.last())
            && ours.bytes.as_ref() == Some(&bytes)
        {
            return Ok(Receipt { version: self.locking.then(|| ours.id.clone()), checksum_enforced: false });
        }
        if kept.objects.get(name).and_then(|layers| layers.last()).is_some_and(|newest| newest.bytes.is_some()) {
            return Err(Error::new(Kind::Exists, "an object of this name exists already").on(name));
        }
        let layer = Layer { id: String::new(), bytes: Some(bytes), lock, rest, stored: self.clock.now() };
        let id = kept.push(name, layer, self.locking);
        Ok(Receipt { version: self.locking.then_some(id), checksum_enforced: false })
    }

    /// The bytes of a version, if they can be read.
    fn readable(&self, object: ObjectRef<'_>) -> Result<Bytes> {
        let (layer, bytes) = self.layer(object)?;
        match layer.rest {
            Some(rest) => rest.admit(object.name, self.clock.now()).map(|()| bytes),
            None => Ok(bytes),
        }
    }

    /// Changes how a version rests.
    fn change<T>(
        &self,
        ObjectRef { name, version }: ObjectRef<'_>,
        change: impl FnOnce(&mut Rest, u64) -> Result<T>,
    ) -> Result<T> {
        if self.thaw_seconds.is_none() {
            return Err(availability::no_archive(name));
        }
        let mut kept = self.kept.lock();
        let layers = kept.objects.get_mut(name).map_or(&mut [][..], Vec::as_mut_slice);
        let layer = match version {
            Some(id) => layers.iter_mut().find(|l| l.id == id),
            None => layers.last_mut(),
        };
        let found = layer.and_then(|l| Some((l.bytes.as_ref()?.len() as u64, &mut l.rest)));
        let (bytes, rest) = found.ok_or_else(|| Error::new(Kind::Absent, "no such object").on(name))?;
        change(rest.get_or_insert(Rest::new(StorageClass::Standard)), bytes)
    }

    /// The version of this id, or the newest one.
    fn layer(&self, ObjectRef { name, version }: ObjectRef<'_>) -> Result<(Layer, Bytes)> {
        let kept = self.kept.lock();
        let layers = kept.objects.get(name).map_or(&[][..], Vec::as_slice);
        let layer = match version {
            Some(id) => layers.iter().find(|l| l.id == id),
            None => layers.last(),
        };
        let found = layer.and_then(|l| Some((l.clone(), l.bytes.clone()?)));
        found.ok_or_else(|| Error::new(Kind::Absent, "no such object").on(name))
    }

    /// How a version rests; `None` for a marker.
    fn shown(&self, layer: &Layer) -> Option<TierStatus> {
        let bytes = layer.bytes.as_ref()?.len() as u64;
        let Some(rest) = layer.rest else {
            let class = self.thaw_seconds.map(|_| StorageClass::Standard);
            return Some(TierStatus { class, ..TierStatus::online(bytes) });
        };
        let now = self.clock.now();
        Some(TierStatus { class: Some(rest.class(now)), availability: rest.availability(now), bytes })
    }

    fn delete_version(&self, name: &ObjectName, version: &str) -> Result<()> {
        let now = self.clock.now();
        let mut kept = self.kept.lock();
        let Some(layers) = kept.objects.get_mut(name) else { return Ok(()) };
        let Some(at) = layers.iter().position(|l| l.id == version) else { return Ok(()) };
        if let Some(lock) = layers.get(at).and_then(|l| l.lock).filter(|lock| lock.until > now) {
            return Err(locked(name, Some(&lock)));
        }
        layers.remove(at);
        if layers.is_empty() {
            kept.objects.remove(name);
        }
        Ok(())
    }
}

impl Kept {
    /// Lays a version on top, under a new id; in place of the others where only one is kept.
    fn push(&mut self, name: &ObjectName, layer: Layer, keep: bool) -> String {
        self.made += 1;
        let id = format!("v{:08}", self.made);
        let layers = self.objects.entry(name.clone()).or_default();
        if !keep {
            layers.clear();
        }
        layers.push(Layer { id: id.clone(), ..layer });
        id
    }
}

impl Store for Memory {
    fn location(&self) -> String {
        "memory:".to_owned()
    }

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        if let Some(class) = options.class.filter(|_| self.thaw_seconds.is_none()) {
            return Err(class::no_classes(name, class));
        }
        if let Some(lock) = options.lock {
            if !self.locking {
                return Err(no_locks(name));
            }
            if lock.until <= self.clock.now() {
                return Err(Error::new(Kind::Input, format!("a lock must end in the future ({lock})")).on(name));
            }
        }
        // No checksum is sent anywhere.
        if options.tries_checksum { Ok(Receipt::default()) } else { self.create(name, bytes, options) }
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        let bytes = self.readable(object)?;
        let whole = bytes.len() as u64;
        let wanted = range.within(object.name, whole)?;
        let at = |place| usize::try_from(place).unwrap_or(usize::MAX);
        Ok(Read { bytes: bytes.slice(at(wanted.start)..at(wanted.end)), whole })
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        let (layer, bytes) = self.layer(object)?;
        let tier = if options.tier { self.shown(&layer) } else { None };
        let lock = layer.lock.filter(|_| options.lock);
        Ok(Info { bytes: bytes.len() as u64, version: self.locking.then_some(layer.id), tier, lock })
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        // Collected first: the visitor may call the store.
        let start = options.after.map_or(Bound::Unbounded, Bound::Excluded);
        let shown = |name: &ObjectName, layers: &[Layer]| {
            let layer = if options.oldest { oldest(layers) } else { layers.last() }?;
            let tier = self.shown(layer)?;
            let (name, version) = (name.clone(), self.locking.then(|| layer.id.clone()));
            let (bytes, stored) = (tier.bytes, Some(layer.stored));
            Some(Listed { name, bytes, stored, version, tier: options.tiers.then_some(tier) })
        };
        let found: Vec<Listed> = self
            .kept
            .lock()
            .objects
            .range::<ObjectName, _>((start, Bound::Unbounded))
            .filter(|(name, _)| name.is_below(options.prefix))
            .filter_map(|(name, layers)| shown(name, layers))
            .collect();
        // The visitor's wish to end is no error.
        let _ = found.into_iter().all(visit);
        Ok(())
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        let kept = self.kept.lock();
        let layers = kept.objects.get(name).map_or(&[][..], Vec::as_slice);
        let version = |l: &Layer| ObjectVersion {
            id: self.locking.then(|| l.id.clone()),
            bytes: l.bytes.as_ref().map_or(0, |b| b.len() as u64),
            marker: l.bytes.is_none(),
        };
        Ok(layers.iter().map(version).collect())
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        match object.version {
            Some(version) if self.locking => self.delete_version(object.name, version),
            None if self.locking => {
                self.push(object.name, None);
                Ok(())
            }
            _ => {
                self.kept.lock().objects.remove(object.name);
                Ok(())
            }
        }
    }

    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        let name = object.name;
        if !self.locking {
            return Err(no_locks(name));
        }
        let id = self.layer(object)?.0.id;
        let read = || Ok(self.layer(name.at(Some(&id)))?.0.lock);
        lock::raise(name, wanted, read, |stronger| {
            let mut kept = self.kept.lock();
            let layers = kept.objects.get_mut(name).into_iter().flatten();
            layers.filter(|l| l.id == id).for_each(|l| l.lock = Some(*stronger));
            Ok(())
        })
    }

    fn retrieve(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        availability::some_days(object.name, days)?;
        let (now, thaw_seconds) = (self.clock.now(), self.thaw_seconds.unwrap_or_default());
        self.change(object, |rest, bytes| {
            rest.retrieve(bytes, (mode, days), now, thaw_seconds).map_err(|e| e.on(object.name))
        })
    }

    fn rest_again(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()> {
        self.change(object, |rest, _| {
            rest.rest_again(class);
            Ok(())
        })
    }

    fn now(&self) -> Result<Time> {
        Ok(self.clock.now())
    }

    fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities { versions: self.locking, locks: self.locking })
    }

    fn room(&self) -> Option<&dyn Room> {
        None
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(None)
    }
}

/// The oldest version that is no marker.
fn oldest(layers: &[Layer]) -> Option<&Layer> {
    layers.iter().find(|layer| layer.bytes.is_some())
}

impl Default for Memory {
    fn default() -> Self {
        Memory::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("names", &self.kept.lock().objects.len()).finish_non_exhaustive()
    }
}
