//! The restore points that the log shows.

use super::open::Repository;
use crate::error::Result;
use crate::log::CommitRef;
use crate::restore_point::{Point, load_point, needs_suspects};
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

    /// Every visible point, and the damaged ones as errors beside the good ones.
    pub fn points_and_damage(&self) -> Vec<(CommitRef, Result<Arc<Point>>)> {
        let commits = self.log().view().commits.clone();
        let loaded = self.load_all(&commits);
        let mut points: Vec<_> = commits.into_iter().zip(loaded).collect();
        points.sort_by_key(|(commit, point)| point.as_ref().map_or(commit.number, |point| point.place()));
        points
    }

    /// The newest point of a job. Numbers fall while it looks, and a point's place is never above its number: so it need not look at all.
    pub fn newest_of_job(&self, job: &str, workload: Workload) -> Result<Option<Arc<Point>>> {
        let mut newest: Option<Arc<Point>> = None;
        for commit in self.log().view().commits.iter().rev() {
            if newest.as_ref().is_some_and(|newest| newest.place() >= commit.number) {
                break;
            }
            // A damaged manifest is no base; `check` reports it.
            if let Ok(point) = self.load(commit)
                && point.manifest.job == job
                && point.manifest.workload == workload
                && newest.as_ref().is_none_or(|newest| newest.place() < point.place())
            {
                newest = Some(point);
            }
        }
        Ok(newest)
    }

    /// Whether a point needs what only packs hold that were found damaged ([LOG-27]): nothing may be built on it.
    ///
    /// # Errors
    /// The index's, and those of a store that is out of reach.
    pub fn relies_on_suspects(&self, point: &Point) -> Result<bool> {
        needs_suspects((point.manifest.references, point.slot), self.blobs(), &self.log().view())
    }

    /// The points of these commits, in their order; those that are not at hand are asked for by several threads.
    fn load_all(&self, commits: &[CommitRef]) -> Vec<Result<Arc<Point>>> {
        let missing = {
            let known = self.points.lock();
            commits.iter().filter(|c| !known.contains_key(&c.slot)).count()
        };
        let threads = self.env().threads(READERS).min(missing);
        if threads < 2 {
            return commits.iter().map(|c| self.load(c)).collect();
        }
        let next = AtomicUsize::new(0);
        let loaded: Vec<_> = commits.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((place, commit)) = {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        loaded.get(n).zip(commits.get(n))
                    } {
                        *place.lock() = Some(self.load(commit));
                    }
                });
            }
        });
        // The threads have left none out.
        loaded.into_iter().zip(commits).map(|(point, c)| point.into_inner().unwrap_or_else(|| self.load(c))).collect()
    }

    /// The point of a commit; kept once loaded.
    pub fn load(&self, commit: &CommitRef) -> Result<Arc<Point>> {
        if let Some(point) = self.points.lock().get(&commit.slot) {
            return Ok(point.clone());
        }
        let point = Arc::new(load_point(self.vault(), commit)?);
        self.points.lock().insert(commit.slot, point.clone());
        Ok(point)
    }
}

/// Manifests asked for at once: a thousand points of a store that is far away cost some sixty waits.
const READERS: usize = 16;
