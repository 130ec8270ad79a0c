//! Numbers, times and names as people read them.

pub(crate) use engine::monitor::{agree, count, counted};
use format_spec::Time;
use std::borrow::Cow;
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

/// The instant, if it lies in the years that people write.
pub(crate) fn instant(time: Time) -> Option<jiff::Zoned> {
    let seconds = jiff::Timestamp::from_second(time.seconds).ok()?;
    Some(seconds.to_zoned(jiff::tz::TimeZone::UTC))
}

/// A raw name or path on one line: what a terminal acts on, and bytes that are not UTF-8, as `\xNN`.
pub(crate) fn name(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    for part in raw.utf8_chunks() {
        for c in part.valid().chars() {
            push_safe(&mut text, c);
        }
        part.invalid().iter().for_each(|b| push_hex(&mut text, *b));
    }
    text
}

/// A path on one line.
pub(crate) fn path(path: impl AsRef<std::path::Path>) -> String {
    name(path.as_ref().as_os_str().as_encoded_bytes())
}

/// Why what this machine remembers cannot be used.
pub(crate) fn trouble(trouble: &ops::known::Trouble) -> String {
    match &trouble.path {
        Some(file) => format!("{}: {}", path(file), trouble.why),
        None => trouble.why.clone(),
    }
}

/// A text of any origin, with its lines: everything but line feeds as in [`name`].
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c != '\n' && is_acted_on(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    text.chars().for_each(|c| if c == '\n' { safe.push(c) } else { push_safe(&mut safe, c) });
    Cow::Owned(safe)
}

/// The same, as one message: no line of it but the first begins where a line of ours would.
pub(crate) fn message(text: &str) -> String {
    safe(text.trim_end_matches('\n')).replace('\n', "\n  ")
}

/// What a terminal acts on, or what turns the text around it: control characters, separators of lines, and marks of direction.
fn is_acted_on(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_safe(text: &mut String, c: char) {
    if !is_acted_on(c) {
        return text.push(c);
    }
    let mut buffer = [0; 4];
    c.encode_utf8(&mut buffer).bytes().for_each(|b| push_hex(text, b));
}

fn push_hex(text: &mut String, byte: u8) {
    write!(text, "\\x{byte:02x}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops::report::time_exact;

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
        // Marks that turn text around make `gpj.exe` look like a picture.
        assert_eq!(name("a\u{202e}gpj.exe".as_bytes()), "a\\xe2\\x80\\xaegpj.exe");
    }

    #[test]
    fn texts_keep_their_lines_and_lose_what_a_terminal_acts_on() {
        assert_eq!(safe("täg\nb"), "täg\nb");
        assert_eq!(safe("a\x1b]0;b\x07\nc\rd\u{9b}"), "a\\x1b]0;b\\x07\nc\\x0dd\\xc2\\x9b");
        assert_eq!(message("a\ncairn: created\n"), "a\n  cairn: created");
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
