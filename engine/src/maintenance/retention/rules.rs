//! What may be asked of retention: rules that keep, points or paths by name, and the facts that decisions rest on.

use crate::error::{Error, Kind, Result};
use crate::monitor::counted;
use crate::restore_point::{JobId, JobName};
use format_spec::Time;
use format_spec::config::{Retention, RetentionKind};
use format_spec::log::PointId;
use format_spec::period::Period;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Which restore points stay. A point stays when any of the rules keeps it; groups are jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Everything that covers the time from a period ago until now.
    pub period: Option<Period>,
    /// The newest n.
    pub last: Option<u32>,
    /// Of each of the last n days that have one, the newest.
    pub daily: Option<u32>,
    /// The same of weeks from Monday to Sunday.
    pub weekly: Option<u32>,
    /// The same of months.
    pub monthly: Option<u32>,
    /// The same of years.
    pub yearly: Option<u32>,
    /// All that have one of these words.
    pub tags: BTreeSet<String>,
}

/// A count of rules that has no limit.
pub const UNLIMITED: u32 = u32::MAX;

/// What is to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// What rules do not keep.
    Rules {
        /// The rules.
        rules: Rules,
        /// What the period is held against.
        kind: RetentionKind,
    },
    /// These points, whatever their age.
    Points(BTreeSet<PointId>),
    /// Whatever lies at these paths (raw bytes without leading `/`), in every point.
    Paths(BTreeSet<Vec<u8>>),
    /// Words of these points change; nothing else does.
    Tags {
        /// The points.
        points: BTreeSet<PointId>,
        /// Words that they get.
        add: BTreeSet<String>,
        /// Words that they lose.
        remove: BTreeSet<String>,
    },
}

/// A request and how far it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// What is to leave.
    pub request: Request,
    /// Only points of these jobs are looked at: of every host's where the name has none.
    pub job: Option<JobName>,
    /// Jobs that may lose all their points.
    pub may_empty: BTreeSet<JobId>,
    /// Jobs that are left alone, whatever else is asked for.
    pub spared: BTreeSet<JobId>,
}

/// What is known of a restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its id.
    pub id: PointId,
    /// Its place in the order of commits.
    pub place: u32,
    /// Its job.
    pub job: JobId,
    /// The time that it shows.
    pub time: Time,
    /// Whether it fills a slot of a rule: all its items were stored.
    pub complete: bool,
    /// Whether it is an interim point ([POINT-17]).
    pub interim: bool,
    /// Its words.
    pub tags: Vec<String>,
    /// The store keeps it until then, whatever anybody decides.
    pub locked_until: Option<Time>,
}

/// Until when the store keeps points.
pub type Locks = BTreeMap<PointId, Time>;

impl Rules {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Rules::default()
    }

    /// The rules that a repository's own settings make.
    pub fn of(retention: Retention) -> Self {
        Rules { period: Some(retention.period), ..Rules::default() }
    }

    /// Counts by the calendar, with their words.
    pub(super) fn calendar(&self) -> [(Option<u32>, super::reason::Calendar); 4] {
        use super::reason::Calendar::{Day, Month, Week, Year};
        [(self.daily, Day), (self.weekly, Week), (self.monthly, Month), (self.yearly, Year)]
    }

    fn check(&self) -> Result<()> {
        let counts = [self.last, self.daily, self.weekly, self.monthly, self.yearly];
        if self.is_empty() {
            return Err(Error::new(Kind::Input, "no rule says what to keep, and the repository has none of its own")
                .advise("give one: --keep 3y, --keep-last 7, --keep-daily 30"));
        }
        if counts.contains(&Some(0)) {
            return Err(Error::new(Kind::Input, "a rule that keeps 0 restore points keeps nothing")
                .advise("leave it out, or name the restore points that are to go"));
        }
        Ok(())
    }
}

impl Scope {
    /// A request for all jobs that empties none.
    pub fn of(request: Request) -> Self {
        Scope { request, job: None, may_empty: BTreeSet::new(), spared: BTreeSet::new() }
    }

    /// Refuses what can only be a mistake: rules that keep nothing, and words that no point has. A tag with a typing error would else keep
    /// nothing, and all would go.
    pub(super) fn check(&self, points: &[Facts]) -> Result<()> {
        let jobs: BTreeSet<&JobId> = points.iter().map(|p| &p.job).collect();
        if let Some(name) = self.job.iter().find(|name| !jobs.iter().any(|job| name.covers(job))) {
            return Err(name.absent(jobs));
        }
        if let Some(job) = self.may_empty.iter().find(|job| !jobs.contains(job)) {
            return Err(Error::new(Kind::Input, "no restore point is of this job").on(job));
        }
        match &self.request {
            Request::Rules { rules, .. } => {
                rules.check()?;
                let has = |tag: &String| points.iter().any(|p| self.is_about(p) && p.tags.contains(tag));
                if let Some(tag) = rules.tags.iter().find(|tag| !has(tag)) {
                    return Err(Error::new(
                        Kind::Input,
                        "no restore point has this tag, so the rule would keep nothing",
                    )
                    .on(tag)
                    .advise("`cairn points` shows the tags"));
                }
                Ok(())
            }
            Request::Points(ids) => ids.iter().try_for_each(|id| known(points, id).map(|_| ())),
            Request::Paths(_) => Ok(()),
            Request::Tags { points: ids, remove, .. } => ids.iter().try_for_each(|id| {
                let point = known(points, id)?;
                match remove.iter().find(|tag| !point.tags.contains(tag)) {
                    Some(tag) => Err(Error::new(Kind::Input, format!("the restore point has no tag {tag:?}")).on(id)),
                    None => Ok(()),
                }
            }),
        }
    }

    /// Whether the request looks at this point.
    pub(super) fn sees(&self, point: &Facts) -> bool {
        self.is_about(point) && !self.spared.contains(&point.job)
    }

    /// Whether the point is of a job that was asked about.
    fn is_about(&self, point: &Facts) -> bool {
        self.job.as_ref().is_none_or(|name| name.covers(&point.job))
    }
}

fn known<'p>(points: &'p [Facts], id: &PointId) -> Result<&'p Facts> {
    points.iter().find(|p| p.id == *id).ok_or_else(|| Error::new(Kind::Absent, "no such restore point").on(id))
}

/// As the log keeps it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            Request::Rules { rules, .. } => write!(f, "no rule keeps them:{rules}"),
            Request::Points(_) => f.write_str("named"),
            Request::Paths(paths) => write!(f, "{} erased", counted(paths.len() as u64, "path is", "paths are")),
            Request::Tags { .. } => f.write_str("other tags"),
        }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.period.iter().try_for_each(|period| write!(f, " keep {period}"))?;
        let counts = [
            ("last", self.last),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ];
        for (word, count) in counts {
            count.iter().try_for_each(|count| write!(f, " {word} {count}"))?;
        }
        self.tags.iter().try_for_each(|tag| write!(f, " tag {tag}"))
    }
}
