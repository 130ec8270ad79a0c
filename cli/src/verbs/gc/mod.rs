//! `cairn gc`: give back what no restore point needs, by plan and apply, or by a run.

mod early;

use super::spending::Spending;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human, progress};
use crate::parse::duration::duration;
use crate::parse::quantity;
use clap::{Args, Subcommand};
use engine::maintenance::{ClockVerdict, CollectOptions, CollectReport, Finding, Holding, PackPlan, PlanHash};
use ops::plans::gc::{
    Collect, Collected, CollectionPlan, CollectionPlanReport, CollectionReport, FenceRow, HoldingRow, LockedRow,
    PackRow,
};
use ops::plans::{self, Planned};
use std::time::Duration;

/// Give back the space of what no restore point needs
///
/// `plan` shows what would be condemned and what that saves; `apply` does exactly that and deletes what was condemned longer ago than the grace.
/// `run` is both in one step.
/// Backups, restores, checks and mounts may go on meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    #[command(subcommand)]
    action: Action,
    /// How long condemned objects stay for readers that know them (24h, 7d); 0 needs --no-readers
    #[arg(long, global = true, value_name = "TIME", default_value = "24h", value_parser = duration)]
    grace: Duration,
    /// Nobody is reading: needed for a grace of 0
    #[arg(long, global = true)]
    no_readers: bool,
    /// Pack anew what is sparse: packs with at least this share of dead data
    #[arg(long, global = true, value_name = "N%", default_value = "25%", value_parser = quantity::share)]
    repack_above: f64,
    /// Shut out sessions that gave no sign of life for so long
    #[arg(long, global = true, value_name = "TIME", default_value = "24h", value_parser = duration)]
    lease: Duration,
    /// Shut out this session at once, by its number as `plan` names it; may be repeated
    #[arg(long, global = true, value_name = "N")]
    fence: Vec<u32>,
    /// Stop cleanly after about so many requests
    #[arg(long, global = true, value_name = "N")]
    limit_requests: Option<u64>,
    /// Stop cleanly after about so many bytes read and written
    #[arg(long, global = true, value_name = "SIZE", value_parser = quantity::size)]
    limit_bytes: Option<u64>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what would be done; changes nothing
    Plan {
        #[command(flatten)]
        spending: Spending,
    },
    /// Do what a plan said
    Apply {
        /// The plan's hash, as `plan` printed it
        #[arg(value_name = "HASH")]
        hash: PlanHash,
        #[command(flatten)]
        spending: Spending,
    },
    /// Plan and apply in one step, for nights without a person
    Run {
        #[command(flatten)]
        spending: Spending,
    },
}

impl Gc {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.action, Action::Plan { .. })
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        if self.grace.is_zero() && !self.no_readers {
            return Err(Failure::usage("--grace 0 takes packs away under whoever reads them")
                .advise("add --no-readers if nobody restores from or mounts this repository now"));
        }
        let (Action::Plan { spending } | Action::Apply { spending, .. } | Action::Run { spending }) = &self.action;
        let options = self.options(context)?;
        let connection = context.connect()?;
        let clock = match &self.action {
            // Asked for later, and only where something would go.
            Action::Plan { .. } => ClockVerdict::trusted(),
            _ => context.judge_clock(&connection.repo, &connection.known)?,
        };
        let work = Collect { options, clock, prices: spending.list()?, budget: spending.budget() };
        match &self.action {
            Action::Plan { .. } => plan(context, &connection, &work),
            Action::Apply { hash, .. } => {
                let (repo, monitor) = (&connection.repo, context.interrupt.shared());
                let collecting = || work.apply(repo, hash, &monitor);
                let done = progress::show(&context.out, "collecting", &monitor, collecting)
                    .map_err(|e| context.refused_by_clock(&clock, e))?;
                tell_done(context, &connection, &work, (hash, &done))
            }
            Action::Run { .. } => {
                let (repo, monitor) = (&connection.repo, context.interrupt.shared());
                let collecting = || plans::run(&work, repo, &monitor);
                let ran = progress::show(&context.out, "collecting", &monitor, collecting)
                    .map_err(|e| context.refused_by_clock(&clock, e))?;
                show(context, &ran.plan)?;
                tell_done(context, &connection, &work, (&ran.plan.plan.hash, &ran.done))
            }
        }
    }

    fn options(&self, context: &Context) -> Result<CollectOptions> {
        let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        Ok(CollectOptions {
            dead_share: self.repack_above,
            grace_seconds: seconds(self.grace),
            lease_seconds: seconds(self.lease),
            fence: self.fence.iter().copied().collect(),
            requests_max: self.limit_requests,
            bytes_max: self.limit_bytes,
            host: context.settings()?.host,
        })
    }
}

