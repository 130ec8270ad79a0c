//! Pairs between which nothing is copied, each with its reason.

use super::{Pair, Which, target_of};
use crate::proofs::rig::{CHEAP, Rig};
use engine::Kind;
use engine::blob::CachePlace;
use engine::repository::{NewRepository, Repository};
use engine::store::{Memory, Store};
use format_spec::config::{Class, Retention, RetentionKind};
use format_spec::period::{Period, Unit};
use std::sync::Arc;

/// A repository of backups with the dedup key of another one.
pub(super) fn backup_like(rig: &Rig, store: Arc<dyn Store>, like: &Repository) -> Rig {
    let new = NewRepository {
        password: rig.password.clone(),
        cost: CHEAP,
        label: "test".into(),
        cutting: Some(like.config().cutting),
        dedup: Some(like.sealed_store().secrets.dedup.clone()),
        ..NewRepository::new(Class::Backup)
    };
    Repository::create(&*store, &new, &rig.env).unwrap();
    Rig { store, cache: CachePlace::Temporary, ..rig.clone() }
}

fn refused(pair: &Pair, word: &str) {
    let error = pair.copy(Which::Latest).unwrap_err();
    assert_eq!(error.kind(), Kind::Input, "{error}");
    assert!(error.to_string().contains(word), "{error}");
}

#[test]
fn a_pair_that_cannot_be_copied_between_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("a", b"a");
    pair.source.back_up().unwrap();
    let memory = || -> Arc<dyn Store> { Arc::new(Memory::new()) };
    let to = |target: Rig| Pair { source: pair.source.clone(), target, spool: pair.spool.clone() };
    refused(&to(pair.source.clone()), "one repository");
    let like = pair.source.open().unwrap();
    refused(&to(backup_like(&pair.source, memory(), &like)), "class backup");
    let items = Retention { kind: RetentionKind::Item, period: Period::new(1, Unit::Years).unwrap() };
    refused(&to(target_of(&pair.source, memory(), items)), "types of retention");
    let stranger = Rig::new(&folder.path().join("stranger"), memory());
    let of_stranger = target_of(&stranger, memory(), Retention::default());
    refused(&to(of_stranger), "another dedup key");
    assert_eq!(pair.copy(Which::Latest).unwrap().copied.len(), 1);
}

#[test]
fn backups_do_not_go_into_a_repository_for_copies() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.target.write("a", b"a");
    assert_eq!(pair.target.back_up().unwrap_err().kind(), Kind::Input);
}
