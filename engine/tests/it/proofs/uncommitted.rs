//! What decodes and what no entry commits is named by a check, and is no damage by itself.

use super::rig::{Rig, names_of};
use engine::maintenance::{CheckOptions, Level, check};
use engine::monitor::Monitor;
use engine::store::{Memory, ObjectName, Store, StoreExt};
use format_spec::names;
use std::sync::Arc;

fn named(rig: &Rig) -> Vec<(String, String)> {
    let options = CheckOptions::new(Level::List);
    let report = check(&rig.open().unwrap(), &options, &Monitor::new()).unwrap();
    assert_eq!(report.errors, []);
    report.uncommitted.into_iter().map(|finding| (finding.object, finding.what)).collect()
}

#[test]
fn what_a_lost_entry_committed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let rig = Rig::new(folder.path(), memory.clone());
    std::fs::write(rig.source.join("a"), b"first").unwrap();
    rig.back_up().unwrap();
    assert_eq!(named(&rig), []);
    let before = rig.open().unwrap().log().view().head;
    std::fs::write(rig.source.join("b"), b"second").unwrap();
    rig.back_up().unwrap();
    assert_eq!(named(&rig), []);
    let after = rig.open().unwrap().log().view().head;
    let remove = |slot: u32| memory.delete(ObjectName::new(names::log(slot)).unwrap().object()).unwrap();
    // The commit alone: its session looks as if it were at work.
    remove(after);
    let found = named(&rig);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0.starts_with("points/") && found[0].1.contains("is open"), "{found:?}");
    // The whole session: of that the log knows nothing.
    (before + 1..after).rev().for_each(remove);
    let found = named(&rig);
    assert!(found.iter().any(|(name, _)| name.starts_with("index/")), "{found:?}");
    assert!(found.iter().all(|(_, what)| what.contains("before its session")), "{found:?}");
    assert_eq!(found.iter().filter(|(name, _)| name.starts_with("points/")).count(), 1);
}

#[test]
fn what_somebody_without_the_keys_has_put_there_is_not_named() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let rig = Rig::new(folder.path(), memory.clone());
    std::fs::write(rig.source.join("a"), b"first").unwrap();
    rig.back_up().unwrap();
    let manifest = names_of(&*memory).into_iter().find(|name| name.is_below("points")).unwrap();
    // Junk, and a whole object under another name.
    memory.put_new(&ObjectName::new("points/0000ffff/00000000").unwrap(), "junk".into()).unwrap();
    let copied = memory.get(&manifest).unwrap();
    memory.put_new(&ObjectName::new("points/0000ffff/00000001").unwrap(), copied).unwrap();
    assert_eq!(named(&rig), []);
}
