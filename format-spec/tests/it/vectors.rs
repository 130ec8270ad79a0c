//! Every golden vector has its verdict, and the vectors are what the code makes.

use crate::golden::archive::{self, Members};
use crate::golden::{self, judge};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn committed() -> Members {
    golden::committed(&folder()).expect("the archives of vectors; without them, run the example make_vectors")
}

/// A member of the archives.
fn member<'a>(committed: &'a Members, file: &str) -> &'a [u8] {
    committed.get(file).unwrap_or_else(|| panic!("{file}: it is in no archive; run the example make_vectors"))
}

#[test]
fn every_vector_has_its_verdict() {
    let (mut good, mut broken, mut wrong) = (0, 0, Vec::new());
    let committed = committed();
    for vector in golden::settled(&committed) {
        let previous = vector.beside().map(|file| member(&committed, file));
        let found = judge(&vector, member(&committed, &vector.file), previous).map_err(|e| (e.rule(), e.to_string()));
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
    let committed = committed();
    let changed: Vec<String> = golden::settled(&committed)
        .into_iter()
        .filter(|vector| member(&committed, &vector.file) != vector.bytes)
        .map(|vector| vector.file)
        .collect();
    assert!(
        changed.is_empty(),
        "the format has changed; if it was meant to, run the example make_vectors: {changed:?}"
    );
}

/// An archive that another tool wrote would change as a whole with the next member.
#[test]
fn archives_of_vectors_and_corpora_are_packed_reproducibly() {
    for folder in [folder(), folder().join("../../fuzz/corpus")] {
        for path in archive::archives(&folder).unwrap() {
            let same = archive::packed(&archive::read(&path).unwrap()).unwrap() == std::fs::read(&path).unwrap();
            assert!(same, "{}: it is not packed as the example inputs packs it; see fuzz/README.md", path.display());
        }
    }
}

#[test]
fn vectors_json_tells_what_stands_beside_it() {
    let committed = committed();
    let list = std::fs::read(folder().join("vectors.json")).expect("the list of vectors");
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    let now: serde_json::Value = serde_json::from_str(&golden::to_json(&golden::settled(&committed))).unwrap();
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
        let hash = blake3::hash(member(&committed, old["file"].as_str().unwrap()));
        assert_eq!(old["blake3"], hash.to_hex().as_str(), "{}", old["file"]);
    }
    let listed: BTreeSet<String> = rows(&list).iter().map(|r| r["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        committed.into_keys().collect::<BTreeSet<_>>(),
        listed,
        "members of the archives and rows of vectors.json"
    );
}

#[test]
fn names_of_vectors_are_unique() {
    let all = golden::made();
    let names: BTreeSet<&str> = all.iter().map(|v| v.file.as_str()).collect();
    assert_eq!(names.len(), all.len());
}
