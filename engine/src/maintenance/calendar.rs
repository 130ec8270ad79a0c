//! Periods added to and taken from times: when retention begins, when a lock ends.
//!
//! All of it in UTC ([CONF-5]): a plan says the same on every machine that asks for it, and what `cairn points` prints is what is counted. The
//! machine's own zone was rejected: a plan made on one machine could not be applied from another, nor before and after a change of the clocks.
//! Of a day that a month does not have, the month's last is taken, as calendars do: a month before 31 March is 28 February.

use crate::limits::DAY_SECONDS;
use format_spec::Time;
use format_spec::period::{Period, Unit};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The time that lies a period before `now`; `None` for ever. Beyond what calendars know, the beginning of time.
pub fn before(now: Time, period: Period) -> Option<Time> {
    let (civil, span) = (civil(now), span(period)?);
    Some(civil.checked_sub(span).ok().and_then(|then| time(then, now.nanos)).unwrap_or(Time::new(i64::MIN, 0)))
}

/// The time that lies a period after `now`; `None` for ever. Beyond what calendars know, never.
pub fn after(now: Time, period: Period) -> Option<Time> {
    let (civil, span) = (civil(now), span(period)?);
    Some(civil.checked_add(span).ok().and_then(|then| time(then, now.nanos)).unwrap_or(Time::new(i64::MAX, 0)))
}

/// The first moment of the day.
pub fn start_of_day(now: Time) -> Time {
    Time::new(now.seconds.saturating_sub(now.seconds.rem_euclid(DAY_SECONDS)), 0)
}

/// Year, month, day and so on, as UTC has them; times that no calendar knows count as the nearest that it does.
pub fn civil(time: Time) -> DateTime {
    let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let stamp = Timestamp::from_second(time.seconds.clamp(least, most)).unwrap_or(Timestamp::UNIX_EPOCH);
    TimeZone::UTC.to_datetime(stamp)
}

fn span(period: Period) -> Option<Span> {
    let (count, unit) = period.parts()?;
    let span = Span::new();
    // A period's count has been checked to be what calendars take.
    match unit {
        Unit::Days => span.try_days(count),
        Unit::Months => span.try_months(count),
        Unit::Years => span.try_years(count),
    }
    .ok()
}

fn time(civil: DateTime, nanos: u32) -> Option<Time> {
    TimeZone::UTC.to_timestamp(civil).ok().map(|stamp| Time::new(stamp.as_second(), nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::new(text.parse::<Timestamp>().expect(text).as_second(), 7)
    }

    fn period(text: &str) -> Period {
        text.parse().expect(text)
    }

    #[test]
    fn months_end_where_the_calendar_says() {
        for (now, span, then) in [
            ("2026-03-31T10:00:00Z", "1m", "2026-02-28T10:00:00Z"),
            ("2024-03-31T10:00:00Z", "1m", "2024-02-29T10:00:00Z"),
            ("2024-02-29T00:00:00Z", "1y", "2023-02-28T00:00:00Z"),
            ("2026-11-22T12:00:00Z", "90d", "2026-08-24T12:00:00Z"),
            ("1970-01-01T00:00:00Z", "1000y", "0970-01-01T00:00:00Z"),
        ] {
            assert_eq!(before(at(now), period(span)), Some(at(then)), "{span} before {now}");
        }
        assert_eq!(after(at("2026-01-31T10:00:00Z"), period("1m")), Some(at("2026-02-28T10:00:00Z")));
        assert_eq!(after(at("2024-02-29T10:00:00Z"), period("3y")), Some(at("2027-02-28T10:00:00Z")));
    }

    #[test]
    fn for_ever_never_begins_and_times_beyond_the_calendar_are_no_panic() {
        assert_eq!(before(at("2026-03-31T10:00:00Z"), Period::FOR_EVER), None);
        for seconds in [i64::MIN, i64::MAX] {
            for span in ["1000y", "365250d"] {
                assert!(before(Time::new(seconds, 0), period(span)).is_some());
                assert!(after(Time::new(seconds, 0), period(span)).is_some());
            }
        }
        assert_eq!(before(Time::new(i64::MIN, 0), period("1d")), Some(Time::new(i64::MIN, 0)));
    }

    #[test]
    fn a_day_begins_at_midnight_also_before_1970() {
        assert_eq!(start_of_day(at("2026-11-22T23:59:59Z")), Time::new(at("2026-11-22T00:00:00Z").seconds, 0));
        assert_eq!(start_of_day(Time::new(-1, 5)), Time::new(-86_400, 0));
    }
}
