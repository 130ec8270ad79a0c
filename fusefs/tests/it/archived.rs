//! A repository whose data rests in an archive in memory, mounted while it is brought back and goes again.

use crate::place::{Place, errno, eventually, noise, state, within, xattr};
use crate::repository::{PASSWORD, latest};
use engine::backup::{BackupOptions, backup};
use engine::blob::CachePlace;
use engine::copy::{CopyOptions, Which, copy};
use engine::env::Machine;
use engine::monitor::Monitor;
use engine::price::Budget;
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::retrieval::{Needs, RetrievalRequest, RetrieveOptions, plan, retrievals, start};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{ListOptions, Memory, ObjectName, RetrievalMode, StorageClass, Store};
use format_spec::config::Class;
use format_spec::key_slot::Cost;
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use view::catalog::RepositoryCatalog;

const FILE_BYTES: usize = 100_000;
/// Longer than the mount keeps an answer of the store.
const THAW_SECONDS: u32 = 8;

fn open(store: &Arc<Memory>) -> Arc<Repository> {
    let options = OpenOptions::new(Machine::shared(), CachePlace::Temporary);
    Repository::open(store.clone(), Some(PASSWORD), &options).unwrap()
}

/// Mounts a repository with one file, whose data rests; the file in the mount.
fn mounted(place: &mut Place) -> (PathBuf, Arc<Memory>) {
    fs::write(place.source.join("file"), noise(FILE_BYTES)).unwrap();
    let store = resting(place);
    mount(place, &store, None);
    (latest(place).join("file"), store)
}

/// Mounts the repository of a store; with terms, what is opened is brought back.
fn mount(place: &mut Place, store: &Arc<Memory>, terms: Option<RetrieveOptions>) {
    let catalog = RepositoryCatalog::new(open(store), view::limits::prefetch()).unwrap();
    let catalog = match terms {
        Some(terms) => catalog.bringing_back(terms).unwrap(),
        None => catalog,
    };
    place.unmount();
    place.handle = Some(fusefs::mount(Arc::new(catalog), &place.options()).unwrap());
}

/// A repository with a copy of the source, whose data rests.
fn resting(place: &Place) -> Arc<Memory> {
    let env = Machine::shared();
    let new = |class, storage_class: &str, like: Option<&Repository>| NewRepository {
        password: Some(PASSWORD.to_vec()),
        cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
        label: "test".into(),
        cutting: like.map(|like| like.config().cutting),
        dedup: like.map(|like| like.sealed_store().secrets.dedup.clone()),
        storage_class: storage_class.to_owned(),
        origin: like.map(|like| like.id()),
        ..NewRepository::new(class)
    };
    let online = Arc::new(Memory::new());
    Repository::create(&*online, &new(Class::Backup, "", None), &env).unwrap();
    let options = BackupOptions::new("job");
    let source = FolderSource::new(std::slice::from_ref(&place.source), Rules::default()).unwrap();
    let original = open(&online);
    backup(&original, &source, &options, &Arc::new(Monitor::new())).unwrap();
    let store = Arc::new(Memory::archiving(env.clone(), THAW_SECONDS));
    Repository::create(&*store, &new(Class::Copy, StorageClass::Archive.as_str(), Some(&original)), &env).unwrap();
    let options = CopyOptions::new(Which::Latest, "test");
    copy(&original, &open(&store), &options, &Arc::new(Monitor::new())).unwrap();
    store
}

/// Brings everything at a path of the newest point back, as somebody else would.
fn retrieve(store: &Arc<Memory>, inside: &[u8]) {
    let (repository, monitor) = (open(store), Monitor::new());
    let point = repository.find_point("latest").unwrap();
    let mut needs = Needs::default();
    needs.add(&repository, &point, inside, &|_, _| true, &monitor).unwrap();
    let wish = RetrievalRequest { mode: RetrievalMode::High, days: 1, about: "test".into() };
    let plan = plan(&repository, &needs, &wish, None, &monitor).unwrap();
    start(&repository, &plan, &Budget::default(), &monitor).unwrap();
}

fn terms(budget: Budget) -> RetrieveOptions {
    RetrieveOptions { mode: RetrievalMode::High, days: 3, about: "opened:".into(), prices: None, budget }
}

/// SEMANTICS, State: "at most 5 seconds late and without a remount"
#[test]
fn what_an_archive_gives_back_is_seen_without_a_remount() {
    let Some(mut place) = Place::new() else { return };
    let (path, store) = mounted(&mut place);
    let file = path.clone();
    within(move || {
        assert_eq!((&*state(&file), &*xattr(&file, "thaw"), &*xattr(&file, "tier")), ("archived", "none", "Archive"));
        assert_eq!(errno(File::open(&file)), Some(Errno::NODATA.raw_os_error()));
        assert_eq!(fs::metadata(&file).unwrap().len(), FILE_BYTES as u64);
    });
    // Somebody else brings it back.
    retrieve(&store, b"");
    let file = path.clone();
    eventually("it thaws", move || state(&file) == "thawing" && xattr(&file, "thaw") == "retrieving 0/1");
    let file = path.clone();
    eventually("it is here", move || state(&file) == "local" && xattr(&file, "thaw") == "ready");
    let file = path.clone();
    within(move || {
        assert_eq!(xattr(&file, "tier"), "Hot");
        assert_eq!(fs::read(&file).unwrap(), noise(FILE_BYTES));
    });
    let mut packs = Vec::new();
    store
        .list(&ListOptions::below("data"), &mut |listed| {
            packs.push(listed.name);
            true
        })
        .unwrap();
    packs.iter().for_each(|name: &ObjectName| store.rest_again(name.object(), StorageClass::Archive).unwrap());
    eventually("it rests again", move || state(&path) == "archived");
}

