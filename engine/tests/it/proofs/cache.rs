//! The PersistentCache is a hint: missing, damaged, foreign, stale or too new, it never changes a result.

use super::rig::{copy_of, names_of};
use super::{Rig, noise};
use engine::blob::CachePlace;
use engine::store::Memory;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn rig(folder: &Path) -> Rig {
    let mut rig = Rig::new(folder, Arc::new(Memory::new()));
    rig.cache = CachePlace::Folder(folder.join("cache"));
    for n in 0..200 {
        rig.write(format!("d{}/{n}.txt", n % 6), format!("file number {n}").as_bytes());
    }
    rig.write("big", &noise(1, 2_000_000));
    rig
}

fn cache_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for inner in fs::read_dir(folder.join("cache")).unwrap() {
        files.extend(fs::read_dir(inner.unwrap().path()).unwrap().map(|f| f.unwrap().path()));
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_missing_cache_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    for round in 0..3 {
        rig.write("round", format!("{round}").as_bytes());
        rig.expect_healthy();
        fs::remove_dir_all(folder.path().join("cache")).unwrap();
    }
    let summary = rig.expect_healthy();
    assert_eq!(summary.chunks_new, 0, "nothing is stored again without a cache: {summary:?}");
}

#[test]
fn a_cache_with_any_flipped_byte_or_cut_file_changes_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.expect_healthy();
    let kept = folder.path().join("kept");
    copy(&folder.path().join("cache"), &kept);
    let files = cache_files(folder.path());
    let mut cells = 0;
    for file in &files {
        let bytes = fs::read(kept.join(file.strip_prefix(folder.path().join("cache")).unwrap())).unwrap();
        let places = (0..8).map(|n| bytes.len() * n / 8).chain([bytes.len().saturating_sub(1)]);
        for place in places.filter(|p| *p < bytes.len()) {
            for cut in [false, true] {
                copy(&kept, &folder.path().join("cache"));
                let mut damaged = bytes.clone();
                if cut {
                    damaged.truncate(place);
                } else {
                    damaged[place] ^= 0x10;
                }
                fs::write(file, damaged).unwrap();
                rig.write("round", format!("{cells}").as_bytes());
                let summary = rig.expect_healthy();
                assert!(summary.chunks_new <= 1, "{}, byte {place}: {summary:?}", file.display());
                cells += 1;
            }
        }
    }
    println!("{} files of the cache, {cells} damages", files.len());
    assert!(cells > 20);
}

#[test]
fn the_cache_of_another_repository_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.expect_healthy();
    let other_folder = tempfile::tempdir().unwrap();
    let other = self::rig(other_folder.path());
    other.write("other", &noise(7, 1_000_000));
    other.expect_healthy();
    let place = |folder: &Path, rig: &Rig| folder.join("cache").join(rig.open().unwrap().id().to_string());
    copy(&place(other_folder.path(), &other), &place(folder.path(), &rig));
    rig.write("other", &noise(7, 1_000_000));
    rig.expect_healthy();
}

#[test]
fn a_stale_cache_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.expect_healthy();
    let kept = folder.path().join("kept");
    copy(&folder.path().join("cache"), &kept);
    for round in 0..3 {
        rig.write("more", &noise(50 + round, 1_000_000));
        rig.expect_healthy();
    }
    copy(&kept, &folder.path().join("cache"));
    let summary = rig.expect_healthy();
    assert_eq!(summary.chunks_new, 0, "{summary:?}");
}

#[test]
fn a_cache_newer_than_the_log_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.expect_healthy();
    let older = copy_of(&*rig.store);
    rig.write("more", &noise(2, 3_000_000));
    rig.expect_healthy();
    // The repository was put back from an older copy: what the cache knows of `more` is not there.
    let back = rig.over(older);
    let summary = back.expect_healthy();
    assert!(summary.bytes_new >= 3_000_000, "{summary:?}");
}

#[test]
fn a_cache_of_another_future_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.expect_healthy();
    let older = copy_of(&*rig.store);
    rig.write("more", &noise(2, 3_000_000));
    rig.expect_healthy();
    let slots = names_of(&*rig.store).len();
    // Another machine went on from the older copy, as far as the cache has seen or further.
    let back = rig.over(older);
    let elsewhere = Rig { cache: CachePlace::Temporary, ..back.clone() };
    fs::remove_file(rig.source.join("more")).unwrap();
    while names_of(&*back.store).len() <= slots {
        rig.write("other", &noise(names_of(&*back.store).len() as u64, 200_000));
        elsewhere.back_up().unwrap();
    }
    rig.write("more", &noise(2, 3_000_000));
    let summary = back.expect_healthy();
    assert!(summary.bytes_new >= 3_000_000, "{summary:?}");
}

/// Its place is a file: the run goes on with a cache of its own, and the file stays.
#[test]
fn a_cache_that_cannot_be_kept_changes_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    fs::write(folder.path().join("cache"), b"a file").unwrap();
    rig.expect_healthy();
    assert_eq!(fs::read(folder.path().join("cache")).unwrap(), b"a file");
}
