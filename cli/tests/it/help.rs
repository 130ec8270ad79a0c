//! The terminal snapshots: `--help` of every verb, and the reference that is made of them.
//!
//! `CAIRN_BLESS=1` writes them anew; a changed snapshot is a changed contract.

use crate::support::Home;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const VERBS: &[&str] = &[
    "",
    "init",
    "backup",
    "points",
    "ls",
    "cat",
    "find",
    "diff",
    "history",
    "stats",
    "restore",
    "verify",
    "check",
    "repair",
    "repair plan",
    "repair apply",
    "expire",
    "expire plan",
    "expire apply",
    "expire run",
    "tag",
    "gc",
    "gc plan",
    "gc apply",
    "gc run",
    "copy",
    "retrieve",
    "retrieve start",
    "retrieve status",
    "retrieve extend",
    "retrieve list",
    "mount",
    "umount",
    "serve",
    "serve webdav",
    "cache",
    "cache status",
    "cache sync",
    "cache drop",
    "known",
    "known list",
    "known forget",
    "index",
    "index rebuild",
    "immutability",
    "immutability raise",
    "key",
    "key list",
    "key add",
    "key rotate",
    "key remove",
    "key reseal",
    "key export",
    "key import",
    "schedule",
    "schedule print",
    "migrate",
    "migrate plan",
    "migrate apply",
    "completions",
    "man",
];

#[test]
fn help_is_what_the_snapshots_say() {
    let home = Home::new();
    let mut wrong = Vec::new();
    let mut reference = HEAD.to_owned();
    for verb in VERBS {
        let help = home.ok(verb.split_whitespace().chain(["--help"])).out();
        let name = format!("cairn {verb}").trim_end().to_owned();
        let file = folder().join("tests/snapshots").join(format!("{}.txt", name.replace(' ', "-")));
        wrong.extend(compare(&file, &help));
        let level = if verb.contains(' ') { "###" } else { "##" };
        write!(reference, "\n{level} {name}\n\n```text\n{}\n```\n", without_globals(verb, &help)).unwrap();
    }
    wrong.extend(compare(&folder().join("../docs/cli.md"), &reference));
    assert!(wrong.is_empty(), "not as before (look at the difference, then run with CAIRN_BLESS=1): {wrong:?}");
}

#[test]
fn every_verb_has_a_snapshot() {
    let help = Home::new().ok(["--help"]).out();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let listed: Vec<_> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    for verb in &listed {
        assert!(*verb == "help" || VERBS.contains(verb), "{verb}");
    }
    assert!(listed.len() > 15, "{help}");
}

#[test]
fn help_and_version_are_answers() {
    let home = Home::new();
    assert!(home.ok(["--version"]).out().starts_with("cairn "));
    assert!(home.ok(["help", "key", "export"]).out().contains("--recovery-sheet"));
    assert!(home.ok(["backup", "-h"]).out().contains("--exclude"));
}

/// Global options stand once, under `cairn`.
fn without_globals(verb: &str, help: &str) -> String {
    let end = if verb.is_empty() { help.len() } else { help.find("\nGlobal options:").unwrap_or(help.len()) };
    let lines: Vec<_> = help[..end].trim_end().lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The file's name if it differs; with the switch, it is written instead.
fn compare(file: &Path, wanted: &str) -> Option<String> {
    if std::fs::read_to_string(file).is_ok_and(|held| held == wanted) {
        return None;
    }
    if std::env::var_os("CAIRN_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, wanted).unwrap();
        return None;
    }
    Some(file.display().to_string())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

const HEAD: &str = "\
# The command line

Made from the program's own help by the test `help`; do not edit (`CAIRN_BLESS=1` writes it anew).
What `--json` prints is in [json.md](json.md), the config file in [config.md](config.md).
";
