//! Every golden vector has its verdict, and the vectors are what the code makes.

use crate::golden::{self, judge};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn committed(file: &str) -> Vec<u8> {
    let path = folder().join(file);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run the example make_vectors", path.display()))
}

#[test]
fn every_vector_has_its_verdict() {
    let (mut good, mut broken, mut wrong) = (0, 0, Vec::new());
    for vector in golden::settled(&folder()) {
        let previous = vector.beside().map(committed);
        let found =
            judge(&vector, &committed(&vector.file), previous.as_deref()).map_err(|e| (e.rule(), e.to_string()));
        let rule = found.as_ref().err().map(|(rule, _)| *rule);
        if rule != vector.verdict {
            wrong.push(format!("{}: expected {:?}, found {found:?}", vector.file, vector.verdict));
        }
        if vector.verdict.is_none() { good += 1 } else { broken += 1 }
    }
    assert!(wrong.is_empty(), "{} wrong verdicts:\n{}", wrong.len(), wrong.join("\n"));
    println!("{good} good and {broken} broken vectors have their verdicts");
}

/// A changed byte is a change of the format; where only zstd's output could differ, header and plaintexts are compared instead.
#[test]
fn the_vectors_are_what_the_code_makes() {
    for vector in golden::settled(&folder()) {
        let same = committed(&vector.file) == vector.bytes;
        assert!(same, "{}: the format has changed; if it was meant to, run the example make_vectors", vector.file);
    }
}

#[test]
fn vectors_json_tells_what_stands_beside_it() {
    let list: serde_json::Value = serde_json::from_slice(&committed("vectors.json")).unwrap();
    let now: serde_json::Value = serde_json::from_str(&golden::to_json(&golden::settled(&folder()))).unwrap();
    for key in ["repository_id", "session", "password", "secrets", "derived", "names"] {
        assert_eq!(list[key], now[key], "{key}");
    }
    let rows = |v: &serde_json::Value| v["vectors"].as_array().unwrap().clone();
    assert_eq!(rows(&list).len(), rows(&now).len());
    for (old, new) in rows(&list).iter().zip(rows(&now)) {
        let told = ["file", "kind", "verdict", "why", "secrets", "name", "session", "ordinal", "password", "previous"];
        for key in told.into_iter().chain(["vouched_by"]) {
            assert_eq!(old[key], new[key], "{key}");
        }
        let hash = blake3::hash(&committed(old["file"].as_str().unwrap()));
        assert_eq!(old["blake3"], hash.to_hex().as_str(), "{}", old["file"]);
    }
    let listed: BTreeSet<PathBuf> = rows(&list).iter().map(|r| folder().join(r["file"].as_str().unwrap())).collect();
    let mut found = BTreeSet::new();
    walk(&folder(), &mut found);
    found.remove(&folder().join("vectors.json"));
    assert_eq!(found, listed, "files and rows of vectors.json");
}

#[test]
fn names_of_vectors_are_unique() {
    let all = golden::settled(&folder());
    let names: BTreeSet<&str> = all.iter().map(|v| v.file.as_str()).collect();
    assert_eq!(names.len(), all.len());
}

fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.insert(path);
        }
    }
}
