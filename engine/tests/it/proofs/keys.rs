//! Passwords, key slots, the recovery sheet, and repositories without encryption.

use super::rig::{CHEAP, PASSWORD, shown};
use super::{Rig, noise};
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::store::{Fault, Faulty, Memory, ObjectName, RequestKind};
use engine::{Kind, Result};
use format_spec::key_slot::Cost;
use format_spec::log::KeyChange;
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

/// Between the listing of slots and their reading the only one gives its place to another.
#[test]
fn who_opens_while_the_only_slot_is_replaced_finds_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let repository = rig.open().unwrap();
    let first = repository.slots().unwrap().remove(0).id;
    let replaced = std::sync::Once::new();
    let meanwhile = Faulty::new(rig.store.clone(), move |call| {
        if call.verb == RequestKind::Get && call.name.starts_with("keys/") {
            replaced.call_once(|| {
                repository.add_slot(PASSWORD, "new", CHEAP).unwrap();
                repository.remove_slot(&first).unwrap();
            });
        }
        None
    });
    let opened = rig.over(Arc::new(meanwhile)).open().unwrap();
    assert_eq!(opened.slots().unwrap().len(), 1);
}

#[test]
fn the_recovery_sheet_opens_without_any_slot_and_only_its_own_repository() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder.path(), store.clone());
    rig.write("a", b"some words");
    rig.expect_healthy();
    let sheet = rig.open().unwrap().recovery_sheet().unwrap().lines.join("\n");
    for name in super::rig::names_of(&*store).iter().filter(|n| n.as_str().starts_with("keys/")) {
        engine::store::Store::delete(&*store, name.object()).unwrap();
    }
    let error = rig.open().map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{}", shown(&error));
    let options = OpenOptions::new(rig.env.clone(), rig.cache.clone());
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
    assert_eq!(repository.reseal_slots(b"x", None, CHEAP).unwrap_err().kind(), Kind::Input);
    assert_eq!(repository.recovery_sheet().map(|_| ()).unwrap_err().kind(), Kind::Input);
}

#[test]
fn an_empty_password_and_a_second_repository_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let new = |password: &[u8]| NewRepository {
        password: Some(password.to_vec()),
        cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
        ..NewRepository::new(format_spec::config::Class::Backup)
    };
    let again = Repository::create(&*rig.store, &new(b"x"), &rig.env).unwrap_err();
    assert_eq!(again.kind(), Kind::Exists, "{}", shown(&again));
    let empty = Repository::create(&Memory::new(), &new(b""), &rig.env).unwrap_err();
    assert_eq!(empty.kind(), Kind::Input, "{}", shown(&empty));
    let none = rig.over(Arc::new(Memory::new())).open().map(|_| ()).unwrap_err();
    assert_eq!(none.kind(), Kind::NoRepository, "{}", shown(&none));
}

#[test]
fn a_resealed_slot_keeps_password_and_label_and_has_a_new_cost() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("a", b"some words");
    rig.expect_healthy();
    let repository = rig.open().unwrap();
    let before = repository.slots().unwrap().remove(0);
    let second = repository.add_slot(b"second", "of another person", CHEAP).unwrap();
    let cost = Cost { memory_kib: 128, passes: 2, lanes: 1 };
    assert_eq!(repository.reseal_slots(b"wrong", None, cost).unwrap_err().kind(), Kind::WrongPassword);
    assert_eq!(repository.reseal_slots(PASSWORD, Some(&second), cost).unwrap_err().kind(), Kind::WrongPassword);
    let replaced = repository.reseal_slots(PASSWORD, None, cost).unwrap();
    assert_eq!(replaced.iter().map(|r| r.old.as_str()).collect::<Vec<_>>(), [before.id.as_str()]);
    let slots = repository.slots().unwrap();
    assert_eq!(slots.len(), 2);
    let after = slots.iter().find(|slot| slot.id == replaced[0].new).unwrap();
    assert_eq!((after.label.as_str(), after.cost, after.damaged.as_ref()), (before.label.as_str(), Some(cost), None));
    assert!(slots.iter().any(|slot| slot.id == second && slot.cost == Some(CHEAP)), "the other slot stays");
    rig.expect_healthy();
    with_password(&rig, Some(b"second")).unwrap();
}

/// The store's delete fails as told; everything else works.
fn refusing(rig: &Rig, kind: Kind) -> Rig {
    let plan =
        move |call: &engine::store::fault::Call| (call.verb == RequestKind::Delete).then_some(Fault::Before(kind));
    rig.over(Arc::new(Faulty::new(rig.store.clone(), plan)))
}

#[test]
fn a_replacement_that_dies_between_its_steps_leaves_both_passwords_and_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("a", b"some words");
    rig.expect_healthy();
    let old = rig.open().unwrap().slots().unwrap().remove(0).id;
    let error = refusing(&rig, Kind::Transient).open().unwrap().replace_slot(&old, b"new", None, CHEAP).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{}", shown(&error));
    assert!(error.advice().unwrap().contains(&old), "{}", shown(&error));
    with_password(&rig, Some(PASSWORD)).unwrap();
    let other = with_password(&rig, Some(b"new")).unwrap();
    assert_eq!(other.slots().unwrap().len(), 2);
    other.remove_slot(&old).unwrap();
    assert_eq!(with_password(&rig, Some(PASSWORD)).map(|_| ()).unwrap_err().kind(), Kind::WrongPassword);
    Rig { password: Some(b"new".to_vec()), ..rig.clone() }.expect_healthy();
    // What happened is told to whoever opens the repository.
    let told: Vec<_> = other.key_history().unwrap().into_iter().map(|event| (event.change, event.slot)).collect();
    let new = other.slots().unwrap().remove(0).id;
    assert_eq!(told, [(KeyChange::Added, new), (KeyChange::Removed, old)]);
}

/// The slots that are deleted between our look and our own deletion: two machines at once, in the worst order.
#[test]
fn two_that_remove_the_last_two_slots_at_once_leave_one() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let repository = rig.open().unwrap();
    let first = repository.slots().unwrap().remove(0).id;
    let second = repository.add_slot(b"second", "", CHEAP).unwrap();
    let (other, name) = (rig.store.clone(), ObjectName::new(format!("keys/{second}")).unwrap());
    let plan = move |call: &engine::store::fault::Call| {
        if call.verb == RequestKind::Delete {
            other.delete(name.object()).unwrap();
        }
        None
    };
    let racing = rig.over(Arc::new(Faulty::new(rig.store.clone(), plan))).open().unwrap();
    let error = racing.remove_slot(&first).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{}", shown(&error));
    assert_eq!(repository.slots().unwrap().len(), 1);
    with_password(&rig, Some(PASSWORD)).unwrap();
}

#[test]
fn a_slot_that_retention_holds_is_told_as_immutable_and_goes_on_to_open() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let locked = refusing(&rig, Kind::Immutable).open().unwrap();
    let old = locked.slots().unwrap().remove(0).id;
    locked.add_slot(b"second", "", CHEAP).unwrap();
    let error = locked.remove_slot(&old).unwrap_err();
    assert_eq!(error.kind(), Kind::Immutable, "{}", shown(&error));
    with_password(&rig, Some(PASSWORD)).unwrap();
}
