//! Names that people and programs see: times without `:`, hosts and jobs that cannot break a path.

use super::inode::hash;
use crate::limits::COMPONENT_BYTES_MAX;
use format_spec::point::Manifest;
use format_spec::{RepositoryId, Time};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The start of a point, taken apart, in UTC: names sort, and no hour comes twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    /// `2026-11-22T00-37-49Z`.
    pub(super) name: String,
}

impl Moment {
    /// Times outside of the years 1 to 9999, which no clock means, are shown as the nearest one.
    pub(super) fn of(time: Time) -> Self {
        let stamp = Timestamp::from_second(time.seconds).unwrap_or(if time.seconds < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        let at: DateTime = stamp.to_zoned(TimeZone::UTC).datetime();
        let number = |n: i8| u32::try_from(n).unwrap_or(1);
        let (year, month, day) = (u32::try_from(at.year()).unwrap_or(1).max(1), number(at.month()), number(at.day()));
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        Moment { year, month, day, name: format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}Z") }
    }
}

/// A host, organisation or job as a file name: `%XX` for what a path, Samba or a terminal cannot take, so that different
/// names stay different; a long one ends in a hash of itself.
pub(super) fn escape(name: &str) -> String {
    shorten(engine::restore_point::escaped(name), COMPONENT_BYTES_MAX)
}

/// Whose jobs have plain names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources {
    /// Whether it is a repository of copies, where two sources may have a job of one name and host.
    pub of_copies: bool,
    /// The source that the repository was made for.
    pub origin: Option<RepositoryId>,
}

impl Sources {
    /// A point's job as a file name. In a repository of copies the job of another source than the origin says whose it is, from its first point on
    /// and for ever, so that no job has a name that was another one's: `%of-` and digits of the source's id, which no other job's name can end in.
    pub(super) fn job(&self, of: &Manifest) -> String {
        let foreign = of.source.filter(|source| self.of_copies && Some(*source) != self.origin);
        let of_source = foreign.map(|source| format!("%of-{}", hex(&source.0[..SOURCE_BYTES_SHOWN])));
        escape(&of.job) + &of_source.unwrap_or_default()
    }
}

/// Bytes of a source's id in names: two sources of one repository share them in one of 2^64 cases.
const SOURCE_BYTES_SHOWN: usize = 8;

/// The name, or its beginning and a hash of all of it.
pub(super) fn shorten(mut name: String, bytes_max: usize) -> String {
    if name.len() <= bytes_max {
        return name;
    }
    let tail = format!("~{:08x}", hash(&[name.as_bytes()]) & 0xffff_ffff);
    let end = (0..=bytes_max.saturating_sub(tail.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    name.truncate(end);
    name + &tail
}

/// The name with its first byte as `%XX`: for the few that mean something else in a folder. Escaped names hold no `%` of
/// their own, so it stays different from all others.
pub(super) fn escape_first(name: &str) -> String {
    let Some(first) = name.bytes().next().filter(u8::is_ascii) else { return name.to_owned() };
    format!("%{first:02X}{}", &name[1..])
}

/// The bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_jobs_cannot_break_a_path() {
        for (name, shown) in [
            ("web-1", "web-1"),
            ("a/b", "a%2Fb"),
            ("", "%empty"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("...", "..."),
            ("100%", "100%25"),
            ("fe80::1", "fe80%3A%3A1"),
            ("two\nlines", "two%0Alines"),
            ("größe", "größe"),
        ] {
            assert_eq!(escape(name), shown);
        }
    }

    #[test]
    fn long_names_stay_different_and_fit() {
        let (a, b) = ("ä".repeat(300), format!("{}x", "ä".repeat(300)));
        assert_ne!(escape(&a), escape(&b));
        assert!(escape(&a).len() <= COMPONENT_BYTES_MAX);
    }

    #[test]
    fn moments_are_utc_without_colons() {
        assert_eq!(Moment::of(Time::new(1_795_307_869, 5)).name, "2026-11-22T00-37-49Z");
        assert_eq!(Moment::of(Time::new(0, 0)).name, "1970-01-01T00-00-00Z");
        assert_eq!(Moment::of(Time::new(i64::MAX, 0)).year, 9999);
        assert_eq!(Moment::of(Time::new(i64::MIN, 0)).year, 1);
    }
}
