//! Whatever happens to the cache's files: it is thrown away when it is opened, or found out when it is touched, and never
//! answers with a wrong place.

use super::*;
use engine::Kind;
use std::fs;
use std::path::{Path, PathBuf};

/// A cache of two segments and what it knows, closed.
struct Fixture {
    folder: tempfile::TempDir,
    model: Model,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let segments = [segment(1, 0..700), segment(2, 650..900)];
        let cache = PersistentCache::open(folder.path(), REPOSITORY).unwrap().cache;
        for (slot, segment) in (1..).zip(&segments) {
            cache.add(std::slice::from_ref(segment), slot, HEAD).unwrap();
        }
        assert_eq!(cache.statistics().segments, 2);
        Fixture { folder, model: model_of(&segments) }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        files.retain(|f| f.file_name().unwrap() != "lock");
        files.sort();
        files
    }

    fn segments(&self) -> Vec<PathBuf> {
        let name = |f: &PathBuf| f.file_name().unwrap().to_str().unwrap().starts_with("segment-");
        self.files().into_iter().filter(name).collect()
    }

    fn catalogue(&self) -> PathBuf {
        self.folder.path().join("catalogue")
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for original in self.files() {
            fs::copy(&original, copy.path().join(original.file_name().unwrap())).unwrap();
        }
        copy
    }

    /// Opens a copy of the folder in which `file` holds `bytes`, and asks for everything.
    fn verdict(&self, file: &Path, bytes: &[u8]) -> Verdict {
        let copy = self.copy();
        fs::write(copy.path().join(file.file_name().unwrap()), bytes).unwrap();
        verdict(copy.path(), &self.model)
    }
}

#[derive(Debug, PartialEq, Eq, Clone)]
enum Verdict {
    Discarded(String),
    FoundOnTouch,
    Unnoticed,
}

fn verdict(folder: &Path, model: &Model) -> Verdict {
    let opened = PersistentCache::open(folder, REPOSITORY).unwrap();
    if let Some(reason) = opened.discarded {
        assert_eq!((opened.cache.position(), opened.cache.head_hash()), (0, [0; 32]));
        assert_equal(&opened.cache, &Model::new());
        return Verdict::Discarded(reason);
    }
    let cache = opened.cache;
    let mut refused = false;
    let mut ask = |id: &ChunkId, expected: &[BlobLocation]| match cache.places(id) {
        Ok(places) => assert_eq!(places, expected, "a wrong answer"),
        Err(e) => {
            assert_eq!(e.kind(), Kind::Damaged, "{e}");
            assert!(e.advice().is_some());
            refused = true;
        }
    };
    model.iter().for_each(|(id, places)| ask(id, places));
    (10_000..10_050).for_each(|n| ask(&id(n), &[]));
    assert_eq!(refused, cache.is_poisoned());
    if !refused {
        return Verdict::Unnoticed;
    }
    assert_eq!(cache.contains(&id(1)).unwrap_err().kind(), Kind::Damaged);
    assert_eq!(cache.packs().unwrap_err().kind(), Kind::Damaged);
    assert_eq!(cache.for_each_place(&mut |_, _| Ok(())).unwrap_err().kind(), Kind::Damaged);
    assert_eq!(cache.add(&[segment(3, 0..9)], 9, HEAD).unwrap_err().kind(), Kind::Damaged);
    cache.clear().unwrap();
    let again = segment(4, 0..20);
    cache.add(std::slice::from_ref(&again), 3, HEAD).unwrap();
    assert_equal(&cache, &model_of([&again]));
    Verdict::FoundOnTouch
}

#[test]
fn untouched_files_pass() {
    let fixture = Fixture::new();
    assert_eq!(verdict(fixture.folder.path(), &fixture.model), Verdict::Unnoticed);
}

