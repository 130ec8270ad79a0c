//! The table is empty so far: what a step must do is shown with one that is made up.

use super::*;
use crate::blob::CachePlace;
use crate::env::Seeded;
use crate::repository::{NewRepository, OpenOptions};
use crate::store::{Memory, StoreExt};
use bytes::Bytes;
use format_spec::config::Retention;
use format_spec::log::{Change, Purpose};
use std::sync::Arc;

/// Due until a session of its job was opened: a change that goes through the log, as a real one would.
const MADE_UP: Step = Step {
    name: "made-up",
    to: Version { minor: 1, ..Version::WRITTEN },
    what: "opens a session",
    is_due: |repository| Ok(!repository.log().view().sessions.values().any(|session| session.job == JOB)),
    run: |repository, _| {
        let open = Change::Open { job: JOB.to_owned(), host: "h".to_owned(), base: None, purpose: Purpose::Backup };
        repository.log().append(&**repository.env(), &mut |_| Ok(open.clone())).map(|_| ())
    },
};
/// Says that it ran, and did nothing.
const IDLE: Step = Step { name: "idle", is_due: |_| Ok(true), run: |_, _| Ok(()), ..MADE_UP };
const JOB: &str = "made-up step";

fn repository() -> (Arc<Memory>, Arc<Repository>) {
    keeping(0, Default::default())
}

fn keeping(parity_percent: u8, retention: Retention) -> (Arc<Memory>, Arc<Repository>) {
    let (store, env) = (Arc::new(Memory::new()), Seeded::shared(7));
    let new = NewRepository {
        probed: "create_is_atomic=yes\nversioned=no".to_owned(),
        parity_percent,
        retention,
        ..NewRepository::new(Class::Backup)
    };
    Repository::create(&*store, &new, &env).unwrap();
    let options = OpenOptions::new(env, CachePlace::Temporary);
    let repository = Repository::open(store.clone(), None, &options).unwrap();
    (store, repository)
}

fn run(repository: &Repository, steps: &[Step], hash: &PlanHash) -> Result<Vec<&'static str>> {
    apply(repository, steps, hash, &Monitor::new(), &mut |_| ())
}

#[test]
fn with_this_release_nothing_is_to_be_done_and_applying_it_does_nothing() {
    let (_, repository) = repository();
    let plan = plan(&repository, STEPS).unwrap();
    assert_eq!((plan.found, plan.steps.len()), (Version::WRITTEN, 0));
    assert_eq!(run(&repository, STEPS, &plan.hash).unwrap(), Vec::<&str>::new());
    assert_eq!(repository.log().view().head, 0);
    let feature = |name: &str| plan.features.iter().find(|f| f.name == name).unwrap();
    assert!(!feature("encryption").on && feature("encryption").turn_on.is_some());
    assert!(feature("atomic-create").on && !feature("versions").on);
}

#[test]
fn what_is_kept_how_long_and_how_it_is_protected_is_told() {
    let feature = |repository: &Repository, name: &str| {
        let plan = plan(repository, STEPS).unwrap();
        plan.features.into_iter().find(|f| f.name == name).unwrap()
    };
    let (_, bare) = repository();
    for name in ["parity", "retention", "immutability"] {
        let off = feature(&bare, name);
        assert!(!off.on && off.turn_on.is_some_and(|how| how.contains("create a repository with --")), "{off:?}");
    }
    let retention = Retention { kind: RetentionKind::Item, period: "6m".parse().unwrap() };
    let (_, kept) = keeping(5, retention);
    assert_eq!(feature(&kept, "parity").state, "5% of what each new pack holds");
    assert_eq!(feature(&kept, "retention").state, "items leave every restore point after 6m");
    assert!(feature(&kept, "retention").on && feature(&kept, "retention").turn_on.is_none());
    let wish = crate::immutability::LockSettings {
        class: Class::Backup,
        retention_kind: RetentionKind::Snapshot,
        period: Some("3y".parse().unwrap()),
        mode: crate::store::Mode::Compliance,
        cover: crate::immutability::Cover::Days(30),
        generation_days: 10,
    };
    let policy = LockPolicy::new(wish).unwrap();
    let [_, _, locked] = super::kept(kept.config(), Some(policy));
    assert_eq!((locked.on, locked.state.as_str()), (true, "compliance for 30 days, and up to 10 days more"));
}

#[test]
fn a_step_that_is_due_is_planned_runs_once_and_is_no_longer_due() {
    let (_, repository) = repository();
    let before = plan(&repository, &[MADE_UP]).unwrap();
    assert_eq!(before.steps.iter().map(|s| s.name).collect::<Vec<_>>(), ["made-up"]);
    assert_eq!(repository.log().view().head, 0, "a plan reads only");
    assert_eq!(run(&repository, &[MADE_UP], &before.hash).unwrap(), ["made-up"]);
    assert_eq!(repository.log().view().head, 1);
    let after = plan(&repository, &[MADE_UP]).unwrap();
    assert!(after.steps.is_empty() && after.hash != before.hash);
    // The plan of before is not the one of now.
    assert_eq!(run(&repository, &[MADE_UP], &before.hash).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(repository.log().view().head, 1);
}

#[test]
fn a_step_that_changes_nothing_is_found_out() {
    let (_, repository) = repository();
    let plan = plan(&repository, &[IDLE]).unwrap();
    assert_eq!(run(&repository, &[IDLE], &plan.hash).unwrap_err().kind(), Kind::Bug);
}

#[test]
fn a_stopped_migration_runs_no_step() {
    let (_, repository) = repository();
    let (plan, monitor) = (plan(&repository, &[MADE_UP]).unwrap(), Monitor::new());
    monitor.stop();
    let error = apply(&repository, &[MADE_UP], &plan.hash, &monitor, &mut |_| ()).unwrap_err();
    assert_eq!((error.kind(), repository.log().view().head), (Kind::Interrupted, 0));
}

#[test]
fn a_newer_repository_is_refused_with_its_numbers_and_a_read_only_one_is_only_planned() {
    let (store, repository) = repository();
    let name = ObjectName::new(names::CONFIG).unwrap();
    let config = store.get(&name).unwrap();
    let stating = |at: usize, value: u8| {
        let mut bytes = config.to_vec();
        bytes[at] = value;
        let crc = crc32fast::hash(&bytes[..92]);
        bytes[92..96].copy_from_slice(&crc.to_le_bytes());
        store.replace(&name, Bytes::from(bytes));
    };
    stating(8, 3);
    let error = version(&*store).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("format 3.0") && error.to_string().contains("reads 1.0"), "{error}");
    stating(16, 2);
    assert!(version(&*store).unwrap_err().to_string().contains("1.0, incompat 0x2"));
    stating(20, 1);
    let plan = plan(&repository, &[MADE_UP]).unwrap();
    assert_eq!(run(&repository, &[MADE_UP], &plan.hash).unwrap_err().kind(), Kind::Unsupported);
    store.delete(name.object()).unwrap();
    assert_eq!(version(&*store).unwrap_err().kind(), Kind::NoRepository);
}
