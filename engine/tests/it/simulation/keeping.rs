//! Keep rules under clocks that are wrong: what has to stay is reckoned here from the slots of
//! commits alone.

use super::actor::Actor;
use super::mutants::Mutant;
use engine::Result;
use engine::maintenance::retention::{Request, RetentionPlan, Rules};
use engine::repository::Repository;
use engine::restore_point::Point;
use format_spec::config::RetentionKind;
use format_spec::log::PointId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many of the newest points of each job a rule must leave, whatever clocks say.
pub(super) struct Keeps(usize);

/// A request by rules, and what it must leave: what is within the period of a repository whose items
/// leave, or the last few of each job.
pub(super) fn by_rules(actor: &mut Actor, repository: &Arc<Repository>) -> Result<(Request, Keeps)> {
    let retention = repository.config().retention;
    if retention.kind == RetentionKind::Item {
        let rules = Rules { period: Some(retention.period), ..Rules::default() };
        return Ok((Request::Rules { rules, kind: retention.kind }, Keeps(0)));
    }
    let last = 1 + u32::try_from(actor.dice.below(3)).expect("small");
    let request = match actor.shared.world.mutant {
        Mutant::KeepsByClock => {
            let jobs = points_of_jobs(repository)?;
            Request::Points(jobs.into_values().flat_map(|points| older(points, last)).collect())
        }
        _ => {
            let rules = Rules { last: Some(last), ..Rules::default() };
            Request::Rules { rules, kind: RetentionKind::Snapshot }
        }
    };
    Ok((request, Keeps(last as usize)))
}

/// The points of each host and job.
type PointsOfJobs = BTreeMap<(String, String), Vec<Arc<Point>>>;

/// Live points by host and job.
fn points_of_jobs(repository: &Arc<Repository>) -> Result<PointsOfJobs> {
    let mut jobs: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for point in repository.points()? {
        let job = (point.manifest.host.clone(), point.manifest.job.clone());
        jobs.entry(job).or_default().push(point);
    }
    Ok(jobs)
}

/// The last committed ones of a job that are not dated in the planner's future, and those that are.
/// Nothing, if the order of one is unknown.
fn stays(actor: &Actor, points: &[Arc<Point>], last: usize) -> Vec<PointId> {
    let model = actor.shared.model.lock();
    let slots: Option<Vec<_>> = points.iter().map(|point| Some((model.slot_of(&point.manifest.id)?, point))).collect();
    let Some(mut slots) = slots else { return Vec::new() };
    slots.sort_by_key(|(slot, _)| std::cmp::Reverse(*slot));
    let now = actor.env.now();
    let (past, future): (Vec<_>, Vec<_>) = slots.into_iter().partition(|(_, point)| point.manifest.started <= now);
    past.into_iter().take(last).chain(future).map(|(_, point)| point.manifest.id).collect()
}

/// What a rule takes that believes clocks.
fn older(mut points: Vec<Arc<Point>>, last: u32) -> Vec<PointId> {
    points.sort_by_key(|point| std::cmp::Reverse(point.manifest.started));
    points.into_iter().skip(last as usize).map(|point| point.manifest.id).collect()
}

impl Keeps {
    /// A plan that was just made takes none of them. They are reckoned from the view that the plan saw:
    /// somebody may have committed since the request was made.
    pub(super) fn expect(&self, actor: &Actor, repository: &Arc<Repository>, plan: &RetentionPlan) -> Result<()> {
        if self.0 == 0 {
            return Ok(());
        }
        let jobs = points_of_jobs(repository)?;
        let kept: BTreeSet<PointId> = jobs.values().flat_map(|points| stays(actor, points, self.0)).collect();
        let taken = plan.rows.iter().filter(|row| !row.decision.keep).map(|row| row.point.manifest.id);
        if let Some(id) = taken.into_iter().find(|id| kept.contains(id)) {
            actor.violation(&format!("a rule takes point {id}, one of the newest of its job by the order of commits"));
        }
        Ok(())
    }
}
