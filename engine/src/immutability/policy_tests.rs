use super::*;

fn at(text: &str) -> Time {
    Time::new(text.parse::<jiff::Timestamp>().unwrap().as_second(), 0)
}

fn wish(class: Class, retention_kind: RetentionKind, period: Option<&str>, cover: Cover) -> LockSettings {
    let period = period.map(|text| text.parse().unwrap());
    LockSettings { class, retention_kind, period, mode: Mode::Compliance, cover, generation_days: 10 }
}

const SNAPSHOT: RetentionKind = RetentionKind::Snapshot;
const ITEM: RetentionKind = RetentionKind::Item;
const WHOLE: Cover = Cover::WholePeriod;

/// Each combination: class, type, period, cover; and the day until which what is committed on 2024-01-31 at noon is needed and
/// locked, or a word of the refusal.
#[test]
fn each_combination_is_allowed_with_its_dates_or_refused_with_its_reason() {
    use Class::{Backup, Copy};
    type Row<'a> = (Class, RetentionKind, Option<&'a str>, Cover, Result<(&'a str, &'a str), &'a str>);
    let rows: [Row<'_>; 32] = [
        // Without an end.
        (Backup, SNAPSHOT, Some("forever"), WHOLE, Err("could never end")),
        (Backup, SNAPSHOT, Some("forever"), Cover::Days(30), Err("could never end")),
        (Backup, ITEM, Some("forever"), WHOLE, Err("could never end")),
        (Backup, ITEM, Some("forever"), Cover::Days(30), Err("could never end")),
        (Copy, SNAPSHOT, Some("forever"), WHOLE, Err("could never end")),
        (Copy, SNAPSHOT, Some("forever"), Cover::Days(30), Err("could never end")),
        (Copy, ITEM, Some("forever"), WHOLE, Err("could never end")),
        (Copy, ITEM, Some("forever"), Cover::Days(30), Err("could never end")),
        // Rules that count, or nothing.
        (Backup, SNAPSHOT, None, WHOLE, Err("needs a period")),
        (Backup, SNAPSHOT, None, Cover::Days(30), Err("needs a period")),
        (Backup, ITEM, None, WHOLE, Err("needs a period")),
        (Backup, ITEM, None, Cover::Days(30), Err("needs a period")),
        (Copy, SNAPSHOT, None, WHOLE, Err("needs a period")),
        (Copy, SNAPSHOT, None, Cover::Days(30), Err("needs a period")),
        (Copy, ITEM, None, WHOLE, Err("needs a period")),
        (Copy, ITEM, None, Cover::Days(30), Err("needs a period")),
        // The whole period.
        (Backup, SNAPSHOT, Some("30d"), WHOLE, Ok(("2024-03-01", "2024-03-12"))),
        (Backup, SNAPSHOT, Some("1m"), WHOLE, Ok(("2024-02-29", "2024-03-11"))),
        (Backup, SNAPSHOT, Some("3y"), WHOLE, Ok(("2027-01-31", "2027-02-11"))),
        (Backup, ITEM, Some("90d"), WHOLE, Ok(("2024-04-30", "2024-05-11"))),
        (Copy, SNAPSHOT, Some("12m"), WHOLE, Ok(("2025-01-31", "2025-02-11"))),
        (Copy, ITEM, Some("7y"), WHOLE, Ok(("2031-01-31", "2031-02-11"))),
        // Some days: only of backups, by restore points.
        (Backup, SNAPSHOT, Some("3y"), Cover::Days(30), Ok(("2024-03-01", "2024-03-12"))),
        (Backup, SNAPSHOT, Some("3y"), Cover::Days(1), Ok(("2024-02-01", "2024-02-12"))),
        (Backup, ITEM, Some("3y"), Cover::Days(30), Err("item-level")),
        (Copy, SNAPSHOT, Some("3y"), Cover::Days(30), Err("backup copy")),
        (Copy, ITEM, Some("3y"), Cover::Days(30), Err("backup copy")),
        // Never longer than the period, in its shortest form.
        (Backup, SNAPSHOT, Some("30d"), Cover::Days(30), Ok(("2024-03-01", "2024-03-12"))),
        (Backup, SNAPSHOT, Some("30d"), Cover::Days(31), Err("longer than the period")),
        (Backup, SNAPSHOT, Some("1m"), Cover::Days(28), Ok(("2024-02-28", "2024-03-10"))),
        (Backup, SNAPSHOT, Some("1m"), Cover::Days(29), Err("longer than the period")),
        (Backup, SNAPSHOT, Some("30d"), Cover::Days(0), Err("locks nothing")),
    ];
    let commit = at("2024-01-31T12:00:00Z");
    for (class, retention_kind, period, cover, expected) in rows {
        let row = format!("{class:?} {retention_kind:?} {period:?} {cover:?}");
        match (LockPolicy::new(wish(class, retention_kind, period, cover)), expected) {
            (Ok(policy), Ok((needed, locked))) => {
                assert_eq!(policy.needed_until(commit).unwrap(), at(&format!("{needed}T12:00:00Z")), "{row}");
                let lock = ObjectLock::new(Mode::Compliance, at(&format!("{locked}T00:00:00Z")));
                assert_eq!(policy.retain_until(commit).unwrap(), lock, "{row}");
            }
            (Err(e), Err(word)) => {
                assert_eq!(e.kind(), Kind::Input, "{row}");
                assert!(e.to_string().contains(word) && e.advice().is_some(), "{row}: {e}");
            }
            (outcome, _) => panic!("{row}: {outcome:?}"),
        }
    }
}

