//! Times that contradict the order of commits.
//!
//! The order of commits is certain, times are what clocks said. Promises: of a job whose times do not rise with its commits,
//! as few points are named as make the rest agree, from one end or the other; a point that is dated in the future is named
//! as such, and does not make others contradict it. Refuses to reorder anything.

use super::job::JobId;
use super::load::Point;
use format_spec::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is wrong with a point's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// It has not come yet.
    Future,
    /// A point of the job that was committed later is dated before it, or one that was committed before is dated after it.
    OutOfOrder,
}

/// What is wrong with the times of points, in their order.
pub fn oddities(points: &[Arc<Point>], job_of: impl Fn(&Point) -> JobId, now: Time) -> Vec<(Arc<Point>, Oddity)> {
    let mut jobs: BTreeMap<JobId, Vec<&Arc<Point>>> = BTreeMap::new();
    let is_future = |point: &Point| point.manifest.started > now;
    for point in points.iter().filter(|point| !is_future(point)) {
        jobs.entry(job_of(point)).or_default().push(point);
    }
    let times = |of: &[&Arc<Point>]| of.iter().map(|p| (p.place(), p.manifest.finished)).collect::<Vec<_>>();
    let wrong: BTreeSet<u32> = jobs.values().flat_map(|of_job| out_of_order(times(of_job))).collect();
    let oddity = |point: &Arc<Point>| match is_future(point) {
        true => Some(Oddity::Future),
        false => wrong.contains(&point.place()).then_some(Oddity::OutOfOrder),
    };
    points.iter().filter_map(|point| Some((Arc::clone(point), oddity(point)?))).collect()
}

/// Whether the second of two times, which was committed after the first, contradicts that.
pub fn contradicts(first: Time, second: Time) -> bool {
    first.seconds.saturating_sub(second.seconds) > APART_SECONDS_MAX
}

/// The places whose times contradict their order: those that are too late for what follows, or those that are too early for what went before,
/// whichever are fewer.
fn out_of_order(mut times: Vec<(u32, Time)>) -> Vec<u32> {
    times.sort_by_key(|(place, _)| *place);
    let (mut early, mut newest) = (Vec::new(), None::<Time>);
    for (place, time) in &times {
        match newest {
            Some(newest) if contradicts(newest, *time) => early.push(*place),
            _ => newest = newest.max(Some(*time)),
        }
    }
    let (mut late, mut oldest) = (Vec::new(), None::<Time>);
    for (place, time) in times.iter().rev() {
        match oldest {
            Some(oldest) if contradicts(*time, oldest) => late.push(*place),
            _ => oldest = Some(oldest.map_or(*time, |oldest| oldest.min(*time))),
        }
    }
    if late.len() < early.len() { late } else { early }
}

/// What may lie between the end of a run and its commit, where two runs of a job overlap.
const APART_SECONDS_MAX: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(seconds: &[i64]) -> Vec<u32> {
        let mut found = out_of_order(seconds.iter().zip(1..).map(|(s, n)| (n, Time::new(*s, 0))).collect());
        found.sort_unstable();
        found
    }

    #[test]
    fn the_fewest_are_named_that_make_the_rest_agree() {
        assert!(wrong(&[0, 1000, 2000, 3000]).is_empty());
        // A clock that was ahead once, and one that was behind once.
        assert_eq!(wrong(&[0, 9_000_000, 2000, 3000]), [2]);
        assert_eq!(wrong(&[1000, 2000, 0, 3000, 4000]), [3]);
        assert_eq!(wrong(&[1000, 2000, 3000, 0]), [4]);
        // Runs that overlap end together and commit in either order.
        assert!(wrong(&[1000, 950]).is_empty());
        assert!(wrong(&[]).is_empty());
    }
}
