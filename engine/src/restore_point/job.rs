//! Whose restore points are whose: a job is a name and the host, or the organisation, that it is a job of.
//!
//! Promises: retention, `latest`, bases, copies and lists all ask [`JobId`], so no two of them disagree. In a repository of
//! copies the repository that a point came from belongs to its job: two sources may have a job of one name and host.
//! Refuses to take a name that was made for the sources it was made of: earlier releases made one name of different
//! sources, so of such a name each set of sources is a job of its own (decision 0013).
//!
//! People write `JOB`, `HOST/JOB`, or `SOURCE/HOST/JOB` with 8 digits or more of the source's id ([`JobName`]).

use super::load::Point;
use super::made::made_before;
use crate::error::{Error, Kind, Result};
use format_spec::RepositoryId;
use format_spec::config::{Class, Config};
use format_spec::point::Manifest;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Whom a job is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A machine, by its name.
    Host(String),
    /// An organisation, whichever machine backs it up.
    Organisation(String),
}

/// What points have in common that are of one job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId {
    /// The job's name.
    pub job: String,
    /// Whom it is of.
    pub owner: Owner,
    /// In a repository of copies, the repository that its points were made in, as far as it is known.
    pub source: Option<RepositoryId>,
    /// Of a name that an earlier release made, the sources that it was made of, sorted; else nothing.
    pub paths: Vec<Vec<u8>>,
}

/// A job as people write it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobName {
    /// What stands before the last slash: a host, or a source and a host.
    owner: Option<String>,
    job: String,
}

impl Owner {
    /// The owner that a host and an organisation, which may be empty, stand for.
    pub fn new(host: &str, organisation: &str) -> Self {
        if organisation.is_empty() {
            Owner::Host(host.to_owned())
        } else {
            Owner::Organisation(organisation.to_owned())
        }
    }

    /// Its name, as it was recorded.
    pub fn name(&self) -> &str {
        match self {
            Owner::Host(name) | Owner::Organisation(name) => name,
        }
    }
}

impl JobId {
    /// The job of a manifest in a repository of this config. Points of a repository of copies that do not say where they come
    /// from are of its origin.
    pub fn of(manifest: &Manifest, config: &Config) -> Self {
        let Manifest { host, organisation, job, paths, .. } = manifest;
        let source = (config.class == Class::Copy).then(|| manifest.source.or(config.origin)).flatten();
        JobId { source, ..JobId::new(Owner::new(host, organisation), job, paths) }
    }

    /// The job that a backup of these sources goes on with.
    pub fn new(owner: Owner, job: &str, paths: &[Vec<u8>]) -> Self {
        let mut paths = if job == made_before(owner.name(), paths) { paths.to_vec() } else { Vec::new() };
        paths.sort_unstable();
        JobId { job: job.to_owned(), owner, source: None, paths }
    }

    /// As people can write it among these jobs: the name alone where that says which one is meant, whoever asks.
    pub fn told<'j>(&self, others: impl IntoIterator<Item = &'j JobId>) -> String {
        let (mut same_name, mut same_owner) = (false, false);
        for other in others.into_iter().filter(|other| other.job == self.job) {
            same_name |= other.owner != self.owner || other.source != self.source;
            same_owner |= other.owner == self.owner && other.source != self.source;
        }
        match (same_name, same_owner, self.source) {
            (false, ..) => self.job.clone(),
            (true, true, Some(source)) => format!("{}/{self}", &source.to_string()[..SOURCE_DIGITS]),
            _ => self.to_string(),
        }
    }

    fn is_of(&self, other: &JobId) -> bool {
        (&self.owner, self.source) == (&other.owner, other.source)
    }
}

/// `HOST/JOB`, as [`JobName`] reads it.
impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", escaped(self.owner.name()), self.job)
    }
}

impl JobName {
    /// Whether it was written with a host.
    pub fn names_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// Whether a job may be meant: it has this name, and the owner, if one was written.
    pub fn covers(&self, job: &JobId) -> bool {
        let is_owner = |text: &str| text == job.owner.name() || text == escaped(job.owner.name());
        let is_source = |text: &str| {
            let is_id = text.len() >= SOURCE_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
            is_id && job.source.is_some_and(|source| source.to_string().starts_with(&text.to_ascii_lowercase()))
        };
        self.job == job.job
            && self.owner.as_deref().is_none_or(|text| {
                is_owner(text)
                    || text.split_once('/').is_some_and(|(source, owner)| is_source(source) && is_owner(owner))
            })
    }

