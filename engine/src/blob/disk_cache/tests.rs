use super::*;
use format_spec::container::ObjectKind;

fn place(ordinal: u32, offset: u32, bytes: u32) -> BlobLocation {
    BlobLocation {
        pack: ObjectId { session: 1, ordinal },
        pack_kind: ObjectKind::DataPack,
        pack_bytes: 5_000_000,
        pack_blobs: 10,
        salt: [0; 32],
        block_offset: offset,
        block_stored: bytes - 32,
        blob: 0,
        offset: 0,
        bytes: 1,
    }
}

fn record(n: u32, bytes: u32) -> Vec<u8> {
    let mut out = vec![0; bytes as usize];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

fn on_disk(folder: &Path) -> u64 {
    slab::all(folder).unwrap().iter().map(|(_, path)| std::fs::metadata(path).unwrap().len()).sum()
}

const RECORD: u32 = 1_000_000;

#[test]
fn records_come_back_also_in_the_next_process_and_one_process_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path(), DISK_CACHE_LEAST).unwrap().unwrap();
    assert!(DiskCache::open(folder.path(), DISK_CACHE_LEAST).unwrap().is_none(), "it is in use");
    assert_eq!(cache.get(&place(1, 96, RECORD)), None);
    for n in 0..10 {
        cache.put(&place(n, 96, RECORD), &record(n, RECORD));
    }
    drop(cache);
    let cache = DiskCache::open(folder.path(), DISK_CACHE_LEAST).unwrap().unwrap();
    for n in 0..10 {
        assert_eq!(cache.get(&place(n, 96, RECORD)).as_deref(), Some(&record(n, RECORD)[..]));
    }
    assert_eq!(cache.get(&place(3, 97, RECORD)), None);
    assert_eq!(cache.get(&place(3, 96, RECORD + 1)), None, "of another length");
    cache.forget(&place(3, 96, RECORD));
    assert_eq!(cache.get(&place(3, 96, RECORD)), None);
}

#[test]
fn the_files_are_never_longer_than_the_limit_and_what_is_used_stays_longest() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path(), DISK_CACHE_LEAST).unwrap().unwrap();
    let hot = place(7, 96, RECORD);
    for n in 0..600 {
        cache.put(&place(n, 96, RECORD), &record(n, RECORD));
        assert!(on_disk(folder.path()) <= DISK_CACHE_LEAST, "after record {n}");
        assert_eq!(on_disk(folder.path()), cache.bytes());
        if n >= 7 {
            assert!(cache.get(&hot).is_some(), "asked for all the time, lost after record {n}");
        }
    }
    assert!(cache.bytes() > DISK_CACHE_LEAST / 2);
    assert_eq!(cache.get(&place(100, 96, RECORD)), None, "long gone");
    drop(cache);
    std::fs::write(folder.path().join("slab-00000000"), record(1, 50_000_000)).unwrap();
    let cache = DiskCache::open(folder.path(), DISK_CACHE_LEAST).unwrap().unwrap();
    assert!(on_disk(folder.path()) <= DISK_CACHE_LEAST);
    assert_eq!(on_disk(folder.path()), cache.bytes(), "noise was cut off");
}

#[test]
fn a_torn_record_and_all_behind_it_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path(), DISK_CACHE_LEAST).unwrap().unwrap();
    for n in 0..3 {
        cache.put(&place(n, 96, 1000), &record(n, 1000));
    }
    drop(cache);
    let (_, path) = slab::all(folder.path()).unwrap().remove(0);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let cache = DiskCache::open(folder.path(), DISK_CACHE_LEAST).unwrap().unwrap();
    let kept: Vec<bool> = (0..3).map(|n| cache.has(&place(n, 96, 1000))).collect();
    assert_eq!(kept, [true, true, false]);
    drop(cache);
    let mut flipped = whole;
    flipped[1024 + 3] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let cache = DiskCache::open(folder.path(), DISK_CACHE_LEAST).unwrap().unwrap();
    let kept: Vec<bool> = (0..3).map(|n| cache.has(&place(n, 96, 1000))).collect();
    assert_eq!(kept, [true, false, false], "the head of the second is broken");
    assert!(DiskCache::open(folder.path(), 1).is_err());
}
