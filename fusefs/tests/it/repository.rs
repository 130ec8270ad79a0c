//! The mount of a real repository: encrypted, in a folder, made by a real backup.

use crate::place::{Place, one_of_everything, run, shell, within};
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::store::{Location, Options, Store, open};
use rustix::io::Errno;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::rig::Rig;
use view::catalog::RepositoryCatalog;

pub(crate) use testkit::rig::PASSWORD;

pub(crate) fn store_at(path: &Path) -> Arc<dyn Store> {
    let location = Location::parse(path).unwrap();
    open(&location, &Options { create: true, ..Options::default() }).unwrap()
}

/// The rig whose source is the place's and whose repository and cache are folders beside it.
fn rig(source: &Path, path: &Path) -> Rig {
    let cache = CachePlace::Folder(path.with_extension("cache"));
    let (store, env, password) = (store_at(path), Machine::shared(), Some(PASSWORD.to_vec()));
    Rig { source: source.to_owned(), store, cache, env, password, job: "job".into() }
}

fn reopen(path: &Path) -> Arc<Repository> {
    rig(&path.with_file_name("source"), path).open().unwrap()
}

fn catalog(path: &Path) -> Arc<RepositoryCatalog> {
    Arc::new(RepositoryCatalog::new(reopen(path), view::limits::prefetch()).unwrap())
}

/// A place whose source is backed up, and the repository's folder.
pub(crate) fn backed_up() -> Option<(Place, PathBuf)> {
    let place = Place::new()?;
    one_of_everything(&place.source);
    let path = place.source.with_file_name("repository");
    let (rig, monitor) = (rig(&place.source, &path), Arc::new(Monitor::new()));
    rig.create(None);
    rig.back_up_with(&monitor).unwrap();
    assert_eq!(monitor.take_warnings(), Vec::new());
    Some((place, path))
}

pub(crate) fn latest(place: &Place) -> PathBuf {
    let host = fs::read_dir(place.mountpoint.join("by-job")).unwrap().next().unwrap().unwrap();
    place.point(&format!("by-job/{}/job/latest", host.file_name().to_str().unwrap()))
}

/// SEMANTICS: Names and attributes. "Names are the source's raw bytes."
#[test]
fn a_backed_up_folder_is_equal_on_the_mount_and_after_a_remount() {
    let Some((mut place, path)) = backed_up() else { return };
    let find = "find . ! -type d -printf '%P %y %m %U %G %s %n %T@ %C@ %l\n' | sort";
    let inodes = "find . -printf '%P %i\n' | sort";
    let mut numbers = Vec::new();
    for _ in 0..2 {
        place.unmount();
        place.handle = Some(fusefs::mount(catalog(&path), &place.options()).unwrap());
        let latest = latest(&place);
        let diff = format!("diff -r --no-dereference -x special . '{}'", latest.display());
        assert_eq!(shell(&place.source, &diff), "");
        assert_eq!(shell(&place.source, find), shell(&latest, find));
        numbers.push(shell(&latest, inodes));
    }
    assert_eq!(numbers[0], numbers[1]);
}

/// SEMANTICS: Damage. "What is undamaged stays readable." What lies in a damaged pack is EIO; names, attributes and what lies elsewhere
/// stay.
#[test]
fn a_damaged_pack_is_eio_for_its_files_alone() {
    let Some((mut place, path)) = backed_up() else { return };
    // Before the mount, so that nothing has been read yet.
    let packs = shell(&path, "find data -type f");
    for pack in packs.lines() {
        let file = path.join(pack);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::write(&file, bytes).unwrap();
    }
    place.handle = Some(fusefs::mount(catalog(&path), &place.options()).unwrap());
    let latest = latest(&place);
    let diff = format!("diff -r --no-dereference -x special . '{}' 2>&1 | sort", latest.display());
    let said = shell(&place.source, &diff);
    let lines: Vec<_> = said.lines().collect();
    assert!(!lines.is_empty() && lines.iter().all(|l| l.ends_with("Input/output error")), "{said}");
    assert!(lines.len() < 3000, "only some files are damaged: {}", lines.len());
    let find = "find . ! -type d -printf '%P %m %s %T@\n' | sort";
    assert_eq!(shell(&place.source, find), shell(&latest, find));
    let error = run(&latest, "cat plain/none");
    assert!(error.status.success());
}

/// SEMANTICS: Mounting. "nor where it would hide the repository or its cache, nor inside of them."
#[test]
fn a_mount_over_its_own_repository_is_refused() {
    let Some((place, path)) = backed_up() else { return };
    let inner = path.join("empty");
    fs::create_dir(&inner).unwrap();
    let options = fusefs::MountOptions { guarded: vec![path.clone()], ..fusefs::MountOptions::at(&inner) };
    let refused = fusefs::mount(catalog(&path), &options).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("would hide"), "{refused}");
    drop(place);
}

/// SEMANTICS: Damage. "what is damaged is never "no such file"." Objects that vanish from the store while it is mounted are damage too, and
/// no lie about names.
#[test]
fn a_missing_pack_is_eio_and_not_an_absent_file() {
    let Some((mut place, path)) = backed_up() else { return };
    place.handle = Some(fusefs::mount(catalog(&path), &place.options()).unwrap());
    fs::remove_dir_all(path.join("data")).unwrap();
    let chunks = latest(&place).join("plain/chunks");
    within(move || {
        let error = fs::read(&chunks).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::IO.raw_os_error()));
        assert_eq!(fs::metadata(&chunks).unwrap().len(), 300_001);
    });
}
