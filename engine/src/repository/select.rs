//! Selectors: an id or a unique prefix of one, `latest`, a time, and with a job `latest:JOB` and `TIME:JOB`.
//!
//! `latest` is the point that was committed last, whatever its clock said; interim points are found by their ids alone. A time means the newest point of that time or
//! before. JOB is this host's, or the only other host's of that name; `HOST/JOB` names one ([`JobName`]).

use super::open::Repository;
use super::times::parse_time;
use super::unread::advised;
use crate::env::utc;
use crate::error::{Error, Kind, Result};
use crate::log::CommitRef;
use crate::monitor::counted;
use crate::restore_point::{JobName, Point};
use format_spec::Time;
use format_spec::log::PointId;
use std::sync::Arc;

/// Fewer hex digits than this are refused as a prefix: they would begin to match by accident.
const PREFIX_MIN: usize = 2;

impl Repository {
    /// Finds the point that a selector means.
    ///
    /// # Errors
    /// `Absent` when nothing matches, `Input` when several do; both say what exists.
    pub fn find_point(&self, selector: &str) -> Result<Arc<Point>> {
        if let Some((_, e)) = self.damaged_point(selector)? {
            return Err(e);
        }
        let mut good: Vec<Arc<Point>> = self.points_and_damage().into_iter().filter_map(|(_, p)| p.ok()).collect();
        if let Some(point) = by_prefix(selector, &good)? {
            return Ok(point);
        }
        let all = good.len();
        good.retain(|point| !point.manifest.is_interim());
        if good.is_empty() {
            self.points()?;
            let none = Error::new(Kind::Absent, "the repository has no restore point yet").on(self.location());
            return Err(match all {
                0 => none,
                _ => none.advise("there are interim points of a session that was not finished: name one by its id"),
            });
        }
        if let Some(job) = selector.strip_prefix("latest") {
            let of_job = match job.strip_prefix(':') {
                None if job.is_empty() => good,
                None => return Err(unknown(selector, &good)),
                Some(job) => self.of_job(selector, job, &good)?,
            };
            return of_job.last().cloned().ok_or_else(|| unknown(selector, &of_job));
        }
        let Some((until, job)) = moment(selector) else { return Err(unknown(selector, &good)) };
        let of_job = job.map_or(Ok(good.clone()), |job| self.of_job(selector, job, &good))?;
        let old = of_job.iter().filter(|p| p.manifest.started <= until);
        old.max_by_key(|p| (p.manifest.started, p.place())).cloned().ok_or_else(|| {
            Error::new(Kind::Absent, "no restore point is that old")
                .on(selector)
                .advise(format!("the oldest is of {}", oldest(&of_job)))
        })
    }

    /// Those of these points whose job a selector names.
    fn of_job(&self, selector: &str, job: &str, points: &[Arc<Point>]) -> Result<Vec<Arc<Point>>> {
        let name: JobName = job.parse().map_err(|what: String| Error::new(Kind::Input, what).on(selector))?;
        if !points.iter().any(|p| name.covers(&self.job_of(p))) {
            return Err(unknown(selector, points));
        }
        self.points_of(&name, points)
    }
}

/// The one point whose id begins so.
fn by_prefix(selector: &str, points: &[Arc<Point>]) -> Result<Option<Arc<Point>>> {
    if !is_prefix(selector) {
        return Ok(None);
    }
    let lower = selector.to_ascii_lowercase();
    let matching: Vec<_> = points.iter().filter(|p| p.manifest.id.to_string().starts_with(&lower)).collect();
    match matching[..] {
        [one] => Ok(Some(one.clone())),
        [] => Ok(None),
        _ => {
            let what = format!(
                "{} an id that begins with it",
                counted(matching.len() as u64, "restore point has", "restore points have")
            );
            Err(Error::new(Kind::Input, what).on(selector).advise("give more digits"))
        }
    }
}

/// A time, and the job behind it. Colons stand in times, too: the longest beginning that is a time is meant as one.
fn moment(selector: &str) -> Option<(Time, Option<&str>)> {
    if let Some(time) = parse_time(selector) {
        return Some((time, None));
    }
    let parted = selector.rmatch_indices(':').filter_map(|(at, _)| selector.split_at_checked(at));
    parted.filter_map(|(time, job)| Some((parse_time(time)?, job.strip_prefix(':')))).next()
}

impl Repository {
    /// The id of the point that a selector means, also of one that has no readable manifest: the log knows the id.
    ///
    /// # Errors
    /// As [`find_point`](Self::find_point).
    pub fn find_id(&self, selector: &str) -> Result<PointId> {
        match self.damaged_point(selector)? {
            Some((commit, e)) if e.kind() == Kind::Damaged => Ok(commit.id),
            Some((_, e)) => Err(e),
            None => Ok(self.find_point(selector)?.manifest.id),
        }
    }

    /// The one point whose id begins so, if its manifest cannot be read, with what there is to do about it.
    fn damaged_point(&self, selector: &str) -> Result<Option<(CommitRef, Error)>> {
        if !is_prefix(selector) {
            return Ok(None);
        }
        let lower = selector.to_ascii_lowercase();
        let view = self.log().view();
        let mut matching = view.commits.iter().filter(|c| c.id.to_string().starts_with(&lower));
        let (Some(commit), None) = (matching.next(), matching.next()) else { return Ok(None) };
        let lost = |e: Error| advised(commit, self.manifest_or_gone(commit, e));
        Ok(self.load(commit).err().map(|e| (*commit, lost(e))))
    }
}

fn is_prefix(selector: &str) -> bool {
    selector.len() >= PREFIX_MIN && selector.bytes().all(|b| b.is_ascii_hexdigit())
}

fn unknown(selector: &str, points: &[Arc<Point>]) -> Error {
    let newest = points
        .last()
        .map(|p| format!("{} of {} ({})", &p.manifest.id.to_string()[..8], utc(p.manifest.started), p.manifest.job));
    Error::new(Kind::Absent, "no such restore point").on(selector).advise(format!(
        "`cairn points` lists all {}; the newest is {}",
        points.len(),
        newest.unwrap_or_default()
    ))
}

fn oldest(points: &[Arc<Point>]) -> String {
    points.iter().map(|p| p.manifest.started).min().map(utc).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_followed_by_a_job() {
        let parted = |text: &'static str| moment(text).map(|(time, job)| (utc(time), job));
        for (text, time, job) in [
            ("2026-02-27", "2026-02-27T23:59:59Z", None),
            ("2026-02-27:nightly", "2026-02-27T23:59:59Z", Some("nightly")),
            ("2026-02-27T09:15:web1/nightly", "2026-02-27T09:15:59Z", Some("web1/nightly")),
            ("2026-02-27T09:15:07:fe80::1/j", "2026-02-27T09:15:07Z", Some("fe80::1/j")),
            ("2026-02-27T09:15:07+01:00:j", "2026-02-27T08:15:07Z", Some("j")),
            // A number that could be seconds is those.
            ("2026-02-27T09:15:07", "2026-02-27T09:15:07Z", None),
        ] {
            assert_eq!(parted(text), Some((time.to_owned(), job)), "{text}");
        }
        assert_eq!(parted("nightly:2026-02-27"), None);
    }
}
