//! What takes something away, or changes what is there: planned, shown, and only then applied.
//!
//! ```text
//!  request --plan--> plan, hash -- shown, quoted --> apply(hash) --> what was done
//!  request --run---> plan -- within its bound? ----> apply(hash) --> what was done, and what was held back
//! ```
//!
//! | work | plan | apply | run |
//! |---|---|---|---|
//! | [`expire::Expire`] | points and items that leave, tags that change | yes | each job within its bound |
//! | [`gc::Collect`] | packs, objects and sessions that are given up | yes | within what it may cost |
//! | [`repair::Repair`] | what is damaged, and what gives it back | yes | no: a person has to see it |
//! | [`migrate::Migrate`] | steps to another format | yes | no: likewise |
//!
//! Promises: `plan` writes nothing; `apply` does what the plan of this hash has shown, or nothing;
//! `run` does what a plan shows that it returns. Refuses to decide who may ask for it.

pub mod expire;
pub mod gc;
pub mod migrate;
pub mod opening;
pub mod repair;

use engine::maintenance::PlanHash;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::{Kind, Result};
use std::sync::Arc;

/// Work that is planned before it is done.
pub trait Planned {
    /// What would be done.
    type Plan;
    /// What was done.
    type Done;

    /// Finds out what would be done. Writes nothing.
    ///
    /// # Errors
    /// The engine's.
    fn plan(&self, repo: &Arc<Repository>, monitor: &Arc<Monitor>) -> Result<Self::Plan>;

    /// What names exactly this plan.
    fn hash(plan: &Self::Plan) -> PlanHash;

    /// Makes the plan again, and carries it out if this is its hash.
    ///
    /// # Errors
    /// `Conflict` where the plan is another one by now, `Input` where it was made with other
    /// options; the engine's.
    fn apply(&self, repo: &Arc<Repository>, hash: &PlanHash, monitor: &Arc<Monitor>) -> Result<Self::Done>;
}

/// Work that may be planned and done in one step, as far as a bound goes.
pub trait Bounded: Planned + Sized {
    /// What is beyond the bound, and is not done.
    type Held;

    /// The part of the work that is within the bound, with its plan, and what is held back.
    ///
    /// # Errors
    /// The engine's; the refusal of work that cannot be done in part.
    fn within_bound(
        self,
        plan: Self::Plan,
        repo: &Arc<Repository>,
        monitor: &Arc<Monitor>,
    ) -> Result<(Self, Self::Plan, Self::Held)>;
}

/// What a run did.
#[derive(Debug)]
pub struct Ran<W: Bounded> {
    /// The plan that was carried out.
    pub plan: W::Plan,
    /// What was done.
    pub done: W::Done,
    /// What was held back.
    pub held: W::Held,
}

/// Plans and applies in one step. Where others change the repository between the two, both are made
/// again.
///
/// # Errors
/// As [`Planned::apply`] and [`Bounded::within_bound`].
pub fn run<W: Bounded + Clone>(work: &W, repo: &Arc<Repository>, monitor: &Arc<Monitor>) -> Result<Ran<W>> {
    let mut attempt = 1;
    loop {
        let plan = work.plan(repo, monitor)?;
        let (part, plan, held) = work.clone().within_bound(plan, repo, monitor)?;
        match part.apply(repo, &W::hash(&plan), monitor) {
            Err(e) if e.kind() == Kind::Conflict && attempt < ATTEMPTS_MAX => monitor.check()?,
            done => return done.map(|done| Ran { plan, done, held }),
        }
        attempt += 1;
    }
}

/// How often a run plans again because another writer came between plan and apply. Backups commit
/// every few minutes at most, and a plan takes seconds.
const ATTEMPTS_MAX: usize = 5;
