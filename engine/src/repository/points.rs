//! The restore points that the log shows.

use super::open::Repository;
use crate::error::Result;
use crate::log::CommitRef;
use crate::restore_point::{Point, load_point};
use format_spec::point::Workload;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Repository {
    /// Every visible point, oldest first. A point whose manifest is damaged is an error that names it.
    pub fn points(&self) -> Result<Vec<Arc<Point>>> {
        self.commits(false).iter().map(|c| self.load(c)).collect()
    }

    /// Every visible point, and the damaged ones as errors beside the good ones.
    pub fn points_and_damage(&self) -> Vec<(CommitRef, Result<Arc<Point>>)> {
        self.commits(false).into_iter().map(|c| (c, self.load(&c))).collect()
    }

    /// Commits whose point was committed again under the same id: repair does that when a manifest is damaged.
    pub fn replaced_points(&self) -> Vec<CommitRef> {
        self.commits(true)
    }

    /// The commits that were replaced by a later one of the same id; or those that stand, each where its id came first.
    fn commits(&self, replaced: bool) -> Vec<CommitRef> {
        let view = self.log().view();
        let last: HashMap<_, CommitRef> = view.commits.iter().map(|c| (c.id, *c)).collect();
        let stands = |c: &CommitRef| last.get(&c.id).is_some_and(|l| l.slot == c.slot);
        if replaced {
            return view.commits.iter().filter(|c| !stands(c)).copied().collect();
        }
        let mut told = HashSet::new();
        let first = view.commits.iter().filter(|c| told.insert(c.id));
        first.filter_map(|c| last.get(&c.id).copied()).collect()
    }

    /// The newest point of a job.
    pub fn newest_of_job(&self, job: &str, workload: Workload) -> Result<Option<Arc<Point>>> {
        for commit in self.commits(false).iter().rev() {
            // A damaged manifest is no base; `check` reports it.
            if let Ok(point) = self.load(commit)
                && point.manifest.job == job
                && point.manifest.workload == workload
            {
                return Ok(Some(point));
            }
        }
        Ok(None)
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
