//! Sources merged into one walk, and folders that cannot be walked.

use super::{Seen, folder, is_root};
use engine::Kind;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::source::{Outcome, Source, Step};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

#[test]
fn a_walk_begins_at_the_root_and_passes_the_folders_above_the_source() {
    let (_kept, top) = folder();
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::write(top.join("a/b/f"), b"").unwrap();
    fs::write(top.join("a/not chosen"), b"").unwrap();
    let source = FolderSource::new(&[top.join("a/b")], Rules::default()).unwrap();
    let mut walk = source.walk().unwrap();
    let mut path = Vec::new();
    let mut depth = 0;
    while let Some(step) = walk.next() {
        match step {
            Step::Enter(found) => {
                path.push(found.entry.name.clone());
                depth += 1;
                if depth <= top.components().count() + 2 {
                    let meta = fs::metadata(Path::new("/").join(OsStr::from_bytes(&found.path))).unwrap();
                    assert_eq!(found.entry.inode, std::os::unix::fs::MetadataExt::ino(&meta));
                }
            }
            Step::Item(found) => assert_eq!(found.path, top.join("a/b/f").as_os_str().as_bytes()[1..]),
            Step::Leave => depth -= 1,
            Step::Failed(failure) | Step::Missing(failure) | Step::Unlisted { failure, .. } => panic!("{failure:?}"),
        }
    }
    assert_eq!(depth, 0);
    assert_eq!(path[0], b"");
    assert_eq!(path.join(&b'/'), top.join("a/b").as_os_str().as_bytes());
    assert_eq!(source.about().paths, [top.join("a/b").as_os_str().as_bytes().to_vec()]);
    assert!(!source.about().host.is_empty());
}

#[test]
fn several_sources_are_one_walk_and_inner_ones_are_covered() {
    let (_kept, top) = folder();
    for file in ["a/1", "a-b/1", "a/in/2", "b/c/d/3", "b/c/e/4", "b/f", "z"] {
        fs::create_dir_all(top.join(file).parent().unwrap()).unwrap();
        fs::write(top.join(file), b"").unwrap();
    }
    let roots = ["z", "b/c/e", "a/in", "a-b", "a", "b/c/d/3", "a/"].map(|p| top.join(p));
    let seen = Seen::of_many(&roots, Rules::default(), &top);
    let expected =
        ["+", "+a", "a/1", "+a/in", "a/in/2", "-", "-", "+a-b", "a-b/1", "-", "+b", "+b/c", "+b/c/d", "b/c/d/3", "-"];
    assert_eq!(seen.steps[..15], expected);
    assert_eq!(seen.steps[15..], ["+b/c/e", "b/c/e/4", "-", "-", "-", "z", "-"]);
}

#[test]
fn a_symlink_in_the_middle_of_a_path_is_stored_as_the_folder_it_leads_to() {
    let (_kept, top) = folder();
    fs::create_dir_all(top.join("real/inner")).unwrap();
    fs::write(top.join("real/inner/f"), b"").unwrap();
    symlink("real", top.join("way")).unwrap();
    symlink("real/inner", top.join("end")).unwrap();
    let seen = Seen::of_many(&[top.join("way/inner"), top.join("end")], Rules::default(), &top);
    assert_eq!(seen.steps, ["+", "end", "+way", "+way/inner", "way/inner/f", "-", "-", "-"]);
    assert_eq!(seen.get("way").entry.kind, format_spec::tree::Kind::Folder);
    seen.filled("way");
    let slash = PathBuf::from(format!("{}/end/", top.display()));
    let seen = Seen::of_many(&[slash], Rules::default(), &top);
    assert_eq!(seen.steps, ["+", "+end", "end/f", "-", "-"]);
}

#[test]
fn only_when_no_source_is_left_is_a_missing_one_an_error() {
    let (_kept, top) = folder();
    let missing = ["no such folder", "no such folder either"].map(|name| top.join(name));
    let error = FolderSource::new(&missing, Rules::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Absent);
    let text = error.to_string();
    assert!(text.contains("no such folder: ") && text.contains("the other one") && error.advice().is_some(), "{text}");
    fs::write(top.join("there"), b"1").unwrap();
    let roots = [missing[0].clone(), top.join("there"), missing[1].join("below")];
    let seen = Seen::of_many(&roots, Rules::default(), &top);
    assert_eq!(seen.steps, ["+", "!no such folder", "!no such folder either", "there", "-"]);
    assert!(seen.failures.iter().all(|failure| failure.outcome == Outcome::Vanished), "{:?}", seen.failures);
    assert_eq!(FolderSource::new(&[], Rules::default()).unwrap_err().kind(), Kind::Input);
    assert_eq!(FolderSource::new(&["".into()], Rules::default()).unwrap_err().kind(), Kind::Input);
    let nul = PathBuf::from(OsStr::from_bytes(b"/a\0b"));
    assert_eq!(FolderSource::new(&[nul], Rules::default()).unwrap_err().kind(), Kind::Input);
}

