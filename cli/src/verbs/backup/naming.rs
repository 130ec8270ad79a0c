//! Which job a run belongs to, and what is said of its neighbours: a clock that is behind, and hosts that have a job of its name.

use super::Backup;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::Result;
use crate::output::human;
use crate::verbs::sources::Chosen;
use engine::repository::Repository;
use engine::restore_point::Point;
use format_spec::point::Manifest;
use ops::backup::{Neighbours, name_of, neighbours};

impl Backup {
    /// The job's name: as it was given, else made.
    ///
    /// # Errors
    /// The engine's, where the repository must be asked for points of the name that earlier releases made.
    pub(super) fn job_of(&self, repo: &Repository, chosen: &Chosen) -> Result<String> {
        match &self.job {
            Some(job) => Ok(job.clone()),
            None => Ok(name_of(repo, &chosen.source.about(), &chosen.named)?),
        }
    }
}

/// Says that this clock is behind the one that the newest point of the job was made by.
fn tell_time(context: &Context, newest: &Point) {
    let Manifest { id, finished, .. } = &newest.manifest;
    let why = format!(
        "this clock is behind the newest restore point of the job, which is dated {}: one of them is wrong. `latest`, keep rules and the next \
         backup follow the order of commits; if it is that point's, let it go: cairn expire plan {}",
        human::time(*finished),
        &id.to_string()[..8],
    );
    context.out.warning(&id.to_string().as_bytes()[..8], &why);
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
    let about = chosen.source.about();
    let Neighbours { other_hosts, ahead } = neighbours(&connection.repo, job, &about, &chosen.named)?;
    if let Some(newest) = &ahead {
        tell_time(context, newest);
    }
    if let [newest, ..] = &other_hosts[..] {
        let (job, named) = (human::name(job.as_bytes()), human::name(newest.as_bytes()));
        context.out.note(&format!(
            "cairn: the job {job} has restore points of the host {named} and none of {}: this run begins a job of its own. If this machine was \
             called {named} before, go on with: {}",
            human::name(about.host.as_bytes()),
            context.command_on_host(newest),
        ));
    }
    Ok(other_hosts)
}
