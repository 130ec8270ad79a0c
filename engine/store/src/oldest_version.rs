//! The rule of versioned places: the oldest version counts.
//!
//! Where a store keeps versions, put-if-absent succeeds over a delete marker, and a lock forbids neither a marker nor a new version
//! on top. So whoever may only write and delete could hide or replace everything that is locked. But nobody can get *below* a locked
//! version. Cairn creates each name once, so the oldest version is the one that it made:
//!
//! ```text
//!   newest   overwritten bytes      not read
//!            delete marker          hides nothing
//!   oldest   what Cairn created     read, listed, counted
//! ```
//!
//! Promises: reads, tails, heads and listings show the oldest version of each name; `put_new` succeeds only if what it put *is* the
//! oldest; `delete` without a version frees every version, and is refused by a lock. What a listing has shown is remembered, within
//! bounds: a version's place at the bottom never changes while it exists. So reading costs one listing for some hundred objects of
//! sessions, which are looked up together with those behind them, and none for entries of the log, which are listed before they are
//! read. A put costs one. Refuses to sit over a store that keeps no versions: there it would only cost.
//!
//! Why a look *after* the put: of two creates of one name the store lets both through only if a marker came between them; both are
//! then versions, and each looks at their order after its own put, so the older one alone finds itself at the bottom. A look before
//! the put would prove nothing, as a marker may come after it.
//!
//! This rests on an order that is fixed when a put returns: no version may appear later and stand below. A store that gives versions
//! their place when a request begins breaks it while creates of one name are under way at once *and* somebody lays markers between
//! them: SeaweedFS 4.48 was seen to let two of eight such writers find themselves at the bottom. Every later reader sees one of them,
//! the same. So whoever must be sure asks `head` again, which always looks afresh: the log does before it acknowledges an entry. Without an attacker the store's own put-if-absent decides, and none of this matters.

use super::lock::{delete_versions, no_locks};
use super::{
    Asked, Capabilities, Info, Listed, ObjectLock, ObjectName, ObjectVersion, PutOptions, Receipt, RetrievalMode,
    Space, StorageClass, Store, TierStatus, outside,
};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::ObjectKind;
use format_spec::Time;
use format_spec::{ObjectId, names};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A store of versions, seen by this rule.
pub struct OldestVersionLayer {
    inner: Arc<dyn Store>,
    known: Cache<ObjectName, Bottom>,
    /// One thread looks around at a time: what it finds is what the others would ask for.
    around: Mutex<()>,
    /// A listing did not show what was there: this store's listings do not begin where they are told to.
    is_short_sighted: AtomicBool,
}

/// The oldest version of a name.
#[derive(Debug, Clone)]
struct Bottom {
    id: String,
    bytes: u64,
}

