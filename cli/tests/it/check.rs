//! `check`: clean, damaged, in part.

use crate::support::{Home, Run, has_keys, noise, of_type};
use std::path::PathBuf;

#[test]
fn a_clean_repository_has_no_findings_at_any_level() {
    let (home, id) = Home::with_point();
    for level in ["list", "tails", "stored", "full"] {
        let summary = home.summary(["check", "--level", level]);
        has_keys(&summary, &["packs", "chunks", "points", "bytes_read", "errors"]);
        assert_eq!(summary["errors"], 0, "{summary}");
    }
    let full = home.summary(["check", "--read-data", &id]);
    assert!(full["bytes_read"].as_u64().unwrap() > 300_000, "{full}");
    assert_eq!((&full["level"], &full["points"]), (&"full".into(), &1.into()));
    home.ok(["check", "--read-data=50%"]);
    home.run(["check", "--read-data=0%"]).expect(2);
    home.run(["check", "--read-data", "--level", "list"]).expect(2);
}

#[test]
fn damage_is_named_and_ends_with_exit_5() {
    // Two sessions, so that the small file lies in another pack than the one that is damaged.
    let home = Home::with_repository();
    home.write("src/a.txt", b"first\n");
    home.backup();
    home.write("src/sub/c.bin", &noise(300_000, 1));
    home.backup();
    let pack = largest(&home);
    let mut bytes = std::fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(&pack).unwrap();
    std::fs::write(&pack, bytes).unwrap();
    let run = Run::of(&mut home.command(["check", "--read-data", "--json"])).expect(5);
    let rows = run.rows();
    let damage = of_type(&rows, "damage");
    assert!(!damage.is_empty());
    let object = damage[0]["object"].as_str().unwrap();
    assert!(pack.to_str().unwrap().ends_with(object), "{object}");
    assert!(run.last()["errors"].as_u64().unwrap() > 0);
    let cat = home.run(["cat", &home.place("latest", "src/sub/c.bin")]).expect(5);
    assert!(cat.stderr.contains("check"), "{}", cat.stderr);
    home.ok(["cat", &home.place("latest", "src/a.txt")]);
}

/// The pack with the large file.
fn largest(home: &Home) -> PathBuf {
    let mut open = vec![home.path("repo/data")];
    let mut found: Option<(u64, PathBuf)> = None;
    while let Some(folder) = open.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let item = item.unwrap();
            let meta = item.metadata().unwrap();
            if meta.is_dir() {
                open.push(item.path());
            } else if found.as_ref().is_none_or(|(bytes, _)| *bytes < meta.len()) {
                found = Some((meta.len(), item.path()));
            }
        }
    }
    found.unwrap().1
}
