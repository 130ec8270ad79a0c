//! `cairn retrieve start`: show what it takes, and ask.

use super::super::spending::{self, Spending};
use super::target::Target;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::{Row, human, progress};
use clap::Args;
use engine::retrieval::{RetrievalPlan, Tally};
use engine::store::RetrievalMode;
use ops::retrieve::{PlanReport, RetrieveRequest, StartReport, plan, start};

/// Ask for what rests in an archive; running it again goes on with it
#[derive(Debug, Args)]
pub(super) struct Start {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    order: Order,
    /// Only show what it takes
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    spending: Spending,
}

/// How it is asked for.
#[derive(Debug, Args)]
pub(in crate::verbs) struct Order {
    /// How fast: expedited (minutes; S3 GLACIER, packs below 250 MB), standard (hours), bulk (up to two days, cheapest; S3), high (about an hour; Azure)
    #[arg(long, value_name = "MODE", default_value = "standard", value_parser = mode)]
    pub(in crate::verbs) mode: RetrievalMode,
    /// For how many days it stays readable
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(in crate::verbs) days: u32,
}

impl Start {
    /// Whether this run changes the repository.
    pub(super) fn writes(&self) -> bool {
        !self.dry_run
    }

    pub(super) fn run(&self, context: &Context) -> Result<Exit> {
        let (prices, budget) = (self.spending.list()?, self.spending.budget());
        let connection = context.connect()?;
        let (repo, monitor) = (&connection.repo, context.interrupt.monitor());
        let Order { mode, days } = self.order;
        let (planned, request) = progress::show(&context.out, "planning", monitor, || {
            let needed = self.target.needed(context, repo, monitor)?;
            let request = RetrieveRequest { about: needed.about, mode, days, budget, prices, dry_run: self.dry_run };
            Ok::<_, crate::exit::Failure>((plan(repo, &needed.needs, &request, monitor)?, request))
        })?;
        tell(context, &planned)?;
        let work = || start(repo, &connection.counts, &planned, &request);
        // A dry run asks for nothing: there is no progress to show.
        let report = match self.dry_run {
            true => work()?,
            false => progress::show(&context.out, "asking", monitor, work)?,
        };
        let exit = if monitor.warnings_total() > 0 { Exit::Warnings } else { Exit::Done };
        context.out.summary(context.summary(exit).report(&report), || in_words(&report))?;
        Ok(exit)
    }
}

/// Shows a plan before anything is asked for.
///
/// # Errors
/// When stdout cannot be written.
pub(in crate::verbs) fn tell(context: &Context, plan: &RetrievalPlan) -> Result<()> {
    context.out.row(|| Row::new("plan").report(&PlanReport::of(plan)))?;
    let tally = |tally: Tally, one, many| {
        let (number, word) = (human::count(tally.packs), human::agree(tally.packs, one, many));
        format!("{number}{word} ({})", human::bytes(tally.bytes))
    };
    context.out.note(&format!(
        "{} {}: {} can be read, {} being retrieved, {} at rest",
        human::counted(plan.files, "file needs", "files need"),
        tally(plan.needed(), " pack", " packs"),
        tally(plan.readable(), "", ""),
        tally(plan.retrieving(), "", ""),
        tally(plan.archived(), "", ""),
    ));
    if !plan.asks.is_empty() {
        context.out.note(&format!(
            "to be asked for in mode {}, for {}: {}; {}",
            plan.wish.mode,
            days(plan.wish.days),
            tally(plan.asked(), " pack", " packs"),
            spending::in_words(&plan.estimate),
        ));
    }
    Ok(())
}

fn in_words(report: &StartReport) -> String {
    match (report.retrieval, report.dry_run) {
        (_, true) => "nothing was asked for (--dry-run)".to_owned(),
        (None, _) if report.plan.packs_archived == 0 => {
            "nothing of it rests in an archive: all can be read now".to_owned()
        }
        (None, _) => "nothing was asked for".to_owned(),
        (Some(number), _) => format!(
            "retrieval {number}{}: {} asked for, {} on the way; `cairn retrieve list` says how far it is",
            if report.resumed { " goes on" } else { "" },
            human::counted(report.packs_asked, "pack was", "packs were"),
            human::counted(report.packs_underway + report.packs_asked, "is", "are"),
        ),
    }
}

pub(super) fn days(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

pub(in crate::verbs) fn mode(text: &str) -> std::result::Result<RetrievalMode, String> {
    RetrievalMode::parse(text).map_err(|e| match e.advice() {
        Some(advice) => format!("{e}; {advice}"),
        None => e.to_string(),
    })
}