impl OldestVersionLayer {
    /// Sees `inner` by the rule.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        let known = Cache::new(KNOWN_MAX);
        OldestVersionLayer { inner, known, around: Mutex::new(()), is_short_sighted: AtomicBool::new(false) }
    }

    /// Remembers what a listing of oldest versions shows.
    fn note(&self, listed: &Listed) {
        if let Some(id) = listed.version.clone() {
            self.known.insert(listed.name.clone(), Bottom { id, bytes: listed.bytes });
        }
    }

    /// Looks a session's object up together with those behind it: whoever reads one reads its neighbours. `None` where that shows nothing;
    /// it proves nothing then.
    fn look_around(&self, name: &ObjectName) -> Option<Bottom> {
        let (folder, after) = neighbourhood(name, self.inner.seeks())?;
        if self.is_short_sighted.load(Ordering::Relaxed) {
            return None;
        }
        let _alone = self.around.lock();
        if let Some(found) = self.known.get(name) {
            return Some(found);
        }
        let mut left = if self.inner.seeks() { LOOKED_AROUND } else { LOOKED_AROUND_FROM_START };
        let listed = self.inner.list_oldest(&folder, after.as_ref(), &mut |listed| {
            self.note(&listed);
            left -= 1;
            left > 0
        });
        // Who asks for the one name says what is wrong.
        listed.ok().and_then(|()| self.known.get(name))
    }

    /// The oldest version as the store has it now.
    fn look(&self, name: &ObjectName) -> Result<Bottom> {
        let versions = self.inner.versions(name)?;
        let absent = || Error::new(Kind::Absent, "no such object").on(name);
        let oldest = versions.into_iter().find(|v| !v.marker).ok_or_else(absent)?;
        let id = oldest.id.ok_or_else(|| unnamed(name))?;
        let bottom = Bottom { id, bytes: oldest.bytes };
        self.known.insert(name.clone(), bottom.clone());
        Ok(bottom)
    }

    /// Reads by the remembered version, or looks; what was remembered and is gone is looked up again.
    fn read<T>(&self, name: &ObjectName, read: impl Fn(&Bottom) -> Result<T>) -> Result<T> {
        if let Some(bottom) = self.known.get(name) {
            match read(&bottom) {
                Err(e) if e.kind() == Kind::Absent => {
                    self.known.remove(name);
                }
                other => return other,
            }
        }
        if let Some(bottom) = self.look_around(name) {
            return read(&bottom);
        }
        let found = self.look(name)?;
        if neighbourhood(name, true).is_some() {
            self.is_short_sighted.store(true, Ordering::Relaxed);
        }
        read(&found)
    }

    /// Whether the version just put is the oldest; one that is not is taken away again, if its lock allows.
    fn settle(&self, name: &ObjectName, receipt: Receipt) -> Result<Receipt> {
        let ours = receipt.version.clone().ok_or_else(|| unnamed(name))?;
        if self.look(name)?.id == ours {
            return Ok(receipt);
        }
        // It is below nothing and read by nobody: leaving it costs only its space.
        if let Err(e) = self.inner.delete(name, Some(&ours)) {
            tracing::debug!(%name, error = %e, "a version above the oldest stays");
        }
        Err(Error::new(Kind::Exists, "an object of this name exists already, below a delete marker").on(name))
    }
}

impl Store for OldestVersionLayer {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn now(&self) -> Result<Time> {
        self.inner.now()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.inner.capabilities()
    }

    fn space(&self) -> Result<Option<Space>> {
        self.inner.space()
    }

    fn keep_reserve(&self) {
        self.inner.keep_reserve();
    }

