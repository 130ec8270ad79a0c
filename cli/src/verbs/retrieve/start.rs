//! `cairn retrieve start`: show what it takes, and ask.

use super::super::spending::{self, Spending};
use super::target::Target;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::say::{Row, human, progress};
use clap::Args;
use engine::monitor::Monitor;
use engine::retrieval::{Plan, Started, Tally, Wish, plan, start};
use engine::store::RetrievalMode;

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
        let planned = progress::show(&context.out, "planning", monitor, || {
            let needed = self.target.needed(context, repo, monitor)?;
            let wish = Wish { mode: self.order.mode, days: self.order.days, about: needed.about };
            Ok::<_, crate::exit::Failure>(plan(repo, &needed.needs, &wish, prices.as_ref(), monitor)?)
        })?;
        tell(context, &planned)?;
        budget.check(&planned.estimate)?;
        let started = match self.dry_run {
            true => Started::default(),
            false => {
                progress::show(&context.out, "asking", monitor, || start(repo, &planned, &budget, &Monitor::new()))?
            }
        };
        // Of what was underway or ready nothing is charged again.
        let asked = planned.estimate.cost.map(|cost| share(cost, started.packs_asked, planned.asks.len() as u64));
        let exit = if monitor.warnings_total() > 0 { Exit::Warnings } else { Exit::Done };
        let row = context
            .summary(exit)
            .set("dry_run", self.dry_run)
            .set("retrieval", started.retrieval)
            .set("resumed", started.resumed)
            .with(row_of(&planned))
            .set("packs_asked", started.packs_asked)
            .set("packs_underway", started.packs_underway)
            .with(spending::row_of_spent(&connection.counts, prices.as_ref(), repo, asked))
            .requests(&connection.counts);
        context.out.summary(row, || in_words(&planned, &started, self.dry_run))?;
        Ok(exit)
    }
}

/// Shows a plan before anything is asked for.
///
/// # Errors
/// When stdout cannot be written.
pub(in crate::verbs) fn tell(context: &Context, plan: &Plan) -> Result<()> {
    context.out.row(|| row_of(plan))?;
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

/// A plan, for scripts.
pub(in crate::verbs) fn row_of(plan: &Plan) -> Row {
    let (needed, readable, archived) = (plan.needed(), plan.readable(), plan.archived());
    Row::new("plan")
        .set("about", plan.wish.about.as_str())
        .set("mode", plan.wish.mode.as_str())
        .set("days", plan.wish.days)
        .set("files", plan.files)
        .set("packs", needed.packs)
        .set("bytes", needed.bytes)
        .set("packs_readable", readable.packs)
        .set("bytes_readable", readable.bytes)
        .set("packs_retrieving", plan.retrieving().packs)
        .set("packs_archived", archived.packs)
        .set("bytes_archived", archived.bytes)
        .set("packs_to_ask", plan.asks.len())
        .set("bytes_to_ask", plan.asked().bytes)
        .with(spending::row_of(&plan.estimate))
}

/// What a part of the packs costs, as packs are mostly of one length.
#[expect(clippy::cast_precision_loss, reason = "prices are estimates")]
fn share(cost: f64, part: u64, all: u64) -> f64 {
    cost * part as f64 / all.max(1) as f64
}

fn in_words(plan: &Plan, started: &Started, dry_run: bool) -> String {
    match (started.retrieval, dry_run) {
        (_, true) => "nothing was asked for (--dry-run)".to_owned(),
        (None, _) if plan.archived().packs == 0 => "nothing of it rests in an archive: all can be read now".to_owned(),
        (None, _) => "nothing was asked for".to_owned(),
        (Some(number), _) => format!(
            "retrieval {number}{}: {} asked for, {} on the way; `cairn retrieve list` says how far it is",
            if started.resumed { " goes on" } else { "" },
            human::counted(started.packs_asked, "pack was", "packs were"),
            human::counted(started.packs_underway + started.packs_asked, "is", "are"),
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
