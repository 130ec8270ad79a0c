//! The attacker may put and delete, on a real S3 with object lock. He has every right but to lift locks, and nobody has that.

use super::place::{in_memory, open_as_of, rig, verified};
use crate::proofs::rig::{Rig, contents, names_of, noise, restore_options};
use crate::store::targets;
use bytes::Bytes;
use engine::Kind;
use engine::env::Machine;
use engine::monitor::Monitor;
use engine::repository::AsOf;
use engine::restore::restore;
use engine::store::{ObjectName, OldestVersionLayer, Store, open, open_versioned};
use format_spec::names;
use std::sync::Arc;

/// What the attacker puts, over whatever is there.
type Overwrite<'a> = &'a dyn Fn(&ObjectName, &'static [u8]);

/// The whole attack, and what must hold afterwards. `raw` is the store as it is, without our rule.
fn attack(owner: &Rig, raw: &dyn Store, overwrite: Overwrite<'_>) {
    owner.write("a", &noise(1, 6_000_000));
    owner.write("b/c", b"what must come back");
    owner.expect_healthy();
    let (before, good) = (owner.open().unwrap().log().view().head, contents(&owner.source));
    let everything = names_of(&*owner.store);
    let has = |prefix: &str| everything.iter().any(|n| n.as_str().starts_with(prefix));
    assert!(["config", "keys/", "log/", "data/", "meta/", "index/", "points/"].into_iter().all(has), "{everything:?}");

    // Every version, by its id.
    let mut refused = 0;
    for name in &everything {
        for version in raw.versions(name).unwrap() {
            let error = raw.delete(name.at(version.id.as_deref())).expect_err("a locked version was deleted");
            assert_eq!(error.kind(), Kind::Immutable, "{name}: {error}");
            refused += 1;
        }
    }
    assert!(refused >= everything.len());
    // Other bytes over every second object, and delete markers over all, over and under them.
    everything.iter().step_by(2).for_each(|name| overwrite(name, b"you have been robbed"));
    everything.iter().for_each(|name| raw.delete(name.object()).unwrap());
    everything.iter().step_by(3).for_each(|name| overwrite(name, b"and again"));
    // Junk in the next slots, and beyond them.
    for slot in [before + 1, before + 2, before + 4, before + 90] {
        overwrite(&ObjectName::new(names::log(slot)).unwrap(), b"junk");
    }
    raw.delete(ObjectName::new(names::log(before + 2)).unwrap().object()).unwrap();

    // The owner, on another machine.
    let owner = Rig { cache: engine::blob::CachePlace::Temporary, ..owner.clone() };
    owner.expect_equal();
    assert_eq!(owner.open().unwrap().points().unwrap().len(), 1);
    let gaps = verified(&owner).gaps;
    assert_eq!(gaps, [], "nothing that is needed is unlocked");
    let past = open_as_of(&owner, AsOf::Entry(before)).unwrap();
    let target = tempfile::tempdir().unwrap();
    let (point, monitor) = (past.find_point("latest").unwrap(), Arc::new(Monitor::new()));
    restore(&past, &point, &owner.inside(), target.path(), &restore_options(), &monitor).unwrap();
    assert_eq!(contents(target.path()), good);
    // And life goes on.
    owner.write("b/c", b"what was written afterwards");
    owner.expect_healthy();
    owner.write("d", &noise(2, 2_000_000));
    owner.expect_healthy();
    let view = owner.open().unwrap().log().view();
    assert!([before + 1, before + 2, before + 4].iter().all(|slot| view.voids.contains(slot)), "{:?}", view.voids);
    assert_eq!((view.commits.len(), verified(&owner).gaps), (3, Vec::new()));
    // Whoever tries to take the junk back to open a gap is too late.
    for slot in &view.voids {
        let name = ObjectName::new(names::log(*slot)).unwrap();
        let bottom = raw.versions(&name).unwrap().into_iter().find(|v| !v.marker).unwrap();
        assert_eq!(raw.delete(name.at(bottom.id.as_deref())).unwrap_err().kind(), Kind::Immutable, "{name}");
    }
}

#[test]
fn an_attacker_cannot_destroy_what_is_locked_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (owner, memory, _) = in_memory(folder.path(), Some(1));
    attack(&owner, &*memory, &|name, bytes| memory.replace(name, Bytes::from_static(bytes)));
}

#[test]
fn an_attacker_cannot_destroy_what_is_locked_on_seaweedfs() {
    let Some(target) = targets::s3_locked() else { return };
    let folder = tempfile::tempdir().unwrap();
    let settled = open_versioned(&target.location, &target.options).unwrap().store;
    let raw = open(&target.location, &target.options).unwrap();
    let owner = rig(folder.path(), settled, Machine::shared(), Some(1));
    let overwrite = |name: &ObjectName, bytes: &'static [u8]| {
        assert!(targets::put_raw(&target, name.as_str(), bytes), "whoever may write can write over {name}");
    };
    attack(&owner, &*raw, &overwrite);
}

/// Without the rule of the oldest version the same attack succeeds, the config seems lost: the test can fail.
#[test]
fn without_the_rule_the_attack_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let (owner, memory, _) = in_memory(folder.path(), Some(1));
    owner.write("a", b"a");
    owner.expect_healthy();
    memory.delete(ObjectName::new(names::CONFIG).unwrap().object()).unwrap();
    assert_eq!(owner.over(memory.clone()).open().unwrap_err().kind(), Kind::Damaged);
    owner.over(Arc::new(OldestVersionLayer::new(memory))).open().unwrap();
}
