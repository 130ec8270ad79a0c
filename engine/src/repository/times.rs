//! A moment as people write it in a selector.

use format_spec::Time;

/// The last moment that a selector means: of a day its end, of a minute its last second. Times are UTC unless they end in an offset.
pub(crate) fn parse_time(text: &str) -> Option<Time> {
    let last = |t: jiff::Timestamp| Time::new(t.as_second(), 999_999_999);
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(last(stamp));
    }
    let end = match text.len() {
        10 => format!("{text}T23:59:59Z"),
        16 => format!("{text}:59Z"),
        19 => format!("{text}Z"),
        _ => return None,
    };
    end.parse::<jiff::Timestamp>().ok().map(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::utc;

    #[test]
    fn a_day_means_its_end_and_a_minute_its_last_second() {
        let seconds = |t: &str| parse_time(t).map(|t| t.seconds);
        assert_eq!(seconds("2026-02-27"), seconds("2026-02-27T23:59:59Z"));
        assert_eq!(seconds("2026-02-27T09:15"), seconds("2026-02-27T09:15:59Z"));
        assert_eq!(seconds("2026-02-27T09:15:07"), seconds("2026-02-27T10:15:07+01:00"));
        assert_eq!(seconds("2016-12-31"), Some(1_483_228_799));
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(seconds("2026-02-30"), None);
    }

    #[test]
    fn a_printed_time_is_a_selector_of_it() {
        for (text, seconds) in [("2026-11-22T00:37:49Z", 1_795_307_869), ("-009999-01-02T01:59:59Z", -377_705_023_201)]
        {
            assert_eq!(utc(Time::new(seconds, 0)), text);
            assert_eq!(parse_time(text).map(|t| t.seconds), Some(seconds));
        }
    }
}
