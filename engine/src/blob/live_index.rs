//! The index as the blob store sees it: the PersistentCache, kept in step with the log and rebuilt when it cannot be trusted.
//!
//! Promises: an answer comes from a cache that belongs to this repository's history; a damaged cache is dropped and rebuilt
//! from the published segments, once, and the question asked again (invariant 6: a hint that costs time, never data).

use super::cache_place::{CachePlace, CachePlaces};
use super::distrust::Distrust;
use super::sealed_store::SealedStore;
use crate::error::{Error, Kind, Result};
use crate::index::{BlobLocation, PersistentCache};
use crate::log::{Log, LogView, SegmentRef};
use crate::threads;
use format_spec::container::ObjectKind;
use format_spec::index::{PackRow, Segment};
use format_spec::{ChunkId, ObjectId};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Ids to places, in step with the log.
#[derive(Debug)]
pub struct LiveIndex {
    sealed_store: Arc<SealedStore>,
    log: Arc<Log>,
    places: CachePlaces,
    cache: RwLock<Arc<PersistentCache>>,
    /// Segments of our own that need not be read back from the store.
    own: Mutex<HashMap<ObjectId, Segment>>,
    syncing: Mutex<()>,
    distrust: Distrust,
}

/// Segments added to the cache in one step: so many, of so many stored bytes together, and never less than one. Two steps are in memory at once.
const SEGMENTS_A_STEP: usize = 8;
const BYTES_A_STEP: u64 = 96 << 20;

impl LiveIndex {
    /// Opens the cache of this repository; what cannot be trusted in it is discarded. Where the place itself cannot be used, the
    /// cache is a temporary one.
    pub fn open(sealed_store: Arc<SealedStore>, log: Arc<Log>, place: &CachePlace) -> Result<Self> {
        let places = CachePlaces::new(place, sealed_store.repository);
        let cache = RwLock::new(Arc::new(places.open()?));
        let own = Mutex::new(HashMap::new());
        Ok(LiveIndex { sealed_store, log, places, cache, own, syncing: Mutex::new(()), distrust: Distrust::default() })
    }

    /// The cache's folder.
    pub fn folder(&self) -> PathBuf {
        self.cache().folder().to_owned()
    }

    /// The cache as it is now.
    pub fn cache(&self) -> Arc<PersistentCache> {
        self.cache.read().clone()
    }

    /// Remembers a segment that this process wrote, so that [`sync`](Self::sync) need not read it back.
    pub fn remember(&self, id: ObjectId, segment: Segment) {
        self.own.lock().insert(id, segment);
    }

    /// Brings the cache up to the log's head.
    pub fn sync(&self) -> Result<()> {
        let _one = self.syncing.lock();
        self.reading_on(|view| {
            self.distrust.follow(view);
            let cache = self.cache();
            if !belongs(&cache, view) {
                return self.renew("it belongs to another history of this repository", view);
            }
            match self.catch_up(&cache, view) {
                Ok(()) => Ok(()),
                Err(Failed::Cache(e) | Failed::Store(e)) if cache.is_poisoned() => self.renew(&e.to_string(), view),
                Err(Failed::Cache(e)) => {
                    self.places.leave(e)?;
                    self.renew("its place cannot be used any more", view)
                }
                Err(Failed::Store(e)) => Err(e),
            }
        })
    }

    /// Drops the cache and makes it anew from the published segments.
    pub fn rebuild(&self) -> Result<()> {
        let _one = self.syncing.lock();
        self.reading_on(|view| self.renew("asked for", view))
    }

    /// Does what needs the published segments. One that was folded since the log was read may be swept already: so where one is not as promised,
    /// the log is read on, and only what it still promises is damaged.
    fn reading_on(&self, work: impl Fn(&LogView) -> Result<()>) -> Result<()> {
        let mut view = self.log.view();
        loop {
            let done = work(&view);
            if !done.as_ref().is_err_and(|e| e.kind() == Kind::Damaged) {
                return done;
            }
            let newer = self.log.refresh()?;
            if newer.head == view.head {
                return done;
            }
            view = newer;
        }
    }

