//! The operations of the matrix, each as one machine does it from opening the repository to its end.

use super::scene::{Done, ERASED, Scene, files_below, read_all};
use crate::copy::{Pair, Which, target_of};
use crate::proofs::gc::{collect_all, options};
use crate::proofs::rig::{CHEAP, PASSWORD, Rig, restore_options};
use engine::log::Truncation;
use engine::maintenance::repair::{self, RepairOptions};
use engine::maintenance::retention::{ApplyOptions, Request, RetentionPlan, Scope, apply};
use engine::maintenance::{ClockVerdict, CollectOptions, Level};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::store::{Memory, ObjectName, Store, StoreExt};
use engine::{Kind, Result};
use format_spec::container::ObjectKind;
use format_spec::log::{Change, KeyChange};
use format_spec::names;
use std::sync::{Arc, OnceLock};

/// What one machine does.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// What it needs to have found or held before the other begins.
    pub(super) stage: fn(&Machine),
    pub(super) run: fn(&Machine) -> Result<()>,
    pub(super) told: fn(&mut Done),
}

/// One of the two machines: its own handle, cache and job.
pub(super) struct Machine {
    pub(super) scene: Arc<Scene>,
    pub(super) rig: Rig,
    /// Whether its collections fence every other session.
    pub(super) is_impatient: bool,
    /// Whether a pack of data has rotted, as long as nobody has repaired it.
    is_rotten: bool,
    held: OnceLock<(Arc<Repository>, Arc<Point>)>,
}

impl Machine {
    pub(super) fn new(
        scene: &Arc<Scene>,
        store: Arc<dyn Store>,
        job: &str,
        is_impatient: bool,
        is_rotten: bool,
    ) -> Machine {
        let rig = Rig { job: job.into(), ..scene.rig.over(store) };
        Machine { scene: scene.clone(), rig, is_impatient, is_rotten, held: OnceLock::new() }
    }

    fn collecting(&self) -> CollectOptions {
        CollectOptions { lease_seconds: if self.is_impatient { -1 } else { 86_400 }, ..options() }
    }
}

/// Makes a point of the source, upon a base or upon what the index knows.
pub(super) const BACKUP: Operation = Operation {
    name: "backup",
    stage: nothing,
    run: |machine| machine.rig.back_up().map(|_| ()),
    told: |done| done.backups += 1,
};

/// Gives the oldest point up.
pub(super) const EXPIRE: Operation = Operation {
    name: "expire",
    stage: nothing,
    run: |machine| match retained(machine, Request::Points([machine.scene.old].into())) {
        // The other one was first.
        Err(e) if e.kind() == Kind::Absent && e.object() == Some(&machine.scene.old.to_string()) => Ok(()),
        other => other,
    },
    told: |done| done.has_expired = true,
};

/// Rewrites a point with another word and the same trees.
pub(super) const TAG: Operation = Operation {
    name: "tag",
    stage: nothing,
    run: |machine| {
        let (points, add) = ([machine.scene.newest].into(), ["kept".to_owned()].into());
        retained(machine, Request::Tags { points, add, remove: [].into() })
    },
    told: |done| done.has_tagged = true,
};

/// Rewrites every point with trees that lack a file.
pub(super) const ERASE: Operation = Operation {
    name: "erase",
    stage: nothing,
    run: |machine| {
        let path = [&machine.rig.inside()[..], b"/", ERASED.as_bytes()].concat();
        retained(machine, Request::Paths([path].into()))
    },
    told: |done| done.has_erased = true,
};

/// Condemns what is dead, repacks what is sparse; deletes nothing but orphans.
pub(super) const CONDEMN: Operation = Operation {
    name: "condemn",
    stage: nothing,
    run: |machine| collected(machine, &CollectOptions { grace_seconds: 3600, ..machine.collecting() }),
    told: |_| {},
};

/// Deletes what was condemned before both began.
pub(super) const SWEEP: Operation = Operation {
    name: "sweep",
    stage: |machine| {
        let repository = machine.scene.rig.over(machine.rig.store.clone()).open().unwrap();
        collect_all(&repository, &CollectOptions { grace_seconds: 3600, ..options() }).unwrap();
    },
    run: |machine| collected(machine, &machine.collecting()),
    told: |_| {},
};

/// Folds many segments into few, and sweeps them.
pub(super) const FOLD: Operation = Operation {
    name: "fold",
    stage: nothing,
    run: |machine| collected(machine, &CollectOptions { dead_share: 2.0, ..machine.collecting() }),
    told: |_| {},
};

/// Seals the key slot anew: another one comes, the old one goes.
pub(super) const KEY: Operation = Operation {
    name: "key",
    stage: nothing,
    run: |machine| machine.rig.open()?.reseal_slots(PASSWORD, None, CHEAP).map(|_| ()),
    told: |_| {},
};

/// Sums the log up twice and deletes what the older sum covers.
pub(super) const TRUNCATE: Operation = Operation {
    name: "truncate",
    stage: nothing,
    run: |machine| {
        let repository = machine.rig.open()?;
        let (log, env) = (repository.log(), &**repository.env());
        log.checkpoint(env)?;
        // An entry for people: between two sums there has to be one.
        log.append(env, &mut |_| Ok(Change::Key { change: KeyChange::Added, slot: 0 }))?;
        log.checkpoint(env)?;
        let how = Truncation { grace_seconds: 0, requests_max: u64::MAX, listings_complete: true, versioned: false };
        log.truncate(env, &how).map(|_| ())
    },
    told: |_| {},
};

