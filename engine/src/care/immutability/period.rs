//! Periods of retention: days, months, years or for ever, reckoned by the calendar in UTC.

use crate::error::{Error, Kind, Result};
use format_spec::Time;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, Zoned, civil};
use std::fmt;
use std::str::FromStr;

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// So many days of 24 hours.
    Days(u32),
    /// So many months of the calendar; a day that the last one lacks is its last day.
    Months(u32),
    /// So many years of the calendar.
    Years(u32),
    /// Without an end.
    Forever,
}

impl Period {
    /// The end of this period, begun at `start`; `None` for one without end.
    ///
    /// # Errors
    /// `Input` when the end lies beyond the calendar.
    pub fn after(self, start: Time) -> Result<Option<Time>> {
        let Some(span) = self.span()? else { return Ok(None) };
        let end = zoned(start)?.checked_add(span).map_err(|e| beyond(self, e))?;
        Ok(Some(Time::new(end.timestamp().as_second(), start.nanos)))
    }

    /// The days of the shortest such period, whatever day it begins on; `None` for one without end.
    ///
    /// # Errors
    /// `Input` when the end lies beyond the calendar.
    pub fn days_least(self) -> Result<Option<u32>> {
        let Some(span) = self.span()? else { return Ok(None) };
        let mut least = u32::MAX;
        // Month lengths repeat every 400 years; leap days every 4 within any century. The first days of 48 months see every mixture.
        for month in 0..48 {
            let day = civil::date(2001, 1, 1).checked_add(month.months()).map_err(|e| beyond(self, e))?;
            let end = day.checked_add(span).map_err(|e| beyond(self, e))?;
            let days = end.since((jiff::Unit::Day, day)).map_err(|e| beyond(self, e))?.get_days();
            least = least.min(u32::try_from(days).unwrap_or(0));
        }
        Ok(Some(least))
    }

    fn span(self) -> Result<Option<Span>> {
        let span = match self {
            Period::Forever => return Ok(None),
            Period::Days(n) => Span::new().try_days(n),
            Period::Months(n) => Span::new().try_months(n),
            Period::Years(n) => Span::new().try_years(n),
        };
        span.map(Some).map_err(|e| beyond(self, e))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Days(n) => write!(f, "{n}d"),
            Period::Months(n) => write!(f, "{n}m"),
            Period::Years(n) => write!(f, "{n}y"),
            Period::Forever => f.write_str("forever"),
        }
    }
}

impl FromStr for Period {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "forever" {
            return Ok(Period::Forever);
        }
        let wrong = || {
            Error::new(Kind::Input, format!("{text:?} is no period"))
                .advise("write a number of days, months or years, such as 90d, 18m or 3y, or forever")
        };
        let unit = text.chars().last().ok_or_else(wrong)?;
        let digits = text.strip_suffix(unit).ok_or_else(wrong)?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        let period = match unit {
            _ if number == 0 => return Err(wrong()),
            'd' => Period::Days(number),
            'm' => Period::Months(number),
            'y' => Period::Years(number),
            _ => return Err(wrong()),
        };
        // A period that ends beyond the calendar even from today's century is refused where it is written.
        period.days_least().map(|_| period)
    }
}

/// The first midnight in UTC that is not before `time`.
///
/// # Errors
/// `Input` when it lies beyond the calendar.
pub(super) fn day_up(time: Time) -> Result<Time> {
    let whole = |seconds: i64| seconds.div_euclid(DAY).saturating_add(i64::from(seconds.rem_euclid(DAY) > 0));
    let seconds = if time.nanos > 0 { time.seconds.saturating_add(1) } else { time.seconds };
    let up = Time::new(whole(seconds).saturating_mul(DAY), 0);
    zoned(up).map(|_| up)
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

const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::new(text.parse::<Timestamp>().unwrap().as_second(), 0)
    }

    #[test]
    fn months_and_years_follow_the_calendar() {
        let cases = [
            ("2023-01-31T10:00:00Z", Period::Months(1), "2023-02-28T10:00:00Z"),
            ("2024-01-31T10:00:00Z", Period::Months(1), "2024-02-29T10:00:00Z"),
            ("2024-02-29T23:59:59Z", Period::Years(1), "2025-02-28T23:59:59Z"),
            ("2023-11-30T00:00:00Z", Period::Months(3), "2024-02-29T00:00:00Z"),
            ("2024-02-28T00:00:00Z", Period::Days(2), "2024-03-01T00:00:00Z"),
            ("2020-05-17T06:30:00Z", Period::Years(7), "2027-05-17T06:30:00Z"),
        ];
        for (start, period, end) in cases {
            assert_eq!(period.after(at(start)).unwrap(), Some(at(end)), "{start} {period}");
        }
        assert_eq!(Period::Forever.after(at("2024-01-01T00:00:00Z")).unwrap(), None);
    }

    #[test]
    fn the_shortest_form_of_a_period_is_known() {
        let cases =
            [("30d", 30), ("1m", 28), ("2m", 59), ("3m", 89), ("12m", 365), ("1y", 365), ("4y", 1461), ("3y", 1095)];
        for (text, days) in cases {
            assert_eq!(text.parse::<Period>().unwrap().days_least().unwrap(), Some(days), "{text}");
        }
        assert_eq!(Period::Forever.days_least().unwrap(), None);
    }

    #[test]
    fn periods_are_written_as_they_are_read() {
        for text in ["1d", "90d", "18m", "3y", "forever"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for text in ["", "d", "3", "0d", "-1d", "+3y", "3 y", "3w", "1.5y", "99999999999d", "9999y", "\u{663}y", "3é"]
        {
            assert_eq!(text.parse::<Period>().unwrap_err().kind(), Kind::Input, "{text:?}");
        }
    }

    #[test]
    fn a_day_is_rounded_up_and_midnight_stays() {
        assert_eq!(day_up(at("2024-02-28T00:00:00Z")).unwrap(), at("2024-02-28T00:00:00Z"));
        assert_eq!(day_up(at("2024-02-28T00:00:01Z")).unwrap(), at("2024-02-29T00:00:00Z"));
        assert_eq!(day_up(Time::new(0, 1)).unwrap(), Time::new(DAY, 0));
        assert_eq!(day_up(Time::new(-1, 0)).unwrap(), Time::new(0, 0));
        assert_eq!(day_up(Time::new(i64::MAX, 5)).unwrap_err().kind(), Kind::Input);
    }
}
