//! What `expire` and `tag` have in common: plan, show, apply.

use super::look;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::say::table::{Side, Table};
use crate::say::{Row, human};
use engine::care::retention::{self, Applied, ApplyOptions, Plan, Request, Scope, apply};
use engine::care::{ClockVerdict, PlanHash};
use engine::log::CommitRef;
use engine::repository::Why;
use serde_json::Value;

/// What to do with a plan.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Show it.
    Plan,
    /// Carry the plan out whose hash begins so.
    Apply(PlanHash),
}

impl Step {
    /// Whether the last words ask for more than a look.
    pub(super) fn applies(words: &[String]) -> bool {
        words.last().is_some_and(|last| last != "plan")
    }

    /// Parts the last words, `plan` or `apply HASH`, from those before.
    ///
    /// # Errors
    /// Wrong usage, when they say neither.
    pub(super) fn split<'w>(words: &'w [String], verb: &str) -> Result<(&'w [String], Step)> {
        match words {
            [before @ .., last] if last == "plan" => Ok((before, Step::Plan)),
            [before @ .., word, hash] if word == "apply" => Ok((before, Step::Apply(parse_hash(hash)?))),
            [.., last] if last == "apply" => Err(Failure::usage("`apply` needs the hash of the plan")
                .advise(format!("`cairn {verb} ... plan` shows the plan, and its hash in the last line"))),
            _ => Err(Failure::usage("the last word is `plan`, or the last two are `apply HASH`")
                .advise(format!("write for example: cairn {verb} ... plan"))),
        }
    }
}

fn parse_hash(text: &str) -> Result<PlanHash> {
    text.parse().map_err(|what: String| Failure::usage(what).advise("copy it from the last line of the plan"))
}

/// Plans, and carries the plan out if that is asked for.
///
/// # Errors
/// As the engine says: `conflict` for an outdated hash.
pub(super) fn run(context: &Context, connection: &Connection, scope: &Scope, step: &Step) -> Result<Exit> {
    let (repo, monitor) = (&connection.repo, context.interrupt.shared());
    // Tags take nothing away, whatever the time is.
    let clock = match scope.request {
        Request::Tags { .. } => ClockVerdict::trusted(),
        _ => context.judge_clock(repo, &connection.known)?,
    };
    let applied = match step {
        Step::Plan => Applied { plan: Some(Plan::make(repo, scope, &monitor)?), ..Applied::default() },
        Step::Apply(hash) => {
            let options = ApplyOptions { hash: *hash, threads: connection.settings.threads };
            apply(repo, scope, &options, &clock, &monitor).map_err(|e| context.refused_by_clock(&clock, e))?
        }
    };
    let Some(plan) = &applied.plan else { return Ok(Exit::Done) };
    show(context, scope, plan, *step == Step::Plan)?;
    let emptied: Vec<String> = plan.emptied.iter().map(|job| job.told(&plan.jobs)).collect();
    for job in &emptied {
        let why = format!(
            "the plan would let its last restore point go; `apply` refuses, unless you plan with --empty-job {job}"
        );
        context.out.warning(job.as_bytes(), &why);
    }
    if *step == Step::Plan && !plan.is_empty() {
        context.tell_clock(&clock);
    }
    for path in &plan.unmatched {
        let path = [b"/", &path[..]].concat();
        let why = "no restore point has this path; it is taken as it is written, and `*` and `?` stand for themselves";
        context.out.warning(&path, why);
    }
    let exit = exit(plan, &applied, step);
    let leaving = || plan.rows.iter().filter_map(|row| row.change.as_ref()).map(|change| &change.left);
    let forbidden = plan.rows.iter().filter(|row| row.decision.forbidden).count();
    let count = |keep: bool| plan.rows.iter().filter(|row| row.decision.keep == keep).count();
    let unread = |why| plan.unread.iter().filter(|point| point.why() == why).count();
    let row = context
        .summary(exit)
        .set("plan", plan.hash.to_string())
        .set("applied", *step != Step::Plan)
        .set("points_kept", count(true))
        .set("points_expired", count(false) + plan.given_up.len())
        .set("points_rewritten", plan.rows.iter().filter(|row| row.change.is_some()).count() - applied.left_out.len())
        .set("points_locked", forbidden)
        .set("points_left_out", applied.left_out.len())
        .set("points_damaged", unread(Why::Damaged))
        .set("points_unsupported", unread(Why::Unsupported))
        .set("jobs_emptied", emptied)
        .set("paths_unmatched", plan.unmatched.iter().map(|path| human::name(path)).collect::<Vec<_>>())
        .set("items_leaving", leaving().map(|left| left.items).sum::<u64>())
        .set("bytes_leaving", leaving().map(|left| left.bytes).sum::<u64>())
        .set("bytes_stored", applied.bytes_stored)
        .set("packs_written", applied.packs_written)
        .requests(&connection.counts);
    context.out.summary(row, || text(plan, &applied, step))?;
    Ok(exit)
}

