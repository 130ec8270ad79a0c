//! `cairn repair`: what is damaged, what it takes away, and what gives it back.

use super::check::{self, Depth};
use super::opening;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human, progress};
use clap::{Args, Subcommand};
use engine::Kind;
use engine::maintenance::PlanHash;
use engine::maintenance::repair::{HealJob, RepairItem, RepairOptions, RepairPlan, RepairSource};
use engine::repository::Repository;
use ops::plans::repair::{DamageRow, HealRow, RepairPlanReport, RepairReport, RightAgainRow, SupersededRow};
use ops::plans::{self, Planned};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Tell what is damaged and give back what can be given back
///
/// Deletes and overwrites nothing that can be read. What is lost is stored anew from the packs' parity, from this machine's disk cache or from a copy
/// repository; index segments are made again from their packs. What is still lost is recorded in the repository: no backup of any machine relies
/// on it from then on, and the next one stores again what its source still has. A recorded pack that is found right again is withdrawn.
/// Damaged newest entries of the log are set aside; a damaged config or older entry is put back from a copy whose bytes the log proves.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check the repository and show what would be done; writes nothing
    Plan(Look),
    /// Carry out exactly the plan with this hash
    Apply {
        /// The hash that `cairn repair plan` has shown
        #[arg(value_name = "HASH")]
        hash: PlanHash,
        #[command(flatten)]
        look: Look,
    },
}

#[derive(Debug, Args)]
pub(super) struct Look {
    /// How deep to look for damage
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Depth::Full)]
    level: Depth,
    /// Take what is lost from this repository: a copy that shares the dedup key; or, for a damaged config, from a copy of that file
    #[arg(long, value_name = "REPO")]
    pub(super) from: Option<OsString>,
    /// The copy's password, if it is another one
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(super) from_password_file: Option<PathBuf>,
}

impl Repair {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.action, Action::Apply { .. })
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        match &self.action {
            Action::Plan(look) => {
                let (connection, options) = match look.open(context) {
                    Err(failure) if failure.exit == Exit::Damaged => {
                        return opening::plan(context, look)?
                            .map_or(Err(failure), |plan| opening::show(context, &plan));
                    }
                    other => other?,
                };
                let (work, monitor) = (plans::repair::Repair { options }, context.interrupt.shared());
                let checking = || work.plan(&connection.repo, &monitor);
                let plan = progress::show(&context.out, "checking", &monitor, checking)?;
                show(context, &connection, look, &plan)
            }
            Action::Apply { hash, look } => carry_out(context, hash, look),
        }
    }
}

impl Look {
    /// The hash and the options that belong to it, as `apply` takes them: with others the plan would be another one.
    fn words(&self, hash: &PlanHash) -> Vec<OsString> {
        let mut words = vec![OsString::from(hash.to_string())];
        if self.level != Depth::Full {
            words.extend(["--level", self.level.word()].map(OsString::from));
        }
        if let Some(from) = &self.from {
            words.extend([OsString::from("--from"), from.clone()]);
        }
        if let Some(file) = &self.from_password_file {
            words.extend([OsString::from("--from-password-file"), file.clone().into_os_string()]);
        }
        words
    }

    fn open(&self, context: &Context) -> Result<(Connection, RepairOptions)> {
        let connection = context.connect_to_repair()?;
        let from = match &self.from {
            None => None,
            Some(repo) => Some(context.open_other_readonly(repo, self.from_password_file.as_deref())?.repo),
        };
        if let Some(from) = &from {
            context.expect_same_history(&connection.repo, from)?;
        }
        let options = RepairOptions { level: self.level.level(), from, threads: connection.settings.threads };
        Ok((connection, options))
    }
}

fn show(context: &Context, connection: &Connection, look: &Look, plan: &RepairPlan) -> Result<Exit> {
    for item in &plan.items {
        context.out.answer(|| row(item), || text(item))?;
    }
    for finding in &plan.superseded {
        let row = || Row::new("superseded").report(&SupersededRow::of(finding));
        context.out.answer(row, || format!("{}: damaged, and nobody needs it any more", finding.object))?;
    }
    check::tell_unsupported(context, &plan.unsupported)?;
    let exit = match (plan.items.is_empty(), plan.unsupported.is_empty()) {
        (false, _) => Exit::Damaged,
        (true, false) => Exit::Failed,
        (true, true) => Exit::Done,
    };
    for pack in &plan.withdrawn {
        let right = RightAgainRow::of(pack);
        let row = || Row::new("right_again").report(&right);
        context.out.answer(row, || format!("{}: was found damaged once, and is right", right.object))?;
    }
    let row = context.summary(exit).report(&RepairPlanReport::of(plan, &connection.counts));
    let heal = if plan.changes_something() { String::new() } else { heal_by(context, &connection.repo, &plan.jobs)? };
    let apply = || context.command(["repair", "apply"].map(OsString::from).into_iter().chain(look.words(&plan.hash)));
    context.out.summary(row, || match (plan.items.is_empty(), plan.changes_something()) {
        (true, false) => "nothing is damaged that is needed".to_owned(),
        (_, true) => format!("plan {}: carry it out with `{}`", plan.hash, apply()),
        (false, false) => format!("nothing can be given back from here{heal}"),
    })?;
    Ok(exit)
}

