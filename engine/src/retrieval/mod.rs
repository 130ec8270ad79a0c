//! Retrieval: data packs that rest in an archive become readable for some days.
//!
//! Promises: nothing is asked of the store before the plan of it was made, priced and held against a budget, and before the log says that it is asked for;
//! each pack is asked for once, however often the command is run and whoever runs it; what goes on is in the log, and how far it is the store says, in bulk.
//! Refuses to ask for what the archive does not offer, to take a clock for an answer of the store, and to read any data itself.
//!
//! ```text
//! files -> chunks -> packs (Needs) -> how they rest (survey) -> RetrievalPlan, Budget -> Retrieval in the log -> the store is asked -> Status
//!
//!   retrieving --all can be read--> retrieved --the days are over--> removing (Azure) --> expired
//!        \                            |   ^
//!         \                    extend |   | the store took all days over
//!          `- nobody came for it      v   |
//!             ------------------->  changing
//! ```
//!
//! | starting | going on | what happens |
//! |---|---|---|
//! | `start` | `start` of the same packs in the same mode | goes on with it: what is underway or ready is not asked for again |
//! | `start` | `start` that was killed | the same: its entry is found, and what was not asked for yet is asked |
//! | `extend` | `start`, restore, mount | the entry first, then the store: who reads sees the longer of both |
//! | `tidy` | another `tidy` | the entry of the second is without effect |
//! | `tidy` | a retrieval that shares packs | what another one still wants stays readable |

mod arrival;
mod ask;
mod extend;
mod keep;
mod needs;
mod on_demand;
mod plan;
mod readable;
mod rests;
mod start;
mod status;
mod survey;
mod tidy;

pub use arrival::{Arrival, Progress};
pub use extend::{Extended, extend};
pub use keep::Keeper;
pub use needs::{Needs, packs_of};
pub use on_demand::{OnDemand, RetrieveOptions};
pub use plan::{RetrievalPlan, RetrievalRequest, Tally, plan};
pub use readable::{expect_readable, may_rest};
pub use rests::{Rest, Rests};
pub use start::{Started, covering, start};
pub use status::{RetrievalState, Status, own_end, retrievals, status};
pub use survey::survey;
pub use tidy::{Tidied, tidy};
