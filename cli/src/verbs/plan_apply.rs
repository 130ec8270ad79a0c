//! What `expire` and `tag` show: the plan, and what came of it.

use super::browse;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::table::{Side, Table};
use crate::output::{Row, human};
use engine::limits::EXPIRE_SHARE;
use engine::maintenance::retention::{self, Applied, Bound, Loss, Request, RetentionPlan, Scope};
use engine::maintenance::{ClockVerdict, PlanHash};
use ops::plans::expire::{Expire, ExpireReport, HeldRow, LOST, Outcome, PointRow};
use ops::plans::{self, Planned, Ran};
use std::borrow::Cow;

/// What to do with a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// Show it.
    Plan,
    /// Carry the plan out whose hash begins so.
    Apply(PlanHash),
    /// Carry it out as far as a bound goes, and show what was done.
    Run(Bound),
    /// Carry it out, as it takes nothing away, and show what was done.
    AtOnce,
}

/// Plans, and carries the plan out if that is asked for. `held` writes the command that plans for
/// one job.
///
/// # Errors
/// As the engine says: `conflict` for an outdated hash.
pub(super) fn run(
    context: &Context,
    connection: &Connection,
    scope: Scope,
    step: Step,
    held: impl Fn(&str) -> String,
) -> Result<Exit> {
    let (repo, monitor) = (&connection.repo, context.interrupt.shared());
    // Tags take nothing away, whatever the time is.
    let clock = match scope.request {
        Request::Tags { .. } => ClockVerdict::trusted(),
        _ => context.judge_clock(repo, &connection.known)?,
    };
    let bound = if let Step::Run(bound) = step { bound } else { Bound { share: EXPIRE_SHARE } };
    let work = Expire { scope, clock, threads: connection.settings.threads, bound };
    let refused = |e| context.refused_by_clock(&clock, e);
    let (plan, applied, losses) = match step {
        Step::Plan => (Some(work.plan(repo, &monitor)?), Applied::default(), Vec::new()),
        Step::Apply(hash) => {
            let mut applied = work.apply(repo, &hash, &monitor).map_err(refused)?;
            (applied.plan.take(), applied, Vec::new())
        }
        Step::Run(_) | Step::AtOnce => {
            let Ran { plan, done: mut applied, held } = plans::run(&work, repo, &monitor).map_err(refused)?;
            // As it was made again when it was carried out.
            (Some(applied.plan.take().unwrap_or(plan)), applied, held)
        }
    };
    let Some(plan) = &plan else { return Ok(Exit::Done) };
    let outcome = Outcome { plan, applied: &applied, is_applied: step != Step::Plan, held: &losses };
    show(context, &work.scope, plan, step)?;
    tell_emptied(context, plan);
    tell_held(context, outcome, held)?;
    if (step == Step::Plan && !plan.is_empty()) || !losses.is_empty() {
        context.tell_clock(&clock);
    }
    tell_unmatched(context, plan);
    let exit = exit(outcome, step);
    let path = |path: &[u8]| human::name(path).to_string();
    let report = ExpireReport::of(outcome, path, &connection.counts);
    context.out.summary(context.summary(exit).report(&report), || text(outcome, step))?;
    Ok(exit)
}

fn tell_emptied(context: &Context, plan: &RetentionPlan) {
    for job in plan.emptied.iter().map(|job| job.told(&plan.jobs)) {
        let why = format!(
            "the plan would let its last restore point go; `apply` refuses, unless you plan with --empty-job {job}"
        );
        context.out.warning(job.as_bytes(), &why);
    }
}

/// Jobs that a run leaves as they are: how much is too much, and the command that shows it.
fn tell_held(context: &Context, outcome: Outcome<'_>, command: impl Fn(&str) -> String) -> Result<()> {
    for loss in outcome.held {
        let job = loss.job.told(&outcome.plan.jobs);
        let command = command(&job);
        context.out.row(|| Row::new("held").report(&HeldRow::of(loss, &command)))?;
        context.out.warning(job.as_bytes(), &format!("{}; look at the plan, and apply it: {command}", too_much(loss)));
    }
    Ok(())
}

fn too_much(loss: &Loss) -> String {
    let of = human::counted(loss.points as u64, "restore point", "restore points");
    format!(
        "nothing of this job has gone: {} of {of} would leave or lose much of what they hold, and a run may take {}, \
         as {} {} added since the last plan",
        loss.leaving,
        loss.allowed,
        loss.added,
        human::agree(loss.added as u64, "was", "were"),
    )
}

fn tell_unmatched(context: &Context, plan: &RetentionPlan) {
    for path in &plan.unmatched {
        let path = [b"/", &path[..]].concat();
        let why = "no restore point has this path; it is taken as it is written, and `*` and `?` stand for themselves";
        context.out.warning(&path, why);
    }
}

