//! Which points are counted together: a host's job, and of an old made name each set of sources.

use super::*;
use engine::Kind;
use engine::maintenance::retention::decide;

/// What stays of these points, as `HOST/JOB place`.
fn kept(points: &[Facts], scope: &Scope) -> Vec<String> {
    let decisions = decide(points, scope, at("2026-11-30T00:00:00Z")).unwrap();
    let kept = decisions.rows.iter().filter(|row| row.keep);
    kept.map(|row| format!("{} {}", row.point.job, row.point.place)).collect()
}

fn of(place: u32, job: JobId) -> Facts {
    Facts { job, ..point(place, "", at("2026-11-01T00:00:00Z")) }
}

fn last(n: u32) -> Scope {
    by(Rules { last: Some(n), ..Rules::default() })
}

#[test]
fn one_name_on_three_hosts_is_three_jobs() {
    let points = ["web1", "web2", "web1", "db1"].iter().zip(1..).map(|(host, n)| of(n, job_of(host, "nightly")));
    let points: Vec<Facts> = points.collect();
    assert_eq!(kept(&points, &last(1)), ["db1/nightly 4", "web1/nightly 3", "web2/nightly 2"]);
    // Without a host, of each host by itself; with one, of it alone.
    let named = |job: &str| Scope { job: Some(job.parse().unwrap()), ..last(1) };
    assert_eq!(kept(&points, &named("nightly")).len(), 3);
    assert_eq!(kept(&points, &named("web1/nightly")), ["web1/nightly 3"]);
    let none = decide(&points, &named("db2/nightly"), at("2026-11-30T00:00:00Z")).unwrap_err();
    assert_eq!(none.kind(), Kind::Input);
    assert!(none.advice().unwrap().contains("db1/nightly, web1/nightly, web2/nightly"), "{none}");
}

#[test]
fn of_a_name_that_was_made_before_each_set_of_sources_is_a_job_of_its_own() {
    let made = |path: &str| JobId::new(Owner::Host("h".to_owned()), "h-srv-data-old", &[path.as_bytes().to_vec()]);
    let points = [of(1, made("/srv/data-old")), of(2, made("/srv/data/old")), of(3, made("/srv/data/old"))];
    assert_eq!(kept(&points, &last(1)), ["h/h-srv-data-old 1", "h/h-srv-data-old 3"]);
}

#[test]
fn a_job_of_one_host_is_not_emptied_by_the_name_of_another_ones() {
    let points = [of(1, job_of("web1", "j")), of(2, job_of("web2", "j"))];
    let all = Scope::of(Request::Points(points.iter().map(|p| p.id).collect()));
    let said = Scope { may_empty: [job_of("web1", "j")].into(), ..all };
    let decisions = decide(&points, &said, at("2026-11-30T00:00:00Z")).unwrap();
    assert_eq!(decisions.emptied, [job_of("web2", "j")]);
}

/// The incident: one run under a clock of 2099 was the newest for ever, and each day's point left.
#[test]
fn a_point_of_the_future_takes_no_slot_and_the_order_is_that_of_commits() {
    let times = ["2026-11-27T03:00:00Z", "2099-01-01T00:00:00Z", "2026-11-28T03:00:00Z", "2026-11-29T03:00:00Z"];
    let points: Vec<Facts> = times.iter().zip(1..).map(|(time, n)| point(n, "n", at(time))).collect();
    assert_eq!(kept(&points, &last(1)), ["h/n 2", "h/n 4"]);
    assert_eq!(kept(&points, &by(Rules { daily: Some(2), ..Rules::default() })), ["h/n 2", "h/n 3", "h/n 4"]);
    // It goes when it is named, and counts when its day has come.
    let named = Scope::of(Request::Points([points[1].id].into()));
    assert!(kept(&points, &named).is_empty());
    let decisions = decide(&points, &last(1), at("2099-01-02T00:00:00Z")).unwrap();
    assert_eq!(decisions.rows.iter().filter(|row| row.keep).count(), 1);
    // A clock that was behind does not make a point old.
    let points: Vec<Facts> =
        ["2026-11-28T03:00:00Z", "1970-01-01T00:00:00Z"].iter().zip(1..).map(|(t, n)| point(n, "n", at(t))).collect();
    assert_eq!(kept(&points, &last(1)), ["h/n 2"]);
}