    /// All places of an id in packs that are not condemned, the one to read first in front; empty when it is unknown.
    pub fn places(&self, id: &ChunkId) -> Result<Vec<BlobLocation>> {
        let mut places = self.healing(|cache| cache.places(id))?;
        let view = self.log.view();
        if !view.condemned.is_empty() {
            let known = places.len();
            places.retain(|p| !view.condemned.has(p.pack));
            // The log may have been read on before the index was.
            if places.len() < known && places.is_empty() && self.cache().position() < view.head {
                self.sync()?;
                places = self.healing(|cache| cache.places(id))?;
                places.retain(|p| !view.condemned.has(p.pack));
            }
        }
        if places.len() > 1 {
            self.distrust.order(&mut places);
        }
        Ok(places)
    }

    /// The places of an id in condemned packs: they can be read until they are swept, and must not be relied upon.
    pub fn places_given_up(&self, id: &ChunkId) -> Result<Vec<BlobLocation>> {
        let view = self.log.view();
        let mut places = self.healing(|cache| cache.places(id))?;
        places.retain(|p| view.condemned.has(p.pack));
        Ok(places)
    }

    /// Whether the id need not be stored again: it has a place in a pack that is neither condemned nor distrusted.
    pub fn is_stored(&self, id: &ChunkId) -> Result<bool> {
        if self.distrust.count() == 0 && self.log.view().condemned.is_empty() {
            return self.healing(|cache| cache.contains(id));
        }
        Ok(self.places(id)?.first().is_some_and(|p| !self.distrust.has(p.pack)))
    }

    /// The packs that were seen lost or damaged.
    pub fn distrust(&self) -> &Distrust {
        &self.distrust
    }

    /// Distrusts every pack of nodes that is known now.
    pub fn distrust_nodes(&self) -> Result<()> {
        for pack in self.packs()?.iter().filter(|p| p.kind == ObjectKind::MetaPack) {
            self.distrust.add_quietly(pack.id);
        }
        Ok(())
    }

    /// Distrusts every pack that the store's listing lacks or shows with another length.
    pub fn compare_with_store(&self) -> Result<()> {
        self.distrust.compare_with_store(&self.sealed_store, &self.packs()?)
    }

    /// Every published pack that is not condemned, rising by id.
    pub fn packs(&self) -> Result<Vec<PackRow>> {
        let view = self.log.view();
        let mut known = self.healing(PersistentCache::packs)?;
        known.retain(|p| !view.condemned.has(p.id));
        Ok(known)
    }

    /// Stored lengths of all packs that the index still knows, condemned or not.
    pub fn pack_lengths(&self) -> Result<HashMap<ObjectId, u64>> {
        Ok(self.healing(PersistentCache::packs)?.into_iter().map(|p| (p.id, p.bytes)).collect())
    }

    /// Reads the log and the index on, for somebody who did not find what the log promised at `seen`; true when something is new.
    pub fn look_again(&self, seen: u32) -> Result<bool> {
        let position = self.cache().position();
        let head = self.log.refresh()?.head;
        self.sync()?;
        Ok(head != seen || self.cache().position() != position)
    }

    /// The slot up to which the log is known.
    pub fn head(&self) -> u32 {
        self.log.view().head
    }

    /// The cache, if what it knows is still of this history. The log may have been read on since, and have shown that an entry is set aside which
    /// the cache has taken in: what that entry published must not count as stored.
    fn in_step(&self) -> Result<Arc<PersistentCache>> {
        let cache = self.cache();
        if belongs(&cache, &self.log.view()) {
            return Ok(cache);
        }
        self.sync()?;
        Ok(self.cache())
    }

    fn healing<T>(&self, ask: impl Fn(&PersistentCache) -> Result<T>) -> Result<T> {
        let cache = self.in_step()?;
        match ask(&cache) {
            Err(e) if cache.is_poisoned() => {
                {
                    // Whoever comes first makes it anew; the others wait for it.
                    let _one = self.syncing.lock();
                    if Arc::ptr_eq(&cache, &self.cache()) {
                        self.reading_on(|view| self.renew(&e.to_string(), view))?;
                    }
                }
                ask(&self.cache())
            }
            other => other,
        }
    }

    /// A new cache, complete before anybody sees it: an empty one would say that nothing is stored.
    fn renew(&self, why: &str, view: &LogView) -> Result<()> {
        tracing::info!(why, "the local cache is made anew");
        loop {
            let fresh = self.places.empty()?;
            match self.catch_up(&fresh, view) {
                Ok(()) => {
                    *self.cache.write() = Arc::new(fresh);
                    return Ok(());
                }
                Err(Failed::Cache(e)) => self.places.leave(e)?,
                Err(Failed::Store(e)) => return Err(e),
            }
        }
    }

