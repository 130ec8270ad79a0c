//! Times to wait: `3s`, `500ms`, `1h30m`; a plain number is seconds.

use std::time::Duration;

/// A time.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("the time is missing; {EXAMPLES}"));
    }
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: u64 = number.parse().map_err(|_| format!("{text:?} is no time; {EXAMPLES}"))?;
        let part = match unit {
            "ms" => Some(Duration::from_millis(number)),
            "" | "s" => Some(Duration::from_secs(number)),
            "m" | "min" => number.checked_mul(60).map(Duration::from_secs),
            "h" => number.checked_mul(3600).map(Duration::from_secs),
            "d" => number.checked_mul(86_400).map(Duration::from_secs),
            _ => return Err(format!("{unit:?} is no unit of time; {EXAMPLES}")),
        };
        let too_long = || format!("{text} is too long");
        sum = part.and_then(|part| sum.checked_add(part)).filter(|sum| *sum <= LONGEST).ok_or_else(too_long)?;
        rest = tail.trim_start();
    }
    Ok(sum)
}

const EXAMPLES: &str = "write 3s, 500ms, 10m or 1h30m";
/// Clocks can be added to it.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_sums_of_numbers_with_units() {
        for (text, millis) in [
            ("3s", 3000),
            ("500ms", 500),
            ("7", 7000),
            ("1h30m", 5_400_000),
            ("2d 1s", 172_801_000),
            ("10min", 600_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "s", "-1s", "1.5s", "3 parsecs", "99999999999999999999s", "400d", "1h-30m"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
