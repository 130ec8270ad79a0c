//! `restore --retrieve`: ask an archive for what is needed, and restore files as their data arrive; and saying at once that data rests.

use super::retrieve::{mode, tell};
use super::spending::Spending;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human};
use crate::parse::duration::duration;
use clap::Args;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore::{Arrived, Arriving as Event, Part};
use engine::retrieval::Progress;
use engine::store::RetrievalMode;
use ops::retrieve::{ArrivedReport, ArrivingRequest, expect_here, restore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Flattened into `restore`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Out of an archive")]
pub(super) struct Arriving {
    /// Bring back first what rests in an archive, and restore each file when its data is here; the same command goes on where it was stopped
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) retrieve: bool,
    /// How fast, as for `cairn retrieve start` [default: standard]
    #[arg(long, value_name = "MODE", value_parser = mode, requires = "retrieve")]
    mode: Option<RetrievalMode>,
    /// For how many days it stays readable; it is extended while the restore runs [default: 1]
    #[arg(long, value_name = "N", requires = "retrieve", value_parser = clap::value_parser!(u32).range(1..=366))]
    days: Option<u32>,
    /// Wait at most so long (2h, 3d), and end with exit 4 if it is not all here by then; 0 only asks [default: as long as it takes]
    #[arg(long, value_name = "TIME", requires = "retrieve", value_parser = duration)]
    wait: Option<Duration>,
    /// How often to look what has arrived
    #[arg(long, value_name = "TIME", requires = "retrieve", default_value = "1m", value_parser = duration)]
    look_every: Duration,
    #[command(flatten)]
    spending: Spending,
}

impl Arriving {
    /// Refuses limits that nothing would hold.
    ///
    /// # Errors
    /// Wrong usage.
    pub(super) fn check(&self) -> Result<()> {
        if self.retrieve || !self.spending.is_limited() {
            return Ok(());
        }
        Err(Failure::usage("--max-requests and --max-cost limit what --retrieve asks for").advise("add --retrieve"))
    }

    /// Retrieves and restores.
    ///
    /// # Errors
    /// The engine's.
    pub(super) fn run(
        &self,
        context: &Context,
        repo: &Arc<Repository>,
        parts: &[Part],
        target: &Path,
        monitor: &Arc<Monitor>,
    ) -> Result<Arrived> {
        let request = ArrivingRequest {
            about: format!("restore of {}", parts.iter().map(name_of).collect::<Vec<_>>().join(" ")),
            mode: self.mode.unwrap_or(RetrievalMode::Standard),
            days: self.days.unwrap_or(1),
            budget: self.spending.budget(),
            prices: self.spending.list()?,
            look_every: self.look_every,
            wait: self.wait,
        };
        let mut event = |event: &Event<'_>| match event {
            Event::Planned(plan) => tell(context, plan),
            Event::Started(_) => Ok(()),
            Event::Looked(progress) => looked(context, progress),
        };
        Ok(restore(repo, (parts, target), &request, &mut event, monitor)?)
    }
}

/// Says at once that something rests, before anything is written.
///
/// # Errors
/// `archived`, with the command that brings it back.
pub(super) fn refuse_archived(repo: &Repository, parts: &[Part], monitor: &Monitor) -> Result<()> {
    expect_here(repo, parts, monitor).map_err(|e| {
        let places = parts.iter().map(name_of).collect::<Vec<_>>().join(" ");
        let failure = Failure::from(e);
        if failure.exit != Exit::Archived {
            return failure;
        }
        failure.advise(format!("`cairn retrieve start {places}` brings it back, restore --retrieve does both"))
    })
}

/// As the command line takes it.
fn name_of(part: &Part) -> String {
    let id = part.point.manifest.id.to_string();
    match part.inside.is_empty() {
        true => id[..8].to_owned(),
        false => format!("{}:/{}", &id[..8], human::name(&part.inside)),
    }
}

fn looked(context: &Context, progress: &Progress) -> Result<()> {
    let Progress { needed, here } = progress;
    context.out.row(|| Row::new("arrived").report(&ArrivedReport::of(progress)))?;
    context.out.note(&format!(
        "{} of {} here ({} of {})",
        human::count(here.packs),
        human::counted(needed.packs, "pack is", "packs are"),
        human::bytes(here.bytes),
        human::bytes(needed.bytes)
    ));
    Ok(())
}
