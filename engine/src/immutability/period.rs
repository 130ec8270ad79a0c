//! The ends of periods, and days: reckoned by the calendar in UTC, and refused where the calendar ends ([CONF-5]).

use crate::error::{Error, Kind, Result};
use crate::limits::DAY_SECONDS;
use format_spec::Time;
use format_spec::period::{Period, Unit};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, Zoned, civil};

/// The end of a period begun at `start`; `None` for one without end.
///
/// # Errors
/// `Input` when the end lies beyond the calendar.
pub(super) fn end(period: Period, start: Time) -> Result<Option<Time>> {
    let Some(span) = span(period)? else { return Ok(None) };
    let end = zoned(start)?.checked_add(span).map_err(|e| beyond(period, e))?;
    Ok(Some(Time::new(end.timestamp().as_second(), start.nanos)))
}

/// The days of the shortest such period, whatever day it begins on; `None` for one without end.
///
/// # Errors
/// `Input` when the end lies beyond the calendar.
pub(super) fn days_least(period: Period) -> Result<Option<u32>> {
    Ok(days(period)?.map(|(least, _)| least))
}

/// The days of the longest such period; `None` for one without end.
///
/// # Errors
/// `Input` when the end lies beyond the calendar.
pub(super) fn days_most(period: Period) -> Result<Option<u32>> {
    Ok(days(period)?.map(|(_, most)| most))
}

/// The days of the shortest and of the longest such period.
fn days(period: Period) -> Result<Option<(u32, u32)>> {
    let Some(span) = span(period)? else { return Ok(None) };
    let (mut least, mut most) = (u32::MAX, 0);
    // Month lengths repeat every 400 years; leap days every 4 within any century. The first days of 48 months see every mixture.
    for month in 0..48 {
        let day = civil::date(2001, 1, 1).checked_add(month.months()).map_err(|e| beyond(period, e))?;
        let end = day.checked_add(span).map_err(|e| beyond(period, e))?;
        let days = end.since((jiff::Unit::Day, day)).map_err(|e| beyond(period, e))?.get_days();
        let days = u32::try_from(days).unwrap_or(0);
        (least, most) = (least.min(days), most.max(days));
    }
    Ok(Some((least, most)))
}

/// So many days after `start`.
///
/// # Errors
/// `Input` when that lies beyond the calendar.
pub(super) fn days_after(days: u32, start: Time) -> Result<Time> {
    let later = Time::new(start.seconds.saturating_add(i64::from(days).saturating_mul(DAY_SECONDS)), start.nanos);
    zoned(later).map(|_| later)
}

/// The first midnight in UTC that is not before `time`.
///
/// # Errors
/// `Input` when it lies beyond the calendar.
pub(super) fn day_up(time: Time) -> Result<Time> {
    let whole =
        |seconds: i64| seconds.div_euclid(DAY_SECONDS).saturating_add(i64::from(seconds.rem_euclid(DAY_SECONDS) > 0));
    let seconds = if time.nanos > 0 { time.seconds.saturating_add(1) } else { time.seconds };
    let up = Time::new(whole(seconds).saturating_mul(DAY_SECONDS), 0);
    zoned(up).map(|_| up)
}

fn span(period: Period) -> Result<Option<Span>> {
    let Some((count, unit)) = period.parts() else { return Ok(None) };
    let span = match unit {
        Unit::Days => Span::new().try_days(count),
        Unit::Months => Span::new().try_months(count),
        Unit::Years => Span::new().try_years(count),
    };
    span.map(Some).map_err(|e| beyond(period, e))
}

fn zoned(time: Time) -> Result<Zoned> {
    let stamp = Timestamp::from_second(time.seconds).map_err(|e| {
        Error::new(Kind::Input, format!("a time of {} seconds is beyond the calendar", time.seconds)).because(e)
    })?;
    Ok(stamp.to_zoned(TimeZone::UTC))
}

fn beyond(period: Period, e: jiff::Error) -> Error {
    Error::new(Kind::Input, format!("a period of {period} ends beyond the calendar")).because(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::new(text.parse::<Timestamp>().unwrap().as_second(), 0)
    }

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn months_and_years_follow_the_calendar() {
        let cases = [
            ("2023-01-31T10:00:00Z", "1m", "2023-02-28T10:00:00Z"),
            ("2024-01-31T10:00:00Z", "1m", "2024-02-29T10:00:00Z"),
            ("2024-02-29T23:59:59Z", "1y", "2025-02-28T23:59:59Z"),
            ("2023-11-30T00:00:00Z", "3m", "2024-02-29T00:00:00Z"),
            ("2024-02-28T00:00:00Z", "2d", "2024-03-01T00:00:00Z"),
            ("2020-05-17T06:30:00Z", "7y", "2027-05-17T06:30:00Z"),
        ];
        for (start, text, then) in cases {
            assert_eq!(end(period(text), at(start)).unwrap(), Some(at(then)), "{start} {text}");
        }
        assert_eq!(end(Period::FOR_EVER, at("2024-01-01T00:00:00Z")).unwrap(), None);
    }

    #[test]
    fn the_shortest_form_of_a_period_is_known() {
        let cases =
            [("30d", 30), ("1m", 28), ("2m", 59), ("3m", 89), ("12m", 365), ("1y", 365), ("4y", 1461), ("3y", 1095)];
        for (text, days) in cases {
            assert_eq!(days_least(period(text)).unwrap(), Some(days), "{text}");
        }
        for (text, days) in [("30d", 30), ("1m", 31), ("2m", 62), ("1y", 366), ("3y", 1096), ("4y", 1461)] {
            assert_eq!(days_most(period(text)).unwrap(), Some(days), "{text}");
        }
        assert_eq!(days_least(Period::FOR_EVER).unwrap(), None);
    }

    #[test]
    fn a_day_is_rounded_up_and_midnight_stays() {
        assert_eq!(day_up(at("2024-02-28T00:00:00Z")).unwrap(), at("2024-02-28T00:00:00Z"));
        assert_eq!(day_up(at("2024-02-28T00:00:01Z")).unwrap(), at("2024-02-29T00:00:00Z"));
        assert_eq!(day_up(Time::new(0, 1)).unwrap(), Time::new(DAY_SECONDS, 0));
        assert_eq!(day_up(Time::new(-1, 0)).unwrap(), Time::new(0, 0));
        assert_eq!(day_up(Time::new(i64::MAX, 5)).unwrap_err().kind(), Kind::Input);
    }
}