fn plan(context: &Context, connection: &Connection, work: &Collect) -> Result<Exit> {
    let monitor = context.interrupt.shared();
    let planned = progress::show(&context.out, "planning", &monitor, || work.plan(&connection.repo, &monitor))?;
    show(context, &planned)?;
    work.expect_affordable(&planned)?;
    if planned.plan.takes_something() {
        context.tell_clock(&context.judge_clock(&connection.repo, &connection.known)?);
    }
    let exit = tell_damaged(context, &planned.plan.damaged);
    let report = CollectionPlanReport::of(&planned, &connection.counts);
    let command = context.command_applying(&report.plan);
    let row = context.summary(exit).report(&report);
    context.out.summary(row, || in_words(&planned, &work.options, &command))?;
    Ok(exit)
}

/// The rows of a plan, for scripts.
fn show(context: &Context, planned: &CollectionPlan) -> Result<()> {
    let (out, plan) = (&context.out, &planned.plan);
    PackRow::all(plan).try_for_each(|pack| out.row(|| Row::new("pack").report(&pack)))?;
    plan.locked.iter().try_for_each(|pack| out.row(|| Row::new("pack").report(&LockedRow::of(pack))))?;
    plan.fence.iter().try_for_each(|&session| out.row(|| Row::new("fence").report(&FenceRow { session })))?;
    plan.holding.iter().try_for_each(|held| out.row(|| Row::new("holding").report(&HoldingRow::of(held))))?;
    match planned.priced.early.objects {
        0 => Ok(()),
        _ => out.row(|| Row::new("early").report(&planned.priced.report())),
    }
}

fn tell_done(
    context: &Context,
    connection: &Connection,
    work: &Collect,
    (hash, done): (&PlanHash, &Collected),
) -> Result<Exit> {
    if let Some(words) = work.clock.in_words().filter(|_| work.clock.is_refused()) {
        let why = format!("{words}: there was nothing to take, and what goes by age was left alone");
        context.out.warning(b"", &why);
    }
    let exit = tell_damaged(context, &done.report.damaged);
    let report = CollectionReport::of(hash, done, &connection.counts);
    let row = context.summary(exit).report(&report);
    context.out.summary(row, || format!("plan {hash}\n{}", done_in_words(&done.report)))?;
    Ok(exit)
}

/// What is damaged is left alone: how the command ends for it.
fn tell_damaged(context: &Context, damaged: &[Finding]) -> Exit {
    for Finding { object, what } in damaged {
        let why = format!("it is damaged, and stays as it is: {what}; `cairn repair plan` tells what can be done");
        context.out.warning(object.as_bytes(), &why);
    }
    if damaged.is_empty() { Exit::Done } else { Exit::Damaged }
}

