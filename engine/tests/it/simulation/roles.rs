//! What actors do. Whatever fails for now, or because others were faster, is tried again another time; any other failure is a violation.

use super::actor::Actor;
use super::keeping::by_rules;
use super::model::read;
use super::source::{PATHS, Tree, TreeSource, mutate};
use super::world::World;
use engine::backup::{BackupOptions, backup};
use engine::copy::{CopyOptions, Which, copy};
use engine::log::Truncation;
use engine::maintenance::retention::{ApplyOptions, Request, RetentionPlan, Scope, apply};
use engine::maintenance::{CheckOptions, ClockVerdict, CollectOptions, Level, check, collect, plan_collection};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::{Kind, Result};
use format_spec::Time;
use format_spec::log::PointId;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

/// One operation after the other.
pub(super) trait Role: Send {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()>;

    /// What is done without an open repository, if something is: then nothing else is.
    fn beside(&mut self, _: &mut Actor) -> Option<Result<()>> {
        None
    }

    /// The process died; what it held in memory is gone.
    fn die(&mut self) {}
}

/// Backs a tree up that changes between rounds; writers of one job may share it.
pub(super) struct Writer {
    pub(super) job: &'static str,
    pub(super) tree: Arc<Mutex<Tree>>,
    pub(super) device: u64,
}

impl Role for Writer {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        let tree = {
            let mut tree = self.tree.lock();
            mutate(&mut tree, &mut actor.dice, actor.shared.world.time());
            Arc::new(tree.clone())
        };
        let tag = actor.shared.model.lock().begin(tree.clone());
        let source = TreeSource { host: format!("host-{}", self.device), tree, device: self.device };
        let full = actor.dice.chance(150);
        let options = BackupOptions { tags: vec![tag.clone()], full, threads: 0, ..BackupOptions::new(self.job) };
        let begun = actor.shared.world.time();
        let summary = backup(repository, &source, &options, &Arc::new(Monitor::new()))?;
        if !actor.is_dead() {
            acknowledge(actor, repository, summary.point.expect("no dry run"), &tag, begun)?;
            actor.shared.world.count(|c| c.points += 1);
            if actor.dice.chance(300) {
                actor.verify("after a commit");
            }
        }
        Ok(())
    }
}

/// The model learns of a commit, with its place in the log and its lock, which holds from no earlier than the
/// backup's beginning.
fn acknowledge(actor: &Actor, repository: &Repository, id: PointId, tag: &str, begun: Time) -> Result<()> {
    let view = repository.log().view();
    let Some(commit) = view.live(&id) else {
        // Somebody was so fast as to expire it.
        return Ok(());
    };
    let mut model = actor.shared.model.lock();
    model.acknowledge(id, tag, commit.slot);
    if let Some(policy) = repository.policy() {
        let until = policy.needed_until(begun)?;
        model.lock(id, Time { seconds: until.seconds - SLACK_SECONDS, ..until }, commit.object.body_hash);
    }
    Ok(())
}

/// Gives up a point or two, or a file of every point, or what rules do not keep, or changes the words of a point.
pub(super) struct Expirer;

