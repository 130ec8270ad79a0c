//! What actors do. Whatever fails for now, or because others were faster, is tried again another time; any other failure is a violation.

use super::actor::Actor;
use super::model::read;
use super::source::{Tree, TreeSource, mutate};
use engine::Result;
use engine::backup::{BackupOptions, backup};
use engine::care::{CheckOptions, CollectOptions, Level, check, collect, plan_collection};
use engine::error::{Error, Kind};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore_point::Point;
use format_spec::log::{Change, PointId};
use format_spec::point::Workload;
use parking_lot::Mutex;
use std::sync::Arc;

/// One operation after the other.
pub(super) trait Role: Send {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()>;

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
        let options = BackupOptions {
            job: self.job.to_owned(),
            tags: vec![tag.clone()],
            full,
            dry_run: false,
            workload: Workload::Folders,
            threads: 0,
        };
        let summary = backup(repository, &source, &options, &Arc::new(Monitor::new()))?;
        if !actor.is_dead() {
            actor.shared.model.lock().acknowledge(summary.point.expect("no dry run"), &tag);
            actor.shared.world.count(|c| c.points += 1);
            if actor.dice.chance(300) {
                actor.verify("after a commit");
            }
        }
        Ok(())
    }
}

/// Gives up one or two live points.
pub(super) struct Expirer;

impl Role for Expirer {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        repository.refresh()?;
        let mut live: Vec<PointId> = repository.log().view().commits.iter().map(|c| c.id).collect();
        let wanted = 1 + actor.dice.index(2);
        while live.len() > wanted {
            live.remove(actor.dice.index(live.len()));
        }
        live.sort_unstable();
        actor.shared.model.lock().doom(&live);
        let mut given_up = Vec::new();
        repository.log().append(&**repository.env(), &mut |view| {
            given_up = live.iter().copied().filter(|id| view.live(id).is_some()).collect();
            if given_up.is_empty() {
                return Err(Error::new(Kind::Conflict, "nothing is left to expire"));
            }
            Ok(Change::Expire { points: given_up.clone(), reason: "simulated".into(), plan: [0; 32] })
        })?;
        if !actor.is_dead() {
            actor.shared.model.lock().expire(&given_up);
            actor.shared.world.count(|c| c.expired += given_up.len() as u64);
        }
        Ok(())
    }
}

/// Collects, with any grace and any patience.
#[derive(Default)]
pub(super) struct Collector {
    /// What a mutant keeps.
    pub(super) stale: Option<engine::care::CollectPlan>,
}

impl Role for Collector {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        let dice = &mut actor.dice;
        let options = CollectOptions {
            dead_share: dice.of(&[0.0, 0.0, 0.3, 2.0]),
            grace_seconds: dice.of(&[0, 0, 3600, 172_800]),
            lease_seconds: dice.of(&[600, 3600, 86_400]),
            requests_max: dice.of(&[None, None, None, Some(6)]),
            bytes_max: None,
            host: format!("collector-{}", actor.number),
        };
        let monitor = Monitor::new();
        let mutant = actor.shared.world.mutant;
        let plan = plan_collection(repository, &options, &monitor)?;
        mutant.collect(repository, &plan, &mut self.stale)?;
        let report = collect(repository, &options, &plan.hash, &monitor)?;
        if let Some((pack, why)) = report.damaged.first()
            && !actor.is_dead()
        {
            actor.violation(&format!("a collection calls pack {pack} damaged: {why}"));
        }
        actor.shared.world.count(|c| {
            c.condemned += report.packs_condemned;
            c.deleted += report.objects_deleted;
            c.fenced += report.fenced;
        });
        Ok(())
    }
}

/// Checks while others work; nothing is ever damaged.
pub(super) struct Checker;

impl Role for Checker {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        let level = actor.dice.of(&[Level::List, Level::Tails, Level::Full]);
        let report = check(repository, &CheckOptions { level, share: None, point: None, threads: 1 }, &Monitor::new())?;
        if let Some(finding) = report.errors.first()
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
                    Err(e) if actor.shared.model.lock().is_doomed(&commit.id) && !actor.is_dead() => drop(e),
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
                if let Err(what) = model.compare(&point, &files) {
                    actor.violation(&format!("an old view: {what}"));
                }
                Ok(())
            }
            // It was given up while it was read, or before.
            Err(_) if model.is_doomed(&point.manifest.id) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn die(&mut self) {
        self.points.clear();
    }
}
