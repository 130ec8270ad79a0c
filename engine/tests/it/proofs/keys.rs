//! Passwords, key slots, the recovery sheet, and repositories without encryption.

use super::rig::{CHEAP, PASSWORD, shown};
use super::{Rig, noise};
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::store::Memory;
use engine::{Kind, Result};
use format_spec::key_slot::Cost;
use std::sync::Arc;

fn with_password(rig: &Rig, password: Option<&[u8]>) -> Result<Arc<Repository>> {
    Rig { password: password.map(<[u8]>::to_vec), ..rig.clone() }.open()
}

#[test]
fn a_wrong_password_is_told_apart_from_damage_and_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    for wrong in [Some(&b"wrong"[..]), Some(b""), Some(b"correct horse "), None] {
        let error = with_password(&rig, wrong).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::WrongPassword, "{}", shown(&error));
        assert!(error.advice().is_some(), "{}", shown(&error));
    }
}

#[test]
fn slots_are_added_and_removed_and_the_last_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("a", b"some words");
    rig.expect_healthy();
    let repository = rig.open().unwrap();
    let first = repository.slots().unwrap().remove(0).id;
    assert_eq!(repository.remove_slot(&first).unwrap_err().kind(), Kind::Input);
    let second = repository.add_slot(b"second", "of another person", CHEAP).unwrap();
    assert_eq!(repository.slots().unwrap().len(), 2);
    with_password(&rig, Some(b"second")).unwrap();
    repository.remove_slot(&first).unwrap();
    assert_eq!(with_password(&rig, Some(PASSWORD)).map(|_| ()).unwrap_err().kind(), Kind::WrongPassword);
    let other = Rig { password: Some(b"second".to_vec()), ..rig.clone() };
    other.expect_healthy();
    assert_eq!(repository.remove_slot(&second).unwrap_err().kind(), Kind::Input);
    assert_eq!(repository.remove_slot("").unwrap_err().kind(), Kind::Input);
    assert_eq!(repository.add_slot(b"", "empty", CHEAP).unwrap_err().kind(), Kind::Input);
}

#[test]
fn the_recovery_sheet_opens_without_any_slot_and_only_its_own_repository() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder.path(), store.clone());
    rig.write("a", b"some words");
    rig.expect_healthy();
    let sheet = rig.open().unwrap().paper().unwrap().lines.join("\n");
    for name in super::rig::names_of(&*store).iter().filter(|n| n.as_str().starts_with("keys/")) {
        engine::store::Store::delete(&*store, name, None).unwrap();
    }
    let error = rig.open().map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{}", shown(&error));
    let options =
        OpenOptions { env: rig.env.clone(), cache: rig.cache.clone(), budgets: Default::default(), ranges: None };
    let repository = Repository::open_with_paper(store, &sheet, &options).unwrap();
    repository.add_slot(PASSWORD, "again", CHEAP).unwrap();
    rig.expect_healthy();
    let other = tempfile::tempdir().unwrap();
    let other = Rig::new(other.path(), Arc::new(Memory::new()));
    let error = Repository::open_with_paper(other.store.clone(), &sheet, &options).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::WrongPassword, "{}", shown(&error));
}

#[test]
fn an_unencrypted_repository_makes_the_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let mut rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.store = Arc::new(Memory::new());
    rig.password = None;
    rig.create(None);
    rig.write("a", b"some words");
    rig.write("big", &noise(1, 6_000_000));
    rig.expect_healthy();
    rig.write("b", b"more");
    rig.expect_healthy();
    let repository = rig.open().unwrap();
    assert_eq!(repository.slots().unwrap(), Vec::new());
    assert_eq!(repository.add_slot(b"x", "x", CHEAP).unwrap_err().kind(), Kind::Input);
    assert_eq!(repository.paper().map(|_| ()).unwrap_err().kind(), Kind::Input);
}

#[test]
fn an_empty_password_and_a_second_repository_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let new = |password: &[u8]| NewRepository {
        class: format_spec::config::Class::Backup,
        password: Some(password.to_vec()),
        cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
        label: String::new(),
        probed: String::new(),
        cutting: None,
        block_target: None,
        level: None,
        parity_percent: 0,
    };
    let again = Repository::create(&*rig.store, &new(b"x"), &rig.env).unwrap_err();
    assert_eq!(again.kind(), Kind::Exists, "{}", shown(&again));
    let empty = Repository::create(&Memory::new(), &new(b""), &rig.env).unwrap_err();
    assert_eq!(empty.kind(), Kind::Input, "{}", shown(&empty));
    let none = rig.over(Arc::new(Memory::new())).open().map(|_| ()).unwrap_err();
    assert_eq!(none.kind(), Kind::NoRepository, "{}", shown(&none));
}
