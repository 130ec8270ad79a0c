//! `mount --archived=thaw`: how what is opened is brought back, and what that may cost.

use super::super::retrieve::mode;
use super::super::spending::Spending;
use crate::exit::{Failure, Result};
use clap::Args;
use engine::retrieval::RetrieveOptions;
use engine::store::RetrievalMode;

/// Flattened into `mount`.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --archived=thaw")]
pub(super) struct Thaw {
    /// How fast, as for `cairn retrieve start` [default: standard]
    #[arg(long, value_name = "MODE", value_parser = mode)]
    mode: Option<RetrievalMode>,
    /// For how many days what was opened stays readable [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=366))]
    days: Option<u32>,
    /// Limits of all that this mount asks for together.
    #[command(flatten)]
    spending: Spending,
}

impl Thaw {
    /// Refuses what nothing would follow.
    ///
    /// # Errors
    /// Wrong usage.
    pub(super) fn check(&self, is_wanted: bool, is_past: bool) -> Result<()> {
        if is_wanted && is_past {
            return Err(Failure::usage("a repository as of an earlier time is only read: nothing can be asked for")
                .advise("leave --as-of or --archived=thaw out"));
        }
        if is_wanted || (self.mode.is_none() && self.days.is_none() && !self.spending.is_limited()) {
            return Ok(());
        }
        Err(Failure::usage("--mode, --days, --max-requests and --max-cost say how a mount brings back what is opened")
            .advise("add --archived=thaw"))
    }

    /// How files are asked for.
    ///
    /// # Errors
    /// The engine's, for what is no price list.
    pub(super) fn terms(&self) -> Result<RetrieveOptions> {
        Ok(RetrieveOptions {
            mode: self.mode.unwrap_or(RetrievalMode::Standard),
            days: self.days.unwrap_or(1),
            about: "opened in a mount:".to_owned(),
            prices: self.spending.list()?,
            budget: self.spending.budget(),
        })
    }
}