fn carry_out(context: &Context, hash: &PlanHash, look: &Look) -> Result<Exit> {
    let (connection, options) = match look.open(context) {
        Err(failure) if failure.exit == Exit::Damaged => {
            let plan = opening::plan(context, look)?;
            return plan.map_or(Err(failure), |plan| opening::carry_out(context, &plan, hash));
        }
        other => other?,
    };
    let (work, monitor) = (plans::repair::Repair { options }, context.interrupt.shared());
    let repairing = || work.apply(&connection.repo, hash, &monitor);
    let done = progress::show(&context.out, "repairing", &monitor, repairing);
    let report = done.map_err(|e| match e.kind() {
        Kind::Conflict => Failure { name: "plan_changed", ..Failure::from(e) },
        _ => e.into(),
    })?;
    let exit = if report.remaining > 0 { Exit::Damaged } else { Exit::Done };
    let heal = heal_by(context, &connection.repo, &report.jobs)?;
    let row = context.summary(exit).report(&RepairReport::of(hash, &report, &connection.counts));
    context.out.summary(row, || {
        let recorded = match (report.packs_suspect, report.packs_withdrawn) {
            (0, 0) => String::new(),
            (n, 0) => format!("; packs recorded as damaged, on which no backup relies from now on: {n}"),
            (0, right) => format!("; packs that are right again: {right}"),
            (n, right) => format!("; packs recorded as damaged: {n}, right again: {right}"),
        };
        let rest = match report.remaining {
            0 => String::new(),
            n => format!("; damaged objects of which something is still lost: {n}"),
        };
        format!(
            "given back: {} ({}), {} given up, {}, {}{recorded}{rest}; plan {hash}{heal}",
            human::counted(report.blobs, "blob", "blobs"),
            human::bytes(report.bytes),
            human::counted(report.packs_condemned, "damaged pack", "damaged packs"),
            human::counted(report.segments, "index segment", "index segments"),
            human::counted(report.manifests, "manifest", "manifests"),
        )
    })?;
    Ok(exit)
}

/// How to heal what nobody but the source can give back: rows for programs, and a line of text for each.
fn heal_by(context: &Context, repo: &Repository, jobs: &[HealJob]) -> Result<String> {
    let here = repo.env().host();
    let mut lines = String::new();
    for job in jobs {
        let paths = job.paths.iter().map(|path| OsString::from_vec(path.clone()));
        let words = ["backup", "--full", "--job", &job.job].map(OsString::from);
        let command = match job.is_stream {
            true => context.command_of_host(&job.host, &here, words.into_iter().chain([OsString::from("--stdin")])),
            false => context.command_of_host(&job.host, &here, words.into_iter().chain(paths)),
        };
        let heal = HealRow { host: job.host.clone(), job: job.job.clone(), command };
        context.out.row(|| Row::new("heal").report(&heal))?;
        let command = heal.command;
        lines += &match (job.is_stream, job.host == here) {
            (true, _) => format!("\nheal it on {} by what feeds this job: ... | {command}", job.host),
            (false, true) => format!("\nheal it with the options of this job: {command}"),
            (false, false) => format!("\nheal it on {} with the options of this job: {command}", job.host),
        };
    }
    Ok(lines)
}

pub(super) fn row(item: &RepairItem) -> Row {
    Row::new("damage").report(&DamageRow::of(item))
}

pub(super) fn text(item: &RepairItem) -> String {
    let mut lines = vec![format!("{}: {}", item.object, item.what)];
    if item.blobs > 0 {
        lines.push(format!(
            "  takes away {} ({})",
            human::counted(item.blobs, "blob", "blobs"),
            human::bytes(item.bytes)
        ));
    }
    lines.extend(
        item.healed_by
            .iter()
            .map(|(cure, blobs)| format!("  {}: {}", phrase(*cure), human::counted(*blobs, "blob", "blobs"))),
    );
    if item.made_anew {
        lines.push("  is made anew".to_owned());
    }
    if item.suspect {
        lines.push("  is recorded: no backup relies on it".to_owned());
    }
    lines.extend(item.remains.iter().map(|rest| format!("  remains: {rest}")));
    lines.extend(item.paths.iter().map(|(point, path)| format!("  {}:{path}", point.get(..8).unwrap_or(point))));
    let more = item.paths_total.saturating_sub(item.paths.len() as u64);
    if more > 0 {
        lines.push(format!("  and {} more", human::counted(more, "path", "paths")));
    }
    lines.join("\n")
}

fn phrase(cure: RepairSource) -> &'static str {
    match cure {
        RepairSource::Itself => "taken out of the damaged pack, whose blocks are whole",
        RepairSource::Parity => "given back by the pack's parity",
        RepairSource::Cache => "given back by the disk cache",
        RepairSource::Copy => "given back by the copy",
    }
}
