//! Listings of versions are paid for dearly: a command asks for them by the folder, however many objects it reads.

use super::place::in_memory;
use crate::proofs::rig::{Rig, noise, restore_options, shown};
use engine::Kind;
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, Memory, MeteredStore, OldestVersionLayer, RequestKind, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A command of its own: nothing is known of the store yet. What it asked for.
fn counted(rig: &Rig, memory: &Arc<Memory>, command: impl Fn(&Rig)) -> [u64; 2] {
    let store = MeteredStore::new(memory.clone() as Arc<dyn Store>);
    let counts = store.counts();
    command(&rig.over(Arc::new(OldestVersionLayer::new(Arc::new(store)))));
    [RequestKind::List, RequestKind::Get].map(|verb| counts.requests(verb))
}

fn restore_all(rig: &Rig) {
    let target = tempfile::tempdir().unwrap();
    let (done, warnings) = rig.restore_with("latest", target.path(), &restore_options(), &Arc::new(Monitor::new()));
    done.unwrap_or_else(|e| panic!("{}", shown(&e)));
    assert_eq!(warnings, Vec::<String>::new());
}

fn list_points(rig: &Rig) {
    assert!(!rig.open().unwrap().points().unwrap().is_empty());
}

fn check(rig: &Rig) {
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}

/// What a command does with a repository.
type Command = fn(&Rig);

#[test]
fn a_command_lists_versions_by_the_folder_and_not_by_the_object() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, clock) = in_memory(folder.path(), None);
    let commands: [(&str, Command); 3] = [("points", list_points), ("restore", restore_all), ("check", check)];
    let mut rounds = Vec::new();
    for points in [4, 40] {
        for n in 0..points {
            clock.turn_seconds(60);
            rig.write(format!("{points}-{n}"), &noise(points * 100 + n, 300_000));
            rig.back_up().unwrap();
        }
        rounds.push(commands.map(|(_, command)| counted(&rig, &memory, command)));
    }
    let [few, many] = &rounds[..] else { unreachable!() };
    for (((what, _), few), many) in commands.iter().zip(few).zip(many) {
        println!("{what}: {few:?} listings and reads of 4 points, {many:?} of 44");
        assert!(many[1] > few[1], "{what} reads more: {few:?} {many:?}");
        // A listing shows some hundred objects.
        assert!((many[0] - few[0]) * 50 < many[1] - few[1] && many[0] < 25, "{what}: {few:?} {many:?}");
    }
}

#[test]
fn what_a_listing_does_not_show_is_found_by_its_name_and_not_looked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, clock) = in_memory(folder.path(), None);
    for n in 0..30 {
        clock.turn_seconds(60);
        rig.write(format!("{n}"), &noise(n, 300_000));
        rig.back_up().unwrap();
    }
    // Folders of sessions cannot be listed; single names can.
    let folders = ["data", "meta", "index", "points"];
    let (listings, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (listed, read) = (listings.clone(), reads.clone());
    let blind = Faulty::new(memory, move |call| {
        let is_of_folder = folders.iter().any(|folder| call.name.starts_with(&format!("{folder}/")));
        read.fetch_add(u64::from(call.verb == RequestKind::Get && is_of_folder), Ordering::SeqCst);
        let is_listing = call.verb == RequestKind::List && folders.contains(&&*call.name);
        listed.fetch_add(u64::from(is_listing), Ordering::SeqCst);
        is_listing.then_some(Fault::Before(Kind::Denied))
    });
    restore_all(&rig.over(Arc::new(OldestVersionLayer::new(Arc::new(blind)))));
    let (listings, reads) = (listings.load(Ordering::SeqCst), reads.load(Ordering::SeqCst));
    // Each thread may have begun one before the first had shown nothing.
    assert!(reads > 60 && listings < 30, "{listings} listings in vain for {reads} reads");
}
