//! Bringing back what rests in an archive: what it takes, asking within a budget, how far it is, and restoring as data arrive.

mod arriving;
mod extend;
mod list;
mod start;
mod status;

pub use arriving::{ArrivedReport, ArrivingRequest, expect_here, restore};
pub use extend::{ExtendReport, ExtendedReport, extend};
pub use list::{ListReport, RetrievalReport, list};
pub use start::{PlanReport, RetrieveRequest, StartReport, plan, start};
pub use status::{StatusReport, status};
