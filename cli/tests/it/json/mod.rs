//! `docs/json.md` is made from the types that are printed, and what every verb prints is held against them.
//!
//! Every other test that runs `cairn --json` holds its lines too ([`crate::support::Run::of`]).

mod runs;

use crate::support::Home;
use cli::contract::{hold, page, verbs};
use runs::Runs;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_page_is_what_the_types_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md");
    if std::env::var_os("CAIRN_BLESS").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap();
    assert!(found == page(), "not as before (look at the difference, then run with CAIRN_BLESS=1): {}", file.display());
}

#[test]
fn every_key_on_the_page_has_a_meaning() {
    let empty: Vec<_> = page().lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    assert!(empty.len() > 300, "{}", empty.len());
    let empty: Vec<_> = empty.into_iter().filter(|line| line.ends_with("|  |")).collect();
    assert!(empty.is_empty(), "{empty:#?}");
}

#[test]
fn the_table_has_every_verb_and_no_other() {
    let told: BTreeSet<String> = verbs().into_iter().map(str::to_owned).collect();
    assert_eq!(told, verbs_of_the_manual());
}

/// Every verb that does something: there is a manual page for each, and one for each group of verbs.
fn verbs_of_the_manual() -> BTreeSet<String> {
    let home = Home::new();
    home.ok(["man", &home.text("man")]);
    let pages = std::fs::read_dir(home.path("man")).unwrap().map(|item| item.unwrap().file_name());
    let names: Vec<String> = pages.map(|name| name.into_string().unwrap().trim_end_matches(".1").to_owned()).collect();
    let is_group = |name: &String| names.iter().any(|other| other.starts_with(&format!("{name}-")));
    let verbs = names.iter().filter(|name| !is_group(name)).filter_map(|name| name.strip_prefix("cairn-"));
    verbs.map(|verb| verb.replace('-', " ")).filter(|verb| verb != "help" && !verb.ends_with(" help")).collect()
}

#[test]
fn a_key_too_many_a_missing_one_and_another_type_are_noticed() {
    let row = json!({"type": "pack", "what": "dead", "object": "data/1", "bytes": 5, "blobs": 2, "blobs_live": 0});
    let held = |row: &Value| hold("gc plan", &row.to_string());
    assert_eq!(held(&row), Ok(()));
    let with = |key: &str, value: Value| {
        let mut row = row.clone();
        row[key] = value;
        row
    };
    let mut renamed = with("blobs_lost", 0.into());
    renamed.as_object_mut().unwrap().remove("blobs_live");
    let mut missing = row.clone();
    missing.as_object_mut().unwrap().remove("blobs");
    for wrong in [renamed, missing, with("more", 1.into()), with("type", "packs".into())] {
        assert!(held(&wrong).is_err(), "{wrong}");
    }
    let summary = |more: Value| {
        let mut row = json!({"type": "summary", "status": "done", "exit_code": 0, "seconds_elapsed": 1.5});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hold("ls", &row.to_string())
    };
    assert_eq!(summary(json!({"first_use": false, "entries": 3})), Ok(()));
    assert!(summary(json!({"entries": 3})).is_err(), "every summary has these keys");
    assert!(summary(json!({"first_use": false, "matches": 3})).is_err(), "of another verb");
}

#[test]
fn what_every_verb_prints_is_what_the_page_says() {
    let runs = Runs::all();
    assert!(runs.wrong.is_empty(), "not as docs/json.md says:\n{}", runs.wrong.join("\n"));
    let silent = ["cat", "completions"];
    let missed: Vec<_> =
        verbs().into_iter().filter(|verb| !runs.verbs.contains(*verb) && !silent.contains(verb)).collect();
    assert!(missed.is_empty(), "run them here as well: {missed:?}");
    assert!(runs.types.len() > 20, "{:?}", runs.types);
}
