//! Caches that are behind, of another repository, or cut short.

use super::{change, elsewhere, rig};
use crate::proofs::Rig;
use crate::proofs::gc::{collect_all, expire, options};
use engine::blob::CachePlace;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn incident_06_borg_9748_a_wrong_cache_makes_no_backup_dangle() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("cache");
    let rig = Rig { cache: CachePlace::Folder(place.clone()), ..rig(folder.path()) };
    let first = rig.back_up().unwrap().point.unwrap();
    let stale = copy(&place, &folder.path().join("stale"));
    // Another machine gives up what the cache knows, and deletes it.
    let without = Rig { cache: CachePlace::Temporary, ..elsewhere(&rig) };
    change(&rig, 500);
    without.back_up().unwrap();
    expire(&without.open().unwrap(), vec![first]);
    assert!(collect_all(&without.open().unwrap(), &options()).unwrap().objects_deleted > 0);
    // The source is as it was when everything of it was in the cache.
    super::fill(&rig);
    let other_folder = tempfile::tempdir().unwrap();
    let other = super::rig(other_folder.path());
    let foreign_place = other_folder.path().join("cache");
    Rig { cache: CachePlace::Folder(foreign_place.clone()), ..other.clone() }.back_up().unwrap();
    let foreign = folder.path().join("foreign");
    fs::create_dir_all(&foreign).unwrap();
    copy(&only(&foreign_place), &foreign.join(rig.open().unwrap().id().to_string()));

    for (name, cache) in [("stale", &stale), ("foreign", &foreign)] {
        for cut in [None, Some(0), Some(500)] {
            let store = crate::proofs::rig::copy_of(&*rig.store);
            copy(cache, &place);
            if let Some(thousandths) = cut {
                truncate(&only(&place), thousandths);
            }
            let rig = rig.over(store);
            let summary = rig.back_up().unwrap();
            assert!(summary.bytes_new > 0, "{name}, cut to {cut:?}: what was deleted is stored again");
            rig.expect_equal();
            // And by who knows nothing of that cache.
            Rig { cache: CachePlace::Temporary, ..rig.clone() }.expect_equal();
        }
    }
}

fn copy(from: &Path, to: &Path) -> PathBuf {
    let _ = fs::remove_dir_all(to);
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
    to.to_owned()
}

/// The one folder in a folder.
fn only(folder: &Path) -> PathBuf {
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

fn truncate(folder: &Path, thousandths: u64) {
    for file in fs::read_dir(folder).unwrap() {
        let file = fs::File::options().write(true).open(file.unwrap().path()).unwrap();
        let bytes = file.metadata().unwrap().len();
        file.set_len(bytes * thousandths / 1000).unwrap();
    }
}
