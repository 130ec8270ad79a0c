//! Every numbered rule of the text is cited by code, test or vector; every cited rule stands in the text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rules that no decoder can hold or break alone, and who holds them.
const ELSEWHERE: [(&str, &str); 14] = [
    ("CHUNK-1", "the cutter is the engine's"),
    ("CHUNK-2", "the cutter is the engine's"),
    ("CHUNK-3", "the cutter is the engine's; its table is KEY-8, whose hash stands in vectors.json"),
    ("CHUNK-4", "the cutter is the engine's"),
    ("KEY-4", "the caller strips the line feed; a vector shows that a password with one is another"),
    ("KEY-10", "how slots are tried: the engine and the independent reader"),
    ("KEY-9", "readers verify ids; the judge of the golden packs does (PACK-7)"),
    ("LOG-7", "needs the log before the entry: the engine's log"),
    ("LOG-9", "the engine's log"),
    ("PACK-8", "how to read, not what"),
    ("POINT-3", "needs the log: the engine"),
    ("READ-1", "a walk over many objects: the independent reader"),
    ("READ-2", "a walk over many objects: the independent reader"),
    ("READ-3", "a walk over many objects: the independent reader"),
];

/// Further rules of whole trees and repositories, held by the engine's rooms.
const OF_THE_ENGINE: [(&str, &str); 11] = [
    ("PACK-1", "what a chunk is, its id tells (PACK-7)"),
    ("PACK-2", "needs the config: the engine's pack writer"),
    ("PACK-13", "needs the log: the engine's healing"),
    ("POINT-5", "needs the whole tree"),
    ("POINT-7", "needs the whole tree"),
    ("READ-5", "a walk over many objects: the independent reader"),
    ("READ-6", "the error type says it: every refusal carries its rule"),
    ("TREE-10", "needs the whole tree"),
    ("TREE-12", "the tree builder's"),
    ("TREE-13", "numbers of the reader and the mount"),
    ("TREE-2", "needs the whole tree"),
];

#[test]
fn every_rule_is_cited_and_every_citation_has_its_rule() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stated = stated(&top.join("spec"));
    let mut cited: BTreeMap<String, usize> = BTreeMap::new();
    let mut files = Vec::new();
    for folder in ["src", "tests", "examples"] {
        walk(&top.join(folder), &mut files);
    }
    files.retain(|f| f.file_name().is_some_and(|n| n != "rules.rs"));
    files.push(top.join("vectors/vectors.json"));
    for file in &files {
        for rule in rules_in(&std::fs::read_to_string(file).unwrap()) {
            *cited.entry(rule).or_default() += 1;
        }
    }
    let unknown: Vec<_> = cited.keys().filter(|rule| !stated.contains(*rule)).collect();
    assert!(unknown.is_empty(), "cited but not in the text: {unknown:?}");
    let excused: BTreeSet<&str> = ELSEWHERE.iter().chain(&OF_THE_ENGINE).map(|(rule, _)| *rule).collect();
    let silent: Vec<_> = stated.iter().filter(|r| !cited.contains_key(*r) && !excused.contains(r.as_str())).collect();
    assert!(silent.is_empty(), "in the text, but no code, test or vector cites them: {silent:?}");
    let both: Vec<_> = excused.iter().filter(|rule| cited.contains_key(**rule)).collect();
    assert!(both.is_empty(), "excused, but cited: {both:?}");
    let idle: Vec<_> = excused.iter().filter(|rule| !stated.contains(**rule)).collect();
    assert!(idle.is_empty(), "excused, but not in the text: {idle:?}");
    println!("{} rules, {} cited here, {} held elsewhere", stated.len(), cited.len(), excused.len());
}

#[test]
fn every_rule_of_a_decoder_has_a_broken_vector() {
    let vectors = crate::golden::made();
    let shown: BTreeSet<&str> = vectors.iter().filter_map(|v| v.verdict).collect();
    let source = |file: &PathBuf| std::fs::read_to_string(file).unwrap();
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    // A rule in quotes is one that an error carries.
    let carried: BTreeSet<String> = files
        .iter()
        .flat_map(|f| source(f).split('"').map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| rules_in(word) == [word.clone()])
        .collect();
    let missing: Vec<_> = carried.iter().filter(|r| !shown.contains(r.as_str()) && *r != "KEY-1").collect();
    assert!(missing.is_empty(), "rules that an error carries without a vector that breaks them: {missing:?}");
    println!("{} rules have a vector that breaks them", shown.len());
}

/// The rules that begin a paragraph of the text.
fn stated(folder: &Path) -> BTreeSet<String> {
    let mut files = Vec::new();
    walk(folder, &mut files);
    let mut stated = BTreeSet::new();
    for file in files {
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let Some((word, _)) = line.split_once("  ") else { continue };
            if rules_in(word) == [word.to_owned()] {
                assert!(stated.insert(word.to_owned()), "{word} is stated twice");
            }
        }
    }
    stated
}

/// Every `WORD-number` of a known page in a text.
fn rules_in(text: &str) -> Vec<String> {
    const PAGES: [&str; 11] = ["CONT", "NAME", "KEY", "CONF", "PACK", "CHUNK", "IDX", "TREE", "POINT", "LOG", "READ"];
    let mut found = Vec::new();
    for (at, _) in text.match_indices('-') {
        let before = text[..at].rfind(|c: char| !c.is_ascii_uppercase()).map_or(0, |i| i + 1);
        // Not the middle of a name such as OBJECT_KEY-1.
        let whole = !text[..before].ends_with(|c: char| c == '_' || c.is_ascii_alphanumeric());
        let number: String = text[at + 1..].chars().take_while(char::is_ascii_digit).collect();
        if whole && PAGES.contains(&&text[before..at]) && !number.is_empty() {
            found.push(format!("{}-{number}", &text[before..at]));
        }
    }
    found
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