#[test]
fn a_flipped_byte_anywhere_is_noticed() {
    let fixture = Fixture::new();
    let (mut discarded, mut touched) = (0, 0);
    for file in fixture.files() {
        let bytes = fs::read(&file).unwrap();
        // Every byte of the catalogue, of the header's fields and of the checksums' end, and several of every page.
        let dense = |at: usize| at < 300 || at + 40 > bytes.len();
        for at in (0..bytes.len()).filter(|at| dense(*at) || at % 509 == 0 || at % 4096 == 4095) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            match fixture.verdict(&file, &flipped) {
                Verdict::Discarded(_) => discarded += 1,
                Verdict::FoundOnTouch => touched += 1,
                Verdict::Unnoticed => panic!("byte {at} of {} was flipped and nobody noticed", file.display()),
            }
        }
    }
    assert!(discarded > 300 && touched > 50, "{discarded} discarded, {touched} found on touch");
}

#[test]
fn truncated_grown_empty_and_missing_files_are_discarded() {
    let fixture = Fixture::new();
    for file in fixture.files() {
        let bytes = fs::read(&file).unwrap();
        for keep in [0, 1, 7, 8, 100, bytes.len() / 3, bytes.len() - 4096.min(bytes.len()), bytes.len() - 1] {
            let verdict = fixture.verdict(&file, &bytes[..keep.min(bytes.len() - 1)]);
            assert!(matches!(verdict, Verdict::Discarded(_)), "{keep} bytes of {}: {verdict:?}", file.display());
        }
        let grown = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(fixture.verdict(&file, &grown), Verdict::Discarded(_)));
    }
    for segment in fixture.segments() {
        let copy = fixture.copy();
        fs::remove_file(copy.path().join(segment.file_name().unwrap())).unwrap();
        let Verdict::Discarded(reason) = verdict(copy.path(), &fixture.model) else { panic!("not discarded") };
        assert!(reason.contains("segment-"), "{reason}");
    }
}

#[test]
fn another_repository_finds_nothing_and_says_so() {
    let fixture = Fixture::new();
    let opened = PersistentCache::open(fixture.folder.path(), RepositoryId([8; 16])).unwrap();
    assert!(opened.discarded.unwrap().contains("another repository"));
    assert_equal(&opened.cache, &Model::new());
}

#[test]
fn another_layout_is_discarded_by_name() {
    let fixture = Fixture::new();
    for file in fixture.files() {
        let bytes = fs::read(&file).unwrap();
        // The schema's number, and the fingerprint of the layout.
        for at in [8, 16, 47] {
            let mut other = bytes.clone();
            other[at] += 1;
            let len = if file == fixture.catalogue() { other.len() } else { 4096 };
            let crc = crc32fast::hash(&other[..len - 4]).to_le_bytes();
            other[len - 4..len].copy_from_slice(&crc);
            let Verdict::Discarded(reason) = fixture.verdict(&file, &other) else { panic!("not discarded") };
            assert!(reason.contains("another layout"), "{reason}");
        }
    }
}

#[test]
fn a_segment_in_the_place_of_another_is_discarded() {
    let fixture = Fixture::new();
    let segments = fixture.segments();
    let foreign = fs::read(&segments[0]).unwrap();
    assert!(matches!(fixture.verdict(&segments[1], &foreign), Verdict::Discarded(_)));
}

#[test]
fn what_was_discarded_is_gone_and_can_be_filled_again() {
    let fixture = Fixture::new();
    fs::write(fixture.catalogue(), b"not a catalogue").unwrap();
    let opened = PersistentCache::open(fixture.folder.path(), REPOSITORY).unwrap();
    assert!(opened.discarded.is_some());
    assert!(fixture.files().is_empty());
    let segment = segment(1, 0..50);
    opened.cache.add(std::slice::from_ref(&segment), 1, HEAD).unwrap();
    drop(opened);
    let opened = PersistentCache::open(fixture.folder.path(), REPOSITORY).unwrap();
    assert_eq!(opened.discarded, None);
    assert_equal(&opened.cache, &model_of([&segment]));
}

#[test]
fn leftovers_of_a_killed_writer_are_swept() {
    let fixture = Fixture::new();
    let before = fixture.files();
    fs::write(fixture.folder.path().join("segment-00000000000000ff"), b"half").unwrap();
    fs::write(fixture.folder.path().join(".catalogue-x"), b"half").unwrap();
    let cache = PersistentCache::open(fixture.folder.path(), REPOSITORY).unwrap().cache;
    cache.add(&[], 9, HEAD).unwrap();
    assert_eq!(fixture.files(), before);
    assert_equal(&cache, &fixture.model);
}
