//! Storage classes and retrievals on real servers: MiniStack by itself, SeaweedFS and Azurite behind the thawing layer.

use super::conformance::{conform, conform_archive, name};
use super::targets::{self, Target};
use super::thaw::Thawing;
use bytes::Bytes;
use engine::Kind;
use engine::env::Machine;
use engine::store::{
    Asked, Availability, ListOptions, Listed, Mode, ObjectLock, Options, PutOptions, RetrievalMode, StorageClass,
    StorageClassLayer, Store, StoreExt, TierStatus, open, open_versioned, probe_class,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A store behind the layer; a retrieval takes a minute of its clock.
struct Behind {
    layer: Thawing,
    store: Arc<dyn Store>,
    class: StorageClass,
    mode: RetrievalMode,
}

impl Behind {
    fn new(target: Option<Target>, setting: &str, class: StorageClass, mode: RetrievalMode) -> Option<Self> {
        let mut target = target?;
        let layer = Thawing::before(target.options.settings.get(setting).unwrap(), 60);
        target.options.settings.insert(setting.to_owned(), layer.endpoint());
        Some(Behind { layer, store: open_versioned(&target.location, &target.options).unwrap().store, class, mode })
    }

    fn seaweed() -> Option<Self> {
        Behind::new(targets::s3(), "aws_endpoint", StorageClass::DeepArchive, RetrievalMode::Bulk)
    }

    fn locked_seaweed() -> Option<Self> {
        Behind::new(targets::s3_locked(), "aws_endpoint", StorageClass::Glacier, RetrievalMode::Standard)
    }

    fn azurite() -> Option<Self> {
        Behind::new(targets::azure(), "azure_storage_endpoint", StorageClass::Archive, RetrievalMode::High)
    }

    fn all() -> impl Iterator<Item = Self> {
        [Behind::seaweed(), Behind::azurite()].into_iter().flatten()
    }
}

fn plain(target: &Target) -> Arc<dyn Store> {
    open(&target.location, &target.options).unwrap()
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn in_class(class: StorageClass) -> PutOptions {
    PutOptions::in_class(class)
}

fn rests(store: &dyn Store) -> BTreeMap<String, TierStatus> {
    let mut found = BTreeMap::new();
    let mut visit = |listed: Listed| found.insert(listed.name.to_string(), listed.tier()).is_none();
    store.list(&ListOptions::below("").with_tiers(), &mut visit).unwrap();
    found
}

fn kind<T: std::fmt::Debug>(result: engine::Result<T>) -> Kind {
    result.unwrap_err().kind()
}

#[test]
fn a_real_pending_restore_is_seen_from_the_request_to_the_bytes() {
    let Some(target) = targets::archive() else { return };
    let (store, object) = (plain(&target), name("data/00000001/00000001"));
    for class in [StorageClass::Glacier, StorageClass::DeepArchive] {
        store.put(&object, text("cold"), &in_class(class)).unwrap();
        store.put_new(&name("log/1"), text("warm")).unwrap();
        let rested = TierStatus { class: Some(class), availability: Availability::Archived, bytes: 4 };
        assert_eq!(store.tier_of(&object).unwrap(), rested);
        assert_eq!(store.get(&object).unwrap_err().kind(), Kind::Archived);
        assert_eq!(store.get_range(&object, 0..1).unwrap_err().kind(), Kind::Archived);
        assert_eq!(store.get_tail(&object, 1).unwrap_err().kind(), Kind::Archived);
        assert_eq!(store.head_of(&object).unwrap().bytes, 4, "what rests can be looked at");
        assert_eq!(store.retrieve(object.object(), RetrievalMode::Standard, 1).unwrap(), Asked::Accepted);
        assert_eq!(store.retrieve(object.object(), RetrievalMode::Standard, 1).unwrap(), Asked::Underway);
        assert_eq!(store.tier_of(&object).unwrap().availability, Availability::Retrieving);
        let listed = rests(&*store);
        assert_eq!(
            listed[object.as_str()].availability,
            Availability::Retrieving,
            "this server's listings do not tell: it is asked"
        );
        assert_eq!(listed["log/1"].availability, Availability::Online);
        assert_eq!(store.get(&object).unwrap_err().kind(), Kind::Archived);
        let mut waited = 0;
        while store.tier_of(&object).unwrap().availability == Availability::Retrieving {
            std::thread::sleep(Duration::from_millis(200));
            waited += 1;
            assert!(waited < 100, "the restore never ends");
        }
        assert!(waited > 2, "the restore was pending");
        let Availability::Ready { until: Some(first) } = store.tier_of(&object).unwrap().availability else {
            panic!("not ready")
        };
        assert_eq!(rests(&*store)[object.as_str()].availability, Availability::Ready { until: Some(first) });
        assert_eq!(store.get(&object).unwrap(), "cold");
        // Its days can be changed while it is ready.
        assert_eq!(store.retrieve(object.object(), RetrievalMode::Standard, 3).unwrap(), Asked::Accepted);
        let Availability::Ready { until: Some(second) } = store.tier_of(&object).unwrap().availability else {
            panic!("not ready")
        };
        assert!(second > first, "{second:?} {first:?}");
        store.delete(object.object()).unwrap();
        store.delete(name("log/1").object()).unwrap();
    }
}

#[test]
fn a_mode_that_cannot_be_is_refused_before_the_server_is_asked() {
    let Some(target) = targets::archive() else { return };
    let (store, object) = (plain(&target), name("data/1"));
    store.put(&object, text("cold"), &in_class(StorageClass::DeepArchive)).unwrap();
    for mode in [RetrievalMode::Expedited, RetrievalMode::High] {
        assert_eq!(kind(store.retrieve(object.object(), mode, 1)), Kind::Input, "{mode}");
    }
    assert_eq!(kind(store.retrieve(object.object(), RetrievalMode::Bulk, 0)), Kind::Input);
    assert_eq!(store.tier_of(&object).unwrap().availability, Availability::Archived);
    let small = name("data/2");
    store.put(&small, text("cold"), &in_class(StorageClass::Glacier)).unwrap();
    assert_eq!(store.retrieve(small.object(), RetrievalMode::Expedited, 1).unwrap(), Asked::Accepted);
    assert_eq!(store.retrieve(small.object(), RetrievalMode::Expedited, 1).unwrap(), Asked::Underway);
    // What does not rest needs no retrieval, whatever the mode.
    store.put_new(&name("log/1"), text("warm")).unwrap();
    for mode in [RetrievalMode::Expedited, RetrievalMode::Bulk] {
        assert_eq!(store.retrieve(name("log/1").object(), mode, 1).unwrap(), Asked::Ready, "{mode}");
    }
    assert_eq!(kind(store.retrieve(name("log/2").object(), RetrievalMode::Bulk, 1)), Kind::Absent);
}

#[test]
fn stores_behind_the_layer_conform() {
    for behind in Behind::all() {
        conform(&*behind.store);
        conform_archive(&*behind.store, behind.class, behind.mode, &|seconds| behind.layer.turn(seconds), 60);
        let tally = behind.layer.tally();
        println!("{}\n{tally}", behind.store.location());
        // Who refuses to read what rests: Azurite does, SeaweedFS does not.
        let by_server = tally.count("a read was refused", "server") > 0;
        assert_eq!(by_server, behind.class == StorageClass::Archive, "{tally}");
        assert!(
            tally.count("a read was refused", "layer") > 0 && tally.count("a listing told of a retrieval", "layer") > 0
        );
        assert!(tally.count("a class was shown", "server") > 0, "{tally}");
    }
}

#[test]
fn a_bucket_with_locks_behind_the_layer_keeps_class_and_lock_of_one_put() {
    let Some(behind) = Behind::locked_seaweed() else { return };
    let store = StorageClassLayer::new(Arc::clone(&behind.store), StorageClass::Glacier);
    let (pack, mut until) = (name("data/00000001/00000001"), store.now().unwrap());
    until.seconds += 600;
    let lock = ObjectLock::new(Mode::Governance, until);
    let version = store.put(&pack, text("cold and locked"), &PutOptions::locked(&lock)).unwrap().version;
    assert_eq!(store.lock_of(pack.at(version.as_deref())).unwrap(), Some(lock));
    assert_eq!(store.tier_of(&pack).unwrap().class, Some(StorageClass::Glacier));
    assert_eq!(store.delete(pack.at(version.as_deref())).unwrap_err().kind(), Kind::Immutable);
    assert_eq!(store.get(&pack).unwrap_err().kind(), Kind::Archived);
    // Whoever hides it does not hide how it rests, nor the way back.
    behind.store.delete(name("data/00000001/00000002").object()).unwrap();
    assert_eq!(store.retrieve(pack.object(), behind.mode, 1).unwrap(), Asked::Accepted);
    assert_eq!(rests(&store)[pack.as_str()].availability, Availability::Retrieving);
    behind.layer.turn(60);
    assert!(matches!(rests(&store)[pack.as_str()].availability, Availability::Ready { .. }));
    assert_eq!(store.get(&pack).unwrap(), "cold and locked");
}

#[test]
fn an_attackers_marker_hides_neither_the_rest_nor_the_way_back() {
    let Some(mut target) = targets::s3_locked() else { return };
    let layer = Thawing::before(target.options.settings.get("aws_endpoint").unwrap(), 60);
    target.options.settings.insert("aws_endpoint".to_owned(), layer.endpoint());
    let (store, attacker) = (open_versioned(&target.location, &target.options).unwrap().store, plain(&target));
    let pack = name("data/00000001/00000001");
    store.put(&pack, text("cold"), &in_class(StorageClass::Glacier)).unwrap();
    attacker.delete(pack.object()).unwrap();
    attacker.put_new(&pack, text("forged")).unwrap();
    attacker.delete(pack.object()).unwrap();
    assert_eq!(attacker.tier_of(&pack).unwrap_err().kind(), Kind::Absent, "the plain view is fooled");
    let rested = TierStatus { class: Some(StorageClass::Glacier), availability: Availability::Archived, bytes: 4 };
    assert_eq!((store.tier_of(&pack).unwrap(), rests(&*store)[pack.as_str()]), (rested, rested));
    assert_eq!(store.retrieve(pack.object(), RetrievalMode::Standard, 1).unwrap(), Asked::Accepted);
    layer.turn(60);
    assert_eq!(store.get(&pack).unwrap(), "cold");
}

#[test]
fn a_lost_answer_to_a_retrieval_costs_nothing() {
    for behind in Behind::all() {
        let (store, object) = (&behind.store, name("data/1"));
        store.put(&object, text("cold"), &in_class(behind.class)).unwrap();
        behind.layer.lose_answer();
        assert_eq!(store.retrieve(object.object(), behind.mode, 1).unwrap(), Asked::Underway, "tried again by itself");
        assert_eq!(store.tier_of(&object).unwrap().availability, Availability::Retrieving);
    }
}

/// Nobody can read what rests to find out whether it is his own.
#[test]
fn a_lost_answer_to_a_put_in_an_archive_is_no_failure() {
    for behind in Behind::all().chain(Behind::locked_seaweed()) {
        let (store, object) = (&behind.store, name("data/1"));
        behind.layer.lose_answer();
        let receipt = store.put(&object, text("cold"), &in_class(behind.class)).unwrap();
        assert_eq!(store.head_of(&object).unwrap().version, receipt.version);
        assert_eq!(store.versions(&object).unwrap().len(), 1);
        assert_eq!(kind(store.put(&object, text("COLD"), &in_class(behind.class))), Kind::Exists);
    }
}

#[test]
fn many_objects_are_told_by_few_listings() {
    for behind in Behind::all() {
        let names: Vec<_> = (0..40).map(|n| name(&format!("data/00000001/{n:08x}"))).collect();
        for name in &names {
            behind.store.put(name, text("cold"), &in_class(behind.class)).unwrap();
        }
        names.iter().step_by(2).for_each(|name| _ = behind.store.retrieve(name.object(), behind.mode, 1).unwrap());
        let told = rests(&*behind.store);
        for (n, name) in names.iter().enumerate() {
            let expected = if n % 2 == 0 { Availability::Retrieving } else { Availability::Archived };
            assert_eq!(told[name.as_str()].availability, expected, "{name}");
        }
        let after = &names[29];
        let mut later = 0;
        let mut visit = |listed: Listed| {
            later += usize::from(listed.name > *after);
            later < 5
        };
        behind.store.list(&ListOptions::below("data").after(after).with_tiers(), &mut visit).unwrap();
        assert_eq!(later, 5, "it starts after a name and ends early");
    }
}

#[test]
fn the_probe_believes_classes_that_are_kept_and_refuses_servers_that_ignore_them() {
    let env = Machine::shared();
    let honest = [
        (targets::s3(), StorageClass::Glacier, false),
        (targets::archive(), StorageClass::Glacier, true),
        (targets::archive(), StorageClass::StandardIa, false),
        (targets::azure(), StorageClass::Archive, true),
        (targets::azure(), StorageClass::Cold, false),
    ];
    for (target, class, must_be_retrieved) in honest {
        let Some(target) = target else { return };
        let probed = probe_class(&*plain(&target), &*env, class, &|_| ()).unwrap();
        probed.require().unwrap();
        assert_eq!(probed.rests, must_be_retrieved, "{class} {probed:?}");
        assert!(rests(&*plain(&target)).is_empty(), "the probe cleans up");
    }
    let folder = tempfile::tempdir().unwrap();
    let location = engine::store::Location::Folder(folder.path().to_owned());
    let folder = open(&location, &Options::default()).unwrap();
    let Some(liar) = targets::liar() else { return };
    for store in [plain(&liar), folder] {
        let probed = probe_class(&*store, &*env, StorageClass::Glacier, &|_| ());
        let error = probed.and_then(|probed| probed.require()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.to_string().contains("storage classes"), "{error}");
    }
    let Some(azure) = targets::azure() else { return };
    assert_eq!(kind(probe_class(&*plain(&azure), &*env, StorageClass::Glacier, &|_| ())), Kind::Input);
}

#[test]
fn a_server_without_an_archive_says_so() {
    let Some(target) = targets::s3() else { return };
    let (store, object) = (plain(&target), name("data/1"));
    store.put(&object, text("cold"), &in_class(StorageClass::Glacier)).unwrap();
    let error = store.retrieve(object.object(), RetrievalMode::Standard, 1).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "{error}");
    assert!(error.to_string().contains("no archive"), "{error}");
}
