//! Format upgrades: what version a repository has, what this release writes, and the steps between.
//!
//! Promises: a plan reads only; a step runs only as part of the plan whose hash was shown, and is asked afterwards whether it is still due. What
//! is newer than this release is refused with its numbers. A new format brings a [`Step`] in [`STEPS`]; there is one version so far, and
//! the table is empty. Refuses to touch stored data: a step appends to the log or writes new objects, as everything else does.

use crate::error::{Error, Kind, Result};
use crate::immutability::LockPolicy;
use crate::maintenance::plan_hash::PlanHash;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::{ObjectName, Store, StoreExt};
use format_spec::config::{Class, Config, LockMode, RetentionKind};
use format_spec::container::{Suite, Version};
use format_spec::names;

/// One upgrade. Its order in the table is the order in which steps run.
#[derive(Clone, Copy)]
pub struct Step {
    /// Its stable name.
    pub name: &'static str,
    /// The version that it leads to.
    pub to: Version,
    /// What it does, for people.
    pub what: &'static str,
    /// Whether a repository needs it. Asked again after it ran.
    pub is_due: fn(&Repository) -> Result<bool>,
    /// Does it. May be stopped and run again.
    pub run: fn(&Repository, &Monitor) -> Result<()>,
}

/// Every step that this release knows.
pub const STEPS: &[Step] = &[];

/// A property that a repository has or could have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// Whether it is on.
    pub on: bool,
    /// What exactly it is in this repository.
    pub state: String,
    /// How it is turned on (or why it cannot be), where it is off.
    pub turn_on: Option<&'static str>,
}

/// What an upgrade would do.
#[derive(Debug, Clone)]
pub struct MigrationPlan {
    /// The version of the repository.
    pub found: Version,
    /// The version that this release writes.
    pub written: Version,
    /// What is on, and what could be.
    pub features: Vec<Feature>,
    /// The steps that are due, in order.
    pub steps: Vec<Step>,
    /// Names exactly this plan: what `apply` must be given.
    pub hash: PlanHash,
}

/// The version of the repository in a store; no key is needed.
///
/// # Errors
/// `NoRepository`; `Unsupported`, with the numbers, when this release cannot read it; `Damaged`.
pub fn version(store: &dyn Store) -> Result<Version> {
    let config = store.get(&ObjectName::new(names::CONFIG)?).map_err(|e| match e.kind() {
        Kind::Absent => Error::new(Kind::NoRepository, "there is no Cairn repository here")
            .on(store.location())
            .advise("check the URL, or create one with `cairn init --repo URL`"),
        _ => e,
    })?;
    let version = Version::of(&config).map_err(|e| Error::from(e).on(names::CONFIG))?;
    if version.is_readable() {
        return Ok(version);
    }
    let what =
        format!("the repository has format {version}; this release reads {}, and no incompat flag", Version::WRITTEN);
    Err(Error::new(Kind::Unsupported, what)
        .on(store.location())
        .advise("use the release that wrote it, or a newer one"))
}

/// What an upgrade by `steps` (of this release: [`STEPS`]) would do.
///
/// # Errors
/// As [`version`]; what a step answers.
pub fn plan(repository: &Repository, steps: &[Step]) -> Result<MigrationPlan> {
    let found = version(&*repository.sealed_store().store)?;
    let mut features = features(repository.config());
    features.extend(kept(repository.config(), repository.policy()));
    let mut due = Vec::new();
    for step in steps {
        if (step.is_due)(repository)? {
            due.push(*step);
        }
    }
    let hash = hash(repository, found, &features, &due);
    Ok(MigrationPlan { found, written: Version::WRITTEN, features, steps: due, hash })
}

/// Carries out the plan that `hash` names; the names of the steps that ran. `told` hears of each one before it runs.
///
/// # Errors
/// `Conflict` when the plan of now is another one; `Unsupported` where writing is forbidden; what a step says.
pub fn apply(
    repository: &Repository,
    steps: &[Step],
    hash: &PlanHash,
    monitor: &Monitor,
    told: &mut dyn FnMut(&Step),
) -> Result<Vec<&'static str>> {
    repository.refresh()?;
    let plan = plan(repository, steps)?;
    if !plan.hash.is_quoted_by(hash) {
        return Err(Error::new(Kind::Conflict, format!("this is not the plan of now, which is {}", plan.hash))
            .on(repository.location())
            .advise("look at it with `cairn migrate plan`, then apply that one"));
    }
    if !plan.steps.is_empty() && !plan.found.is_writable() {
        let what = format!("format {} may be read by this release, but not written to", plan.found);
        return Err(Error::new(Kind::Unsupported, what).on(repository.location()).advise("use a newer release"));
    }
    let mut done = Vec::new();
    for step in &plan.steps {
        monitor.check()?;
        told(step);
        (step.run)(repository, monitor)?;
        repository.refresh()?;
        if (step.is_due)(repository)? {
            return Err(Error::new(Kind::Bug, format!("the step {} ran and is still due", step.name)));
        }
        done.push(step.name);
    }
    Ok(done)
}

