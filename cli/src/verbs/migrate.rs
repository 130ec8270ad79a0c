//! `cairn migrate`: format upgrades, by plan and apply.

use crate::connect::{Connection, open_store};
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::Row;
use crate::output::table::{Side, Table};
use clap::{Args, Subcommand};
use engine::maintenance::PlanHash;
use engine::maintenance::migrate::{MigrationPlan, Step, version};
use ops::plans::migrate::{FeatureRow, MigrationReport, StepRow};
use ops::plans::{self, Planned};

/// Upgrade the format of a repository
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the repository's format, its features, and what an upgrade would do; changes nothing
    Plan,
    /// Carry out exactly the plan with this hash
    Apply {
        /// The hash that `migrate plan` printed
        #[arg(value_name = "HASH")]
        hash: PlanHash,
    },
}

impl Migrate {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.action, Action::Apply { .. })
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        // Numbers first, without a key: a format that this release cannot read is named before anybody is asked for a password.
        let settings = context.settings()?;
        let place = open_store(&settings)?;
        version(&*place.store)?;
        let connection = context.open(place, settings)?;
        match &self.action {
            Action::Plan => show(context, &connection),
            Action::Apply { hash } => carry_out(context, &connection, hash),
        }
    }
}

fn show(context: &Context, connection: &Connection) -> Result<Exit> {
    let plan = plans::migrate::Migrate { told: &|_| () }.plan(&connection.repo, &context.interrupt.shared())?;
    if context.out.json {
        plan.features.iter().try_for_each(|f| context.out.row(|| Row::new("feature").report(&FeatureRow::of(f))))?;
        plan.steps.iter().try_for_each(|step| context.out.row(|| Row::new("step").report(&StepRow::of(step))))?;
        return summary(context, &plan, Vec::new());
    }
    for line in text(&plan) {
        context.out.answer(|| Row::new("line"), || line)?;
    }
    Ok(Exit::Done)
}

fn carry_out(context: &Context, connection: &Connection, hash: &PlanHash) -> Result<Exit> {
    let (repo, monitor) = (&connection.repo, context.interrupt.shared());
    let told = |step: &Step| context.out.note(&format!("cairn: {}: {}", step.name, step.what));
    let work = plans::migrate::Migrate { told: &told };
    let done = work.apply(repo, hash, &monitor)?;
    summary(context, &work.plan(repo, &monitor)?, done)
}

fn summary(context: &Context, plan: &MigrationPlan, done: Vec<&'static str>) -> Result<Exit> {
    let text = match done.len() {
        0 => format!("format {}: nothing is to be done, and nothing was done; plan {}", plan.found, plan.hash),
        _ => format!("done: {}; the repository has format {}", done.join(", "), plan.found),
    };
    let row = context.summary(Exit::Done).report(&MigrationReport::of(plan, done));
    context.out.summary(row, || text)?;
    Ok(Exit::Done)
}

/// The plan as people read it.
fn text(plan: &MigrationPlan) -> Vec<String> {
    let mut lines = vec![format!("format of the repository: {}; this release writes {}", plan.found, plan.written)];
    if !plan.found.is_writable() {
        lines.push("this release may read the repository, but not write to it".to_owned());
    }
    let left = |heading| (heading, Side::Left);
    let mut table = Table::new(&[left("FEATURE"), left("STATE")]);
    for feature in &plan.features {
        let how = feature.turn_on.map_or(String::new(), |how| format!(" (to have it: {how})"));
        table.push(vec![feature.name.to_owned(), format!("{}{how}", feature.state)]);
    }
    lines.extend(table.lines());
    if plan.steps.is_empty() {
        lines.push(format!("nothing is to be done (plan {})", plan.hash));
    } else {
        lines.extend(plan.steps.iter().map(|step| format!("step {} to {}: {}", step.name, step.to, step.what)));
        lines.push(format!("to do it: cairn migrate apply {}", plan.hash));
    }
    lines
}
