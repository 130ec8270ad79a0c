//! The hashes that a checkpoint states ([LOG-21], 2c), held against the entry of its slot: the broken vectors of both suites, each in its place.

use crate::fuzz::replay::archive::{self, Members};
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

/// The vectors of a group, by their names in it.
fn group(name: &str) -> Members {
    archive::read(&vectors().join(format!("{name}.tar"))).unwrap()
}

/// The good repository of a suite.
fn repository(suite: &str) -> Arc<Memory> {
    let store = Memory::new();
    for (name, bytes) in group(&format!("repository-{suite}")) {
        store.put_new(&ObjectName::new(&name).unwrap(), bytes.into()).unwrap();
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
    let (told, of_broken, mut judged) = (told(), group("broken"), 0);
    let password = told["password"].as_str().unwrap();
    for row in told["vectors"].as_array().unwrap() {
        if row["verdict"] != "LOG-21" || row["vouched_by"].is_null() {
            continue;
        }
        let suite = row["secrets"].as_str().unwrap();
        let password = (suite == "sealed").then_some(password);
        let store = repository(suite);
        assert_eq!(checked(store.clone(), password, Level::Full).unwrap().errors, [], "the good repository is sound");
        let file = row["file"].as_str().unwrap();
        let broken = file.strip_prefix("broken/").and_then(|name| of_broken.get(name)).expect(file).clone();
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