/// What the config says.
fn features(config: &Config) -> Vec<Feature> {
    let proven = |name: &str| config.probed.lines().any(|line| line == format!("{name}=yes"));
    let feature = |name, on, state: String, turn_on| Feature { name, on, state, turn_on: turn_on_of(on, turn_on) };
    let encrypted = config.suite != Suite::Clear;
    let cutting = &config.cutting;
    let class = match config.class {
        Class::Backup => "backup",
        Class::Copy => "copy",
    };
    let store = |name: &'static str, property: &str| {
        let on = proven(property);
        let state =
            if on { "proven when the repository was created" } else { "not proven when the repository was created" };
        feature(name, on, state.to_owned(), "create the repository anew: the store is tried out at `cairn init`")
    };
    vec![
        feature(
            "encryption",
            encrypted,
            if encrypted { "AES-256-GCM, a key for each object" } else { "nothing is encrypted" }.to_owned(),
            "create a repository with a password and copy the restore points",
        ),
        feature("class", true, format!("{class}, packs of at most {} bytes", config.pack_bytes_max), ""),
        feature(
            "cutting",
            true,
            format!("{} to {} bytes, {} on average; one chunk to {0}", cutting.least, cutting.most, cutting.average),
            "",
        ),
        feature(
            "group-compression",
            true,
            format!("blocks of {} bytes, zstd level {}", config.block_target, config.level),
            "",
        ),
        store("atomic-create", "create_is_atomic"),
        store("complete-listing", "listing_complete"),
        store("checksums-by-store", "checksum_enforced"),
        store("versions", "versioned"),
    ]
}

/// How long things are kept, and against what.
fn kept(config: &Config, policy: Option<LockPolicy>) -> [Feature; 3] {
    let parity = config.parity_percent;
    let (what, period) = match config.retention.kind {
        RetentionKind::Snapshot => ("restore points leave", config.retention.period),
        RetentionKind::Item => ("items leave every restore point", config.retention.period),
    };
    let locked = policy.map(|policy| {
        let field = policy.field();
        let mode = match field.mode {
            LockMode::Governance => "governance",
            LockMode::Compliance => "compliance",
        };
        let how_long = field.days.map_or_else(|| "the whole period".to_owned(), |days| format!("{days} days"));
        format!("{mode} for {how_long}, and up to {} days more", field.generation_days)
    });
    let feature = |name, state: Option<String>, off: &str, how| {
        let on = state.is_some();
        Feature { name, on, state: state.unwrap_or_else(|| off.to_owned()), turn_on: turn_on_of(on, how) }
    };
    [
        feature(
            "parity",
            (parity > 0).then(|| format!("{parity}% of what each new pack holds")),
            "a damaged pack is healed from a copy or the source alone",
            "create a repository with --parity and copy the restore points",
        ),
        feature(
            "retention",
            (!period.is_for_ever()).then(|| format!("{what} after {period}")),
            "nothing leaves by its age",
            "create a repository with --keep and copy the restore points; `cairn expire plan --keep-...` works here too",
        ),
        feature(
            "immutability",
            locked,
            "objects are not locked",
            "create a repository with --immutable, in a store that locks objects, and copy the restore points",
        ),
    ]
}

fn turn_on_of(on: bool, how: &'static str) -> Option<&'static str> {
    (!on && !how.is_empty()).then_some(how)
}

fn hash(repository: &Repository, found: Version, features: &[Feature], steps: &[Step]) -> PlanHash {
    let mut text = format!("{}\n{found}\n", repository.id());
    features.iter().for_each(|f| text.push_str(&format!("{} {} {}\n", f.name, f.on, f.state)));
    steps.iter().for_each(|s| text.push_str(&format!("{} {}\n", s.name, s.to)));
    blake3::derive_key("cairn 1 migration plan", text.as_bytes()).into()
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step").field("name", &self.name).field("to", &self.to).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
mod tests;
