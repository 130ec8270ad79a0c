//! Immutability: which settings go together, until when an object is locked for a restore point, and that it is.
//!
//! ```text
//!   commit             + period            + generation      up to the day
//!   |--- must be locked ----|--- spares extensions ---|-------|
//!                           needed_until                       retain_until
//! ```
//!
//! A new object is locked until `retain_until` in the request that puts it, whoever puts it ([`ObjectLockLayer`] is the store that a repository is
//! written through). An object that a later commit uses again is extended only when its lock would fall short of `needed_until`. So each
//! object is extended at most once in a generation, however often it is used. What is locked is remembered in the log ([LOG-17]), so
//! that nobody has to ask the store again.
//!
//! Each commit walks the whole reference set of its point, not what is new in it: a pack that an earlier point has had locked needs to be looked up
//! all the same. That costs time by the packs of the point, memory by 30 bytes a pack, and no requests but for nodes that are not in the cache.
//!
//! Promises: a [`LockPolicy`] exists only for settings that make sense together; [`secure`] returns only when everything that a point needs is
//! locked long enough, as the store itself shows or has shown (I8); dates come from the store's own clock. Refuses to shorten anything, to
//! lock without an end, and to go on beside a store whose clock is far from ours.

mod clock;
mod lock_layer;
mod needs;
mod period;
mod policy;
mod provider;
mod secure;
mod verify;

pub use lock_layer::{Locks, ObjectLockLayer};
pub use needs::{Needs, name_of};
pub use policy::{Cover, LockPolicy, LockSettings};
pub use provider::Provider;
pub use secure::{Secured, Securing, hold, secure};
pub use verify::{Gap, Verified, verify};
