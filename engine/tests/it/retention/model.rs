//! Keep rules against a model that is as plain as they are told: slots, and who takes them.

use super::*;
use engine::maintenance::retention::decide;
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

/// Days of one job's points, oldest commit first, and whether each is complete. Some are dated in the future, some out of order.
fn job() -> impl Strategy<Value = Vec<(i64, bool)>> {
    prop::collection::vec((-3i64..12, any::<bool>()), 1..14).prop_map(|mut rows| {
        let swapped = rows.len() / 2;
        rows.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
        // One clock in the middle was wrong.
        if let Some(row) = rows.get_mut(swapped) {
            row.0 = (row.0 * 7) % 12;
        }
        rows
    })
}

fn points(rows: &[(i64, bool)]) -> Vec<Facts> {
    let one = |((age, complete), n): (&(i64, bool), u32)| Facts {
        complete: *complete,
        // Half a day apart from now, so that no point lies on a border.
        ..point(n, "j", Time::new(NOW - age * DAY - DAY / 2, 0))
    };
    rows.iter().zip(1..).map(one).collect()
}

fn day(point: &Facts) -> i64 {
    point.time.seconds.div_euclid(DAY)
}

/// The newest of each of the first `n` days, newest commit first.
fn slots<'p>(n: usize, points: impl Iterator<Item = &'p Facts>) -> Vec<&'p Facts> {
    let mut taken: Vec<&Facts> = Vec::new();
    for point in points {
        if taken.len() < n && taken.iter().all(|other| day(other) != day(point)) {
            taken.push(point);
        }
    }
    taken
}

/// What stays by `--keep-last` and `--keep-daily`, told as plainly as may be.
fn model(points: &[Facts], last: Option<u32>, daily: Option<u32>) -> BTreeSet<u32> {
    let past = || points.iter().rev().filter(|p| p.time.seconds <= NOW);
    let mut kept: BTreeSet<u32> = points.iter().filter(|p| p.time.seconds > NOW).map(|p| p.place).collect();
    if let Some(n) = last {
        kept.extend(past().filter(|p| p.complete).take(n as usize).map(|p| p.place));
        kept.extend(past().take(n as usize).filter(|p| !p.complete).map(|p| p.place));
    }
    if let Some(n) = daily {
        let complete = slots(n as usize, past().filter(|p| p.complete));
        let all = slots(n as usize, past());
        let is_free = |p: &&&Facts| !p.complete && complete.iter().all(|other| day(other) != day(p));
        kept.extend(all.iter().filter(is_free).map(|p| p.place));
        kept.extend(complete.iter().map(|p| p.place));
    }
    // The newest complete one, or the newest where none is.
    kept.extend(past().find(|p| p.complete).or_else(|| past().next()).map(|p| p.place));
    kept
}

/// What stays, without those that stay only as the oldest.
fn kept(points: &[Facts], last: Option<u32>, daily: Option<u32>) -> BTreeSet<u32> {
    use engine::maintenance::retention::Reason;
    let decisions = decide(points, &by(Rules { last, daily, ..Rules::default() }), Time::new(NOW, 0)).unwrap();
    let rows = decisions.rows.iter().filter(|row| row.keep);
    let counted = rows.filter(|row| !row.reasons.iter().all(|reason| matches!(reason, Reason::Oldest(_))));
    counted.map(|row| row.point.place).collect()
}

fn rules() -> impl Strategy<Value = (Option<u32>, Option<u32>)> {
    let count = || prop::option::of(1u32..6);
    (count(), count()).prop_filter("a rule", |(last, daily)| last.is_some() || daily.is_some())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_keep_what_the_model_keeps(rows in job(), (last, daily) in rules()) {
        let points = points(&rows);
        prop_assert_eq!(kept(&points, last, daily), model(&points, last, daily), "{:?}", rows);
    }

    /// A job whose points are all incomplete is kept as if they were complete.
    #[test]
    fn incomplete_points_alone_are_kept_like_complete_ones(rows in job(), (last, daily) in rules()) {
        let with = |complete: bool| points(&rows.iter().map(|(age, _)| (*age, complete)).collect::<Vec<_>>());
        let rules = Rules { last, daily, weekly: daily, monthly: last, ..Rules::default() };
        let stays = |points: &[Facts]| {
            let decisions = decide(points, &by(rules.clone()), Time::new(NOW, 0)).unwrap();
            decisions.rows.into_iter().filter(|row| row.keep).map(|row| row.point.place).collect::<Vec<_>>()
        };
        prop_assert_eq!(stays(&with(false)), stays(&with(true)));
    }

    /// Incomplete points never push a complete one out.
    #[test]
    fn incomplete_points_take_no_slot(rows in job(), (last, daily) in rules()) {
        let all = points(&rows);
        let complete: Vec<Facts> = all.iter().filter(|p| p.complete).cloned().collect();
        let stays = kept(&all, last, daily);
        let alone = if complete.is_empty() { BTreeSet::new() } else { kept(&complete, last, daily) };
        prop_assert!(alone.is_subset(&stays), "{:?} {:?}", alone, stays);
    }
}

#[test]
fn an_incomplete_point_stays_until_a_complete_one_of_its_day_takes_its_slot() {
    let daily = |rows: &[(i64, bool)], n| kept(&points(rows), None, Some(n)).into_iter().collect::<Vec<_>>();
    // The third day has an incomplete point alone; then a complete one comes.
    assert_eq!(daily(&[(3, true), (2, true), (1, false)], 2), [1, 2, 3]);
    assert_eq!(daily(&[(3, true), (2, true), (1, false), (1, true)], 2), [2, 4]);
    // Of one day, the newest incomplete one.
    assert_eq!(daily(&[(3, true), (2, true), (1, false), (1, false)], 2), [1, 2, 4]);
}

#[test]
fn the_newest_complete_point_stays_whatever_the_rules_say() {
    let tagged = |rows: &[(i64, bool)]| {
        let mut points = points(rows);
        points[0].tags.push("keep".to_owned());
        let rules = Rules { tags: ["keep".to_owned()].into(), ..Rules::default() };
        let decisions = decide(&points, &by(rules), Time::new(NOW, 0)).unwrap();
        decisions.rows.iter().filter(|row| row.keep).map(|row| row.point.place).collect::<Vec<_>>()
    };
    assert_eq!(tagged(&[(9, true), (8, true), (7, true), (6, false)]), [1, 3]);
    assert_eq!(tagged(&[(9, false), (8, false), (7, false)]), [1, 3]);
}
