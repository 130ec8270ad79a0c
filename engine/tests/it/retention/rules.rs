//! What holds for all rules and all points.

use super::*;
use engine::Kind;
use engine::maintenance::retention::{Decisions, Reason, UNLIMITED, decide};
use format_spec::period::{Period, Unit};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

/// Points of three jobs within three years, some of one time, some incomplete, some tagged, some locked.
fn points() -> impl Strategy<Value = Vec<Facts>> {
    let one = (0u8..3, 0i64..1100 * 8, prop::bool::weighted(0.8), 0u8..6, prop::option::weighted(0.2, -30i64..60));
    prop::collection::vec(one, 1..40).prop_map(|rows| {
        let number = |n: usize| u32::try_from(n).unwrap() + 1;
        let facts = |(n, (job, age, complete, tag, lock)): (usize, (u8, i64, bool, u8, Option<i64>))| Facts {
            complete,
            tags: (tag == 0).then(|| "monthly".to_owned()).into_iter().collect(),
            locked_until: lock.map(|days| Time::new(NOW + days * DAY, 0)),
            ..point(number(n), &format!("job{job}"), Time::new(NOW - age * DAY / 8, 0))
        };
        rows.into_iter().enumerate().map(facts).collect()
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let count = || prop::option::weighted(0.4, 1u32..9);
    let period = prop::option::weighted(
        0.5,
        prop_oneof![
            3 => (1u32..900).prop_map(|n| Period::new(n, Unit::Days).unwrap()),
            1 => (1u32..30).prop_map(|n| Period::new(n, Unit::Months).unwrap()),
            1 => Just(Period::FOR_EVER),
        ],
    );
    (period, count(), count(), count(), count(), count())
        .prop_map(|(period, last, daily, weekly, monthly, yearly)| Rules {
            period,
            last,
            daily,
            weekly,
            monthly,
            yearly,
            tags: BTreeSet::new(),
        })
        .prop_filter("rules that say something", |rules| !rules.is_empty())
}

fn decided(points: &[Facts], rules: &Rules) -> Decisions {
    decide(points, &by(rules.clone()), Time::new(NOW, 0)).unwrap()
}

fn kept(points: &[Facts], rules: &Rules) -> BTreeSet<u32> {
    decided(points, rules).rows.iter().filter(|row| row.keep).map(|row| row.point.place).collect()
}

fn unlocked(mut points: Vec<Facts>) -> Vec<Facts> {
    points.iter_mut().for_each(|p| p.locked_until = None);
    points
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_point_is_decided_once_with_reasons_that_fit(points in points(), rules in rules()) {
        let decisions = decided(&points, &rules);
        let numbers: BTreeSet<u32> = decisions.rows.iter().map(|row| row.point.place).collect();
        prop_assert_eq!(decisions.rows.len(), points.len());
        prop_assert_eq!(numbers.len(), points.len());
        for row in &decisions.rows {
            let leaves = |r: &Reason| matches!(r, Reason::NoRule | Reason::Outside(_) | Reason::Named);
            prop_assert!(!row.reasons.is_empty());
            prop_assert_eq!(row.reasons.iter().all(leaves), !row.keep, "{:?}", row);
            prop_assert_eq!(row.reasons.iter().any(leaves), !row.keep, "{:?}", row);
        }
        let rising = decisions.rows.is_sorted_by_key(|row| (row.point.job.clone(), row.point.place));
        prop_assert!(rising);
    }

    #[test]
    fn the_order_of_facts_does_not_matter(points in points(), rules in rules(), seed in any::<u64>()) {
        let mut other = points.clone();
        other.sort_by_key(|p| blake3::hash(&[seed.to_le_bytes(), u64::from(p.place).to_le_bytes()].concat()).to_hex().to_string());
        prop_assert_eq!(decided(&points, &rules), decided(&other, &rules));
    }

    #[test]
    fn keep_last_n_keeps_n_of_each_job(points in points(), n in 1u32..9) {
        let mut points = unlocked(points);
        points.iter_mut().for_each(|p| p.complete = true);
        let kept = kept(&points, &Rules { last: Some(n), ..Rules::default() });
        let mut jobs: BTreeMap<&JobId, (usize, usize)> = BTreeMap::new();
        for point in &points {
            let count = jobs.entry(&point.job).or_default();
            count.0 += 1;
            count.1 += usize::from(kept.contains(&point.place));
        }
        jobs.values().for_each(|(all, kept)| assert_eq!(*kept, (*all).min(n as usize)));
    }

    /// Whoever asks for more keeps all that he kept, and perhaps more.
    #[test]
    fn more_keeps_more(points in points(), rules in rules(), field in 0u8..6, more in 1u32..40) {
        let before = kept(&points, &rules);
        let mut wider = rules.clone();
        let add = |count: Option<u32>| Some(count.unwrap_or(0) + more);
        match field {
            0 => wider.last = add(rules.last),
            1 => wider.daily = add(rules.daily),
            2 => wider.weekly = add(rules.weekly),
            3 => wider.monthly = add(rules.monthly),
            4 => wider.yearly = add(rules.yearly),
            _ => wider.period = match rules.period.and_then(Period::parts) {
                Some((count, unit)) => Some(Period::new(count + more, unit).unwrap()),
                None => Some(Period::FOR_EVER),
            },
        }
        let after = kept(&points, &wider);
        // The oldest of all stays only while a calendar rule has found too few, so it alone may go when the rule finds more by itself.
        let oldest = |n: &u32| decided(&points, &rules).rows.iter().any(|row| {
            row.point.place == *n && row.reasons.iter().all(|r| matches!(r, Reason::Oldest(_) | Reason::Locked(_)))
        });
        // And an incomplete point goes where the rule finds a complete one of its day.
        let incomplete = |n: &u32| points.iter().any(|p| p.place == *n && !p.complete);
        prop_assert!(before.iter().all(|n| after.contains(n) || oldest(n) || incomplete(n)), "{:?} {:?}", before, after);
    }

    #[test]
    fn what_is_locked_stays(points in points(), rules in rules()) {
        for row in decided(&points, &rules).rows {
            let locked = row.point.locked_until.is_some_and(|until| until.seconds > NOW);
            prop_assert!(row.keep || !locked);
            prop_assert_eq!(row.forbidden, row.reasons.iter().any(|r| matches!(r, Reason::Locked(_))));
        }
    }

    /// Any moment of the period can be restored to: its newest point at or before it stays. And what failed since keeps its last good state.
    #[test]
    fn a_period_is_covered_from_its_first_moment(points in points(), days in 1u32..900, age in 0i64..900 * 24) {
        let moment = Time::new(NOW - age * 3600, 0);
        prop_assume!(age * 3600 <= i64::from(days) * DAY);
        let rules = Rules { period: Some(Period::new(days, Unit::Days).unwrap()), ..Rules::default() };
        let kept = kept(&points, &rules);
        for job in ["job0", "job1", "job2"] {
            let of_job = || points.iter().filter(|p| p.job.job == job);
            let newest = of_job().filter(|p| p.time <= moment).max_by_key(|p| (p.time, p.place));
            prop_assert!(newest.is_none_or(|p| kept.contains(&p.place)), "{:?}", newest);
            let complete = of_job().filter(|p| p.complete).max_by_key(|p| p.place);
            prop_assert!(complete.is_none_or(|p| kept.contains(&p.place)), "{:?}", complete);
        }
        prop_assert!(decided(&points, &rules).emptied.is_empty(), "a period alone empties no job");
    }
}

/// The incident: a misspelt tag kept nothing, and all snapshots went (restic #4568).
#[test]
fn restic_4568_a_tag_that_no_point_has_is_refused() {
    let mut points = vec![point(1, "a", at("2026-01-01T00:00:00Z")), point(2, "b", at("2026-01-02T00:00:00Z"))];
    points[0].tags.push("keep".into());
    let tagged = |tag: &str| Rules { tags: [tag.to_owned()].into(), last: Some(1), ..Rules::default() };
    let refused = decide(&points, &by(tagged("kepe")), Time::new(NOW, 0)).unwrap_err();
    assert_eq!((refused.kind(), refused.object()), (Kind::Input, Some("kepe")));
    assert!(decide(&points, &by(tagged("keep")), Time::new(NOW, 0)).is_ok());
    // Of the job that is looked at, that is: elsewhere it keeps nothing here.
    let other = Scope { job: Some("b".parse().unwrap()), ..by(tagged("keep")) };
    assert_eq!(decide(&points, &other, Time::new(NOW, 0)).unwrap_err().kind(), Kind::Input);
}

#[test]
fn rules_that_can_only_be_mistakes_are_refused() {
    let points = [point(1, "a", at("2026-01-01T00:00:00Z"))];
    let refused = |scope: &Scope| decide(&points, scope, Time::new(NOW, 0)).unwrap_err().kind();
    assert_eq!(refused(&by(Rules::default())), Kind::Input);
    assert_eq!(refused(&by(Rules { daily: Some(0), last: Some(3), ..Rules::default() })), Kind::Input);
    assert_eq!(refused(&Scope { job: Some("x".parse().unwrap()), ..by(period("1y")) }), Kind::Input);
    assert_eq!(refused(&Scope { may_empty: [job_of("h", "x")].into(), ..by(period("1y")) }), Kind::Input);
    assert_eq!(refused(&Scope::of(Request::Points([PointId([9; 16])].into()))), Kind::Absent);
    assert!(decide(&points, &by(Rules { last: Some(UNLIMITED), ..Rules::default() }), Time::new(NOW, 0)).is_ok());
}
