//! Care: proving that a repository can give back what it promises.
//!
//! Promises: `check` reads, never writes; every finding names its object; a level proves what it says and no more. `compare` holds a
//! restore point against a live tree without writing to either. Refuses to repair.

pub mod calendar;
mod check;
mod collect;
mod compare;
pub mod migrate;
mod packs;
pub mod retention;
mod trees;

pub use check::{CheckOptions, CheckReport, Finding, Level, check};
pub use collect::{CollectOptions, CollectPlan, CollectReport, LockedPack, PackPlan, collect, plan_collection};
pub use compare::{CompareReport, Difference, compare};
