//! Retention: which restore points and items leave a repository, when, and why.
//!
//! Promises: nothing is done that a plan has not shown; a plan is carried out as it was shown, or not at all; no job loses its last point
//! without a word that names it; what a run may take of a job without a person is bounded ([`Bound`]); what a lock holds stays, and says until when. Refuses to give space back: that is the collection's.
//!
//! ```text
//!  facts of the points + rules --decide (pure)--> decisions --cut--> what stays, lighter --> plan + hash
//!                                                                                             | quoted
//!  log: Expire(points), one Rewrite a point  <-- apply: the same plan at the head? <----------+
//! ```
//!
//! | starting \ running | backup | expire | collection | mount |
//! |---|---|---|---|---|
//! | `plan` | sees the points committed so far | sees what is live | reads no pack that it could miss | - |
//! | `apply` | a new point of the job changes the decisions: refused | one of two wins, the other plans again or refuses | a rewrite relies on packs of a live point | names vanish with its next look, old handles say ESTALE |

mod apply;
mod bound;
mod cut;
mod decide;
mod hash;
mod held;
mod items;
mod leaving;
mod locks;
mod paths;
mod plan;
mod reason;
mod rewrite;
mod rules;

pub use apply::{Applied, ApplyOptions, apply};
pub use bound::{Bound, Loss};
pub use cut::{OtherNames, Rewritten};
pub use decide::{Decision, Decisions, decide};
pub use items::{Lighter, OldItems, items_from};
pub use leaving::Leaving;
pub use locks::locks_of;
pub use paths::Erasure;
pub use plan::{RetentionPlan, Row};
pub use reason::{Calendar, Reason};
pub use rules::{Facts, Locks, Request, Rules, Scope, UNLIMITED};
