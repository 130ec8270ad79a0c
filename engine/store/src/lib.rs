//! The store: a narrow, blocking face over folders, S3 and Azure Blob, and the only room that knows `object_store` and tokio.
//!
//! Promises: an object is created once (`put` is put-if-absent, durable when it returns), read whole, by range or by
//! tail, listed and deleted; every failure is an [`base::error::Error`] whose kind says what to do, with the object's name in it.
//! Where a place has storage classes, an object is put into one and asked back out of an archive.
//! Where a place keeps versions they can be named, read, locked and deleted one by one; a lock is read back before anybody relies on
//! it, and a version that it holds is refused to be deleted as `Immutable`. In such a place [`OldestVersionLayer`] decides what is read.
//! Refuses to: overwrite, to guess from a listing that something is absent, to hide a lost response (the caller compares), to
//! shorten a lock, and to take a request for one lightly where none can be had (`Unsupported`).

mod acts;
mod availability;
mod class;
mod class_layer;
mod explicit;
mod ext;
pub mod fault;
mod forwarding;
#[doc(hidden)]
pub mod fuzzing;
mod local;
mod location;
mod lock;
pub mod memory;
pub mod meter;
mod name;
mod oldest_version;
mod open;
mod options;
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

pub use acts::{HeadOptions, Info, ListOptions, Listed, PutOptions, Read, ReadRange, Receipt};
pub use availability::{Asked, Availability, RetrievalMode, TierStatus};
pub use class::{Provider, StorageClass};
pub use class_layer::StorageClassLayer;
pub use explicit::explicit;
pub use ext::StoreExt;
pub use fault::{Fault, Faulty};
pub use location::Location;
pub use lock::delete_versions;
pub use lock::{Capabilities, Mode, ObjectLock, ObjectVersion};
pub use memory::Memory;
pub use meter::{Counts, MeteredStore, RequestKind};
pub use name::{ObjectName, ObjectRef};
pub use oldest_version::OldestVersionLayer;
pub use open::{OpenedStore, open, open_versioned};
pub use options::{Limits, Options};
pub use outage::{Outage, Patience, Say};
pub use probe::{ClassProbed, LockProbed, Probed, Tell, probe, probe_class, probe_lock};
pub use remote::sign::{Unsigned, sign};
pub use reread::{Look, SecondLook, reread, spoiled};
pub use retry::Retry;
pub use space::Space;
pub use throttle::Throttled;
pub use wallet::Wallet;

// What `forward!` names.
#[doc(hidden)]
pub use base::error::Result;
#[doc(hidden)]
pub use bytes::Bytes;
#[doc(hidden)]
pub use format_spec::Time;

use base::error::{Error, Kind};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The narrow face. Blocking, shared by many threads, object-safe; layers wrap it ([`forward!`]), and callers find short forms of
/// its acts in [`StoreExt`].
///
/// No act has a default body: a layer that forgets one does not compile.
pub trait Store: Send + Sync + fmt::Debug {
    /// Where this is, as a URL without secrets, for messages.
    fn location(&self) -> String;
    /// Creates the object if no object has this name, in the class and with the lock that the options name, all in one request;
    /// durable on return, and a lock was read back, and added where the store had dropped it. `Exists` when an object has this name
    /// (perhaps our own, after a lost response: the caller compares). What rests in an archive cannot be read to compare it: there an
    /// object of this name that has these very bytes counts as put, and `Exists` means that it has others.
    ///
    /// # Errors
    /// `Unsupported` when the store has no locks, or shows none after all (then the object is there, unlocked), or has no classes;
    /// `Input` for a class of another kind of store. After `Exists` a caller that wants a lock compares and then asks
    /// [`Store::extend_lock`], which asks nothing of a lock that is there.
    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt>;
    /// Bytes of the object, and its length. A range must lie inside the object (else `Damaged`: somebody's length was wrong).
    ///
    /// # Errors
    /// `Absent` when there is none, or when the version is gone; `Archived` when it rests; `Unsupported` for a version of a store
    /// that keeps none.
    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read>;
    /// The object's length and version, and what the options ask for beyond.
    ///
    /// # Errors
    /// `Absent` when there is none.
    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info>;
    /// Every object that the options mean, in no promised order. The visitor may end it early by returning `false`.
    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()>;
    /// Every version and delete marker of one name, the oldest first; none when there never was an object. A store without
    /// versions shows its one object, without an id.
    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>>;
    /// Deletes the object, by version where one is named. Deleting what is absent is no error. Without a version, a store that keeps
    /// them only hides the object (see [`OldestVersionLayer`], which frees it).
    ///
    /// # Errors
    /// `Immutable` when a lock holds the version.
    fn delete(&self, object: ObjectRef<'_>) -> Result<()>;
    /// Raises the lock of the object to at least `wanted`, reads it back and returns it. A lock that forbids as much already is left
    /// alone, and none is ever shortened.
    ///
    /// # Errors
    /// `Absent`; `Unsupported` when the store has no locks or shows another one afterwards.
    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock>;
    /// Asks for the object's bytes to be made readable for `days` days, at least 1; of a ready one, to stay so that long from now.
    /// Azure knows no days: there the object is moved to `Hot` and stays until [`Store::rest_again`].
    ///
    /// # Errors
    /// `Absent`; `Input` for a mode that the class, the size or the store does not have; `Unsupported` when the store has no archive,
    /// or can only move the newest version out of it (Azure).
    fn retrieve(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked>;
    /// Lets a retrieved object rest in `class` again. S3 lets its copy go by itself: there nothing is done.
    ///
    /// # Errors
    /// `Absent`; `Input` for a class of another kind of store; `Unsupported` when the store has no archive.
    fn rest_again(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()>;
    /// The store's own clock: the only one that a lock's end may be reckoned from. A folder has none: this machine's would vouch for
    /// itself.
    ///
    /// # Errors
    /// `Unsupported` where the store does not tell the time.
    fn now(&self) -> Result<Time>;
    /// What the place says of itself; nothing is proven by it.
    fn capabilities(&self) -> Result<Capabilities>;
    /// The place's end, where it has one.
    fn room(&self) -> Option<&dyn Room>;
    /// The same place over connections that nobody has used: what a second look at an object goes through, so that a connection
    /// which spoils bytes is told from damage ([`reread`]). `None` where no connection stands between.
    ///
    /// # Errors
    /// `Input` for settings that make no sense any more.
    fn fresh(&self) -> Result<Option<Arc<dyn Store>>>;
}

/// What only a place with an end has: a disk that can be full.
pub trait Room {
    /// The room that is left.
    ///
    /// # Errors
    /// The system's.
    fn space(&self) -> Result<Space>;
    /// Keeps some room for those who make room, where a full place could not even be told that something is to go: as much as
    /// there is, up to [`base::limits::RESERVE_BYTES`].
    fn keep_reserve(&self);
    /// Gives at least so many bytes of that room back to the place, after `NoSpace`. False when none is kept any more: then the
    /// place is full for good.
    fn spend_reserve(&self, bytes: u64) -> bool;
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