fn in_words(planned: &CollectionPlan, options: &CollectOptions, command: &str) -> String {
    let (plan, mut lines) = (&planned.plan, Vec::new());
    if !plan.fence.is_empty() {
        lines.push(format!(
            "{} shut out",
            human::counted(plan.fence.len() as u64, "silent session is", "silent sessions are")
        ));
    }
    let bytes = |packs: &[PackPlan]| human::bytes(packs.iter().map(|p| p.bytes).sum());
    lines.push(format!(
        "{} dead: {}",
        human::counted(plan.dead.len() as u64, "pack is", "packs are"),
        bytes(&plan.dead)
    ));
    lines.push(format!(
        "{} sparse: {}, of which {} are packed again ({} GET, {} PUT)",
        human::counted(plan.sparse.len() as u64, "pack is", "packs are"),
        bytes(&plan.sparse),
        human::bytes(plan.bytes_repacked()),
        plan.requests[0],
        plan.requests[1],
    ));
    if let Some(first) = plan.locked.iter().map(|p| p.until).min() {
        lines.push(format!(
            "{} locked and would be given up: {}, the first until {}",
            human::counted(plan.locked.len() as u64, "pack is", "packs are"),
            human::bytes(plan.locked.iter().map(|p| p.bytes).sum()),
            human::time(first),
        ));
    }
    lines.push(format!(
        "{}: {}, {} of their plaintext are dead",
        human::counted(plan.kept, "pack stays", "packs stay"),
        human::bytes(plan.bytes_kept),
        human::bytes(plan.plain_dead_kept),
    ));
    lines.push(format!(
        "{} deleted, {}{}",
        human::counted(plan.due.len() as u64, "object given up earlier is", "objects given up earlier are"),
        human::counted(plan.waiting, "waits", "wait"),
        plan.next_due.map(|t| format!(" (the first until {})", human::time(t))).unwrap_or_default(),
    ));
    if plan.bytes_waiting > 0 {
        lines.push(format!(
            "{} of those that wait are packs: they come back only when their grace and the sessions below are over",
            human::bytes(plan.bytes_waiting)
        ));
    }
    lines.extend(plan.holding.iter().map(|session| holding_in_words(session, options)));
    if plan.orphans > 0 {
        lines.push(format!(
            "{} deleted: {}",
            human::counted(
                plan.orphans,
                "object that an ended session left behind is",
                "objects that ended sessions left behind are"
            ),
            human::bytes(plan.bytes_orphaned),
        ));
    }
    lines.extend(early::in_words(&planned.priced));
    lines.push(format!("carry it out with: {command}"));
    lines.join("\n")
}

fn done_in_words(report: &CollectReport) -> String {
    let mut text = format!(
        "condemned {} ({}), packed {} again into {} ({})\ndeleted {}: {} are free",
        human::counted(report.packs_condemned, "pack", "packs"),
        human::bytes(report.bytes_condemned),
        human::count(report.packs_repacked),
        human::count(report.packs_written),
        human::bytes(report.bytes_written),
        human::counted(report.objects_deleted, "object", "objects"),
        human::bytes(report.bytes_freed),
    );
    if report.objects_locked > 0 {
        text.push_str(&format!(
            "\n{} locked by the store and not deleted",
            human::counted(report.objects_locked, "object is", "objects are")
        ));
    }
    if let Some(when) = report.sweep_after {
        let waiting = human::counted(report.waiting, "object waits", "objects wait");
        text.push_str(&format!("\n{waiting} for the end of their grace, the first until {}", human::time(when)));
    }
    if report.waiting > 0 && report.sweep_after.is_none() {
        let waiting = human::count(report.waiting);
        text.push_str(&format!("\n{waiting} objects wait for sessions that are open: `cairn gc plan` names them"));
    }
    if report.is_short_of_room {
        text.push_str(
            "\nthere was no room to pack the rest again: what was dead is gone or waits for its grace; plan and apply again when there is room",
        );
    }
    if report.is_partial {
        text.push_str("\na limit ended the work before it was done: plan and apply again to go on");
    }
    text
}

/// An open session that keeps space from coming back: what, and how it ends.
fn holding_in_words(held: &Holding, options: &CollectOptions) -> String {
    let mut what = Vec::new();
    if held.objects > 0 {
        what.push(format!("{} objects that were given up", human::count(held.objects)));
    }
    if held.packs > 0 {
        what.push(format!("{} packs of its own ({})", human::count(held.packs), human::bytes(held.bytes)));
    }
    if held.unpublished > 0 {
        let objects = human::counted(held.unpublished, "object", "objects");
        what.push(format!("{objects} that it has not published ({})", human::bytes(held.unpublished_bytes)));
    }
    if held.holds_base {
        what.push("an expired restore point that it builds upon".to_owned());
    }
    let heard = match (held.is_ahead, held.heard) {
        (false, Some(heard)) => format!("last heard of at {}", human::time(heard)),
        (true, Some(heard)) => format!("its clock is ahead of this one; silent since {} or before", human::time(heard)),
        (_, None) => "its clock is ahead of this one; it counts as silent from the next entry of the log on".to_owned(),
    };
    let name = format!("{}/{}", human::name(held.host.as_bytes()), human::name(held.job.as_bytes()));
    format!(
        "session {} ({name}, {heard}) holds back {}; it is shut out when it has been silent for {}, or at once by --fence {}",
        held.session,
        what.join(", "),
        human::seconds(Duration::from_secs(options.lease_seconds.try_into().unwrap_or(0)).as_secs_f64()),
        held.session,
    )
}