    fn catch_up(&self, cache: &PersistentCache, view: &LogView) -> Result<(), Failed> {
        if cache.position() == view.head {
            return Ok(());
        }
        let missing: Vec<SegmentRef> = view.segments.iter().filter(|s| s.slot > cache.position()).copied().collect();
        let steps = steps(&missing);
        let read = |step: &[SegmentRef]| step.iter().map(|s| self.segment(s)).collect::<Result<Vec<_>>>();
        let add = |step: &[SegmentRef], segments: &[Segment]| {
            let last = step.last().map_or(0, |s| s.slot);
            cache.add(segments, last, hash_of(view, last)).map_err(Failed::Cache)
        };
        match &steps[..] {
            [] => {}
            [only] => add(only, &read(only)?)?,
            // The next step is read and opened while this one is merged.
            [first, ..] => std::thread::scope(|scope| {
                let mut coming = threads::scoped(scope, || read(first))?;
                for (at, step) in steps.iter().enumerate() {
                    let segments =
                        coming.join().map_err(|_| Error::new(Kind::Bug, "a thread that reads segments died"))??;
                    let next = steps.get(at + 1).copied().unwrap_or_default();
                    coming = threads::scoped(scope, move || read(next))?;
                    add(step, &segments)?;
                }
                Ok::<(), Failed>(())
            })?,
        }
        cache.add(&[], view.head, hash_of(view, view.head)).map_err(Failed::Cache)
    }

    /// One published segment, from our own memory or the store.
    fn segment(&self, published: &SegmentRef) -> Result<Segment> {
        let id = ObjectId { session: published.session, ordinal: published.object.ordinal };
        if let Some(own) = self.own.lock().remove(&id) {
            return Ok(own);
        }
        match self.sealed_store.segment(published) {
            Err(e) if e.kind() == Kind::Damaged => self.rebuilt(published, &e),
            other => other,
        }
    }

    /// What a lost or damaged segment said, from its packs. Nothing is stored: `cairn repair` does that.
    fn rebuilt(&self, published: &SegmentRef, damage: &Error) -> Result<Segment> {
        let rebuilt = super::rebuilt::rebuild_segment(&self.sealed_store, &self.log, published)?;
        let packs = rebuilt.segment.packs.len() + rebuilt.lacks.len();
        let asked = if packs == 1 { "its pack was".to_owned() } else { format!("its {packs} packs were") };
        tracing::error!("{damage}; {asked} asked instead: `cairn repair plan` says how it is made again");
        for lack in rebuilt.lacks {
            tracing::error!("pack {}: what it holds is unknown: {}", lack.id, lack.why);
        }
        Ok(rebuilt.segment)
    }
}

/// What kept a cache from being brought up to the log.
enum Failed {
    /// The cache itself: its place, or its files.
    Cache(Error),
    /// What it is made of.
    Store(Error),
}

impl From<Error> for Failed {
    fn from(e: Error) -> Self {
        Failed::Store(e)
    }
}

/// A cache that holds nothing belongs to any history; another one only to that which has its hash. A position so long ago that the view does not
/// know it any more is not believed.
fn belongs(cache: &PersistentCache, view: &LogView) -> bool {
    cache.position() == 0 || view.hash_of(cache.position()) == Some(cache.head_hash())
}

/// The segments in steps. One ends where the slot changes: a cache that says it is complete up to a slot has all segments of it.
fn steps(missing: &[SegmentRef]) -> Vec<&[SegmentRef]> {
    let mut steps = Vec::new();
    let mut rest = missing;
    while !rest.is_empty() {
        let (mut count, mut bytes) = (0, 0);
        while let Some(next) = rest.get(count) {
            let is_new_slot = count > 0 && rest.get(count - 1).is_some_and(|before| before.slot != next.slot);
            if is_new_slot && (count >= SEGMENTS_A_STEP || bytes + next.object.bytes > BYTES_A_STEP) {
                break;
            }
            bytes += next.object.bytes;
            count += 1;
        }
        let (step, behind) = rest.split_at(count);
        steps.push(step);
        rest = behind;
    }
    steps
}

/// The chain's hash after a slot; of position 0 nothing is known and nothing is held.
fn hash_of(view: &LogView, slot: u32) -> [u8; 32] {
    view.hash_of(slot).unwrap_or_default()
}
