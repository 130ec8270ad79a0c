//! The hash of a plan, and what is told to whoever quotes another one.

use super::plan::{CollectOptions, CollectPlan};
use crate::error::{Error, Kind, Result};
use crate::limits::DAY_SECONDS;
use crate::maintenance::plan_hash::{PlanHash, Quotes};
use crate::repository::Repository;

/// What names exactly this plan, for whoever applies it.
pub(super) fn hash(repository: &Repository, plan: &CollectPlan, options: &CollectOptions) -> PlanHash {
    let mut hasher = blake3::Hasher::new_derive_key("cairn collection plan 1");
    hasher.update(&repository.id().0);
    // What is swept depends on the time of day; the grace and the lease are what was agreed to, and stand among the options.
    let mut number = |n: u32| _ = hasher.update(&n.to_le_bytes());
    number(u32::try_from(plan.fence.len()).unwrap_or(u32::MAX));
    plan.fence.iter().for_each(|s| number(*s));
    for list in [&plan.dead, &plan.sparse] {
        number(u32::try_from(list.len()).unwrap_or(u32::MAX));
        list.iter().for_each(|p| [p.id.session, p.id.ordinal, p.blobs].into_iter().for_each(&mut number));
    }
    for pack in &plan.sparse {
        // Trailing zero bytes say nothing: how long a bitmap is depends on who named the pack last.
        let end = pack.survivors.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
        hasher.update(&(end as u64).to_le_bytes());
        hasher.update(pack.survivors.get(..end).unwrap_or_default());
    }
    PlanHash::seal(&options.canonical(), hasher.finalize().as_bytes())
}

impl CollectOptions {
    /// What a plan rests on: how far a run goes before it stops is no part of it.
    fn canonical(&self) -> Vec<u8> {
        let numbers =
            [self.grace_seconds.to_le_bytes(), self.lease_seconds.to_le_bytes(), self.dead_share.to_le_bytes()];
        let fence = self.fence.iter().flat_map(|session| session.to_le_bytes());
        numbers.into_iter().flatten().chain(fence).collect()
    }

    /// The error for a quoted hash that is not this plan's.
    pub(super) fn expect_quoted(&self, hash: &PlanHash, quoted: &PlanHash) -> Result<()> {
        match hash.judge(quoted) {
            Quotes::This => Ok(()),
            Quotes::OtherContent => {
                let what = format!("the repository has moved on since this plan: by now it would be {hash}");
                Err(Error::new(Kind::Conflict, what).advise("look at `cairn gc plan` again, and apply that"))
            }
            Quotes::OtherOptions => {
                let with = |options: &CollectOptions| {
                    let share = (options.dead_share * 100.0).round();
                    format!(
                        "--grace {}s --lease {}s --repack-above {share}%",
                        options.grace_seconds, options.lease_seconds
                    )
                };
                let made = self.made_with(quoted).map_or("others".to_owned(), |made| with(&made));
                let what = format!("the plan was made with other options: with {made}, not with {}", with(self));
                Err(Error::new(Kind::Input, what).advise("give `apply` the options that `plan` had"))
            }
        }
    }

    /// The options that a quoted plan was made with, where each of them is one of these or the usual one.
    fn made_with(&self, quoted: &PlanHash) -> Option<CollectOptions> {
        let either = |usual, own| [usual, own];
        for grace_seconds in either(USUAL_SECONDS, self.grace_seconds) {
            for lease_seconds in either(USUAL_SECONDS, self.lease_seconds) {
                for dead_share in [USUAL_SHARE, self.dead_share] {
                    let made = CollectOptions { grace_seconds, lease_seconds, dead_share, ..self.clone() };
                    if quoted.is_of_options(&made.canonical()) {
                        return Some(made);
                    }
                }
            }
        }
        None
    }
}

/// The grace and the lease of a command line that does not say otherwise.
const USUAL_SECONDS: i64 = DAY_SECONDS;
/// The share of dead data of a command line that does not say otherwise.
const USUAL_SHARE: f64 = 0.25;
