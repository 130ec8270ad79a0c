//! The restore points that the log shows.

use super::open::Repository;
use crate::error::Result;
use crate::log::CommitRef;
use crate::restore_point::{Point, load_point};
use format_spec::point::Workload;
use std::sync::Arc;

impl Repository {
    /// Every visible point, in the order of their commits: a rewrite does not move a point. One whose manifest is damaged is an error that
    /// names it.
    pub fn points(&self) -> Result<Vec<Arc<Point>>> {
        let mut points = self.log().view().commits.iter().map(|c| self.load(c)).collect::<Result<Vec<_>>>()?;
        points.sort_by_key(|point| point.place());
        Ok(points)
    }

    /// Every visible point, and the damaged ones as errors beside the good ones.
    pub fn points_and_damage(&self) -> Vec<(CommitRef, Result<Arc<Point>>)> {
        let mut points: Vec<_> = self.log().view().commits.iter().map(|c| (*c, self.load(c))).collect();
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
