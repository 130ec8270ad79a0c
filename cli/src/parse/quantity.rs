//! Sizes, rates and shares: `10M`, `1.5MiB/s`, `5%`.
//!
//! `k M G T` are powers of 1000, `Ki Mi Gi Ti` of 1024; a `B` after them and upper or lower case change nothing. A rate is a
//! size a second, with or without `/s`.

use engine::limits::THREADS_MAX;
use std::num::NonZeroUsize;

/// A number of bytes.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = factor(&unit).ok_or_else(|| format!("{unit:?} is no unit; {EXAMPLES}"))?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(|| format!("{text} is too large"));
    }
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number; {EXAMPLES}"))?;
    #[expect(clippy::cast_precision_loss, reason = "factors are below 2^53")]
    let bytes = (number * factor as f64).round();
    if !(0.0..=BYTES_MAX).contains(&bytes) {
        return Err(format!("{text} is too large"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie in 0..=2^53")]
    Ok(bytes as u64)
}

/// Bytes a second, at least one.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    let body = text.trim().strip_suffix("/s").unwrap_or(text);
    match size(body)? {
        0 => Err("a rate of zero would wait for ever; leave the option out for no limit".to_owned()),
        rate => Ok(rate),
    }
}

/// How many threads: at least one, and no more than make sense.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let number =
        text.trim().parse().map_err(|_| format!("{text:?} is not a number of threads; write 1 to {THREADS_MAX}"))?;
    sensible_threads(number)
}

/// Refuses more threads than any machine works with: each takes memory, and a queue of its own.
///
/// # Errors
/// What is wrong.
pub(crate) fn sensible_threads(number: NonZeroUsize) -> Result<NonZeroUsize, String> {
    match number.get() <= THREADS_MAX {
        true => Ok(number),
        false => Err(format!("{number} threads are too many: at most {THREADS_MAX}")),
    }
}

/// A share of the whole, `5%` as 0.05; more than nothing and at most everything.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').ok_or_else(|| format!("{text:?} is no share; write it as 5%"))?;
    let percent: f64 = number.trim().parse().map_err(|_| format!("{number:?} is no number; write it as 5%"))?;
    // The share is asked, not the percents: the smallest of them become nothing when divided.
    let share = percent / 100.0;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err(format!("{text} is not in 0%..100%")) }
}

/// Whole percents of parity, `5%` as 5; at most 50.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn percent(text: &str) -> Result<u8, String> {
    let number = text.trim().strip_suffix('%').unwrap_or(text).trim();
    let percent: u8 = number.parse().map_err(|_| format!("{text:?} is no whole number of percent; write it as 5%"))?;
    if percent <= PARITY_MAX { Ok(percent) } else { Err(format!("{text} is more than {PARITY_MAX}%")) }
}

fn factor(unit: &str) -> Option<u64> {
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    Some(match unit {
        "" => 1,
        "k" => 1000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        "ki" => 1 << 10,
        "mi" => 1 << 20,
        "gi" => 1 << 30,
        "ti" => 1 << 40,
        _ => return None,
    })
}

const PARITY_MAX: u8 = format_spec::parity::PERCENT_MAX;
const EXAMPLES: &str = "write 1000, 500k, 10M or 1.5GiB";
const BYTES_MAX: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_decimal_or_binary() {
        let cases: [(&str, u64); 10] = [
            ("0", 0),
            ("1000", 1000),
            ("1000B", 1000),
            ("10M", 10_000_000),
            ("10MB", 10_000_000),
            ("10 mib", 10 << 20),
            ("1.5k", 1500),
            ("1.5KiB", 1536),
            ("2T", 2_000_000_000_000),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in cases {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "M", "-1", "1x", "1..5", "1e9", "20000000T", "0x10", "1.5.5M", "NaN", "10M/s"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_may_end_in_per_second_and_is_never_zero() {
        assert_eq!(rate("1.5MiB/s"), Ok(1_572_864));
        assert_eq!(rate("300k"), Ok(300_000));
        assert!(rate("0").is_err() && rate("0.2").is_err());
    }

    #[test]
    fn a_share_lies_between_nothing_and_everything() {
        assert_eq!(share("100%"), Ok(1.0));
        assert_eq!(share("2.5 %"), Ok(0.025));
        for text in ["0%", "101%", "5", "-1%", "NaN%", "1e-322%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
