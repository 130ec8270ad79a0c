//! Care: proving that a repository can give back what it promises.
//!
//! Promises: `check` reads, never writes; every finding names its object; a level proves what it says and no more. `compare` holds a
//! restore point against a live tree without writing to either. [`check_stored`] needs no keys. Nothing goes without a [`ClockVerdict`].
//! [`repair`] writes new things and never removes any.

pub mod calendar;
mod check;
mod clock;
mod compare;
mod damage;
mod findings;
mod gc;
mod histories;
mod level;
mod marks;
pub mod migrate;
mod packs;
mod plan_hash;
pub mod repair;
pub mod retention;
mod rolling;
mod stored;
mod summed;
mod trees;
mod uncommitted;

pub use check::{CheckReport, check};
pub use clock::{ClockVerdict, Clocks, Contradiction, Doubt, Remembered};
pub use compare::{CompareReport, Difference, compare};
pub use findings::Finding;
pub use gc::{
    CollectOptions, CollectPlan, CollectReport, Early, Holding, LockedPack, PackPlan, collect, early_deletion,
    plan_collection,
};
pub use level::{CheckOptions, Level};
pub use plan_hash::PlanHash;
pub use stored::{StoredReport, check_stored};
