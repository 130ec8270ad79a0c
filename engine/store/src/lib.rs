//! The store: a narrow, blocking face over folders, S3 and Azure Blob, and the only room that knows `object_store` and tokio.
//!
//! Promises: an object is created once (`put_new` is put-if-absent, durable when it returns), read whole, by range or by
//! tail, listed and deleted; every failure is an [`base::error::Error`] whose kind says what to do, with the object's name in it.
//! Where a place has storage classes, an object is put into one and asked back out of an archive.
//! Where a place keeps versions they can be named, read, locked and deleted one by one; a lock is read back before anybody relies on
//! it, and a version that it holds is refused to be deleted as `Immutable`. In such a place [`OldestVersionLayer`] decides what is read.
//! Refuses to: overwrite, to guess from a listing that something is absent, to hide a lost response (the caller compares), to
//! shorten a lock, and to take a request for one lightly where none can be had (`Unsupported`).

mod availability;
mod class;
mod class_layer;
mod explicit;
pub mod fault;
#[doc(hidden)]
pub mod fuzzing;
mod local;
mod location;
mod lock;
pub mod memory;
pub mod meter;
mod oldest_version;
mod open;
mod outage;
pub mod price;
pub mod probe;
mod remote;
mod reread;
pub mod retry;
mod space;
mod thaw;
pub mod throttle;
mod wallet;

pub use availability::{Asked, Availability, RetrievalMode, TierStatus};
pub use class::{Provider, PutOptions, StorageClass};
pub use class_layer::StorageClassLayer;
pub use explicit::explicit;
pub use fault::{Fault, Faulty};
pub use location::Location;
pub use lock::delete_versions;
pub use lock::{Capabilities, Mode, ObjectLock, ObjectVersion};
pub use memory::Memory;
pub use meter::{Counts, MeteredStore, RequestKind};
pub use oldest_version::OldestVersionLayer;
pub use open::{Limits, Options, open, open_versioned};
pub use outage::{Outage, Patience, Say};
pub use probe::{ClassProbed, LockProbed, Probed, Tell, probe, probe_class, probe_lock};
pub use reread::{Look, SecondLook, reread, spoiled};
pub use retry::Retry;
pub use space::Space;
pub use throttle::Throttled;
pub use wallet::Wallet;

use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// An object's name inside the repository: fixed-width lowercase segments of `[0-9a-z_.-]` joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// Takes a name that obeys the alphabet.
    ///
    /// # Errors
    /// `Input` when the name is empty, starts or ends with `/`, or leaves the alphabet.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-' | b'/');
        let whole = !name.is_empty() && !name.starts_with('/') && !name.ends_with('/');
        if whole && name.bytes().all(good) && !name.split('/').any(|s| s.is_empty() || s == "." || s == "..") {
            Ok(ObjectName(name))
        } else {
            Err(Error::new(Kind::Input, format!("{name:?} is no object name")))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name lies under `prefix/`; everything lies under the empty prefix.
    pub fn is_below(&self, prefix: &str) -> bool {
        prefix.is_empty() || self.0.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the store said about an object that it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Stored length in bytes.
    pub bytes: u64,
    /// The store's version id, where it keeps versions.
    pub version: Option<String>,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The object's full name.
    pub name: ObjectName,
    /// Stored length in bytes.
    pub bytes: u64,
    /// When it was stored, by the store's clock, where its listings tell: what is charged by days counts from then.
    pub stored: Option<Time>,
    /// Which version is shown, in a listing of the oldest ones.
    pub version: Option<String>,
}

/// What `put_new` learned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The store's version id, where it keeps versions.
    pub version: Option<String>,
    /// True only when the store itself verified a checksum that we sent with the bytes, and the probe has proven that it
    /// refuses a wrong one. Otherwise the self-check reads the object back.
    pub checksum_enforced: bool,
}

