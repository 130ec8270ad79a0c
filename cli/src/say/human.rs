//! Numbers, times and names as people read them.

pub(crate) use engine::monitor::{agree, count, counted};
use format_spec::Time;
use std::fmt::Write as _;

/// A number of bytes with three or four digits: `999 B`, `1.23 kB`, `45.6 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    for unit in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        value /= 1000.0;
        if value < 9.995 {
            return format!("{value:.2} {unit}");
        }
        if value < 99.95 {
            return format!("{value:.1} {unit}");
        }
        if value < 999.5 || unit == "EB" {
            return format!("{value:.0} {unit}");
        }
    }
    unreachable!("the last unit returns")
}

/// Seconds as `0.42 s`, `12.3 s`, `4 m 05 s`, `3 h 07 m`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.2} s");
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match whole {
        ..3600 => format!("{} m {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} m", whole / 3600, whole % 3600 / 60),
    }
}

/// A time in UTC, to the second: `2026-02-27T09:15:00Z`.
pub(crate) fn time(time: Time) -> String {
    instant(time).map_or_else(|| format!("{}s", time.seconds), |t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A time in UTC with all its digits, for JSON.
pub(crate) fn time_exact(time: Time) -> String {
    match instant(time) {
        Some(t) if time.nanos > 0 => format!("{}.{:09}Z", t.strftime("%Y-%m-%dT%H:%M:%S"), time.nanos),
        Some(t) => t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        None => format!("{}.{:09}s", time.seconds, time.nanos),
    }
}

/// The instant, if it lies in the years that people write.
pub(crate) fn instant(time: Time) -> Option<jiff::Zoned> {
    let seconds = jiff::Timestamp::from_second(time.seconds).ok()?;
    Some(seconds.to_zoned(jiff::tz::TimeZone::UTC))
}

/// A raw name or path on one line: control characters and bytes that are no UTF-8 as `\xNN`.
pub(crate) fn name(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    for part in raw.utf8_chunks() {
        for c in part.valid().chars() {
            if c.is_control() {
                let mut buffer = [0; 4];
                c.encode_utf8(&mut buffer).bytes().for_each(|b| push_hex(&mut text, b));
            } else {
                text.push(c);
            }
        }
        part.invalid().iter().for_each(|b| push_hex(&mut text, *b));
    }
    text
}

/// Hexadecimal digits.
pub(crate) fn hex(raw: &[u8]) -> String {
    raw.iter().fold(String::with_capacity(raw.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn push_hex(text: &mut String, byte: u8) {
    write!(text, "\\x{byte:02x}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_995_000, "10.0 MB"),
            (99_950_000, "100 MB"),
            (999_500_000, "1.00 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (number, text) in cases {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn names_stay_on_one_line() {
        assert_eq!(name("täg\n\u{1b}[1m".as_bytes()), "täg\\x0a\\x1b[1m");
        assert_eq!(name(b"a\xff"), "a\\xff");
    }

    #[test]
    fn times_are_utc_whatever_the_year() {
        assert_eq!(time(Time::new(0, 5)), "1970-01-01T00:00:00Z");
        assert_eq!(time_exact(Time::new(-1, 5)), "1969-12-31T23:59:59.000000005Z");
        assert_eq!(time(Time::new(i64::MAX, 0)), "9223372036854775807s");
    }

    #[test]
    fn counts_and_spans_are_parted() {
        assert_eq!((count(0).as_str(), count(999).as_str(), count(1_234_567).as_str()), ("0", "999", "1,234,567"));
        assert_eq!(
            (seconds(0.419).as_str(), seconds(245.0).as_str(), seconds(11_220.0).as_str()),
            ("0.42 s", "4 m 05 s", "3 h 07 m")
        );
    }
}
