//! `restore --retrieve`: ask an archive for what is needed, and restore files as their data arrive; and saying at once that data rests.

use super::retrieve::{mode, tell};
use super::spending::Spending;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::duration::duration;
use crate::say::{Row, human};
use clap::Args;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore::{Arrived, Arriving as Event, Part, Patience, restore_arriving};
use engine::retrieval::{Needs, Progress, Wish, expect_readable, may_rest};
use engine::store::RetrievalMode;
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
        let wish = Wish {
            mode: self.mode.unwrap_or(RetrievalMode::Standard),
            days: self.days.unwrap_or(1),
            about: format!("restore of {}", parts.iter().map(name_of).collect::<Vec<_>>().join(" ")),
        };
        let patience = Patience {
            wish,
            prices: self.spending.list()?,
            budget: self.spending.budget(),
            every: self.look_every.max(LOOK_EVERY_MIN),
            most: self.wait,
        };
        let mut last: Option<Progress> = None;
        let mut unwritable = None;
        let mut event = |event: &Event<'_>| {
            let told = match event {
                Event::Planned(plan) => tell(context, plan),
                Event::Started(_) => Ok(()),
                Event::Looked(progress) => {
                    let is_new = last.replace(*progress) != Some(*progress);
                    if is_new { looked(context, progress) } else { Ok(()) }
                }
            };
            // Who listens no more has no use for the rest either.
            told.map_err(|failure| {
                let e = engine::Error::new(engine::Kind::Interrupted, failure.message.clone());
                unwritable = Some(failure);
                e
            })
        };
        let done = restore_arriving(repo, parts, target, &patience, &mut event, monitor);
        match unwritable {
            Some(failure) => Err(failure),
            None => Ok(done?),
        }
    }
}

/// Says at once that something rests, before anything is written.
///
/// # Errors
/// `archived`, with the command that brings it back.
pub(super) fn refuse_archived(repo: &Repository, parts: &[Part], monitor: &Monitor) -> Result<()> {
    if !may_rest(repo) {
        return Ok(());
    }
    let mut needs = Needs::default();
    for part in parts {
        let select = part.options.select.clone();
        needs.add(repo, &part.point, &part.inside, &|path, entry| select(path, entry), monitor)?;
    }
    expect_readable(repo, &needs, monitor).map_err(|e| {
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
    context.out.row(|| {
        Row::new("arrived")
            .set("packs_readable", here.packs)
            .set("packs", needed.packs)
            .set("bytes_readable", here.bytes)
            .set("bytes", needed.bytes)
    })?;
    context.out.note(&format!(
        "{} of {} here ({} of {})",
        human::count(here.packs),
        human::counted(needed.packs, "pack is", "packs are"),
        human::bytes(here.bytes),
        human::bytes(needed.bytes)
    ));
    Ok(())
}

/// A listing a second is as often as anybody needs.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(500);
