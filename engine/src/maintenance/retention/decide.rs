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
//! Points are counted in the order of their commits, the newest first: a clock that was wrong once moves none of them. Calendar rules are those of
//! restic: of each day (week, month, year) the newest stays until the rule has found its number; where it has not, the oldest of all stays too, so
//! that the history begins as early as may be. Days are those of UTC.
//!
//! Only complete points fill the slots of a rule. An incomplete point stays where it would have taken a slot, had it been complete, and no complete
//! point of the same day (week, month, year) has taken it: so a job whose points are all incomplete is kept as if they were complete. A point
//! that is dated in the future takes no slot, and stays until its date has passed. The newest complete point of a job stays, whatever the rules say. Interim
//! points take no slot of a rule: the newest of a job stays for thirty days, unless a later point has taken its place.

use super::reason::{Calendar, Reason};
use super::rules::{Facts, Request, Rules, Scope};
use crate::error::Result;
use crate::limits::DAY_SECONDS;
use crate::maintenance::calendar;
use crate::restore_point::JobId;
use format_spec::Time;
use format_spec::period::Period;
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
    /// By job, then in the order of commits.
    pub rows: Vec<Decision>,
    /// Jobs that would lose all their points, though nobody said that they may.
    pub emptied: Vec<JobId>,
}

/// Decides about points as of `now`.
///
/// # Errors
/// `Input` for rules that keep nothing by mistake, unknown jobs and unknown tags; `Absent` for a named point that is not there.
pub fn decide(points: &[Facts], scope: &Scope, now: Time) -> Result<Decisions> {
    scope.check(points)?;
    let mut jobs: BTreeMap<&JobId, Vec<&Facts>> = BTreeMap::new();
    points.iter().for_each(|p| jobs.entry(&p.job).or_default().push(p));
    let mut decisions = Decisions::default();
    for (job, mut of_job) in jobs {
        // Newest first, as rules count.
        of_job.sort_by_key(|p| std::cmp::Reverse(p.place));
        let may_empty = scope.may_empty.contains(job);
        let mut rows: Vec<Decision> = match &scope.request {
            _ if !of_job.first().is_some_and(|p| scope.sees(p)) => Vec::new(),
            Request::Rules { rules, .. } => {
                let (interim, whole): (Vec<&Facts>, Vec<&Facts>) = of_job.iter().partition(|point| point.interim);
                let mut rows = by_rules(rules, &whole, now, may_empty);
                rows.extend(interim_points(&interim, &of_job, now));
                rows.sort_by_key(|row| std::cmp::Reverse(row.point.place));
                rows
            }
            Request::Points(ids) => {
                of_job.iter().filter(|p| ids.contains(&p.id)).map(|p| leaves(p, Reason::Named, now)).collect()
            }
            Request::Paths(_) => of_job.iter().map(|p| stays(p, vec![Reason::Untouched])).collect(),
            Request::Tags { points, .. } => {
                of_job.iter().filter(|p| points.contains(&p.id)).map(|p| stays(p, vec![Reason::Named])).collect()
            }
        };
        // A job of interim points alone has nothing that anybody was promised.
        let all_leave = rows.iter().filter(|row| !row.keep).count() == of_job.len();
        if all_leave && !may_empty && of_job.iter().any(|point| !point.interim) {
            decisions.emptied.push(job.clone());
        }
        rows.reverse();
        decisions.rows.extend(rows);
    }
    Ok(decisions)
}

