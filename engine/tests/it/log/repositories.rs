//! Whole repositories whose log is summed up and truncated: backups, restores, local caches.

use crate::proofs::gc::{collect_all, options};
use crate::proofs::rig::names_of;
use crate::proofs::{Rig, noise};
use engine::Kind;
use engine::blob::CachePlace;
use engine::limits::{CHECKPOINT_ENTRIES, CHECKPOINT_HASHES};
use engine::log::Log;
use engine::maintenance::CollectOptions;
use engine::repository::{NewRepository, Repository};
use engine::store::probe::LISTING_COMPLETE;
use engine::store::{Faulty, ListOptions, Memory, ObjectName, StoreExt};
use format_spec::config::{Class, Config};
use format_spec::container::{Header, Object, ObjectWriter, kind};
use format_spec::key_slot::Cost;
use format_spec::keys::Cipher;
use format_spec::log::{Change, Purpose};
use format_spec::names;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A repository in a store whose listings were seen to be complete.
fn proven(folder: &Path) -> Rig {
    let mut rig = Rig::new(folder, Arc::new(Memory::new()));
    rig.store = created(&rig);
    rig
}

/// A new repository with the rig's password, if it has one.
fn created(rig: &Rig) -> Arc<Memory> {
    let store = Arc::new(Memory::new());
    let new = NewRepository {
        password: rig.password.clone(),
        cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
        label: "test".into(),
        probed: format!("ranges=yes\n{LISTING_COMPLETE}\nversioned=no"),
        ..NewRepository::new(Class::Backup)
    };
    Repository::create(&*store, &new, &rig.env).unwrap();
    store
}

fn slots(rig: &Rig, folder: &str) -> usize {
    let mut count = 0;
    rig.store
        .list(&ListOptions::below(folder), &mut |_| {
            count += 1;
            true
        })
        .unwrap();
    count
}

/// An entry that changes nothing.
fn append_nothing(repository: &Repository) {
    let one = Change::Unknown { kind: 99, readable: true, writable: true };
    repository.log().append(&**repository.env(), &mut |_| Ok(one.clone())).unwrap();
}

#[test]
fn backups_sum_the_log_up_and_go_on_when_it_was_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let rig = proven(folder.path());
    rig.write("kept", &noise(1, 300_000));
    // Two stretches of entries of others, each ended by a backup that finds a checkpoint due.
    let mut backups = 0;
    for checkpoints in 1..=2 {
        let repository = rig.open().unwrap();
        for _ in 0..CHECKPOINT_ENTRIES {
            append_nothing(&repository);
        }
        rig.write("changing", format!("{backups}").as_bytes());
        assert_eq!(slots(&rig, "checkpoint"), checkpoints - 1);
        rig.back_up().unwrap();
        backups += 1;
        assert_eq!(slots(&rig, "checkpoint"), checkpoints);
    }
    let repository = rig.open().unwrap();
    let done = repository.truncate_log(0, 10_000).unwrap();
    assert!(done.entries.len() >= CHECKPOINT_ENTRIES as usize - 1 && done.stopped.is_none(), "{done:?}");
    rig.expect_equal();
    rig.write("changing", b"behind the truncation");
    let summary = rig.expect_healthy();
    assert_eq!((summary.number, summary.kind), (backups + 1, format_spec::point::PointKind::Incremental));
    assert_eq!(rig.open().unwrap().points().unwrap().len(), 3);
}

#[test]
fn a_store_whose_listings_were_not_proven_keeps_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("a", b"a");
    for _ in 0..2 {
        rig.back_up().unwrap();
        let repository = rig.open().unwrap();
        repository.log().checkpoint(&**repository.env()).unwrap().unwrap();
    }
    let before = slots(&rig, "log");
    let done = rig.open().unwrap().truncate_log(0, 10_000).unwrap();
    assert!(done.stopped.is_some_and(|why| why.contains("list")), "{done:?}");
    assert_eq!(slots(&rig, "log"), before);
}

/// Reads of index segments while the repository is opened.
fn segments_read(rig: &Rig) -> u64 {
    let read = Arc::new(AtomicU64::new(0));
    let counter = read.clone();
    let counting = Faulty::new(rig.store.clone(), move |call| {
        if call.name.starts_with("index/") {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        None
    });
    rig.over(Arc::new(counting)).open().unwrap();
    read.load(Ordering::SeqCst)
}

#[test]
fn a_cache_from_before_the_hashes_that_are_known_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.cache = CachePlace::Folder(folder.path().join("cache"));
    rig.write("kept", &noise(1, 300_000));
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    let grow = |entries: usize| {
        (0..entries).for_each(|_| append_nothing(&repository));
        repository.log().checkpoint(&**repository.env()).unwrap().unwrap();
    };
    grow(20);
    assert_eq!(segments_read(&rig), 0, "a cache whose position is known catches up");
    grow(CHECKPOINT_HASHES);
    let segments = repository.log().view().segments.len() as u64;
    assert!(segments > 0);
    assert_eq!(segments_read(&rig), segments, "one from before is made anew");
    assert_eq!(segments_read(&rig), 0);
    assert_eq!(rig.expect_healthy().chunks_new, 0);
}

/// CONT-3: a flag in the config that only later releases know allows to read, and forbids to write and to delete.
#[test]
fn a_config_that_asks_writers_to_stay_away_is_only_read() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig { password: None, ..Rig::new(folder.path(), Arc::new(Memory::new())) };
    let store = created(&rig);
    let name = ObjectName::new(names::CONFIG).unwrap();
    let old = store.get(&name).unwrap();
    let object = Object::parse(&old).unwrap();
    let plain = object.open_only(kind::CONFIG, &Cipher::Clear).unwrap();
    let mut newer = ObjectWriter::new(Header { ro_compat: 4, ..object.header().clone() }, Cipher::Clear);
    newer.push_plain(kind::CONFIG, &plain, 3);
    let newer = newer.finish().0;
    store.replace(&name, newer.clone().into());
    // Somebody who knows the flag has written.
    let secrets = Config::decode(&newer).unwrap().1.unwrap();
    let id = object.header().repository;
    let theirs = Log::new(store.clone(), id, secrets, *blake3::hash(&newer).as_bytes());
    let open = || Change::Open { job: "theirs".into(), host: String::new(), base: None, purpose: Purpose::Backup };
    theirs.append(&*rig.env, &mut |_| Ok(open())).unwrap();
    let rig = rig.over(store);
    let before = names_of(&*rig.store);
    let repository = rig.open().unwrap();
    assert_eq!((repository.log().view().head, rig.check().unwrap().errors), (1, Vec::new()));
    let refused = [
        repository.log().append(&**repository.env(), &mut |_| Ok(open())).map(|_| ()),
        rig.back_up().map(|_| ()),
        collect_all(&repository, &CollectOptions { lease_seconds: -1, ..options() }).map(|_| ()),
        repository.sealed_store().store.delete(name.object()),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.to_string().contains("ro_compat 0x4") && error.advice().unwrap().contains("newer"), "{error}");
    }
    assert_eq!(names_of(&*rig.store), before, "nothing was written and nothing deleted");
}