#[test]
fn a_source_that_vanishes_before_the_walk_is_a_failure_of_that_path() {
    let (_kept, top) = folder();
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::write(top.join("c"), b"").unwrap();
    let source = FolderSource::new(&[top.join("a/b"), top.join("c")], Rules::default()).unwrap();
    fs::remove_dir_all(top.join("a")).unwrap();
    let seen = Seen::of_source(&source, &top);
    assert_eq!(seen.steps, ["+", "!a", "c", "-"]);
    assert_eq!(seen.outcomes(), [("a".to_owned(), Outcome::Vanished)]);
}

#[test]
fn what_vanishes_between_listing_and_asking_is_a_failure_and_the_walk_goes_on() {
    let (_kept, top) = folder();
    for name in ["1", "2", "4"] {
        fs::write(top.join(name), b"").unwrap();
    }
    fs::create_dir(top.join("3")).unwrap();
    let source = FolderSource::new(std::slice::from_ref(&top), Rules::default()).unwrap();
    let mut walk = source.walk().unwrap();
    let mut rest = Vec::new();
    while let Some(step) = walk.next() {
        match step {
            Step::Item(found) if found.entry.name == b"1" => {
                fs::remove_file(top.join("2")).unwrap();
                fs::remove_dir(top.join("3")).unwrap();
            }
            Step::Missing(failure) => rest.push((failure.path.last().copied(), failure.outcome)),
            Step::Item(found) => rest.push((found.entry.name.last().copied(), Outcome::Changed)),
            _ => {}
        }
    }
    let gone = Outcome::Vanished;
    assert_eq!(rest, [(Some(b'2'), gone), (Some(b'3'), gone), (Some(b'4'), Outcome::Changed)]);
}

#[test]
fn an_unreadable_folder_is_in_the_walk_with_a_failure() {
    if is_root() {
        println!("root may list everything: not tried");
        return;
    }
    let (_kept, top) = folder();
    fs::create_dir(top.join("closed")).unwrap();
    fs::set_permissions(top.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let seen = Seen::of(&top, Rules::default());
    fs::set_permissions(top.join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(seen.steps, ["+", "+closed", "!closed", "-", "-"]);
    assert_eq!(seen.failures[0].outcome, Outcome::Failed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// `Seen` asserts for every walk that names strictly rise in each folder; here with names of any bytes.
    #[test]
    fn walks_are_canonical_and_complete(
        names in prop::collection::btree_set(prop::collection::vec(prop::collection::vec(1u8..=255, 1..6), 1..4), 1..40),
        chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let (_kept, top) = folder();
        let mut paths: Vec<PathBuf> = Vec::new();
        for parts in names {
            let path: PathBuf = parts.iter().map(|p| p.iter().map(|b| if *b == b'/' { b'_' } else { *b }).collect::<Vec<u8>>())
                .map(|p| OsStr::from_bytes(if matches!(p.as_slice(), b"." | b"..") { b"dots" } else { &p }).to_owned()).collect();
            if let Some(parent) = path.parent() && fs::create_dir_all(top.join(parent)).is_ok() && !top.join(&path).exists() {
                fs::write(top.join(&path), b"").unwrap();
                paths.push(path);
            }
        }
        let all = Seen::of(&top, Rules { ignore_files: false, ..Rules::default() });
        let files = all.found.iter().filter(|(_, f)| f.entry.kind == format_spec::tree::Kind::File).count();
        prop_assert_eq!(files, paths.len());

        let roots: Vec<PathBuf> = chosen.iter().map(|i| i.get(&paths).clone()).collect();
        let some = Seen::of_many(&roots.iter().map(|p| top.join(p)).collect::<Vec<_>>(), Rules::default(), &top);
        let seen: BTreeSet<Vec<u8>> = some.found.iter().filter(|(_, f)| f.entry.kind == format_spec::tree::Kind::File).map(|(p, _)| p.clone()).collect();
        let expected: BTreeSet<Vec<u8>> = roots.iter().map(|p| p.as_os_str().as_bytes().to_vec()).collect();
        prop_assert_eq!(seen, expected);
    }
}