impl Role for Expirer {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        repository.refresh()?;
        let mut points: BTreeSet<PointId> = repository.log().view().commits.iter().map(|c| c.id).collect();
        let wanted = 1 + actor.dice.index(2);
        while points.len() > wanted {
            let gone = points.iter().nth(actor.dice.index(points.len())).copied();
            gone.map(|id| points.remove(&id));
        }
        if points.is_empty() {
            return Ok(());
        }
        let mut keeps = None;
        let request = match actor.dice.below(10) {
            0..=2 => Request::Points(points),
            3..=5 => {
                let (request, kept) = by_rules(actor, repository)?;
                keeps = Some(kept);
                request
            }
            6..=7 => Request::Tags { points, add: ["seen".to_owned()].into(), remove: BTreeSet::new() },
            _ => Request::Paths([actor.dice.of(&PATHS).as_bytes().to_vec()].into()),
        };
        // A job without points must not be named.
        let may_empty = repository.points()?.iter().map(|p| repository.job_of(p)).collect();
        let scope = Scope { may_empty, ..Scope::of(request) };
        let (monitor, begun) = (Arc::new(Monitor::new()), actor.shared.world.time());
        let plan = match RetentionPlan::make(repository, &scope, &monitor) {
            // The last one of a job has gone since it was named.
            Err(e) if e.kind() == Kind::Input && has_lost_a_job(repository, &scope)? => return Ok(()),
            other => other?,
        };
        if plan.is_empty() {
            return Ok(());
        }
        if let Some(keeps) = &keeps {
            keeps.expect(actor, repository, &plan)?;
        }
        let lost = match &scope.request {
            Request::Paths(paths) => paths.iter().next().map(|path| String::from_utf8_lossy(path).into_owned()),
            _ => None,
        };
        expect_unlocked(actor, repository, &plan)?;
        actor.shared.model.lock().intend(&plan, lost.as_deref());
        let options = ApplyOptions { hash: plan.hash, threads: 0 };
        let applied = match apply(repository, &scope, &options, &ClockVerdict::trusted(), &monitor) {
            Err(e) if e.kind() == Kind::Input && has_lost_a_job(repository, &scope)? => return Ok(()),
            other => other?,
        };
        if !actor.is_dead() {
            let mut model = actor.shared.model.lock();
            model.expire(&applied.expired);
            if let Some(path) = &lost {
                model.erase(&applied.rewritten, path);
            }
            if matches!(scope.request, Request::Rules { .. }) {
                model.age(&applied.rewritten, begun);
            }
            actor.shared.world.count(|c| {
                c.expired += applied.expired.len() as u64;
                c.rewritten += applied.rewritten.len() as u64;
                c.ruled += u64::from(keeps.is_some());
            });
        }
        Ok(())
    }
}

/// Whether a job that the scope names has no points any more.
fn has_lost_a_job(repository: &Arc<Repository>, scope: &Scope) -> Result<bool> {
    let jobs: BTreeSet<_> = repository.points()?.iter().map(|p| repository.job_of(p)).collect();
    Ok(!scope.may_empty.is_subset(&jobs))
}

/// A plan leaves points alone that are still locked.
fn expect_unlocked(actor: &Actor, repository: &Repository, plan: &RetentionPlan) -> Result<()> {
    let Some(policy) = repository.policy() else { return Ok(()) };
    for row in plan.rows.iter().filter(|row| !row.decision.keep || row.change.is_some()) {
        let until = policy.needed_until(row.point.manifest.finished)?;
        if until.seconds - SLACK_SECONDS > actor.shared.world.time().seconds {
            actor.violation(&format!("point {} is to change, and is locked until {until:?}", row.point.manifest.id));
        }
    }
    Ok(())
}

/// Raises the days of locking.
pub(super) struct Raiser;

impl Role for Raiser {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        repository.refresh()?;
        let days = repository.policy().and_then(|policy| policy.field().days).map_or(0, NonZeroU32::get);
        let more = days + actor.dice.of(&[1, 2, 5]);
        match repository.raise_immutable_days(more, &Monitor::new()) {
            // Another one has raised them further meanwhile, or as far.
            Err(e) if matches!(e.kind(), Kind::Immutable | Kind::Input) && !actor.is_dead() => return Ok(()),
            other => other?,
        };
        if !actor.is_dead() {
            actor.shared.world.count(|c| c.raised += 1);
            actor.verify("after the days of locking were raised");
        }
        Ok(())
    }
}

/// Sums the log up and deletes what is summed up, as soon as it may.
pub(super) struct Truncator;

impl Role for Truncator {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        let (log, env) = (repository.log(), &**repository.env());
        log.refresh()?;
        log.checkpoint(env)?;
        let grace_seconds = actor.dice.of(&[0, 0, 3600]);
        let versioned = actor.shared.world.locking.is_some();
        let how = Truncation { grace_seconds, requests_max: 1000, listings_complete: true, versioned };
        let done = log.truncate(env, &how)?;
        actor.shared.world.count(|c| c.truncated += done.entries.len() as u64);
        Ok(())
    }
}

/// Collects, with any grace and any patience.
#[derive(Default)]
pub(super) struct Collector {
    /// What a mutant keeps.
    pub(super) stale: Option<engine::maintenance::CollectPlan>,
}

