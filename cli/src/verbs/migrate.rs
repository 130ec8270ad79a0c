//! `cairn migrate`: format upgrades, by plan and apply.

use crate::connect::{Connection, open_store};
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::say::Row;
use crate::say::table::{Side, Table};
use clap::{Args, Subcommand};
use engine::care::PlanHash;
use engine::care::migrate::{MigrationPlan, STEPS, apply, plan, version};

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
    let plan = plan(&connection.repo, STEPS)?;
    if context.out.json {
        for feature in &plan.features {
            let row = || {
                Row::new("feature")
                    .set("name", feature.name)
                    .set("on", feature.on)
                    .set("state", feature.state.as_str())
                    .set("turn_on", feature.turn_on)
            };
            context.out.row(row)?;
        }
        for step in &plan.steps {
            let row = || Row::new("step").set("name", step.name).set("to", step.to.to_string()).set("what", step.what);
            context.out.row(row)?;
        }
        return summary(context, &plan, Vec::new());
    }
    for line in text(&plan) {
        context.out.answer(|| Row::new("line"), || line)?;
    }
    Ok(Exit::Done)
}

fn carry_out(context: &Context, connection: &Connection, hash: &PlanHash) -> Result<Exit> {
    let monitor = context.interrupt.monitor();
    let mut told =
        |step: &engine::care::migrate::Step| context.out.note(&format!("cairn: {}: {}", step.name, step.what));
    let done = apply(&connection.repo, STEPS, hash, monitor, &mut told)?;
    let plan = plan(&connection.repo, STEPS)?;
    summary(context, &plan, done)
}

fn summary(context: &Context, plan: &MigrationPlan, done: Vec<&'static str>) -> Result<Exit> {
    let text = match done.len() {
        0 => format!("format {}: nothing is to be done, and nothing was done", plan.found),
        _ => format!("done: {}; the repository has format {}", done.join(", "), plan.found),
    };
    let row = context
        .summary(Exit::Done)
        .set("plan", plan.hash.to_string())
        .set("format", plan.found.to_string())
        .set("format_written", plan.written.to_string())
        .set("steps", plan.steps.iter().map(|step| step.name).collect::<Vec<_>>())
        .set("steps_done", done);
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
