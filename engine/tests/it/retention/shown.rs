//! Plans as people read them: the decisions of whole scenes, line by line.

use super::*;
use engine::maintenance::retention::decide;

/// One line a decision, and one for each job that would be emptied.
fn show(points: &[Facts], scope: &Scope, now: &str) -> String {
    let decisions = decide(points, scope, at(now)).unwrap();
    let line = |row: &engine::maintenance::retention::Decision| {
        let reasons: Vec<String> = row.reasons.iter().map(ToString::to_string).collect();
        let word = if row.keep { "keep  " } else { "expire" };
        let time = engine::repository::utc(row.point.time);
        format!("{} {time} {word} {}\n", row.point.job.job, reasons.join("; "))
    };
    let emptied = decisions.emptied.iter().map(|job| format!("would empty {}\n", job.job));
    decisions.rows.iter().map(line).chain(emptied).collect()
}

/// Points of a job at these times, numbered in their order.
fn history(job: &str, times: &[&str]) -> Vec<Facts> {
    times.iter().zip(1..).map(|(time, number)| point(number, job, at(time))).collect()
}

#[test]
fn snapshot_based_retention_keeps_the_state_at_the_beginning() {
    let points = history(
        "files",
        &[
            "2025-06-01T00:00:00Z",
            "2025-10-31T00:00:00Z",
            "2025-11-21T12:00:00Z",
            "2025-11-22T12:00:00Z",
            "2026-11-21T12:00:00Z",
        ],
    );
    assert_eq!(
        show(&points, &by(period("1y")), "2026-11-22T11:59:59Z"),
        "\
files 2025-06-01T00:00:00Z expire older than 1y
files 2025-10-31T00:00:00Z expire older than 1y
files 2025-11-21T12:00:00Z keep   the state at the beginning of 1y
files 2025-11-22T12:00:00Z keep   within 1y
files 2026-11-21T12:00:00Z keep   within 1y
"
    );
    // A second later the newer one shows the beginning itself.
    assert_eq!(
        show(&points, &by(period("1y")), "2026-11-22T12:00:00Z"),
        "\
files 2025-06-01T00:00:00Z expire older than 1y
files 2025-10-31T00:00:00Z expire older than 1y
files 2025-11-21T12:00:00Z expire older than 1y
files 2025-11-22T12:00:00Z keep   within 1y
files 2026-11-21T12:00:00Z keep   within 1y
"
    );
}

#[test]
fn the_last_good_state_of_what_fails_stays() {
    let mut points = history(
        "files",
        &["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-11-01T00:00:00Z"],
    );
    points[1..].iter_mut().for_each(|p| p.complete = false);
    assert_eq!(
        show(&points, &by(period("2m")), "2026-11-22T00:00:00Z"),
        "\
files 2026-01-01T00:00:00Z keep   the last complete one
files 2026-02-01T00:00:00Z expire older than 2m
files 2026-03-01T00:00:00Z keep   the state at the beginning of 2m
files 2026-11-01T00:00:00Z keep   within 2m
"
    );
}

#[test]
fn calendar_rules_keep_the_newest_of_each_and_say_all_reasons() {
    let points = history(
        "mail",
        &[
            "2025-12-31T22:00:00Z",
            "2026-10-31T22:00:00Z",
            "2026-11-19T06:00:00Z",
            "2026-11-20T22:00:00Z",
            "2026-11-21T06:00:00Z",
            "2026-11-21T22:00:00Z",
        ],
    );
    let rules =
        Rules { last: Some(1), daily: Some(2), weekly: Some(1), monthly: Some(2), yearly: Some(3), ..Rules::default() };
    assert_eq!(
        show(&points, &by(rules), "2026-11-22T00:00:00Z"),
        "\
mail 2025-12-31T22:00:00Z keep   newest of the year 2025
mail 2026-10-31T22:00:00Z keep   newest of the month 2026-10
mail 2026-11-19T06:00:00Z expire no rule keeps it
mail 2026-11-20T22:00:00Z keep   newest of the day 2026-11-20
mail 2026-11-21T06:00:00Z expire no rule keeps it
mail 2026-11-21T22:00:00Z keep   the last; newest of the day 2026-11-21; newest of the week 2026-W47; \
newest of the month 2026-11; newest of the year 2026
"
    );
    let early = history("mail", &["2026-11-20T06:00:00Z", "2026-11-20T07:00:00Z", "2026-11-20T22:00:00Z"]);
    assert_eq!(
        show(&early, &by(Rules { daily: Some(7), ..Rules::default() }), "2026-11-22T00:00:00Z"),
        "\
mail 2026-11-20T06:00:00Z keep   oldest, and fewer daily ones than may be kept
mail 2026-11-20T07:00:00Z expire no rule keeps it
mail 2026-11-20T22:00:00Z keep   newest of the day 2026-11-20
"
    );
}