/// Takes what is needed out of a rotten pack, and gives that up.
pub(super) const REPAIR: Operation = Operation {
    name: "repair",
    stage: |machine| {
        let store = &machine.rig.store;
        let packs = machine.scene.rig.over(store.clone()).open().unwrap().blobs().live_index().packs().unwrap();
        let pack = packs.iter().find(|p| p.kind == ObjectKind::DataPack).unwrap();
        let name = ObjectName::new(names::of_session(pack.kind, pack.id)).unwrap();
        let mut bytes = store.get(&name).unwrap().to_vec();
        let at = bytes.len() - 50;
        bytes[at] ^= 1;
        store.delete(name.object()).unwrap();
        store.put_new(&name, bytes.into()).unwrap();
    },
    run: |machine| {
        // A pack of which more is needed by now than was moved out of it stays, and is planned again.
        again(|| {
            let (repository, monitor) = (machine.rig.open()?, Arc::new(Monitor::new()));
            let options = RepairOptions { level: Level::Full, from: None, threads: 1 };
            let plan = repair::plan(&repository, &options, &monitor)?;
            repair::apply(&repository, &options, &plan.hash, &monitor)?;
            match repair::plan(&machine.rig.open()?, &options, &monitor)?.heals_something() {
                true => Err(engine::Error::new(Kind::Conflict, "more is needed of the pack by now")),
                false => Ok(()),
            }
        })
    },
    told: |_| {},
};

/// Checks everything; finds nothing, but what repair is there for.
pub(super) const CHECK: Operation = Operation {
    name: "check",
    stage: nothing,
    run: |machine| {
        let mut found = machine.rig.check()?.errors;
        found.retain(|f| !(machine.is_rotten && f.object.starts_with("data/")));
        assert_eq!(found, Vec::new(), "a check beside another's work");
        Ok(())
    },
    told: |_| {},
};

/// Restores the newest point onto a disk.
pub(super) const RESTORE: Operation = Operation {
    name: "restore",
    stage: nothing,
    run: |machine| {
        let target = tempfile::tempdir().unwrap();
        let point = machine.scene.newest.to_string();
        let (done, warnings) =
            machine.rig.restore_with(&point, target.path(), &restore_options(), &Arc::new(Monitor::new()));
        done?;
        assert_eq!(warnings, Vec::<String>::new(), "a restore beside another's work");
        machine.scene.expect_newest(&files_below(target.path()));
        Ok(())
    },
    told: |_| {},
};

/// Reads the newest point through a handle that was opened before anything happened, as a mount does.
pub(super) const READ: Operation = Operation {
    name: "read",
    stage: |machine| {
        let repository = machine.rig.open().unwrap();
        let point = repository.find_point(&machine.scene.newest.to_string()).unwrap();
        machine.held.set((repository, point)).ok().unwrap();
    },
    run: |machine| {
        let (repository, point) = machine.held.get().unwrap();
        machine.scene.expect_newest(&read_all(repository, point)?);
        Ok(())
    },
    told: |_| {},
};

/// Copies every point into an empty repository of copies, and looks at what came over.
pub(super) const COPY_OUT: Operation = Operation {
    name: "copy out",
    stage: nothing,
    run: |machine| {
        let target = target_of(&machine.scene.rig, Arc::new(Memory::new()), Default::default());
        let folder = tempfile::tempdir().unwrap();
        let pair = Pair { source: machine.rig.clone(), target, spool: folder.path().to_owned() };
        let done = pair.copy(Which::All)?;
        assert_eq!((done.failed.len(), done.waiting.len()), (0, 0), "a copy beside another's work: {done:?}");
        machine.scene.expect_copies(&pair.target);
        Ok(())
    },
    told: |_| {},
};

/// Brings a point into a repository of copies: most of it is there, some of it in packs that nobody needs any more.
pub(super) const COPY_IN: Operation = Operation {
    name: "copy in",
    stage: nothing,
    run: |machine| {
        let (origin, coming) = machine.scene.origin.as_ref().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pair = Pair { source: origin.clone(), target: machine.rig.clone(), spool: folder.path().to_owned() };
        let done = pair.copy(Which::Named(vec![coming.to_string()]))?;
        assert_eq!((done.failed.len(), done.waiting.len()), (0, 0), "a copy beside another's work: {done:?}");
        Ok(())
    },
    told: |done| done.backups = 1,
};

fn nothing(_: &Machine) {}

/// Plans and applies, as a person would: again when the repository has moved on since the plan.
fn retained(machine: &Machine, request: Request) -> Result<()> {
    again(|| {
        let repository = machine.rig.open()?;
        let scope = Scope::of(request.clone());
        let plan = RetentionPlan::make(&repository, &scope, &Monitor::new())?;
        let options = ApplyOptions { hash: plan.hash, threads: 1 };
        let applied = apply(&repository, &scope, &options, &ClockVerdict::trusted(), &Arc::new(Monitor::new()))?;
        match applied.left_out.is_empty() {
            true => Ok(()),
            false => Err(engine::Error::new(Kind::Conflict, "points changed meanwhile")),
        }
    })
}

fn collected(machine: &Machine, options: &CollectOptions) -> Result<()> {
    again(|| {
        let report = collect_all(&machine.rig.open()?, options)?;
        assert_eq!(report.damaged, Vec::new(), "a collection beside another's work");
        Ok(())
    })
}

fn again(mut run: impl FnMut() -> Result<()>) -> Result<()> {
    for _ in 1..TRIES_MAX {
        match run() {
            Err(e) if e.kind() == Kind::Conflict => {}
            other => return other,
        }
    }
    run()
}

/// The other machine works once, so it can be in the way but a few times.
const TRIES_MAX: usize = 4;