#[test]
fn days_are_only_ever_raised_and_not_above_the_period() {
    let policy = LockPolicy::new(wish(Class::Backup, SNAPSHOT, Some("90d"), Cover::Days(30))).unwrap();
    assert_eq!(policy.raised(30).unwrap(), policy);
    assert_eq!(policy.raised(60).unwrap().wish().cover, Cover::Days(60));
    assert_eq!(policy.raised(29).unwrap_err().kind(), Kind::Immutable);
    assert_eq!(policy.raised(91).unwrap_err().kind(), Kind::Input);
    let whole = LockPolicy::new(wish(Class::Copy, SNAPSHOT, Some("90d"), WHOLE)).unwrap();
    assert_eq!(whole.raised(60).unwrap_err().kind(), Kind::Input);
}

#[test]
fn an_object_used_every_day_is_extended_once_in_a_generation() {
    for generation_days in [10, 30] {
        let wish = LockSettings { generation_days, ..wish(Class::Backup, SNAPSHOT, Some("30d"), WHOLE) };
        let policy = LockPolicy::new(wish).unwrap();
        let day = |n: i64| Time::new(at("2024-01-01T09:00:00Z").seconds + n * 86_400, 0);
        let (mut lock, mut extensions, days) = (policy.retain_until(day(0)).unwrap(), 0, 330);
        for n in 1..=days {
            if policy.needs_extension(Some(lock), day(n)).unwrap() {
                lock = policy.retain_until(day(n)).unwrap();
                extensions += 1;
            }
            assert!(lock.until >= policy.needed_until(day(n)).unwrap(), "day {n}");
        }
        assert_eq!(extensions, days / (i64::from(generation_days) + 1), "{generation_days}");
    }
}

#[test]
fn what_is_locked_just_long_enough_is_left_alone_and_a_second_less_is_not() {
    let policy = LockPolicy::new(wish(Class::Backup, SNAPSHOT, Some("30d"), WHOLE)).unwrap();
    let commit = at("2024-01-31T12:00:00Z");
    let needed = policy.needed_until(commit).unwrap();
    let needs = |mode, seconds| {
        let lock = ObjectLock { mode, until: Time::new(needed.seconds + seconds, 0) };
        policy.needs_extension(Some(lock), commit).unwrap()
    };
    assert!(!needs(Mode::Compliance, 0) && needs(Mode::Compliance, -1));
    assert!(needs(Mode::Governance, 1000), "a weaker lock is no lock of this policy");
    assert!(policy.needs_extension(None, commit).unwrap());
}

#[test]
fn a_commit_beyond_the_calendar_is_an_error_and_no_panic() {
    let policy = LockPolicy::new(wish(Class::Backup, SNAPSHOT, Some("3y"), WHOLE)).unwrap();
    for seconds in [i64::MAX, i64::MIN, 253_402_200_000] {
        assert_eq!(policy.retain_until(Time::new(seconds, 0)).unwrap_err().kind(), Kind::Input, "{seconds}");
    }
}
