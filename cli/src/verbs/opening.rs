//! `cairn repair` where the repository cannot be opened, or its log not be read to the end.

use super::repair::{Look, row, text};
use crate::connect::open_store;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::face::memory;
use crate::output::human;
use crate::settings::Repo;
use bytes::Bytes;
use engine::Kind;
use engine::maintenance::PlanHash;
use engine::maintenance::repair::OpeningPlan;
use engine::store::{ObjectName, StoreExt};
use format_spec::names;
use ops::as_far::AsFar;
use ops::plans::opening::{OpeningPlanReport, OpeningReport};
use ops::recognise::forget_set_aside;
use std::ffi::OsStr;
use std::path::Path;

/// The plan; `None` when the repository can be opened after all, so that something else is wrong.
pub(super) fn plan(context: &Context, look: &Look) -> Result<Option<OpeningPlan>> {
    let copies = look.from.as_ref().map(|from| config_copies(context, from)).transpose()?.unwrap_or_default();
    let (as_far, _) = context.connect_as_far(copies)?;
    if as_far.config.is_none() && as_far.stop.is_none() {
        return Ok(None);
    }
    of(context, look, &as_far).map(Some)
}

fn of(context: &Context, look: &Look, as_far: &AsFar) -> Result<OpeningPlan> {
    let settings = context.settings()?;
    let store = open_store(&settings)?.store;
    if let Some((error, copy)) = &as_far.config {
        return Ok(OpeningPlan::of_config(&*store, error, copy.as_ref())?);
    }
    let (Some(opened), Some(stop)) = (&as_far.opened, &as_far.stop) else {
        return Err(Failure::new(Exit::Failed, "bug", "neither the config nor the log is damaged"));
    };
    let from = match &look.from {
        None => None,
        Some(repo) => Some(context.open_other_readonly(repo, look.from_password_file.as_deref())?.repo),
    };
    let monitor = context.interrupt.monitor();
    Ok(OpeningPlan::of_log(&store, &opened.repo, stop, from.as_deref(), monitor)?)
}

/// Shows it.
pub(super) fn show(context: &Context, plan: &OpeningPlan) -> Result<Exit> {
    for item in &plan.items {
        context.out.answer(|| row(item), || text(item))?;
    }
    let report = OpeningPlanReport::of(plan);
    let summary = context.summary(Exit::Damaged).report(&report);
    context.out.summary(summary, || {
        let mut lines = Vec::new();
        if !plan.set_aside.is_empty() {
            let slots = slots(&plan.set_aside);
            lines.push(format!(
                "set aside: {slots} at the log's end, which nobody can read; what only that told is lost"
            ));
        }
        let points = &report.points_committed_again;
        lines.extend(points.iter().map(|id| format!("committed again: restore point {id}, which is whole")));
        let jobs = report.sessions_ended.iter();
        lines.extend(jobs.map(|job| format!("ended: a session of {}", human::name(job.as_bytes()))));
        lines.push(match plan.heals_something() {
            true => format!("plan {}: carry it out with `cairn repair apply {}`", plan.hash, plan.hash),
            false => "nothing can be given back from here".to_owned(),
        });
        lines.join("\n")
    })?;
    Ok(Exit::Damaged)
}

/// Carries it out, over a connection of its own; what is damaged besides is told by the next plan.
pub(super) fn carry_out(context: &Context, plan: &OpeningPlan, hash: &PlanHash) -> Result<Exit> {
    let settings = context.settings()?;
    let again = open_store(&settings)?.store;
    let done = plan.apply(&again, &*context.env, hash).map_err(|e| match e.kind() {
        Kind::Conflict => Failure { name: "plan_changed", ..Failure::from(e) },
        _ => e.into(),
    })?;
    if let (Some(first), Some(id)) = (plan.set_aside.first(), plan.repository) {
        forget_set_aside(&memory(), &settings.of_store()?, id, *first, context);
    }
    let points = match plan.points.is_empty() {
        true => Vec::new(),
        false => plan.commit_again(&context.connect()?.repo, context.interrupt.monitor())?,
    };
    let report = OpeningReport::of(hash, plan, done, &points);
    let exit = if report.remaining > 0 { Exit::Damaged } else { Exit::Done };
    let summary = context.summary(exit).report(&report);
    context.out.summary(summary, || {
        let mut lines = Vec::new();
        if let Some(slot) = report.set_aside_by {
            let slots = slots(&plan.set_aside);
            lines.push(format!("set aside by log entry {slot}: {slots}; nothing in there counts any more"));
        }
        lines.extend(report.put_back.iter().map(|object| format!("{object} is put back")));
        lines.extend(report.kept.iter().map(|name| format!("what was damaged is kept as {name}; nobody reads it")));
        let points = &report.points_committed_again;
        lines.extend(points.iter().map(|id| format!("restore point {id} is committed again")));
        lines.push("`cairn check` tells whether anything else is damaged".to_owned());
        lines.join("\n")
    })?;
    Ok(exit)
}

/// The copies of a config that `--from` names: a file, or the config of a place.
///
/// # Errors
/// When it is neither.
fn config_copies(context: &Context, from: &OsStr) -> Result<Vec<Bytes>> {
    let path = Path::new(from);
    if path.is_file() {
        let failed = |e: std::io::Error| Failure::usage(format!("{}: cannot be read: {e}", human::path(path)));
        return Ok(vec![std::fs::read(path).map_err(failed)?.into()]);
    }
    let mut settings = context.settings()?;
    settings.repo = Repo::Given(from.to_owned());
    let place = open_store(&settings)?;
    match place.store.get(&ObjectName::new(names::CONFIG)?) {
        Err(e) if e.kind() == Kind::Absent => Ok(Vec::new()),
        other => Ok(vec![other?]),
    }
}

/// Slots in a row, in words.
fn slots(slots: &[u32]) -> String {
    match slots {
        [] => "nothing".to_owned(),
        [one] => format!("log entry {one}"),
        [first, .., last] => format!("log entries {first} to {last}"),
    }
}
