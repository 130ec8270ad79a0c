//! Collection where the store keeps versions and locks nothing: what is deleted is gone with all of its versions, and takes no room.

use super::gc::{collect_all, expire, options};
use super::rig::{CHEAP, PASSWORD, Rig, names_of, noise};
use crate::store::targets;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::repository::{NewRepository, Repository};
use engine::store::probe::VERSIONED;
use engine::store::{open_versioned, probe};
use format_spec::config::Class;

#[test]
fn what_is_collected_in_a_bucket_that_keeps_versions_leaves_none_behind() {
    let Some(target) = targets::s3_versioned() else { return };
    let (folder, env) = (tempfile::tempdir().unwrap(), Machine::shared());
    let store = open_versioned(&target.location, &target.options).unwrap().store;
    assert_eq!(probe(&*store, &*env, &|_| ()).unwrap().versioned, Some(true));
    let new = NewRepository {
        password: Some(PASSWORD.to_vec()),
        cost: CHEAP,
        label: "test".into(),
        probed: VERSIONED.to_owned(),
        ..NewRepository::new(Class::Backup)
    };
    Repository::create(&*store, &new, &env).unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir_all(&source).unwrap();
    let (cache, password) = (CachePlace::Temporary, Some(PASSWORD.to_vec()));
    let rig = Rig { source, store: store.clone(), cache, env, password, job: "test".into() };
    rig.write("a", &noise(1, 900_000));
    let first = rig.back_up().unwrap().point.unwrap();
    let before = names_of(&*store);
    rig.write("a", &noise(2, 900_000));
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    expire(&repository, vec![first]);
    assert!(collect_all(&repository, &options()).unwrap().bytes_freed > 800_000);
    let after = names_of(&*store);
    let gone: Vec<_> = before.iter().filter(|name| !after.contains(name)).collect();
    assert!(["data/", "points/"].iter().all(|folder| gone.iter().any(|n| n.as_str().starts_with(folder))), "{gone:?}");
    for name in gone {
        assert_eq!(store.versions(name).unwrap(), [], "{name}");
    }
    rig.expect_equal();
}