    /// The job that is meant among these: `own_host`'s, and if it has none, the only other one. Where an earlier release made
    /// one name of several sets of sources, all of them.
    ///
    /// # Errors
    /// `Input` where none is meant, or more than one; both say what there is.
    pub fn find<'j>(&self, known: impl IntoIterator<Item = &'j JobId>, own_host: &str) -> Result<BTreeSet<JobId>> {
        let known: BTreeSet<&JobId> = known.into_iter().collect();
        let mut covered: Vec<&JobId> = known.iter().copied().filter(|job| self.covers(job)).collect();
        let is_own = |job: &&JobId| job.owner == Owner::Host(own_host.to_owned());
        if !self.names_owner() && covered.iter().any(is_own) {
            covered.retain(is_own);
        }
        let Some(first) = covered.first() else { return Err(self.absent(known)) };
        if covered.iter().all(|job| job.is_of(first)) {
            return Ok(covered.into_iter().cloned().collect());
        }
        let mut names: Vec<String> = covered.iter().map(|job| job.told(known.iter().copied())).collect();
        names.dedup();
        Err(Error::new(Kind::Input, "several jobs have this name")
            .on(self)
            .advise(format!("write one of: {}", list(&names))))
    }

    /// The refusal of a name that none of these jobs has.
    pub fn absent(&self, known: BTreeSet<&JobId>) -> Error {
        let mut names: Vec<String> = known.iter().map(|job| job.told(known.iter().copied())).collect();
        names.dedup();
        let advice = match names.is_empty() {
            true => "the repository has no restore point yet".to_owned(),
            false => format!("the repository has: {}", list(&names)),
        };
        Error::new(Kind::Input, "no restore point is of this job").on(self).advise(advice)
    }
}

fn list(names: &[String]) -> String {
    let told = names.iter().take(JOBS_TOLD).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > JOBS_TOLD { format!("{told}, and {} more", names.len() - JOBS_TOLD) } else { told }
}

/// The last slash parts them: a job's name holds none.
impl FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (owner, job) = text.rsplit_once('/').map_or((None, text), |(owner, job)| (Some(owner.to_owned()), job));
        if job.is_empty() {
            return Err("a job needs a name".to_owned());
        }
        match job.chars().find(|c| *c == ':' || c.is_control()) {
            Some(odd) => Err(format!("a job's name holds no {odd:?}")),
            None => Ok(JobName { owner, job: job.to_owned() }),
        }
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner.iter().try_for_each(|owner| write!(f, "{owner}/"))?;
        f.write_str(&self.job)
    }
}

/// A host or organisation as it stands before the slash of `HOST/JOB`, and in paths of the mount: `%XX` for what a path, a
/// selector or a terminal cannot take, so that different names stay different.
pub fn escaped(name: &str) -> String {
    if name.is_empty() {
        return "%empty".into();
    }
    let only_dots = matches!(name, "." | "..");
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || matches!(c, '/' | '\\' | ':' | '%') || only_dots {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|b| out.push_str(&format!("%{b:02X}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// The newest of each job, by the order of commits; in that order. Interim points are passed over.
pub fn newest_of_each(points: &[Arc<Point>], job_of: impl Fn(&Point) -> JobId) -> Vec<Arc<Point>> {
    let mut newest: BTreeMap<JobId, &Arc<Point>> = BTreeMap::new();
    for point in points.iter().filter(|point| !point.manifest.is_interim()) {
        let held = newest.entry(job_of(point)).or_insert(point);
        if held.place() < point.place() {
            *held = point;
        }
    }
    let mut points: Vec<Arc<Point>> = newest.into_values().cloned().collect();
    points.sort_by_key(|point| point.place());
    points
}

/// Digits of a source's id that stand before a host, at least.
const SOURCE_DIGITS: usize = 8;
/// Jobs that a message lists.
const JOBS_TOLD: usize = 10;

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