    fn spend_reserve(&self, bytes: u64) -> bool {
        self.inner.spend_reserve(bytes)
    }

    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        let receipt = self.inner.put_new(name, bytes)?;
        self.settle(name, receipt)
    }

    fn put_locked(&self, name: &ObjectName, bytes: Bytes, retention: &ObjectLock) -> Result<Receipt> {
        let receipt = self.inner.put_locked(name, bytes, retention)?;
        self.settle(name, receipt)
    }

    fn get(&self, name: &ObjectName) -> Result<Bytes> {
        self.read(name, |bottom| self.inner.get_version(name, &bottom.id, 0..bottom.bytes))
    }

    fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes> {
        self.read(name, |bottom| match range.start <= range.end && range.end <= bottom.bytes {
            true => self.inner.get_version(name, &bottom.id, range.clone()),
            false => Err(outside(name, &range, bottom.bytes)),
        })
    }

    fn get_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.read(name, |bottom| {
            let start = bottom.bytes.saturating_sub(bytes_max);
            Ok((self.inner.get_version(name, &bottom.id, start..bottom.bytes)?, bottom.bytes))
        })
    }

    fn head(&self, name: &ObjectName) -> Result<Info> {
        // Asked of the store each time: a head is asked to learn whether something is still there.
        let bottom = self.look(name)?;
        Ok(Info { bytes: bottom.bytes, version: Some(bottom.id) })
    }

    fn list(&self, prefix: &str, after: Option<&ObjectName>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.list_oldest(prefix, after, visit)
    }

    fn list_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        self.inner.list_oldest(prefix, after, &mut |listed| {
            self.note(&listed);
            visit(listed)
        })
    }

    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()> {
        self.known.remove(name);
        match version {
            Some(_) => self.inner.delete(name, version),
            None => delete_versions(&*self.inner, name),
        }
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.inner.versions(name)
    }

    fn get_version(&self, name: &ObjectName, version: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_version(name, version, range)
    }

    fn retention(&self, name: &ObjectName, version: Option<&str>) -> Result<Option<ObjectLock>> {
        match version {
            Some(_) => self.inner.retention(name, version),
            None => self.read(name, |bottom| self.inner.retention(name, Some(&bottom.id))),
        }
    }

    fn extend_retention(&self, name: &ObjectName, version: Option<&str>, wanted: &ObjectLock) -> Result<ObjectLock> {
        match version {
            Some(_) => self.inner.extend_retention(name, version, wanted),
            None => self.read(name, |bottom| self.inner.extend_retention(name, Some(&bottom.id), wanted)),
        }
    }

    fn put_in(&self, name: &ObjectName, bytes: Bytes, terms: &PutOptions) -> Result<Receipt> {
        let receipt = self.inner.put_in(name, bytes, terms)?;
        self.settle(name, receipt)
    }

    fn resting_of(&self, name: &ObjectName, version: Option<&str>) -> Result<TierStatus> {
        match version {
            Some(_) => self.inner.resting_of(name, version),
            None => self.read(name, |bottom| self.inner.resting_of(name, Some(&bottom.id))),
        }
    }

    fn list_resting(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.inner.list_resting_oldest(prefix, after, visit)
    }

    fn list_resting_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.inner.list_resting_oldest(prefix, after, visit)
    }

    fn retrieve_of(&self, name: &ObjectName, version: Option<&str>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        match version {
            Some(_) => self.inner.retrieve_of(name, version, mode, days),
            None => self.read(name, |bottom| self.inner.retrieve_of(name, Some(&bottom.id), mode, days)),
        }
    }

    fn rest_again_of(&self, name: &ObjectName, version: Option<&str>, class: StorageClass) -> Result<()> {
        match version {
            Some(_) => self.inner.rest_again_of(name, version, class),
            None => self.read(name, |bottom| self.inner.rest_again_of(name, Some(&bottom.id), class)),
        }
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(self.inner.fresh()?.map(|inner| Arc::new(OldestVersionLayer::new(inner)) as Arc<dyn Store>))
    }

    fn refuses_wrong_checksum(&self, name: &ObjectName) -> Result<bool> {
        self.inner.refuses_wrong_checksum(name)
    }
}

impl std::fmt::Debug for OldestVersionLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OldestVersionLayer").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Where to list so that a session's object is the first that shows: a folder, and a name before it. `None` of other objects: they are few, or
/// listed before they are read.
fn neighbourhood(name: &ObjectName, seeks: bool) -> Option<(String, Option<ObjectName>)> {
    let (kind, session, ordinal) = names::parse(name.as_str())?;
    let kinds = [ObjectKind::DataPack, ObjectKind::MetaPack, ObjectKind::IndexSegment, ObjectKind::RestorePoint];
    if !kinds.contains(&kind) {
        return None;
    }
    if !seeks {
        return Some((name.as_str().rsplit_once('/')?.0.to_owned(), None));
    }
    // A whole name, whether there is such an object or not: some servers skip folders for anything else.
    let before = match (session, ordinal) {
        (0, 0) => None,
        (_, 0) => Some(ObjectId { session: session - 1, ordinal: u32::MAX }),
        _ => Some(ObjectId { session, ordinal: ordinal - 1 }),
    };
    let before = before.map(|id| ObjectName::new(names::of_session(kind, id))).transpose().ok()?;
    Some((names::folder(kind).to_owned(), before))
}

/// The rule needs names for versions.
fn unnamed(name: &ObjectName) -> Error {
    no_locks(name).because("a version came without an id")
}

/// Remembered versions: some 150 bytes each.
const KNOWN_MAX: usize = 32 * 1024;
/// Versions that are looked up together: what one request shows, and somewhat less, so that no second one follows.
const LOOKED_AROUND: usize = 500;
/// The same of a session's folder, where a listing begins with its first name: Azure shows five thousand in one request.
const LOOKED_AROUND_FROM_START: usize = 4000;

#[cfg(test)]
#[path = "oldest_version_tests.rs"]
mod tests;
