//! The order of crates and rooms: each stands on earlier ones, never on later ones.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates in the order of their arrows; each may use any that stands before it.
const CRATES: [(&str, &str); 11] = [
    ("format-spec", "format-spec"),
    ("base", "engine/base"),
    ("store", "engine/store"),
    ("source", "engine/source"),
    ("m365", "m365"),
    ("engine", "engine"),
    ("view", "view"),
    ("ops", "ops"),
    ("fusefs", "fusefs"),
    ("webdav", "webdav"),
    ("cli", "cli"),
];
/// Crates that only tests use.
const FOR_TESTS: [&str; 2] = ["faultproxy", "testkit"];
const ROOMS: [&str; 18] = [
    "chunk",
    "block",
    "pack",
    "log",
    "index",
    "tree",
    "blob",
    "restore_point",
    "reader",
    "immutability",
    "repository",
    "session",
    "coverage",
    "retrieval",
    "maintenance",
    "backup",
    "copy",
    "restore",
];
/// Doors from outside, which no room may use.
const DOORS: [&str; 1] = ["fuzzing"];
const PURE: [&str; 4] = ["chunk", "block", "pack", "tree"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// What a file says outside of comments and of its own tests.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("a source file");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that a file names after `crate::`, outside of comments.
fn imported_rooms(text: &str) -> Vec<String> {
    let code = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms: Vec<String> = code.split("crate::").skip(1).map(word).collect();
    for group in code.split("crate::{").skip(1) {
        let inside = group.split("};").next().unwrap_or_default();
        rooms.extend(inside.split([',', '\n']).map(|s| word(s.trim())));
    }
    rooms
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo).args(arguments).arg("--offline").current_dir(root()).output().expect("cargo runs");
    assert!(done.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

/// Everything that a crate is built with, by name.
fn stands_on(name: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "--package", name, "--edges", "normal", "--prefix", "none", "--format", "{lib}"]);
    tree.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The crates of this workspace, each with those of them that it names.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |of: &Value| of["name"].as_str().expect("a name").to_owned();
    let all: BTreeSet<String> = packages.iter().map(name).collect();
    let dependencies = |package: &Value| {
        let all_kinds = package["dependencies"].as_array().expect("dependencies").clone();
        all_kinds.iter().filter(|d| d["kind"].is_null()).map(name).filter(|d| all.contains(d)).collect()
    };
    packages.iter().map(|package| (name(package), dependencies(package))).collect()
}

#[test]
fn no_crate_stands_on_a_later_one() {
    let position = |name: &str| CRATES.iter().position(|(crate_name, _)| *crate_name == name);
    let mut checked = 0;
    for (name, dependencies) in named() {
        let Some(at) = position(&name) else {
            assert!(FOR_TESTS.contains(&name.as_str()), "{name} is on no map");
            continue;
        };
        for dependency in dependencies {
            assert!(position(&dependency).is_some_and(|other| other < at), "{name} stands on {dependency}");
            checked += 1;
        }
    }
    assert!(checked > 15, "only {checked} arrows were seen: the test looks at the wrong place");
}

#[test]
fn a_source_knows_no_store_no_cipher_and_no_key() {
    // The toy source of `testkit` compiles against the second door alone.
    for stands in ["source", "testkit"] {
        let below = stands_on(stands);
        assert!(below.contains("base") && below.contains("format_spec"), "{stands}: {below:?}");
        for name in ["store", "engine", "object_store", "tokio", "aws_lc_rs", "argon2", "zeroize", "rustls"] {
            assert!(!below.contains(name), "{stands} is built with {name}");
        }
    }
}

#[test]
fn a_source_over_the_network_knows_no_store_and_no_key() {
    let below = stands_on("m365");
    assert!(below.contains("source"), "{below:?}");
    // Argon2 stands for the sealing of format-spec: TLS brings ciphers of its own.
    for name in ["store", "engine", "object_store", "argon2"] {
        assert!(!below.contains(name), "m365 is built with {name}");
    }
}