impl Role for Collector {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        // Without a grace it deletes at once by an entry that may be set aside a moment later.
        let graces: &[i64] = if World::wrecks(actor.shared.seed) { &[3600, 172_800] } else { &[0, 0, 3600, 172_800] };
        let dice = &mut actor.dice;
        let options = CollectOptions {
            dead_share: dice.of(&[0.0, 0.0, 0.3, 2.0]),
            grace_seconds: dice.of(graces),
            lease_seconds: dice.of(&[600, 3600, 86_400]),
            requests_max: dice.of(&[None, None, None, Some(6)]),
            ..CollectOptions::new(format!("collector-{}", actor.number))
        };
        let monitor = Monitor::new();
        let mutant = actor.shared.world.mutant;
        let plan = plan_collection(repository, &options, &monitor)?;
        mutant.collect(repository, &plan, &mut self.stale)?;
        let report = collect(repository, &options, &plan.hash, &ClockVerdict::trusted(), &monitor)?;
        if let Some(finding) = report.damaged.iter().find(|finding| !has_rotten(actor, &finding.object))
            && !actor.is_dead()
        {
            actor.violation(&format!("a collection calls {} damaged: {}", finding.object, finding.what));
        }
        actor.shared.world.count(|c| {
            c.condemned += report.packs_condemned;
            c.deleted += report.objects_deleted;
            c.fenced += report.fenced;
        });
        Ok(())
    }
}

/// Whether this object, as a finding names it, has rotted.
fn has_rotten(actor: &Actor, object: &str) -> bool {
    actor.shared.world.rotten.lock().iter().any(|name| name.as_str() == object)
}

/// Checks while others work; nothing is ever damaged but what has rotted.
pub(super) struct Checker;

impl Role for Checker {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        let level = actor.dice.of(&[Level::List, Level::Tails, Level::Full]);
        let report = check(repository, &CheckOptions { threads: 1, ..CheckOptions::new(level) }, &Monitor::new())?;
        // Where a pack has rotted, blobs and points are named as well.
        let is_told =
            |object: &str| has_rotten(actor, object) || !object.contains('/') && actor.shared.world.has_rotten();
        if let Some(finding) = report.errors.iter().find(|finding| !is_told(&finding.object))
            && !actor.is_dead()
        {
            actor.violation(&format!("a check at level {level:?} finds {}: {}", finding.object, finding.what));
        }
        Ok(())
    }
}

/// Opens a view and reads from it much later, as a mount does.
#[derive(Default)]
pub(super) struct Reader {
    points: Vec<Arc<Point>>,
}

impl Role for Reader {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        if self.points.is_empty() || actor.dice.chance(300) {
            repository.refresh()?;
            let commits = repository.log().view().commits.clone();
            self.points.clear();
            for commit in commits {
                match repository.load(&commit) {
                    Ok(point) => self.points.push(point),
                    Err(e) if actor.shared.model.lock().is_outdated(&commit.id) && !actor.is_dead() => drop(e),
                    Err(e) if actor.is_rot(&e) => drop(e),
                    Err(e) => return Err(e),
                }
            }
            return Ok(());
        }
        let point = self.points[actor.dice.index(self.points.len())].clone();
        let found = read(repository, &point);
        let model = actor.shared.model.lock();
        match found {
            Ok(files) => {
                if let Err(what) = model.compare(&point, &files, actor.shared.world.time()) {
                    actor.violation(&format!("an old view: {what}"));
                }
                Ok(())
            }
            // It was given up, or another manifest took its place, while it was read or before.
            Err(_) if model.is_outdated(&point.manifest.id) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn die(&mut self) {
        self.points.clear();
    }
}

/// Copies into another repository, and collects there now and then.
pub(super) struct Copier;

impl Role for Copier {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        let copies = actor.copies()?;
        if actor.dice.chance(250) {
            return Collector::default().operate(actor, &copies);
        }
        // Drawn first: the order of draws is part of what a seed repeats.
        let which = if actor.dice.chance(500) { Which::All } else { Which::Latest };
        let options = CopyOptions {
            verify_full: actor.dice.chance(200),
            regroup: actor.dice.of(&[None, None, Some(1)]),
            threads: 0,
            ..CopyOptions::new(which, format!("copier-{}", actor.number))
        };
        let done = copy(repository, &copies, &options, &Arc::new(Monitor::new()))?;
        if actor.is_dead() {
            return Ok(());
        }
        let is_told = |point: &PointId| actor.shared.model.lock().is_outdated(point) || actor.shared.world.has_rotten();
        if let Some(failed) = done.failed.iter().find(|failed| !is_told(&failed.point)) {
            actor.violation(&format!("point {} cannot be copied: {}", failed.point, failed.reason));
        }
        actor.shared.world.count(|c| c.copied += done.copied.len() as u64);
        actor.verify_copies("after a copy", &done.copied);
        Ok(())
    }
}

/// Two clocks are each up to five minutes from the store's.
const SLACK_SECONDS: i64 = 600;
