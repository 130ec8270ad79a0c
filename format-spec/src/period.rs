//! A span of the calendar, as settings keep it: days, months, years, or for ever ([CONF-5]).
//!
//! Promises: a period that exists has a count that calendars can take. Refuses to know what time it is; who adds a period to a time
//! does it in UTC, and of a day that a month does not have he takes the month's last.

use crate::bytes::Cursor;
use crate::{FormatError, Result};
use std::fmt;
use std::str::FromStr;

/// A number of days, months or years, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period(Option<(u32, Unit)>);

/// What a period counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Unit {
    /// Days of 24 hours: UTC has no others.
    Days = 1,
    /// Months of the calendar.
    Months = 2,
    /// Years of the calendar.
    Years = 3,
}

impl Period {
    /// No end.
    pub const FOR_EVER: Period = Period(None);

    /// So many of a unit.
    ///
    /// # Errors
    /// `Broken` for none, and for more than a thousand years.
    pub fn new(count: u32, unit: Unit) -> Result<Self> {
        if (1..=unit.count_max()).contains(&count) {
            return Ok(Period(Some((count, unit))));
        }
        Err(FormatError::broken("CONF-5", "count of a period", format!("1 to {}", unit.count_max()), count))
    }

    /// Count and unit; `None` is for ever.
    pub fn parts(self) -> Option<(u32, Unit)> {
        self.0
    }

    /// Whether it has no end.
    pub fn is_for_ever(self) -> bool {
        self.0.is_none()
    }

    /// The five bytes.
    pub fn encode(self) -> [u8; 5] {
        let (unit, count) = self.0.map_or((FOR_EVER, 0), |(count, unit)| (unit as u8, count));
        let [a, b, c, d] = count.to_le_bytes();
        [unit, a, b, c, d]
    }

    /// Reads five bytes.
    ///
    /// # Errors
    /// `Unsupported` for an unknown unit, `Broken` for a count that it cannot have.
    pub fn decode(cursor: &mut Cursor<'_>) -> Result<Self> {
        let (unit, count) = (cursor.u8()?, cursor.u32()?);
        let unit = match unit {
            1 => Unit::Days,
            2 => Unit::Months,
            3 => Unit::Years,
            FOR_EVER if count == 0 => return Ok(Period::FOR_EVER),
            FOR_EVER => return Err(FormatError::broken("CONF-5", "count of for ever", 0, count)),
            other => return Err(FormatError::unsupported("CONF-5", "a unit of periods", other)),
        };
        Period::new(count, unit)
    }
}

impl Unit {
    fn count_max(self) -> u32 {
        match self {
            Unit::Days => 365_250,
            Unit::Months => 12_000,
            Unit::Years => 1_000,
        }
    }
}

/// As people write it: `30d`, `6m`, `3y`, `forever`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("forever"),
            Some((count, Unit::Days)) => write!(f, "{count}d"),
            Some((count, Unit::Months)) => write!(f, "{count}m"),
            Some((count, Unit::Years)) => write!(f, "{count}y"),
        }
    }
}

impl FromStr for Period {
    type Err = String;

    /// Reads what `Display` writes, weeks (`2w`) as days, and `for-ever`.
    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "forever" | "for-ever") {
            return Ok(Period::FOR_EVER);
        }
        let wrong = || format!("{text:?} is no period; write 30d, 2w, 6m, 3y or forever");
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
        let number: u32 =
            number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten().ok_or_else(wrong)?;
        let (count, unit) = match unit {
            "d" => (Some(number), Unit::Days),
            "w" => (number.checked_mul(7), Unit::Days),
            "m" => (Some(number), Unit::Months),
            "y" => (Some(number), Unit::Years),
            _ => return Err(wrong()),
        };
        let most = format!("{text:?} is not within 1 day and 1000 years; for longer write forever");
        Period::new(count.unwrap_or(u32::MAX), unit).map_err(|_| most)
    }
}

/// The unit of a period without end.
const FOR_EVER: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_come_back_from_text_and_bytes() {
        for (text, shown) in
            [("1d", "1d"), ("30d", "30d"), ("2w", "14d"), ("6m", "6m"), ("1000y", "1000y"), ("for-ever", "forever")]
        {
            let period: Period = text.parse().expect(text);
            assert_eq!(period.to_string(), shown);
            assert_eq!(shown.parse(), Ok(period));
            assert_eq!(Period::decode(&mut Cursor::new(&period.encode(), "CONF-5")), Ok(period));
        }
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in ["", "3", "y", "0d", "-1d", "+1d", "1.5y", "3 y", "1001y", "4294967295w", "99999999999d", "3Y", "é"]
        {
            assert!(text.parse::<Period>().is_err(), "{text:?}");
        }
        for bytes in [[0u8, 1, 0, 0, 0], [1, 0, 0, 0, 0], [4, 1, 0, 0, 0], [5, 0, 0, 0, 0], [3, 0xE9, 3, 0, 0]] {
            let refused = Period::decode(&mut Cursor::new(&bytes, "CONF-5"));
            assert_eq!(refused.map_err(|e| e.rule()), Err("CONF-5"), "{bytes:?}");
        }
    }
}
