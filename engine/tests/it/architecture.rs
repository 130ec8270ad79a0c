//! The order of rooms: a room imports shared types and earlier rooms, never later ones.

use std::path::{Path, PathBuf};

const SHARED: [&str; 8] = ["limits", "env", "error", "monitor", "threads", "children", "ending", "temporary"];
const ROOMS: [&str; 20] = [
    "source",
    "chunk",
    "block",
    "pack",
    "store",
    "price",
    "log",
    "index",
    "tree",
    "blob",
    "restore_point",
    "reader",
    "immutability",
    "repository",
    "coverage",
    "retrieval",
    "care",
    "backup",
    "copy",
    "restore",
];
/// Doors from outside, which no room may use.
const DOORS: [&str; 1] = ["fuzzing"];
const PURE: [&str; 4] = ["chunk", "block", "pack", "tree"];

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

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn no_room_imports_a_later_one() {
    let mut checked = 0;
    for (at, room) in ROOMS.iter().enumerate() {
        let files = rust_files(&source_root().join(room));
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
fn shared_types_import_no_room() {
    for name in SHARED {
        let file = source_root().join(format!("{name}.rs"));
        let files = if file.is_file() { vec![file] } else { rust_files(&source_root().join(name)) };
        assert!(!files.is_empty(), "{name} has no files");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a source file");
            for import in imported_rooms(&text) {
                assert!(!ROOMS.contains(&import.as_str()), "{} imports the room {import}", file.display());
            }
        }
    }
}

#[test]
fn every_room_of_the_library_is_on_the_map() {
    let text = std::fs::read_to_string(source_root().join("lib.rs")).expect("lib.rs");
    for line in text.lines().filter_map(|l| l.strip_prefix("pub mod ")) {
        let name = line.trim_end_matches(';');
        assert!([&ROOMS[..], &SHARED, &DOORS].concat().contains(&name), "{name} is on no map");
    }
}

#[test]
fn what_belongs_to_one_room_stays_there() {
    let only = [
        ("object_store", "store"),
        ("tokio::", "store"),
        ("SystemTime::now", "env.rs"),
        ("getrandom::", "env.rs"),
        // These panic where no thread can be made.
        ("thread::spawn(", "threads.rs"),
        ("scope.spawn(", "threads.rs"),
    ];
    for file in rust_files(&source_root()) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let place = file.strip_prefix(source_root()).expect("below src");
        for (word, home) in only {
            let at_home = place.starts_with(home);
            assert!(at_home || !code.contains(word), "{} speaks of {word}, which belongs to {home}", place.display());
        }
    }
}

#[test]
fn only_the_webdav_server_has_a_runtime_beside_the_stores() {
    let crates = source_root().join("../..");
    for name in ["format-spec", "fusefs", "cli"] {
        for file in rust_files(&crates.join(name).join("src")) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            assert!(!text.contains("tokio::"), "{} speaks of tokio", file.display());
        }
    }
    assert!(!rust_files(&crates.join("webdav/src")).is_empty(), "the test looks at the wrong place");
}

#[test]
fn pure_rooms_touch_no_store_and_no_threads() {
    for room in PURE {
        for file in rust_files(&source_root().join(room)) {
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
