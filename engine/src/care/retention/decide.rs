//! The pure half of a plan: facts and rules in, decisions out.
//!
//! Promises: the same facts in any order give the same decisions; a point stays or leaves, never both; what stays shows every rule that
//! keeps it; what a lock holds stays, whatever the rules say. Refuses to look at anything but its arguments.
//!
//! ```text
//!    time ------------------------------------------------------------------------------------------>
//!      old      old      beginning |  within      within      within      within             now
//!                                  |<--------------------- period ------------------------->|
//!    leaves   leaves     stays: a restore to any moment of the period needs it
//! ```
//!
//! Calendar rules are those of restic: newest first, of each day (week, month, year) the newest stays until the rule has found its number;
//! where it has not, the oldest of all stays too, so that the history begins as early as may be. Days are those of UTC.

use super::reason::{Calendar, Reason};
use super::rules::{Facts, Request, Rules, Scope};
use crate::care::calendar;
use crate::error::Result;
use format_spec::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of one point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is known of it.
    pub point: Facts,
    /// Whether it stays.
    pub keep: bool,
    /// Whether it would leave, or lose something, were it not locked.
    pub forbidden: bool,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// Decisions about all points that a request looks at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decisions {
    /// By job, then from the oldest to the newest.
    pub rows: Vec<Decision>,
    /// Jobs that would lose all their points, though nobody said that they may.
    pub emptied: Vec<String>,
}

/// Decides about points as of `now`.
///
/// # Errors
/// `Input` for rules that keep nothing by mistake, unknown jobs and unknown tags; `Absent` for a named point that is not there.
pub fn decide(points: &[Facts], scope: &Scope, now: Time) -> Result<Decisions> {
    scope.check(points)?;
    let mut jobs: BTreeMap<&str, Vec<&Facts>> = BTreeMap::new();
    points.iter().for_each(|p| jobs.entry(&p.job).or_default().push(p));
    let mut decisions = Decisions::default();
    for (job, mut of_job) in jobs {
        // Newest first, as rules count.
        of_job.sort_by_key(|p| std::cmp::Reverse((p.time, p.number)));
        let may_empty = scope.may_empty.contains(job);
        let mut rows: Vec<Decision> = match &scope.request {
            _ if !of_job.first().is_some_and(|p| scope.sees(p)) => Vec::new(),
            Request::Rules { rules, .. } => by_rules(rules, &of_job, now, may_empty),
            Request::Points(ids) => {
                of_job.iter().filter(|p| ids.contains(&p.id)).map(|p| leaves(p, Reason::Named, now)).collect()
            }
            Request::Paths(_) => of_job.iter().map(|p| stays(p, vec![Reason::Untouched])).collect(),
            Request::Tags { points, .. } => {
                of_job.iter().filter(|p| points.contains(&p.id)).map(|p| stays(p, vec![Reason::Named])).collect()
            }
        };
        if rows.iter().filter(|row| !row.keep).count() == of_job.len() && !may_empty {
            decisions.emptied.push(job.to_owned());
        }
        rows.reverse();
        decisions.rows.extend(rows);
    }
    Ok(decisions)
}

/// What rules say about one job's points, newest first.
fn by_rules(rules: &Rules, points: &[&Facts], now: Time, may_empty: bool) -> Vec<Decision> {
    let mut reasons: Vec<Vec<Reason>> = vec![Vec::new(); points.len()];
    by_period(rules, points, now, may_empty, &mut reasons);
    if let Some(of) = rules.last {
        reasons.iter_mut().take(of as usize).for_each(|r| r.push(Reason::Last { of }));
    }
    for (count, calendar) in rules.calendar() {
        by_calendar(count.unwrap_or(0), calendar, points, &mut reasons);
    }
    for (point, reasons) in points.iter().zip(&mut reasons) {
        let held: BTreeSet<&String> = point.tags.iter().filter(|tag| rules.tags.contains(*tag)).collect();
        reasons.extend(held.into_iter().map(|tag| Reason::Tag(tag.clone())));
    }
    let begin = rules.period.and_then(|period| calendar::before(now, period).map(|begin| (period, begin)));
    let outside = |point: &Facts| match begin {
        Some((period, begin)) if point.time < begin => Reason::Outside(period),
        _ => Reason::NoRule,
    };
    let row = |(point, reasons): (&&Facts, Vec<Reason>)| match reasons.is_empty() {
        true => leaves(point, outside(point), now),
        false => stays(point, reasons),
    };
    points.iter().zip(reasons).map(row).collect()
}

fn by_period(rules: &Rules, points: &[&Facts], now: Time, may_empty: bool, reasons: &mut [Vec<Reason>]) {
    let Some(period) = rules.period else { return };
    let begin = calendar::before(now, period);
    let within = |point: &Facts| begin.is_none_or(|begin| point.time >= begin);
    for (point, reasons) in points.iter().zip(&mut *reasons) {
        if within(point) {
            reasons.push(Reason::Within(period));
        }
    }
    // A job that may be emptied and whose points are all outside has ended: nothing is needed of it any more.
    let ended = may_empty && !points.iter().any(|point| within(point));
    let Some(begin) = begin.filter(|_| !ended) else { return };
    let mut add = |at: Option<usize>, reason: Reason| {
        if let Some(reasons) = at.and_then(|at| reasons.get_mut(at)).filter(|reasons| reasons.is_empty()) {
            reasons.push(reason);
        }
    };
    add(points.iter().position(|point| point.time <= begin), Reason::Beginning(period));
    add(points.iter().position(|point| point.complete), Reason::LastComplete);
}

fn by_calendar(count: u32, calendar: Calendar, points: &[&Facts], reasons: &mut [Vec<Reason>]) {
    let (mut left, mut last) = (count, None);
    for (at, (point, reasons)) in points.iter().zip(reasons).enumerate() {
        if left == 0 {
            return;
        }
        let name = calendar.of(calendar::civil(point.time));
        if last.as_ref() != Some(&name) {
            reasons.push(Reason::NewestOf(calendar, name.clone()));
            left -= 1;
        } else if at + 1 == points.len() {
            reasons.push(Reason::Oldest(calendar));
        }
        last = Some(name);
    }
}

fn stays(point: &Facts, reasons: Vec<Reason>) -> Decision {
    Decision { point: point.clone(), keep: true, forbidden: false, reasons }
}

/// A point that is to leave, unless it is locked.
fn leaves(point: &Facts, reason: Reason, now: Time) -> Decision {
    match point.locked_until.filter(|until| *until > now) {
        Some(until) => Decision { forbidden: true, ..stays(point, vec![Reason::Locked(until)]) },
        None => Decision { point: point.clone(), keep: false, forbidden: false, reasons: vec![reason] },
    }
}