#[test]
fn no_crate_is_built_with_what_it_must_not_know() {
    for (name, foreign) in [
        ("webdav", &["fuser", "fusefs"][..]),
        ("view", &["fuser", "fusefs", "dav_server"]),
        ("ops", &["clap", "fuser", "fusefs", "dav_server", "rpassword", "indicatif"]),
        ("base", &["object_store", "tokio", "aws_lc_rs"]),
    ] {
        let below = stands_on(name);
        assert!(below.contains("format_spec"), "{name}: {below:?}");
        for other in foreign {
            assert!(!below.contains(*other), "{name} is built with {other}");
        }
    }
}

#[test]
fn ops_neither_prints_nor_asks_nor_reads_the_environment() {
    let files = rust_files(&root().join("ops/src"));
    assert!(files.len() > 10, "only {} files were seen: the test looks at the wrong place", files.len());
    for file in files {
        let code = code(&file);
        for word in ["println!", "print!(", "std::env", "env::var", "stdin()", "stdout()", "stderr()", "is_terminal"] {
            assert!(!code.contains(word), "{} speaks of {word}, which is a face's", file.display());
        }
    }
}

#[test]
fn no_room_imports_a_later_one() {
    let mut checked = 0;
    for (at, room) in ROOMS.iter().enumerate() {
        let files = rust_files(&root().join("engine/src").join(room));
        assert!(!files.is_empty(), "{room} has no files");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a source file");
            for import in imported_rooms(&text) {
                let later = ROOMS.iter().position(|r| *r == import).is_some_and(|other| other > at);
                assert!(!later, "{} imports {import}, which is a later room than {room}", file.display());
                assert!(!DOORS.contains(&import.as_str()), "{} imports the door {import}", file.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 200, "only {checked} imports were seen: the test looks at the wrong place");
}

#[test]
fn every_room_of_the_library_is_on_the_map() {
    let text = std::fs::read_to_string(root().join("engine/src/lib.rs")).expect("lib.rs");
    for line in text.lines().filter_map(|l| l.strip_prefix("pub mod ")) {
        let name = line.trim_end_matches(';');
        assert!([&ROOMS[..], &DOORS].concat().contains(&name), "{name} is on no map");
    }
}

#[test]
fn what_belongs_to_one_place_stays_there() {
    let only = [
        ("object_store", &["engine/store/src"][..]),
        ("quick_xml", &["engine/store/src"]),
        ("tokio::", &["engine/store/src", "webdav/src", "m365/src"]),
        ("SystemTime::now", &["engine/base/src/env.rs"]),
        ("getrandom::", &["engine/base/src/env.rs"]),
        // These panic where no thread can be made: `base::threads` asks a builder.
        ("thread::spawn(", &[]),
        ("scope.spawn(", &[]),
    ];
    let mut seen = BTreeSet::new();
    for (name, folder) in CRATES {
        for file in rust_files(&root().join(folder).join("src")) {
            let code = code(&file);
            let place = file.strip_prefix(root()).expect("below the root");
            for (word, homes) in only {
                let at_home = homes.iter().any(|home| place.starts_with(home));
                let clock = name == "fusefs" || name == "cli" || name == "webdav";
                assert!(
                    at_home || !code.contains(word) || (clock && word == "SystemTime::now"),
                    "{} speaks of {word}, which belongs to {homes:?}",
                    place.display()
                );
                if at_home && code.contains(word) {
                    seen.insert(word);
                }
            }
        }
    }
    let at_home_somewhere = only.iter().filter(|(_, homes)| !homes.is_empty()).count();
    assert_eq!(seen.len(), at_home_somewhere, "the test looks at the wrong place: {seen:?}");
}

#[test]
fn pure_rooms_touch_no_store_and_no_threads() {
    for room in PURE {
        for file in rust_files(&root().join("engine/src").join(room)) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            let text = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<String>();
            for word in ["crate::store", "std::thread", "std::fs"] {
                assert!(!text.contains(word), "{} is pure and speaks of {word}", file.display());
            }
        }
    }
}

#[test]
fn the_test_sees_a_forward_import() {
    assert_eq!(imported_rooms("use crate::backup::run;"), ["backup"]);
    assert!(imported_rooms("use crate::{\n    log::Log,\n    restore,\n};").contains(&"restore".to_owned()));
    assert!(imported_rooms("// use crate::backup;").is_empty());
}
