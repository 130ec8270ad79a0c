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
//! Promises: reads, heads and listings show the oldest version of each name; `put` succeeds only if what it put *is* the
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
    Asked, HeadOptions, Info, ListOptions, Listed, ObjectLock, ObjectName, ObjectRef, PutOptions, Read, ReadRange,
    Receipt, RetrievalMode, StorageClass, Store,
};
use crate::forward;
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::ObjectKind;
use format_spec::{ObjectId, names};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
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
    /// Whether a listing after a name begins there. Where it begins at the folder's first name and leaves out what comes before, a late
    /// name costs a request for each page of the folder.
    seeks: bool,
}

/// The oldest version of a name.
#[derive(Debug, Clone)]
struct Bottom {
    id: String,
    bytes: u64,
}

impl OldestVersionLayer {
    /// Sees `inner` by the rule; its listings begin where they are told to.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        let (known, is_short_sighted) = (Cache::new(KNOWN_MAX), AtomicBool::new(false));
        OldestVersionLayer { inner, known, around: Mutex::new(()), is_short_sighted, seeks: true }
    }

    /// The same over a store whose listings begin at a folder's first name, whatever name they are to begin behind (Azure).
    pub fn listing_from_start(inner: Arc<dyn Store>) -> Self {
        OldestVersionLayer { seeks: false, ..OldestVersionLayer::new(inner) }
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
        let (folder, after) = neighbourhood(name, self.seeks)?;
        if self.is_short_sighted.load(Ordering::Relaxed) {
            return None;
        }
        let _alone = self.around.lock();
        if let Some(found) = self.known.get(name) {
            return Some(found);
        }
        let mut left = if self.seeks { LOOKED_AROUND } else { LOOKED_AROUND_FROM_START };
        let options = ListOptions::below(&folder).after(after.as_ref()).oldest();
        let listed = self.inner.list(&options, &mut |listed| {
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

    /// Asks for the version that is named, or for the oldest.
    fn of_bottom<T>(
        &self,
        object: ObjectRef<'_>,
        ask: impl Fn(ObjectRef<'_>, Option<&Bottom>) -> Result<T>,
    ) -> Result<T> {
        match object.version {
            Some(_) => ask(object, None),
            None => self.known_or_looked(object.name, |bottom| ask(object.name.at(Some(&bottom.id)), Some(bottom))),
        }
    }

    /// Asks by the remembered version, or looks; what was remembered and is gone is looked up again.
    fn known_or_looked<T>(&self, name: &ObjectName, read: impl Fn(&Bottom) -> Result<T>) -> Result<T> {
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
        if let Err(e) = self.inner.delete(name.at(Some(&ours))) {
            tracing::debug!(%name, error = %e, "a version above the oldest stays");
        }
        Err(Error::new(Kind::Exists, "an object of this name exists already, below a delete marker").on(name))
    }
}

impl Store for OldestVersionLayer {
    forward!(inner: location, versions, now, capabilities, room);

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        let receipt = self.inner.put(name, bytes, options)?;
        if options.tries_checksum { Ok(receipt) } else { self.settle(name, receipt) }
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        self.of_bottom(object, |object, bottom| match bottom {
            None => self.inner.read(object, range.clone()),
            Some(bottom) => {
                let wanted = range.within(object.name, bottom.bytes)?;
                let read = self.inner.read(object, ReadRange::Range(wanted))?;
                Ok(Read { whole: bottom.bytes, ..read })
            }
        })
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        if object.version.is_none() && options == HeadOptions::default() {
            // Asked of the store each time: a head is asked to learn whether something is still there.
            let bottom = self.look(object.name)?;
            return Ok(Info::new(bottom.bytes, Some(bottom.id)));
        }
        self.of_bottom(object, |object, _| self.inner.head(object, options))
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.inner.list(&options.oldest(), &mut |listed| {
            self.note(&listed);
            visit(listed)
        })
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        self.known.remove(object.name);
        match object.version {
            Some(_) => self.inner.delete(object),
            None => delete_versions(&*self.inner, object.name),
        }
    }

    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.of_bottom(object, |object, _| self.inner.extend_lock(object, wanted))
    }

    fn retrieve(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.of_bottom(object, |object, _| self.inner.retrieve(object, mode, days))
    }

    fn rest_again(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()> {
        self.of_bottom(object, |object, _| self.inner.rest_again(object, class))
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let over = |inner| OldestVersionLayer { seeks: self.seeks, ..OldestVersionLayer::new(inner) };
        Ok(self.inner.fresh()?.map(|inner| Arc::new(over(inner)) as Arc<dyn Store>))
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
