//! The restore points that the log shows.

use super::gone::{Standing, may_be_gone};
use super::open::Repository;
use super::unread::advised;
use crate::error::{Error, Result};
use crate::limits::MANIFEST_READERS_MAX;
use crate::log::{CommitRef, LogView};
use crate::restore_point::{JobId, JobName, Point, load_point, needs_suspects};
use crate::threads;
use format_spec::RepositoryId;
use format_spec::point::Workload;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

impl Repository {
    /// Every visible point, in the order of their commits: a rewrite does not move a point. One whose manifest is damaged is an error that
    /// names it.
    pub fn points(&self) -> Result<Vec<Arc<Point>>> {
        self.points_and_damage().into_iter().map(|(_, point)| point).collect()
    }

    /// Every visible point, and those that cannot be read as errors beside the good ones, each with what there is to do about it.
    pub fn points_and_damage(&self) -> Vec<(CommitRef, Result<Arc<Point>>)> {
        let commits = self.log().view().commits.clone();
        let loaded = self.load_all(&commits);
        let mut points = self.settled(commits.into_iter().zip(loaded).collect());
        points.sort_by_key(|(commit, point)| point.as_ref().map_or(commit.number, |point| point.place()));
        points
    }

    /// Takes out what could not be read because the point has expired meanwhile, and reads again what was rewritten. The log is read on for it once
    /// for each loss, not at each listing.
    fn settled(&self, points: Vec<(CommitRef, Result<Arc<Point>>)>) -> Vec<(CommitRef, Result<Arc<Point>>)> {
        let is_new = |(commit, point): &(CommitRef, Result<Arc<Point>>)| {
            point.as_ref().is_err_and(|e| may_be_gone(e.kind())) && !self.losses.lock().contains(&commit.slot)
        };
        let is_read_on = points.iter().any(is_new) && self.refresh().is_ok();
        let now = |(commit, point): (CommitRef, Result<Arc<Point>>)| match point {
            Err(e) if !may_be_gone(e.kind()) => Some((commit, Err(advised(&commit, e)))),
            Err(e) => self.settle(commit, e, is_read_on),
            Ok(point) => Some((commit, Ok(point))),
        };
        points.into_iter().filter_map(now).collect()
    }

    fn settle(&self, commit: CommitRef, error: Error, is_read_on: bool) -> Option<(CommitRef, Result<Arc<Point>>)> {
        match self.standing(commit.id, commit.slot) {
            Standing::Expired => None,
            Standing::Rewritten(now) => Some((now, self.load(&now).map_err(|e| advised(&now, e)))),
            Standing::Collected(error) => Some((commit, Err(error))),
            Standing::Live => {
                if is_read_on {
                    self.losses.lock().insert(commit.slot);
                }
                Some((commit, Err(advised(&commit, error))))
            }
        }
    }

    /// Whose job a point is of.
    pub fn job_of(&self, point: &Point) -> JobId {
        JobId::of(&point.manifest, self.config())
    }

    /// The repository that a point was made in, as a copy of it records that ([POINT-13]): a copy of a copy keeps it.
    pub fn source_of(&self, point: &Point) -> RepositoryId {
        self.job_of(point).source.unwrap_or(self.id())
    }

    /// Those of some points that are of the job which a name means to this host.
    ///
    /// # Errors
    /// `Input` where the name means no job of theirs, or several.
    pub fn points_of(&self, name: &JobName, points: &[Arc<Point>]) -> Result<Vec<Arc<Point>>> {
        let jobs: Vec<JobId> = points.iter().map(|point| self.job_of(point)).collect();
        let meant = name.find(&jobs, &self.env().host())?;
        Ok(points.iter().zip(jobs).filter(|(_, job)| meant.contains(job)).map(|(point, _)| point.clone()).collect())
    }

    /// The newest point of a job, by the order of commits.
    pub fn newest_of_job(&self, job: &JobId, workload: Workload) -> Result<Option<Arc<Point>>> {
        self.newest_where(|point| point.manifest.workload == workload && self.job_of(point) == *job)
    }

    /// The newest point of a job that is complete and has not shrunk.
    pub fn newest_whole_of_job(&self, job: &JobId, workload: Workload) -> Result<Option<Arc<Point>>> {
        let is_whole = |point: &Point| point.manifest.workload == workload && point.manifest.fills_a_slot();
        self.newest_where(|point| is_whole(point) && self.job_of(point) == *job)
    }

    /// The newest point of which this holds. Numbers fall while it looks, and a point's place is never above its number: so it need not look at all.
    pub fn newest_where(&self, holds: impl Fn(&Point) -> bool) -> Result<Option<Arc<Point>>> {
        let mut newest: Option<Arc<Point>> = None;
        let view = self.log().view();
        for (back, commit) in view.commits.iter().rev().enumerate() {
            if newest.as_ref().is_some_and(|newest| newest.place() >= commit.number) {
                break;
            }
            self.load_before(&view, back);
            // A damaged manifest is no base; `check` reports it.
            if let Ok(point) = self.load(commit)
                && holds(&point)
                && newest.as_ref().is_none_or(|newest| newest.place() < point.place())
            {
                newest = Some(point);
            }
        }
        Ok(newest)
    }

    /// For whoever looks through points from the newest on, and is `back` behind it: the first is most often the one. Where it is not, those before
    /// are asked for together.
    pub(super) fn load_before(&self, view: &LogView, back: usize) {
        if back % MANIFEST_READERS_MAX == 1 {
            let until = view.commits.len().saturating_sub(back);
            self.load_all(view.commits.get(until.saturating_sub(MANIFEST_READERS_MAX)..until).unwrap_or_default());
        }
    }

    /// Whether a point needs what only packs hold that were found damaged ([LOG-27]): nothing may be built on it.
    ///
    /// # Errors
    /// The index's, and those of a store that is out of reach.
    pub fn relies_on_suspects(&self, point: &Point) -> Result<bool> {
        needs_suspects((point.manifest.references, point.slot), self.blobs(), &self.log().view())
    }

    /// The points of these commits, in their order; those that are not at hand are asked for by several threads.
    pub(super) fn load_all(&self, commits: &[CommitRef]) -> Vec<Result<Arc<Point>>> {
        let missing = {
            let known = self.points.lock();
            commits.iter().filter(|c| !known.contains_key(&c.slot)).count()
        };
        let threads = self.env().threads(MANIFEST_READERS_MAX).min(missing);
        if threads < 2 {
            return commits.iter().map(|c| self.load(c)).collect();
        }
        let next = AtomicUsize::new(0);
        let loaded: Vec<_> = commits.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let started = threads::scoped(scope, || {
                    while let Some((place, commit)) = {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        loaded.get(n).zip(commits.get(n))
                    } {
                        *place.lock() = Some(self.load(commit));
                    }
                });
                if started.is_err() {
                    break;
                }
            }
        });
        // The threads have left none out, unless there was none.
        loaded.into_iter().zip(commits).map(|(point, c)| point.into_inner().unwrap_or_else(|| self.load(c))).collect()
    }

    /// The point of a commit; kept once loaded.
    pub fn load(&self, commit: &CommitRef) -> Result<Arc<Point>> {
        if let Some(point) = self.points.lock().get(&commit.slot) {
            return Ok(point.clone());
        }
        let point = Arc::new(load_point(self.sealed_store(), commit)?);
        self.points.lock().insert(commit.slot, point.clone());
        Ok(point)
    }
}