/// SEMANTICS, State: "with `.point` what `cairn retrieve`"
#[test]
fn a_mounted_path_leads_back_to_its_point() {
    let Some(mut place) = Place::new() else { return };
    let (path, store) = mounted(&mut place);
    let id = open(&store).find_point("latest").unwrap().manifest.id.to_string();
    let source = place.source.join("file").to_str().unwrap().to_owned();
    let (folder, root) = (path.parent().unwrap().to_owned(), place.mountpoint.join("by-id").join(&id));
    let parent = place.source.to_str().unwrap().to_owned();
    within(move || {
        assert_eq!((xattr(&path, "point"), xattr(&path, "path")), (id.clone(), source));
        assert_eq!((xattr(&folder, "point"), xattr(&folder, "path")), (id, parent));
        assert_eq!(xattr(&root, "path"), "/");
    });
}

/// SEMANTICS, Archived data: "With `--archived=thaw` whoever opens or reads what is archived gets ENODATA at once"
#[test]
fn what_is_opened_is_brought_back_once_and_nobody_waits() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), noise(FILE_BYTES)).unwrap();
    let store = resting(&place);
    mount(&mut place, &store, Some(terms(Budget::default())));
    let file = latest(&place).join("file");
    let path = file.clone();
    within(move || {
        assert_eq!((&*state(&path), &*xattr(&path, "thaw")), ("archived", "none"));
        let asked = Instant::now();
        for _ in 0..20 {
            assert_eq!(errno(File::open(&path)), Some(Errno::NODATA.raw_os_error()));
        }
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    });
    let path = file.clone();
    // Sooner than the store is looked at otherwise: whoever asked shall see it.
    eventually("it thaws", move || state(&path) == "thawing");
    assert_eq!(errno(File::open(&file)), Some(Errno::NODATA.raw_os_error()));
    let path = file.clone();
    eventually("it is here", move || state(&path) == "local");
    let path = file.clone();
    within(move || assert_eq!(fs::read(&path).unwrap(), noise(FILE_BYTES)));
    let known = retrievals(&open(&store), &Monitor::new()).unwrap();
    assert_eq!(known.len(), 1, "{known:?}");
    assert_eq!((&*known[0].told.about, known[0].told.days), ("opened: file", 3));
    assert_eq!(known[0].packs.packs, 1);
}

/// SEMANTICS, Archived data: "beyond the limits nothing is asked for, and `.thaw` says why"
#[test]
fn what_would_cost_more_than_is_allowed_is_not_brought_back_and_says_so() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), noise(FILE_BYTES)).unwrap();
    let store = resting(&place);
    // An entry in the log, a listing, a pack.
    mount(&mut place, &store, Some(terms(Budget { max_requests: Some(2), max_cost: None })));
    let file = latest(&place).join("file");
    let path = file.clone();
    within(move || assert_eq!(errno(File::open(&path)), Some(Errno::NODATA.raw_os_error())));
    let path = file.clone();
    eventually("it says why", move || xattr(&path, "thaw").starts_with("refused: it would take 3 requests"));
    assert_eq!(state(&file), "archived");
    assert_eq!(retrievals(&open(&store), &Monitor::new()).unwrap(), []);
    let wrong = RetrieveOptions { mode: RetrievalMode::Bulk, ..terms(Budget::default()) };
    let refused = RepositoryCatalog::new(open(&store), view::limits::prefetch()).unwrap().bringing_back(wrong);
    assert_eq!(refused.err().map(|e| e.kind()), Some(engine::Kind::Input), "Azure has no such mode");
}

/// SEMANTICS, State: "Of a folder they tell of what the files below it need together"
#[test]
fn a_folder_says_how_all_below_it_rests() {
    let Some(mut place) = Place::new() else { return };
    for (name, file) in [("one/a", 1), ("one/deep/b", 2), ("none/empty", 0)] {
        let path = place.source.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![7; file]).unwrap();
    }
    let store = resting(&place);
    mount(&mut place, &store, None);
    let top = latest(&place);
    let (one, none) = (top.join("one"), top.join("none"));
    let told = move |path: &Path| (state(path), xattr(path, "thaw"), xattr(path, "tier"));
    let (path, above) = (one.clone(), top.clone());
    within(move || {
        for folder in [&path, &above, &path.join("deep")] {
            assert_eq!(told(folder), ("archived".into(), "none".into(), "Archive".into()), "{folder:?}");
        }
        assert_eq!((state(&none), xattr(&none, "thaw")), ("local".into(), "none".into()));
    });
    retrieve(&store, b"");
    let path = top.clone();
    eventually("it thaws", move || state(&path) == "thawing" && xattr(&path, "thaw") == "retrieving 0/1");
    eventually("it is here", move || state(&one) == "local" && xattr(&top, "thaw") == "ready");
}
