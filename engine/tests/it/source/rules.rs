//! What rules leave out, seen from outside.

use super::{Seen, folder};
use engine::source::Outcome;
use engine::source::rules::Rules;
use std::fs;
use std::path::{Path, PathBuf};

fn lay(top: &Path, files: &[&str]) {
    for file in files {
        let path = top.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.as_bytes()).unwrap();
    }
}

fn excluding(patterns: &[&[u8]]) -> Rules {
    let mut rules = Rules::default();
    for pattern in patterns {
        rules.excludes.add(pattern).unwrap();
    }
    rules
}

#[test]
fn excluded_items_are_counted_with_their_rule_and_not_walked_into() {
    let (_kept, top) = folder();
    lay(&top, &["a/x.o", "a/x.c", "cache/deep/y.c", "keep/cache.txt"]);
    let seen = Seen::of(&top, excluding(&[b"*.o", b"cache/"]));
    assert_eq!(seen.steps, ["+", "+a", "a/x.c", "!a/x.o", "-", "!cache", "+keep", "keep/cache.txt", "-", "-"]);
    assert!(seen.failures.iter().all(|f| f.outcome == Outcome::Skipped));
    assert!(seen.failures[0].reason.contains("\"*.o\""), "{}", seen.failures[0].reason);
}

#[test]
fn absolute_patterns_name_one_path_and_negated_ones_bring_back() {
    let (_kept, top) = folder();
    lay(&top, &["a/b/1", "c/a/b/1", "logs/1.log", "logs/keep.log"]);
    let absolute = format!("{}/a/b", top.display());
    let seen = Seen::of(&top, excluding(&[absolute.as_bytes(), b"*.log", b"!keep.log"]));
    assert_eq!(seen.paths(), ["", "a", "c", "c/a", "c/a/b", "c/a/b/1", "logs", "logs/keep.log"]);
}

#[test]
fn rules_judge_what_lies_in_a_source_and_not_the_source() {
    let (_kept, top) = folder();
    lay(&top, &["cache/1", "cache/cache"]);
    let seen = Seen::of(&top.join("cache"), excluding(&[b"cache"]));
    assert_eq!(seen.paths(), ["", "1"]);
    let seen = Seen::of_many(&[top.join("cache/cache")], excluding(&[b"cache"]), &top);
    assert_eq!(seen.steps, ["+", "+cache", "cache/cache", "-", "-"]);
}

#[test]
fn ignore_files_hold_in_their_folder_and_deeper_ones_decide() {
    let (_kept, top) = folder();
    lay(&top, &["1.log", "a/1.log", "a/b/1.log", "a/b/2.log", "a/build/x", "build/x", "a/c/build", "z/1.log"]);
    fs::write(top.join("a/.cairnignore"), "*.log\n/build/\n[broken\n").unwrap();
    fs::write(top.join("a/b/.cairnignore"), "!2.log\n").unwrap();
    let seen = Seen::of(&top, Rules::default());
    let files: Vec<String> = seen.paths().into_iter().filter(|p| top.join(p).is_file()).collect();
    assert_eq!(files, ["1.log", "a/.cairnignore", "a/b/.cairnignore", "a/b/2.log", "a/c/build", "build/x", "z/1.log"]);
    let failed: Vec<_> = seen.failures.iter().filter(|f| f.outcome == Outcome::Failed).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].path.ends_with(b".cairnignore") && failed[0].reason.contains("line 3"), "{failed:?}");
    let all = Seen::of(&top, Rules { ignore_files: false, ..Rules::default() });
    assert!(all.failures.is_empty() && all.paths().contains(&"a/build/x".to_owned()));
}

#[test]
fn an_ignore_file_that_is_no_file_is_reported_and_leaves_nothing_out() {
    let (_kept, top) = folder();
    lay(&top, &["a", ".cairnignore/x"]);
    let seen = Seen::of(&top, Rules::default());
    assert_eq!(seen.outcomes(), [(".cairnignore".to_owned(), Outcome::Failed)]);
    assert_eq!(seen.paths(), ["", ".cairnignore", ".cairnignore/x", "a"]);
}

#[test]
fn of_cache_folders_only_the_tag_is_kept() {
    let (_kept, top) = folder();
    lay(&top, &["c/x", "c/d/y", "fake/x"]);
    fs::write(top.join("c/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n# a cache").unwrap();
    fs::write(top.join("fake/CACHEDIR.TAG"), "Signature: 0").unwrap();
    let seen = Seen::of(&top, Rules { exclude_caches: true, ..Rules::default() });
    assert_eq!(seen.paths(), ["", "c", "c/CACHEDIR.TAG", "fake", "fake/CACHEDIR.TAG", "fake/x"]);
    assert_eq!(seen.outcomes(), [("c/d".to_owned(), Outcome::Skipped), ("c/x".to_owned(), Outcome::Skipped)]);
    assert_eq!(Seen::of(&top, Rules::default()).found.len(), 9);
}

#[test]
fn files_above_the_size_are_left_out() {
    let (_kept, top) = folder();
    fs::write(top.join("ten"), [0; 10]).unwrap();
    fs::write(top.join("eleven"), [0; 11]).unwrap();
    let seen = Seen::of(&top, Rules { exclude_larger_than: Some(10), ..Rules::default() });
    assert_eq!(seen.steps, ["+", "!eleven", "ten", "-"]);
    assert!(seen.failures[0].reason.contains("11 bytes"));
}

#[test]
fn mount_points_are_kept_as_empty_folders() {
    let mut rules = Rules { one_file_system: true, ..Rules::default() };
    for name in fs::read_dir("/").unwrap().map(|e| e.unwrap().file_name()).filter(|n| n != "proc") {
        rules.excludes.add(format!("/{}", name.to_str().unwrap()).as_bytes()).unwrap();
    }
    let seen = Seen::of_many(&[PathBuf::from("/")], rules.clone(), Path::new("/"));
    let at = seen.steps.iter().position(|s| s == "+proc").unwrap();
    assert_eq!(seen.steps[at..at + 3], ["+proc", "!proc", "-"]);
    let failure = seen.failures.iter().find(|f| f.path == b"proc").unwrap();
    assert_eq!(failure.outcome, Outcome::Skipped);
    assert!(failure.reason.contains("--one-file-system"));
    // A mount point that is itself the source is walked.
    let seen = Seen::of_many(&[PathBuf::from("/proc/self/fdinfo")], rules, Path::new("/proc/self"));
    assert!(seen.found.len() > 2);
}