#[test]
fn weeks_are_those_of_iso_8601() {
    let points = history("w", &["2024-12-29T12:00:00Z", "2024-12-30T12:00:00Z", "2025-01-05T12:00:00Z"]);
    assert_eq!(
        show(&points, &by(Rules { weekly: Some(2), ..Rules::default() }), "2026-01-01T00:00:00Z"),
        "\
w 2024-12-29T12:00:00Z keep   newest of the week 2024-W52
w 2024-12-30T12:00:00Z expire no rule keeps it
w 2025-01-05T12:00:00Z keep   newest of the week 2025-W01
"
    );
}

#[test]
fn locked_points_stay_and_say_until_when() {
    let mut points = history("a", &["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]);
    points[0].locked_until = Some(at("2026-12-24T00:00:00Z"));
    points[1].locked_until = Some(at("2026-11-21T00:00:00Z"));
    let rules = Rules { last: Some(1), ..Rules::default() };
    assert_eq!(
        show(&points, &by(rules), "2026-11-22T00:00:00Z"),
        "\
a 2026-01-01T00:00:00Z keep   locked until 2026-12-24T00:00:00Z
a 2026-02-01T00:00:00Z expire no rule keeps it
a 2026-03-01T00:00:00Z keep   the last
"
    );
    let all = Scope::of(Request::Points(points.iter().map(|p| p.id).collect()));
    assert_eq!(
        show(&points, &all, "2026-11-22T00:00:00Z"),
        "\
a 2026-01-01T00:00:00Z keep   locked until 2026-12-24T00:00:00Z
a 2026-02-01T00:00:00Z expire named
a 2026-03-01T00:00:00Z expire named
"
    );
}

#[test]
fn a_job_is_emptied_only_by_its_name() {
    let mut points = history("idle", &["2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"]);
    points.extend(history("live", &["2020-01-01T00:00:00Z", "2026-11-01T00:00:00Z"]));
    points.iter_mut().zip(1..).for_each(|(p, number)| *p = point(number, &p.job.job, p.time));
    let kept = "\
idle 2020-01-01T00:00:00Z expire older than 3y
idle 2020-02-01T00:00:00Z keep   the state at the beginning of 3y
live 2020-01-01T00:00:00Z keep   the state at the beginning of 3y
live 2026-11-01T00:00:00Z keep   within 3y
";
    assert_eq!(show(&points, &by(period("3y")), "2026-11-22T00:00:00Z"), kept);
    let both = Scope { may_empty: [job_of("h", "idle"), job_of("h", "live")].into(), ..by(period("3y")) };
    let ended = kept.replace(
        "idle 2020-02-01T00:00:00Z keep   the state at the beginning of",
        "idle 2020-02-01T00:00:00Z expire older than",
    );
    assert_eq!(
        show(&points, &both, "2026-11-22T00:00:00Z"),
        ended,
        "a job that goes on needs its state at the beginning"
    );
    let idle = Scope::of(Request::Points(points[..2].iter().map(|p| p.id).collect()));
    let named = "\
idle 2020-01-01T00:00:00Z expire named
idle 2020-02-01T00:00:00Z expire named
";
    assert_eq!(show(&points, &idle, "2026-11-22T00:00:00Z"), format!("{named}would empty idle\n"));
    let said = Scope { may_empty: [job_of("h", "idle")].into(), ..idle };
    assert_eq!(show(&points, &said, "2026-11-22T00:00:00Z"), named);
}
