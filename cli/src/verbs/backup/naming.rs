//! Which job a run belongs to, whether another host has one of its name, and whether its newest point is of the past.
//!
//! Promises: a name that nobody gave is made of the host and what is backed up, and no two sets of sources make one
//! ([`made`]). Names of earlier releases were not so: a job goes on under its old name as long as all points of that name
//! have its sources; else it goes on under the new one.

use super::Backup;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::Result;
use crate::say::human;
use crate::verbs::sources::Chosen;
use engine::repository::Repository;
use engine::restore_point::made::{made, made_before};
use engine::restore_point::{JobId, Owner, Point, contradicts};
use format_spec::point::Manifest;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Backup {
    /// The job's name: as it was given, else made.
    ///
    /// # Errors
    /// The engine's, where the repository must be asked for points of the name that earlier releases made.
    pub(super) fn job_of(&self, repo: &Repository, chosen: &Chosen) -> Result<String> {
        match &self.job {
            Some(job) => Ok(job.clone()),
            None => name_of(repo, chosen),
        }
    }
}

fn name_of(repo: &Repository, chosen: &Chosen) -> Result<String> {
    let about = chosen.source.about();
    let (new, old) = (made(&about.host, &chosen.named), made_before(&about.host, &about.paths));
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

/// Says that this clock is behind the one that the newest point of the job was made by.
fn tell_time(context: &Context, newest: &Point) {
    let Manifest { id, finished, .. } = &newest.manifest;
    if contradicts(*finished, context.env.now()) {
        let why = format!(
            "this clock is behind the newest restore point of the job, which is dated {}: one of them is wrong. `latest`, keep rules and the next \
             backup follow the order of commits; if it is that point's, let it go: cairn expire {} plan",
            human::time(*finished),
            &id.to_string()[..8],
        );
        context.out.warning(&id.to_string().as_bytes()[..8], &why);
    }
}

/// Says that the job's name is one of other hosts alone, whose points this run does not build upon, and how it would. The hosts.
///
/// # Errors
/// The engine's.
pub(super) fn tell_other_hosts(
    context: &Context,
    connection: &Connection,
    job: &str,
    chosen: &Chosen,
) -> Result<Vec<String>> {
    let (repo, about) = (&connection.repo, chosen.source.about());
    let own = JobId::new(Owner::new(&about.host, ""), job, &about.paths);
    if let Some(newest) =
        repo.newest_where(|point| repo.job_of(point).owner == own.owner && point.manifest.job == job)?
    {
        tell_time(context, &newest);
        return Ok(Vec::new());
    }
    let is_same = |of: &JobId| {
        let host = of.owner.name();
        let is_made = || of.job == made(host, &chosen.named) || of.job == made_before(host, &about.paths);
        matches!(of.owner, Owner::Host(_)) && of.owner != own.owner && (of.job == job || is_made())
    };
    let points = repo.points_and_damage();
    let found =
        points.iter().rev().filter_map(|(_, point)| point.as_ref().ok()).map(|p| repo.job_of(p)).filter(is_same);
    let (mut seen, mut hosts) = (BTreeSet::new(), Vec::new());
    for job in found {
        if seen.insert(job.owner.clone()) {
            hosts.push(job.owner.name().to_owned());
        }
    }
    if let [newest, ..] = &hosts[..] {
        let (job, named) = (human::name(job.as_bytes()), human::name(newest.as_bytes()));
        context.out.note(&format!(
            "cairn: the job {job} has restore points of the host {named} and none of {}: this run begins a job of its own. If this machine was \
             called {named} before, go on with: {}",
            human::name(about.host.as_bytes()),
            context.command_on_host(newest),
        ));
    }
    Ok(hosts)
}
