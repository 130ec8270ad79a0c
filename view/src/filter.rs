//! Filters: which points a mount shows. Rules of one key are alternatives, except for times; all keys must agree.

use format_spec::Time;
use format_spec::point::Manifest;
use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;

/// `job=GLOB`, `host=GLOB`, `tag=GLOB`, `since=TIME` or `until=TIME`.
#[derive(Debug, Clone)]
pub struct Rule(Key);

/// The rules of a mount; none lets all points through.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
enum Key {
    Job(GlobMatcher),
    /// Host or organisation.
    Host(GlobMatcher),
    Tag(GlobMatcher),
    Since(Time),
    Until(Time),
}

impl Rule {
    /// Reads a rule. A time is a day, a minute, a second (UTC) or a time with an offset; `since` means its beginning, `until` its end.
    ///
    /// # Errors
    /// What is wrong with it, and what can be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no KEY=VALUE"))?;
        let when =
            || time(value).ok_or_else(|| format!("{value:?} is no time; write 2026-11-22 or 2026-11-22T00:37:49Z"));
        Ok(Rule(match key {
            "job" => Key::Job(glob(value)?),
            "host" => Key::Host(glob(value)?),
            "tag" => Key::Tag(glob(value)?),
            "since" => Key::Since(when()?.0),
            "until" => Key::Until(when()?.1),
            _ => return Err(format!("{key:?} is no key of a filter; write job=, host=, tag=, since= or until=")),
        }))
    }
}

impl FromIterator<Rule> for Filter {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        Filter { rules: rules.into_iter().collect() }
    }
}

impl Filter {
    /// Whether a point is shown.
    pub(super) fn admits(&self, point: &Manifest) -> bool {
        let any = |of: fn(&Key) -> Option<&GlobMatcher>, words: &[&str]| {
            let mut globs = self.rules.iter().filter_map(|rule| of(&rule.0)).peekable();
            globs.peek().is_none() || globs.any(|glob| words.iter().any(|word| glob.is_match(word)))
        };
        let tags: Vec<&str> = point.tags.iter().map(String::as_str).collect();
        let in_time = self.rules.iter().all(|rule| match rule.0 {
            Key::Since(from) => point.started >= from,
            Key::Until(to) => point.started <= to,
            _ => true,
        });
        in_time
            && any(|key| if let Key::Job(glob) = key { Some(glob) } else { None }, &[&point.job])
            && any(|key| if let Key::Host(glob) = key { Some(glob) } else { None }, &[&point.host, point.owner()])
            && any(|key| if let Key::Tag(glob) = key { Some(glob) } else { None }, &tags)
    }
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    if text.is_empty() {
        return Err("the pattern is empty".to_owned());
    }
    let glob = GlobBuilder::new(text).backslash_escape(true).build();
    Ok(glob.map_err(|e| format!("{text:?} is no pattern: {e}"))?.compile_matcher())
}

/// The first and the last moment that a text means.
fn time(text: &str) -> Option<(Time, Time)> {
    let (first, last) = match text.len() {
        10 => (format!("{text}T00:00:00Z"), format!("{text}T23:59:59Z")),
        16 => (format!("{text}:00Z"), format!("{text}:59Z")),
        19 => (format!("{text}Z"), format!("{text}Z")),
        _ => (text.to_owned(), text.to_owned()),
    };
    let seconds = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_second);
    Some((Time::new(seconds(&first)?, 0), Time::new(seconds(&last)?, 999_999_999)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rule_is_refused_with_a_reason() {
        for (text, why) in [
            ("job", "KEY=VALUE"),
            ("jobs=x", "is no key"),
            ("job=", "empty"),
            ("tag=[", "no pattern"),
            ("since=yesterday", "no time"),
        ] {
            let refused = Rule::parse(text).expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn a_time_means_all_of_its_day_or_minute() {
        let seconds = |text| time(text).map(|(first, last)| last.seconds - first.seconds);
        assert_eq!(seconds("2026-11-22"), Some(86_399));
        assert_eq!(seconds("2026-11-22T10:00"), Some(59));
        assert_eq!(seconds("2026-11-22T10:00:00"), Some(0));
        assert_eq!(time("2026-11-22T10:00:00+01:00"), time("2026-11-22T09:00:00Z"));
        assert_eq!(seconds("2026-02-30"), None);
    }
}
