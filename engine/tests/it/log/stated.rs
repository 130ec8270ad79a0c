//! The hashes that a checkpoint states ([LOG-21], 2c), held against the entry of its slot: the broken vectors of both suites, each in its place.

use engine::blob::CachePlace;
use engine::env::Machine;
use engine::maintenance::{CheckOptions, CheckReport, Level, check};
use engine::monitor::Monitor;
use engine::repository::{OpenOptions, Repository};
use engine::store::{Memory, ObjectName, StoreExt};
use engine::{Kind, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../format-spec/vectors")
}

fn told() -> Value {
    serde_json::from_slice(&std::fs::read(vectors().join("vectors.json")).unwrap()).unwrap()
}

/// The good repository of a suite.
fn repository(suite: &str) -> Arc<Memory> {
    let (store, root) = (Memory::new(), vectors().join(format!("repository-{suite}")));
    let mut todo = vec![root.clone()];
    while let Some(folder) = todo.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                todo.push(path);
                continue;
            }
            let name = ObjectName::new(path.strip_prefix(&root).unwrap().to_str().unwrap()).unwrap();
            store.put_new(&name, std::fs::read(path).unwrap().into()).unwrap();
        }
    }
    Arc::new(store)
}

fn checked(store: Arc<Memory>, password: Option<&str>, level: Level) -> Result<CheckReport> {
    let options = OpenOptions::new(Machine::shared(), CachePlace::Temporary);
    let repository = Repository::open(store, password.map(str::as_bytes), &options)?;
    let options = CheckOptions { threads: 1, ..CheckOptions::new(level) };
    check(&repository, &options, &Monitor::new())
}

#[test]
fn an_entry_and_a_checkpoint_that_state_others_are_damage_at_every_level_that_looks_at_the_log() {
    let (told, mut judged) = (told(), 0);
    let password = told["password"].as_str().unwrap();
    for row in told["vectors"].as_array().unwrap() {
        if row["verdict"] != "LOG-21" || row["vouched_by"].is_null() {
            continue;
        }
        let suite = row["secrets"].as_str().unwrap();
        let password = (suite == "sealed").then_some(password);
        let store = repository(suite);
        assert_eq!(checked(store.clone(), password, Level::Full).unwrap().errors, [], "the good repository is sound");
        let broken = std::fs::read(vectors().join(row["file"].as_str().unwrap())).unwrap();
        store.replace(&ObjectName::new(row["name"].as_str().unwrap()).unwrap(), broken.into());
        for level in [Level::Tails, Level::Stored, Level::Full] {
            let found = checked(store.clone(), password, level);
            if row["why"].as_str().unwrap().contains("its own slot") && row["kind"] == "checkpoint" {
                // The entry behind it does not follow what it states: nobody gets so far as to check.
                let refused = found.unwrap_err();
                assert_eq!(
                    (refused.kind(), refused.object()),
                    (Kind::Damaged, Some("log/0000000000000004")),
                    "{refused}"
                );
                continue;
            }
            let errors = found.unwrap().errors;
            let named =
                errors.iter().any(|found| found.object == "log/0000000000000003" && found.what.contains("LOG-21"));
            assert!(named, "{}: {errors:?}", row["file"]);
        }
        judged += 1;
    }
    assert_eq!(judged, 6, "an entry and two checkpoints of each suite");
}
