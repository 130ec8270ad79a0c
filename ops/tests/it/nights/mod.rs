//! Nights without a person: `run` plans and applies, goes on by itself, and stops where more would
//! go than may (decision 0031).

pub(crate) mod rig;

use engine::maintenance::retention::{Request, Rules, Scope};
use format_spec::config::RetentionKind;
use format_spec::container::ObjectKind;
use rig::{DAY, HOUR, Nights, START, by, of_job};

const NIGHTS: i64 = 60;

/// Days and weeks, and the last of all.
fn rules(last: u32) -> Rules {
    Rules { last: Some(last), daily: Some(7), weekly: Some(4), ..Rules::default() }
}

fn night(n: i64) -> i64 {
    START + n * DAY
}

/// When a night's collection comes.
#[derive(PartialEq)]
enum Collects {
    Never,
    /// After the run: what that gave up is there at the next one.
    AfterIt,
    /// Before the run, with a grace that is shorter than a night: nothing is left of the run
    /// before.
    BeforeIt,
}

/// Sixty nights of a job: what is held against the bound is what is applied, nothing is held back,
/// and the job reaches a number of points that it keeps.
fn sixty_nights(every: i64, collects: Collects) {
    let mut nights = Nights::new();
    let a_day = usize::try_from(DAY / every).unwrap();
    let scope = by(rules(u32::try_from(a_day).unwrap()));
    let mut counts = Vec::new();
    for n in 1..=NIGHTS {
        nights.add_day("job", every, night(n));
        if collects == Collects::BeforeIt {
            nights.collect(DAY - HOUR);
            let view = nights.repo.log().view();
            assert!(view.given_up.keys().all(|row| row.kind != ObjectKind::RestorePoint), "night {n}: all are swept");
        }
        let before = nights.points("job");
        let losses = nights.losses(&scope, night(n));
        let ran = nights.run(&scope, night(n));
        assert_eq!(ran.held, [], "night {n}: it never gets stuck");
        let gone = before - nights.points("job");
        assert_eq!(gone, ran.done.expired.len());
        assert_eq!(gone, losses.iter().map(|loss| loss.leaving).sum::<usize>(), "night {n}");
        assert!(gone <= a_day + before / 5, "night {n}: {gone} of {before}");
        if let [loss] = &losses[..] {
            assert!(loss.added <= a_day + a_day / 12 + 1 && loss.allowed <= loss.added + before / 5, "{loss:?}");
        }
        counts.push(nights.points("job"));
        if collects == Collects::AfterIt {
            nights.collect(DAY);
        }
        if n % 9 == 0 {
            nights.reopen();
        }
    }
    let steady = counts.last_chunk::<20>().unwrap();
    assert!(steady.iter().all(|count| (a_day..=a_day + 12).contains(count)), "{counts:?}");
    // A run after a run takes nothing.
    assert_eq!(nights.run(&scope, night(NIGHTS)).done.expired, []);
}

#[test]
fn an_hourly_job_lives_for_sixty_nights() {
    sixty_nights(HOUR, Collects::Never);
}

#[test]
fn a_job_of_each_quarter_of_an_hour_lives_for_sixty_nights_with_collections() {
    sixty_nights(HOUR / 4, Collects::AfterIt);
}

#[test]
fn an_hourly_job_lives_where_collections_have_swept_all_that_the_run_before_gave_up() {
    sixty_nights(HOUR, Collects::BeforeIt);
}

#[test]
fn nights_that_were_missed_are_made_up_for_by_the_next_one() {
    let nights = Nights::new();
    let scope = by(rules(24));
    for n in 1..=20 {
        nights.add_day("job", HOUR, night(n));
        if n < 12 || n == 20 {
            assert_eq!(nights.run(&scope, night(n)).held, [], "night {n}");
        }
    }
    assert!(nights.points("job") <= 36, "{}", nights.points("job"));
}

