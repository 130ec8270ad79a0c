//! Immutability: which settings go together, and until when an object is locked for a restore point.
//!
//! ```text
//!   commit             + period            + generation      up to the day
//!   |--- must be locked ----|--- spares extensions ---|-------|
//!                           needed_until                       retain_until
//! ```
//!
//! Pure: no store, no clock. A new object is locked until `retain_until` of the commit that it is made for, and an object that a later
//! commit uses again is extended only when its lock would fall short of `needed_until`. So each object is extended at most once in a
//! generation, however often it is used.
//!
//! Promises: a [`Policy`] exists only for settings that make sense together. Refuses to shorten anything, and to lock without an end.

mod period;
mod policy;
mod provider;

pub use period::Period;
pub use policy::{Cover, Policy, RetentionType, Wish};
pub use provider::Provider;