/// The narrow face. Blocking, shared by many threads, object-safe; decorators wrap it.
pub trait Store: Send + Sync + fmt::Debug {
    /// Where this is, as a URL without secrets, for messages.
    fn location(&self) -> String;
    /// Creates the object if no object has this name; durable on return. `Exists` when one has (perhaps our own, after a
    /// lost response: the caller compares).
    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt>;
    /// The whole object. `Absent` when there is none.
    fn get(&self, name: &ObjectName) -> Result<Bytes>;
    /// The bytes of `range`; the range must lie inside the object (else `Damaged`: somebody's length was wrong).
    fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes>;
    /// The last `bytes_max` bytes (the whole object when it is shorter) and the object's whole length.
    fn get_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)>;
    /// The object's length and version.
    fn head(&self, name: &ObjectName) -> Result<Info>;
    /// Every object under `prefix/`, in no promised order, after a full object name if one is given. The visitor may end it
    /// early by returning `false`.
    fn list(&self, prefix: &str, after: Option<&ObjectName>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()>;
    /// Deletes the object, by version where one is named. Deleting what is absent is no error. Without a version, a store that keeps
    /// them only hides the object (see [`OldestVersionLayer`], which frees it).
    ///
    /// # Errors
    /// `Immutable` when a lock holds the version.
    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()>;
    /// The store's own clock: the only one that a lock's end may be reckoned from. A folder has none: this machine's would vouch for itself.
    ///
    /// # Errors
    /// `Unsupported` where the store does not tell the time.
    fn now(&self) -> Result<Time> {
        Err(Error::new(Kind::Unsupported, "this store does not tell the time").on(self.location()))
    }
    /// What the place says of itself; nothing is proven by it.
    fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities::default())
    }
    /// Like `put_new`, locked in the same request; the lock was read back on return, and added where the store had dropped it.
    ///
    /// # Errors
    /// As `put_new`. `Unsupported` when the store has no locks, or shows none after all (then the object is there, unlocked). After
    /// `Exists` the caller compares and then asks [`Store::extend_retention`], which asks nothing of a lock that is there.
    fn put_locked(&self, name: &ObjectName, bytes: Bytes, retention: &ObjectLock) -> Result<Receipt> {
        let _ = (bytes, retention);
        Err(lock::no_locks(name))
    }
    /// Every version and delete marker of one name, the oldest first; none when there never was an object. A store without
    /// versions shows its one object, without an id.
    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        match self.head(name) {
            Ok(info) => Ok(vec![ObjectVersion { id: info.version, bytes: info.bytes, marker: false }]),
            Err(e) if e.kind() == Kind::Absent => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }
    /// The bytes of `range` in one version, which must have them. `Absent` when the version is gone.
    fn get_version(&self, name: &ObjectName, version: &str, range: Range<u64>) -> Result<Bytes> {
        let (_, _) = (version, range);
        Err(lock::no_locks(name))
    }
    /// Like `list`, but over everything that has a version which is no delete marker, each name once, with the length of its oldest.
    fn list_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        self.list(prefix, after, visit)
    }
    /// What locks one version (the newest if none is named); `None` when nothing does. A lock that has ended may still be shown.
    fn retention(&self, name: &ObjectName, version: Option<&str>) -> Result<Option<ObjectLock>> {
        let _ = version;
        self.head(name).map(|_| None)
    }
    /// Raises the lock of one version (the newest if none is named) to at least `wanted`, reads it back and returns it. A lock that
    /// forbids as much already is left alone, and none is ever shortened.
    ///
    /// # Errors
    /// `Absent`; `Unsupported` when the store has no locks or shows another one afterwards.
    fn extend_retention(&self, name: &ObjectName, version: Option<&str>, wanted: &ObjectLock) -> Result<ObjectLock> {
        let _ = (version, wanted);
        Err(lock::no_locks(name))
    }
    /// Like `put_new`, in a class and with a lock if `terms` have them, in one request. What rests in an archive cannot be read to compare it:
    /// there an object of this name that has these very bytes counts as put, and `Exists` means that it has others.
    ///
    /// # Errors
    /// As `put_new` and `put_locked`. `Unsupported` when the store has no classes; `Input` for a class of another kind of store.
    fn put_in(&self, name: &ObjectName, bytes: Bytes, terms: &PutOptions) -> Result<Receipt> {
        match (terms.class, &terms.retention) {
            (None, None) => self.put_new(name, bytes),
            (None, Some(retention)) => self.put_locked(name, bytes, retention),
            (Some(class), _) => Err(class::no_classes(name, class)),
        }
    }
    /// How the object rests, and whether it can be read now.
    ///
    /// # Errors
    /// As `head`.
    fn resting(&self, name: &ObjectName) -> Result<TierStatus> {
        self.resting_of(name, None)
    }
    /// The same of one version (the newest if none is named).
    ///
    /// # Errors
    /// As `head`.
    fn resting_of(&self, name: &ObjectName, version: Option<&str>) -> Result<TierStatus> {
        let _ = version;
        self.head(name).map(|info| TierStatus::online(info.bytes))
    }
    /// How every object under `prefix/` rests, as `list` lists them, in bulk: one request shows a thousand objects. Where a listing does
    /// not tell whether archived objects were retrieved, those are asked for one by one.
    ///
    /// # Errors
    /// As `list`.
    fn list_resting(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.list(prefix, after, &mut |listed| visit(listed.name, TierStatus::online(listed.bytes)))
    }
    /// Like `list_resting`, but over the oldest version of each name, as `list_oldest` lists them.
    ///
    /// # Errors
    /// As `list_oldest`.
    fn list_resting_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.list_resting(prefix, after, visit)
    }
    /// Asks for the object's bytes to be made readable for `days` days, at least 1; of a ready one, to stay so that long from now. Azure knows no days:
    /// there the object is moved to `Hot` and stays until [`Store::rest_again`].
    ///
    /// # Errors
    /// `Absent`; `Input` for a mode that the class, the size or the store does not have; `Unsupported` when the store has no archive.
    fn retrieve(&self, name: &ObjectName, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.retrieve_of(name, None, mode, days)
    }
    /// The same of one version (the newest if none is named).
    ///
    /// # Errors
    /// As `retrieve`; `Unsupported` where the store can only move the newest version out of its archive (Azure).
    fn retrieve_of(&self, name: &ObjectName, version: Option<&str>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        let (_, _, _) = (version, mode, days);
        Err(availability::no_archive(name))
    }
    /// Lets a retrieved object rest in `class` again. S3 lets its copy go by itself: there nothing is done.
    ///
    /// # Errors
    /// `Absent`; `Input` for a class of another kind of store; `Unsupported` when the store has no archive.
    fn rest_again(&self, name: &ObjectName, class: StorageClass) -> Result<()> {
        self.rest_again_of(name, None, class)
    }
    /// The same of one version (the newest if none is named).
    ///
    /// # Errors
    /// As `rest_again`.
    fn rest_again_of(&self, name: &ObjectName, version: Option<&str>, class: StorageClass) -> Result<()> {
        let (_, _) = (version, class);
        Err(availability::no_archive(name))
    }
    /// The same place over connections that nobody has used: what a second look at an object goes through, so that a connection which spoils
    /// bytes is told from damage ([`reread`]). `None` where no connection stands between.
    ///
    /// # Errors
    /// `Input` for settings that make no sense any more.
    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(None)
    }
    /// For the probe: puts a few bytes with a checksum that is not theirs. True when the store refused them, and took the
    /// same bytes with their own checksum (which are deleted again). False when it took the wrong ones (then the object is
    /// there), or when this store is never sent checksums.
    fn refuses_wrong_checksum(&self, name: &ObjectName) -> Result<bool> {
        let _ = name;
        Ok(false)
    }
    /// Whether a listing after a name begins there. Where it begins at the folder's first name and leaves out what comes before, a late name costs a
    /// request for each page of the folder.
    fn seeks(&self) -> bool {
        true
    }
    /// The room that is left; `None` where the store does not tell.
    fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }
    /// Keeps some room for those who make room, where a full place could not even be told that something is to go: as much as
    /// there is, up to [`base::limits::RESERVE_BYTES`]. Nothing where the place deletes without writing, or has no end.
    fn keep_reserve(&self) {}
    /// Gives at least so many bytes of that room back to the place, after `NoSpace`. False when none is kept any more: then the
    /// place is full for good.
    fn spend_reserve(&self, bytes: u64) -> bool {
        let _ = bytes;
        false
    }
}