#[test]
fn the_first_run_over_an_old_repository_holds_that_job_alone_until_a_person_has_applied_its_plan() {
    let mut nights = Nights::new();
    let scope = by(rules(24));
    (1..=30).for_each(|n| nights.add_day("old", HOUR, night(n)));
    nights.add_day("young", HOUR / 4, night(30));
    nights.reopen();
    let ran = nights.run(&scope, night(30));
    let [held] = &ran.held[..] else { panic!("{:?}", ran.held) };
    assert_eq!((&*held.job.job, held.points), ("old", 720));
    assert!(held.leaving > 680 && held.added <= 27 && held.allowed == held.added + 144, "{held:?}");
    assert_eq!(nights.points("old"), 720, "it loses nothing");
    assert!(ran.plan.rows.iter().all(|row| row.decision.point.job.job == "young"), "what it lost was planned");
    assert!((24..=26).contains(&nights.points("young")), "the other job goes on: {}", nights.points("young"));
    // The next night it is the same, and then somebody looks.
    assert_eq!(nights.run(&scope, night(31)).held.len(), 1);
    assert!(nights.apply_by_hand(&of_job(&scope, "old")) > 680);
    for n in 32..=45 {
        nights.add_day("old", HOUR, night(n));
        let ran = nights.run(&scope, night(n));
        assert_eq!(ran.held, [], "night {n}");
    }
    assert!(nights.points("old") <= 36);
}

#[test]
fn rules_that_became_stricter_are_held_and_a_wider_bound_lets_them_through() {
    let mut nights = Nights::new();
    let scope = by(rules(72));
    for n in 1..=12 {
        nights.add_day("job", HOUR, night(n));
        assert_eq!(nights.run(&scope, night(n)).held, [], "night {n}");
    }
    let (before, stricter) = (nights.points("job"), by(Rules { last: Some(5), ..Rules::default() }));
    let held = nights.run(&stricter, night(12)).held;
    assert_eq!((held[0].added, held[0].leaving), (0, before - 5), "nothing was added since: {held:?}");
    assert_eq!((held[0].allowed, nights.points("job")), (before / 5, before));
    nights.bound.share = 1.0;
    assert_eq!(nights.run(&stricter, night(12)).held, []);
    assert_eq!(nights.points("job"), 5);
}

#[test]
fn at_least_one_point_may_leave_a_small_job() {
    let nights = Nights::new();
    let scope = by(Rules { last: Some(3), ..Rules::default() });
    (0..4).for_each(|n| nights.add("job", night(n * 10)));
    assert_eq!(nights.run(&scope, night(60)).held, []);
    assert_eq!(nights.points("job"), 3);
}

#[test]
fn a_clock_ten_years_ahead_that_nothing_contradicts_empties_no_job() {
    let nights = Nights::new();
    let scope = by(Rules { period: Some("30d".parse().unwrap()), ..Rules::default() });
    for n in 1..=35 {
        nights.add_day("job", HOUR, night(n));
        assert_eq!(nights.run(&scope, night(n)).held, [], "night {n}");
    }
    let before = nights.points("job");
    assert!((720..=722).contains(&before), "{before}");
    let later = 10 * 365 * DAY;
    // At once, and after a day of backups by that clock: the machines agree with each other, and
    // the log with them.
    for (n, added) in [(35, 0), (36, 24), (37, 48)] {
        if added > 0 {
            nights.add_day("job", HOUR, night(n) + later);
        }
        let held = nights.run(&scope, night(n) + later).held;
        assert_eq!(held.len(), 1, "night {n}");
        assert!(held[0].leaving > 700, "{held:?}");
        assert_eq!(nights.points("job"), before + added);
    }
    assert!(nights.losses(&scope, night(37)).iter().all(|loss| loss.is_within()), "the clock is right again");
}

#[test]
fn items_leave_night_by_night_and_a_clock_ten_years_ahead_empties_no_point() {
    let nights = Nights::new();
    let rules = Rules { period: Some("30d".parse().unwrap()), ..Rules::default() };
    let scope = Scope::of(Request::Rules { rules, kind: RetentionKind::Item });
    for n in 1..=50 {
        nights.write(&format!("file{n:02}"), night(n) - HOUR);
        nights.back_up("job", night(n) - HOUR / 2);
        let ran = nights.run(&scope, night(n));
        assert_eq!(ran.held, [], "night {n}");
    }
    let before = nights.items("job");
    assert!(before.len() >= 30 && before.iter().max().is_some_and(|items| (30..=32).contains(items)), "{before:?}");
    // The newest file is younger than a day: every point loses all of its items, and stays for its
    // time alone.
    let held = nights.run(&scope, night(50) + 10 * 365 * DAY).held;
    assert_eq!((held.len(), held[0].leaving), (1, before.len()), "{held:?}");
    assert_eq!(nights.items("job"), before);
}
