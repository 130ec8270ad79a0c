//! Which job a run belongs to, whether another host has one of its name, and whether its newest point is of the past.
//!
//! Promises: a name that nobody gave is made of the host and what is backed up, and no two sets of sources make one
//! ([`made`]). Names of earlier releases were not so: a job goes on under its old name as long as all points of that name
//! have its sources; else it goes on under the new one.

use engine::Result;
use engine::repository::Repository;
use engine::restore_point::made::{Named, made, made_before};
use engine::restore_point::{JobId, Owner, Point, contradicts};
use engine::source::About;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name of a job that nobody named.
///
/// # Errors
/// The engine's, where the repository must be asked for points of the name that earlier releases made.
pub fn name_of(repo: &Repository, about: &About, named: &[Named]) -> Result<String> {
    let (new, old) = (made(&about.host, named), made_before(&about.host, &about.paths));
    let owner = Owner::new(&about.host, "");
    let is = |point: &Point, name: &str| point.manifest.job == name && repo.job_of(point).owner == owner;
    let newest = repo.newest_where(|point| is(point, &new) || is(point, &old))?;
    if newest.is_none_or(|point| is(&point, &new)) {
        return Ok(new);
    }
    let points: Vec<Arc<Point>> = repo.points_and_damage().into_iter().filter_map(|(_, point)| point.ok()).collect();
    let sorted = |paths: &[Vec<u8>]| paths.iter().cloned().collect::<BTreeSet<_>>();
    let own = sorted(&about.paths);
    let mut of_old = points.iter().filter(|point| is(point, &old));
    let goes_on = of_old.all(|point| sorted(&point.manifest.paths) == own) && !points.iter().any(|p| is(p, &new));
    Ok(if goes_on { old } else { new })
}

/// What a repository has of a job, and of jobs of its name.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// Other hosts that have a job of this name where this host has none, whose point is the newest first.
    pub other_hosts: Vec<String>,
    /// The newest point of the job, where it is dated after this machine's clock.
    pub ahead: Option<Arc<Point>>,
}

/// Looks whether the job's name is one of other hosts alone, whose points a run does not build upon, and whether its newest point
/// contradicts the clock.
///
/// # Errors
/// The engine's.
pub fn neighbours(repo: &Repository, job: &str, about: &About, named: &[Named]) -> Result<Neighbours> {
    let own = JobId::new(Owner::new(&about.host, ""), job, &about.paths);
    let is_own = |point: &Point| repo.job_of(point).owner == own.owner && point.manifest.job == job;
    if let Some(newest) = repo.newest_where(is_own)? {
        let ahead = Some(newest).filter(|point| contradicts(point.manifest.finished, repo.env().now()));
        return Ok(Neighbours { other_hosts: Vec::new(), ahead });
    }
    let is_same = |of: &JobId| {
        let host = of.owner.name();
        let is_made = || of.job == made(host, named) || of.job == made_before(host, &about.paths);
        matches!(of.owner, Owner::Host(_)) && of.owner != own.owner && (of.job == job || is_made())
    };
    let points = repo.points_and_damage();
    let found =
        points.iter().rev().filter_map(|(_, point)| point.as_ref().ok()).map(|p| repo.job_of(p)).filter(is_same);
    let (mut seen, mut other_hosts) = (BTreeSet::new(), Vec::new());
    for job in found {
        if seen.insert(job.owner.clone()) {
            other_hosts.push(job.owner.name().to_owned());
        }
    }
    Ok(Neighbours { other_hosts, ahead: None })
}