/// A range that does not lie inside the object: somebody's length was wrong.
fn outside(name: &ObjectName, range: &Range<u64>, bytes: u64) -> Error {
    Error::new(Kind::Damaged, format!("bytes {}..{} were asked of an object of {bytes} bytes", range.start, range.end))
        .on(name)
        .advise("the object was cut short, or what refers to it is damaged: run `cairn check`")
}

/// An object larger than any that Cairn writes is not read into memory.
fn too_large(name: &ObjectName, bytes: u64) -> Error {
    Error::new(Kind::Damaged, format!("{bytes} bytes were asked at once, more than any object has")).on(name)
}

/// Where the probe puts its objects; nothing else is ever put there.
const PROBE_PREFIX: &str = "probe";

/// The largest object is a pack of a backup copy (256 MB); twice that leaves room and still bounds memory.
const OBJECT_BYTES_MAX: u64 = 512_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet() {
        for text in ["log/0000000000000001", "a", "packs/0f/1.pack", "a_b-c.d", ".hidden"] {
            assert_eq!(ObjectName::new(text).unwrap().as_str(), text);
        }
        for text in ["", "/a", "a/", "a//b", "a/./b", "..", "a/../b", "A", "a b", "a\0", "\u{e9}", "a%41", "+staged/1"]
        {
            assert_eq!(ObjectName::new(text).unwrap_err().kind(), Kind::Input, "{text:?}");
        }
    }

    #[test]
    fn below_means_whole_segments() {
        let name = ObjectName::new("index/01/a").unwrap();
        assert!(["", "index", "index/01"].iter().all(|prefix| name.is_below(prefix)));
        assert!(!["ind", "index/0", "index/01/a", "index/"].iter().any(|prefix| name.is_below(prefix)));
    }
}