fn show(context: &Context, scope: &Scope, plan: &Plan, with_table: bool) -> Result<()> {
    for point in &plan.unread {
        let id = point.commit.id.to_string();
        context.out.warning(id.as_bytes(), &format!("cannot be judged, and stays: {}", point.what()));
        context.out.note(point.advice());
    }
    if context.out.json {
        plan.given_up.iter().try_for_each(|commit| context.out.row(|| line_of_lost(commit)))?;
        return plan.rows.iter().try_for_each(|row| context.out.row(|| line(row)));
    }
    if !with_table || (plan.rows.is_empty() && plan.given_up.is_empty()) {
        return Ok(());
    }
    let left = |heading| (heading, Side::Left);
    let word = if matches!(scope.request, Request::Tags { .. }) { "TAGS" } else { "WHY" };
    let mut table = Table::new(&[left("POINT"), left("TIME (UTC)"), left("JOB"), left("PLAN"), left(word)]);
    for row in &plan.rows {
        let point = &row.decision.point;
        let why = match (&scope.request, &row.change) {
            (Request::Tags { .. }, change) => change.as_ref().map_or(&point.tags, |c| &c.tags).join(","),
            _ => reasons(row).join("; "),
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

/// Why a point leaves of which nothing else can be said.
const LOST: &str = "named; its manifest is damaged";

fn line_of_lost(commit: &CommitRef) -> Row {
    Row::new("point")
        .set("id", commit.id.to_string())
        .set("job", Value::Null)
        .set("host", Value::Null)
        .set("time", Value::Null)
        .set("keep", false)
        .set("rewrite", false)
        .set("reasons", vec![LOST])
        .set("locked_until", Value::Null)
        .set("items_leaving", 0)
        .set("bytes_leaving", 0)
        .set("tags", Vec::<String>::new())
}

fn fate(row: &retention::Row) -> &'static str {
    match (row.decision.keep, &row.change) {
        (false, _) => "expire",
        (true, Some(_)) => "rewrite",
        (true, None) => "keep",
    }
}

fn reasons(row: &retention::Row) -> Vec<String> {
    row.decision.reasons.iter().map(ToString::to_string).collect()
}

fn line(row: &retention::Row) -> Row {
    let point = &row.decision.point;
    let left = row.change.as_ref().map(|change| &change.left);
    Row::new("point")
        .set("id", point.id.to_string())
        .set("job", point.job.job.as_str())
        .set("host", point.job.owner.name())
        .set("time", human::time_exact(point.time))
        .set("keep", row.decision.keep)
        .set("rewrite", row.change.is_some())
        .set("reasons", reasons(row))
        .set("locked_until", point.locked_until.map_or(Value::Null, |until| human::time_exact(until).into()))
        .set("items_leaving", left.map_or(0, |left| left.items))
        .set("other_names", row.change.as_ref().map_or(0, |change| change.others.names))
        .set("bytes_leaving", left.map_or(0, |left| left.bytes))
        .set("tags", row.change.as_ref().map_or(&point.tags, |change| &change.tags).clone())
}

/// A plan tells, and is no failure. Of what was applied: locks that forbade all of it, or something that was left out.
fn exit(plan: &Plan, applied: &Applied, step: &Step) -> Exit {
    let forbidden = plan.rows.iter().any(|row| row.decision.forbidden);
    match step {
        Step::Plan if !plan.unread.is_empty() => look::exit_without(&plan.unread),
        Step::Plan if !plan.unmatched.is_empty() => Exit::Warnings,
        Step::Plan => Exit::Done,
        Step::Apply(_) if forbidden && plan.is_empty() => Exit::Immutable,
        Step::Apply(_) if !plan.unread.is_empty() => look::exit_without(&plan.unread),
        Step::Apply(_) if forbidden || !applied.left_out.is_empty() || !plan.unmatched.is_empty() => Exit::Warnings,
        Step::Apply(_) => Exit::Done,
    }
}

fn text(plan: &Plan, applied: &Applied, step: &Step) -> String {
    let rewrites = plan.rows.iter().filter(|row| row.change.is_some()).count();
    let expires = plan.rows.iter().filter(|row| !row.decision.keep).count();
    let locked = plan.rows.iter().filter(|row| row.decision.forbidden).count();
    let locked = if locked > 0 { format!(", {locked} held by locks") } else { String::new() };
    let lost = human::counted(plan.given_up.len() as u64, "restore point", "restore points");
    let lost = format!(
        "{lost} whose manifest is damaged would go: nothing else is known of it, and only a copy has what it held"
    );
    match step {
        Step::Plan if plan.rows.is_empty() && !plan.given_up.is_empty() => {
            format!("{lost}; plan {}", plan.hash.to_string())
        }
        Step::Plan => format!(
            "{expires} of {} would go, {rewrites} be rewritten{locked}; {}plan {}",
            human::counted(plan.rows.len() as u64, "restore point", "restore points"),
            if plan.given_up.is_empty() { String::new() } else { format!("{lost}; ") },
            plan.hash.to_string()
        ),
        Step::Apply(_) => format!(
            "{} gone, {} rewritten{locked}; `cairn gc` gives their space back",
            human::counted(applied.expired.len() as u64, "restore point is", "restore points are"),
            applied.rewritten.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(words: &[&str]) -> Result<(usize, Step), u8> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        Step::split(&words, "expire").map(|(before, step)| (before.len(), step)).map_err(|f| f.exit as u8)
    }

    #[test]
    fn the_last_words_say_what_to_do() {
        let hash = "0a".repeat(32);
        let parsed = || hash.parse::<PlanHash>().unwrap();
        assert_eq!(split(&["plan"]), Ok((0, Step::Plan)));
        assert_eq!(split(&["latest", "3f", "plan"]), Ok((2, Step::Plan)));
        assert_eq!(split(&["latest", "apply", &hash]), Ok((1, Step::Apply(parsed()))));
        assert_eq!(split(&["apply", &hash.to_uppercase()]), Ok((0, Step::Apply(parsed()))));
        for words in [&["latest"][..], &["apply"], &["plan", "latest"], &["apply", "0a0a"], &[]] {
            assert_eq!(split(words), Err(2), "{words:?}");
        }
    }
}