/// What rules say about one job's points, newest first.
fn by_rules(rules: &Rules, points: &[&Facts], now: Time, may_empty: bool) -> Vec<Decision> {
    let mut reasons: Vec<Vec<Reason>> = vec![Vec::new(); points.len()];
    let counted: Vec<&Facts> = points.iter().copied().filter(|point| point.time <= now).collect();
    let mut grants = within(rules, &counted, now);
    if let Some(of) = rules.last {
        grants.extend(counted_by(&counted, |points| last(of, points)));
    }
    for (count, calendar) in rules.calendar() {
        grants.extend(counted_by(&counted, |points| newest_of_each(count.unwrap_or(0), calendar, points)));
    }
    let at = |place: u32| points.iter().position(|point| point.place == place);
    for (place, reason) in grants {
        at(place).and_then(|at| reasons.get_mut(at)).into_iter().for_each(|of| of.push(reason.clone()));
    }
    for (point, reasons) in points.iter().zip(&mut reasons) {
        let held: BTreeSet<&String> = point.tags.iter().filter(|tag| rules.tags.contains(*tag)).collect();
        reasons.extend(held.into_iter().map(|tag| Reason::Tag(tag.clone())));
        if point.time > now {
            reasons.push(Reason::Future);
        }
    }
    // A job that may be emptied and that no rule keeps has ended: nothing is needed of it any more.
    let has_ended = may_empty && reasons.iter().all(Vec::is_empty);
    for (place, reason) in if has_ended { Vec::new() } else { always(rules, &counted, now, may_empty) } {
        let unkept = at(place).and_then(|at| reasons.get_mut(at)).filter(|reasons| reasons.is_empty());
        unkept.into_iter().for_each(|reasons| reasons.push(reason.clone()));
    }
    let begin = beginning(rules, now);
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

/// Interim points serve the session that goes on: one stays while no later point of its job is there, and not for ever.
fn interim_points(interim: &[&Facts], of_job: &[&Facts], now: Time) -> Vec<Decision> {
    let newest = of_job.first().map(|point| point.place);
    let decide = |point: &&Facts| {
        let age = now.seconds.saturating_sub(point.time.seconds);
        match Some(point.place) == newest {
            true if age <= INTERIM_SECONDS_MAX => stays(point, vec![Reason::Interim]),
            true => leaves(point, Reason::Abandoned, now),
            false => leaves(point, Reason::Superseded, now),
        }
    };
    interim.iter().map(decide).collect()
}

/// How long the newest interim point waits for its session to go on.
const INTERIM_SECONDS_MAX: i64 = 30 * DAY_SECONDS;

/// That the point of this place stays, and why.
type Grant = (u32, Reason);

/// A slot of a rule, and the point that takes it.
struct Slot {
    grant: Grant,
    /// The day, week, month or year; nothing where each point has a slot of its own.
    unit: Option<String>,
}

/// The grants of a rule that counts complete points, and of the slots that incomplete ones would have taken and none of those has.
fn counted_by(points: &[&Facts], rule: impl Fn(&[&Facts]) -> Vec<Slot>) -> Vec<Grant> {
    let complete: Vec<&Facts> = points.iter().copied().filter(|point| point.complete).collect();
    let taken = rule(&complete);
    let filled: BTreeSet<String> = taken.iter().filter_map(|slot| slot.unit.clone()).collect();
    let is_complete = |place: u32| complete.iter().any(|point| point.place == place);
    let is_free = |unit: &Option<String>| unit.as_ref().is_none_or(|unit| !filled.contains(unit));
    let mut would_take = rule(points);
    would_take.retain(|slot| !is_complete(slot.grant.0) && is_free(&slot.unit));
    taken.into_iter().chain(would_take).map(|slot| slot.grant).collect()
}

fn last(of: u32, points: &[&Facts]) -> Vec<Slot> {
    points
        .iter()
        .take(of as usize)
        .map(|point| Slot { grant: (point.place, Reason::Last { of }), unit: None })
        .collect()
}

fn newest_of_each(count: u32, calendar: Calendar, points: &[&Facts]) -> Vec<Slot> {
    let (mut slots, mut units) = (Vec::new(), BTreeSet::new());
    for (at, point) in points.iter().enumerate() {
        if units.len() == count as usize {
            break;
        }
        let unit = calendar.of(calendar::civil(point.time));
        let reason = match units.insert(unit.clone()) {
            true => Reason::NewestOf(calendar, unit.clone()),
            false if at + 1 == points.len() => Reason::Oldest(calendar),
            false => continue,
        };
        slots.push(Slot { grant: (point.place, reason), unit: Some(unit) });
    }
    slots
}

/// The period of the rules, and its first moment; `None` where it has none.
fn beginning(rules: &Rules, now: Time) -> Option<(Period, Time)> {
    rules.period.and_then(|period| calendar::before(now, period).map(|begin| (period, begin)))
}

fn within(rules: &Rules, points: &[&Facts], now: Time) -> Vec<Grant> {
    let Some(period) = rules.period else { return Vec::new() };
    let begin = beginning(rules, now).map(|(_, begin)| begin);
    let within = points.iter().filter(|point| begin.is_none_or(|begin| point.time >= begin));
    within.map(|point| (point.place, Reason::Within(period))).collect()
}

/// What stays of a job that goes on, whether or not a rule counts it: what shows the beginning of the period, and the newest that is complete.
fn always(rules: &Rules, points: &[&Facts], now: Time, may_empty: bool) -> Vec<Grant> {
    let complete = || points.iter().filter(|point| point.complete);
    let newest = match complete().next() {
        Some(point) => Some((point.place, Reason::LastComplete)),
        None => points.first().map(|point| (point.place, Reason::Newest)),
    };
    let has_ended = |begin: Time| may_empty && !points.iter().any(|point| point.time >= begin);
    let Some((period, begin)) = beginning(rules, now).filter(|(_, begin)| !has_ended(*begin)) else {
        return newest.into_iter().collect();
    };
    // By its time, as a person names a moment: the newest of that moment or before, and the newest complete one.
    let shows = |points: &mut dyn Iterator<Item = &&Facts>| {
        let shown = points.filter(|point| point.time <= begin).max_by_key(|point| (point.time, point.place));
        shown.map(|point| (point.place, Reason::Beginning(period)))
    };
    [shows(&mut points.iter()), newest, shows(&mut complete())].into_iter().flatten().collect()
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
