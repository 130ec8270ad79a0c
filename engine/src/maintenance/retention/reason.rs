//! Why a restore point stays or leaves, as it is told to people and scripts.

use crate::monitor::counted;
use format_spec::Time;
use format_spec::period::Period;
use jiff::civil::DateTime;
use std::fmt;

/// One reason. A point that stays shows all that keep it; one that leaves, the rule that it fell out of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is one of the newest.
    Last {
        /// How many the rule keeps.
        of: u32,
    },
    /// It is the newest of a day, week, month or year.
    NewestOf(Calendar, String),
    /// It is the oldest, and a calendar rule has not found as many as it may keep.
    Oldest(Calendar),
    /// It has a word that a rule keeps.
    Tag(String),
    /// It shows a time within the period.
    Within(Period),
    /// It is what a restore to the beginning of the period needs.
    Beginning(Period),
    /// All newer ones are incomplete: what failed in them has its last good state here.
    LastComplete,
    /// It is the newest, and none is complete.
    Newest,
    /// It is dated in the future: no rule counts it until then.
    Future,
    /// The store keeps it, though no rule does.
    Locked(Time),
    /// It does not have what the request is about.
    Untouched,
    /// It stays, and loses this.
    Loses {
        /// Files, links and the like.
        items: u64,
        /// Folders.
        folders: u64,
        /// Sizes of the files.
        bytes: u64,
    },
    /// Names leave its ledger of items that it does not hold.
    LosesNames {
        /// How many.
        names: u64,
    },
    /// Files of which it loses a name stay under others.
    OtherNames {
        /// How many names.
        names: u64,
        /// One of them.
        first: String,
    },
    /// It has fallen out of the period, and no rule keeps it.
    Outside(Period),
    /// No rule keeps it.
    NoRule,
    /// A session that was not finished can go on from it.
    Interim,
    /// It is an interim point, and a later point of its job is there.
    Superseded,
    /// It is an interim point, and nobody has gone on from it for long.
    Abandoned,
    /// It was named.
    Named,
}

/// What calendar rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// Days of UTC.
    Day,
    /// Weeks from Monday to Sunday, as ISO 8601 numbers them.
    Week,
    /// Months.
    Month,
    /// Years.
    Year,
}

impl Calendar {
    /// The name of the one that a time lies in; names of one kind are equal if and only if the day, week, month or year is.
    pub(super) fn of(self, time: DateTime) -> String {
        let date = time.date();
        let (year, month, day) = (date.year(), date.month(), date.day());
        match self {
            Calendar::Day => format!("{year:04}-{month:02}-{day:02}"),
            Calendar::Week => {
                let week = date.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Calendar::Month => format!("{year:04}-{month:02}"),
            Calendar::Year => format!("{year:04}"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Calendar::Day => "day",
            Calendar::Week => "week",
            Calendar::Month => "month",
            Calendar::Year => "year",
        }
    }

    fn adverb(self) -> &'static str {
        match self {
            Calendar::Day => "daily",
            Calendar::Week => "weekly",
            Calendar::Month => "monthly",
            Calendar::Year => "yearly",
        }
    }
}

impl Reason {
    /// What a plan's hash takes in: all but the date of a lock, which may move on without changing what is done.
    pub(super) fn canonical(&self) -> String {
        match self {
            Reason::Locked(_) => "locked".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Last { of: 1 } => f.write_str("the last"),
            Reason::Last { of: super::UNLIMITED } => f.write_str("all are kept"),
            Reason::Last { of } => write!(f, "one of the last {of}"),
            Reason::NewestOf(calendar, name) => write!(f, "newest of the {} {name}", calendar.word()),
            Reason::Oldest(calendar) => write!(f, "oldest, and fewer {} ones than may be kept", calendar.adverb()),
            Reason::Tag(tag) => write!(f, "tag {tag}"),
            Reason::Within(period) if period.is_for_ever() => f.write_str("kept for ever"),
            Reason::Within(period) => write!(f, "within {period}"),
            Reason::Beginning(period) => write!(f, "the state at the beginning of {period}"),
            Reason::LastComplete => f.write_str("the last complete one"),
            Reason::Newest => f.write_str("the newest, and none is complete"),
            Reason::Future => f.write_str("dated in the future, so no rule counts it yet"),
            Reason::Locked(until) => write!(f, "locked until {}", crate::repository::utc(*until)),
            Reason::Untouched => f.write_str("nothing in it is asked for"),
            Reason::Loses { items, folders, bytes } => {
                let parts = [(*items, "item", "items"), (*folders, "folder", "folders")];
                let parts = parts.iter().filter(|(n, ..)| *n > 0).map(|(n, one, many)| counted(*n, one, many));
                write!(f, "loses {}, {}", parts.collect::<Vec<_>>().join(" and "), counted(*bytes, "byte", "bytes"))
            }
            Reason::LosesNames { names } => {
                write!(f, "loses {} of items that it does not hold", counted(*names, "name", "names"))
            }
            Reason::OtherNames { names: 1, first } => {
                write!(f, "1 other name of the same file keeps its bytes: {first}")
            }
            Reason::OtherNames { names, first } => {
                write!(f, "{names} other names of the same files keep their bytes: {first} and others")
            }
            Reason::Outside(period) => write!(f, "older than {period}"),
            Reason::NoRule => f.write_str("no rule keeps it"),
            Reason::Interim => f.write_str("interim: the next session goes on from it"),
            Reason::Superseded => f.write_str("interim, and a later point of its job is there"),
            Reason::Abandoned => f.write_str("interim, and no session has gone on from it for 30 days"),
            Reason::Named => f.write_str("named"),
        }
    }
}
