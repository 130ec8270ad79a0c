//! The restore points that the log shows.

use super::open::Repository;
use crate::error::Result;
use crate::log::CommitRef;
use crate::restore_point::{Point, load_point};
use format_spec::point::Workload;
use std::sync::Arc;

impl Repository {
    /// Every visible point, oldest first. A point whose manifest is damaged is an error that names it.
    pub fn points(&self) -> Result<Vec<Arc<Point>>> {
        self.log().view().commits.iter().map(|c| self.load(c)).collect()
    }

    /// Every visible point, and the damaged ones as errors beside the good ones.
    pub fn points_and_damage(&self) -> Vec<(CommitRef, Result<Arc<Point>>)> {
        self.log().view().commits.iter().map(|c| (*c, self.load(c))).collect()
    }

    /// The newest point of a job.
    pub fn newest_of_job(&self, job: &str, workload: Workload) -> Result<Option<Arc<Point>>> {
        for commit in self.log().view().commits.iter().rev() {
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