fn show(context: &Context, scope: &Scope, plan: &RetentionPlan, step: Step) -> Result<()> {
    for point in &plan.unread {
        let id = point.commit.id.to_string();
        context.out.warning(id.as_bytes(), &format!("cannot be judged, and stays: {}", point.what()));
        context.out.note(point.advice());
    }
    if context.out.json {
        let lost = plan.given_up.iter().map(PointRow::of_lost);
        let mut rows = lost.chain(plan.rows.iter().map(PointRow::of));
        return rows.try_for_each(|row| context.out.row(|| Row::new("point").report(&row)));
    }
    // Who applies has seen it. A run shows what it has done, and not all that stays.
    let is_shown = |row: &&retention::Row| match step {
        Step::Plan => true,
        Step::Apply(_) => false,
        Step::Run(_) | Step::AtOnce => !row.decision.keep || row.change.is_some(),
    };
    let rows: Vec<&retention::Row> = plan.rows.iter().filter(is_shown).collect();
    if matches!(step, Step::Apply(_)) || (rows.is_empty() && plan.given_up.is_empty()) {
        return Ok(());
    }
    let left = |heading| (heading, Side::Left);
    let is_of_tags = matches!(scope.request, Request::Tags { .. });
    let word = if is_of_tags { "TAGS" } else { "WHY" };
    let mut table = Table::new(&[left("POINT"), left("TIME (UTC)"), left("JOB"), left("PLAN"), left(word)]);
    for row in rows {
        let point = &row.decision.point;
        let why = match is_of_tags {
            true => row.change.as_ref().map_or(&point.tags, |change| &change.tags).join(","),
            false => PointRow::of(row).reasons.join("; "),
        };
        let id = point.id.to_string().chars().take(8).collect();
        let (job, why) = (human::name(point.job.told(&plan.jobs).as_bytes()), human::name(why.as_bytes()));
        table.push(vec![id, human::time(point.time), job, fate(row).to_owned(), why]);
    }
    for commit in &plan.given_up {
        let id = commit.id.to_string().chars().take(8).collect();
        table.push(vec![id, String::new(), String::new(), "expire".to_owned(), LOST.to_owned()]);
    }
    table.lines().iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line.clone()))
}

fn fate(row: &retention::Row) -> &'static str {
    match (row.decision.keep, &row.change) {
        (false, _) => "expire",
        (true, Some(_)) => "rewrite",
        (true, None) => "keep",
    }
}

/// A plan tells, and is no failure. Of what was applied: locks that forbade all of it, or something
/// that was left out.
fn exit(outcome: Outcome<'_>, step: Step) -> Exit {
    let Outcome { plan, applied, held, .. } = outcome;
    let forbidden = plan.rows.iter().any(|row| row.decision.forbidden);
    let is_left_out = !applied.left_out.is_empty() || !plan.unmatched.is_empty() || !held.is_empty();
    match step {
        Step::Plan if !plan.unread.is_empty() => browse::exit_without(&plan.unread),
        Step::Plan if !plan.unmatched.is_empty() => Exit::Warnings,
        Step::Plan => Exit::Done,
        Step::Apply(_) | Step::AtOnce if forbidden && plan.is_empty() => Exit::Immutable,
        _ if !plan.unread.is_empty() => browse::exit_without(&plan.unread),
        Step::Apply(_) | Step::AtOnce if forbidden => Exit::Warnings,
        _ if is_left_out => Exit::Warnings,
        // What locks hold at night goes when they have ended.
        _ => Exit::Done,
    }
}

fn text(outcome: Outcome<'_>, step: Step) -> String {
    let Outcome { plan, applied, .. } = outcome;
    let count = |is: &dyn Fn(&retention::Row) -> bool| plan.rows.iter().filter(|row| is(row)).count();
    let locked = match count(&|row| row.decision.forbidden) {
        0 => String::new(),
        locked => format!(", {locked} held by locks"),
    };
    let lost = human::counted(plan.given_up.len() as u64, "restore point", "restore points");
    let lost = format!(
        "{lost} whose manifest is damaged would go: nothing else is known of it, and only a copy has what it held"
    );
    match step {
        Step::Plan if plan.rows.is_empty() && !plan.given_up.is_empty() => format!("{lost}; plan {}", plan.hash),
        Step::Plan => format!(
            "{} of {} would go, {} be rewritten{locked}; {}plan {}",
            count(&|row| !row.decision.keep),
            human::counted(plan.rows.len() as u64, "restore point", "restore points"),
            count(&|row| row.change.is_some()),
            if plan.given_up.is_empty() { Cow::Borrowed("") } else { Cow::Owned(format!("{lost}; ")) },
            plan.hash
        ),
        Step::AtOnce => {
            let changed = human::counted(applied.rewritten.len() as u64, "restore point has", "restore points have");
            format!("{changed} other tags{locked}; plan {}", plan.hash)
        }
        Step::Apply(_) | Step::Run(_) => format!(
            "{} gone, {} rewritten{locked}; `cairn gc` gives their space back; plan {}",
            human::counted(applied.expired.len() as u64, "restore point is", "restore points are"),
            applied.rewritten.len(),
            plan.hash
        ),
    }
}
