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
use engine::retrieval::{Needs, Wish, plan, start};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Memory, Name, RetrievalMode, StorageClass, Store};
use format_spec::config::Class;
use format_spec::key_slot::Cost;
use format_spec::point::Workload;
use fusefs::catalog::RepositoryCatalog;
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

const FILE_BYTES: usize = 100_000;
/// Longer than the mount keeps an answer of the store.
const THAW_SECONDS: u32 = 8;

fn open(store: &Arc<Memory>) -> Arc<Repository> {
    let options = OpenOptions {
        env: Machine::shared(),
        cache: CachePlace::Temporary,
        budgets: Default::default(),
        ranges: None,
        as_of: None,
        readers: 1,
    };
    Repository::open(store.clone(), Some(PASSWORD), &options).unwrap()
}

/// Mounts a repository with one file, whose data rests; the file in the mount.
fn mounted(place: &mut Place) -> (PathBuf, Arc<Memory>) {
    fs::write(place.source.join("file"), noise(FILE_BYTES)).unwrap();
    let env = Machine::shared();
    let new = |class, storage_class: &str, like: Option<&Repository>| NewRepository {
        class,
        password: Some(PASSWORD.to_vec()),
        cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
        label: "test".into(),
        probed: String::new(),
        cutting: like.map(|like| like.config().cutting),
        block_target: None,
        level: None,
        parity_percent: 0,
        retention: Default::default(),
        immutability: None,
        dedup: like.map(|like| like.vault().secrets.dedup.clone()),
        storage_class: storage_class.to_owned(),
        origin: like.map(|like| like.id()),
    };
    let online = Arc::new(Memory::new());
    Repository::create(&*online, &new(Class::Backup, "", None), &env).unwrap();
    let options = BackupOptions {
        job: "job".into(),
        tags: Vec::new(),
        full: false,
        dry_run: false,
        workload: Workload::Folders,
        threads: 2,
        original: None,
    };
    let source = FolderSource::new(std::slice::from_ref(&place.source), Rules::default()).unwrap();
    let original = open(&online);
    backup(&original, &source, &options, &Arc::new(Monitor::new())).unwrap();
    let store = Arc::new(Memory::archiving(env.clone(), THAW_SECONDS));
    Repository::create(&*store, &new(Class::Copy, StorageClass::Archive.as_str(), Some(&original)), &env).unwrap();
    let options = CopyOptions {
        which: Which::Latest,
        verify_full: false,
        rekey: false,
        regroup: None,
        flush_after_seconds: 0,
        spool: None,
        dry_run: false,
        host: "test".into(),
        threads: 2,
        budget: Default::default(),
        prices: Default::default(),
    };
    copy(&original, &open(&store), &options, &Arc::new(Monitor::new())).unwrap();
    let catalog = Arc::new(RepositoryCatalog::new(open(&store), fusefs::limits::prefetch()));
    place.handle = Some(fusefs::mount(catalog, &place.options()).unwrap());
    (latest(place).join("file"), store)
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
    let (repository, monitor) = (open(&store), Monitor::new());
    let point = repository.find_point("latest").unwrap();
    let mut needs = Needs::default();
    needs.add(&repository, &point, b"", &|_, _| true, &monitor).unwrap();
    let wish = Wish { mode: RetrievalMode::High, days: 1, about: "test".into() };
    let plan = plan(&repository, &needs, &wish, None, &monitor).unwrap();
    start(&repository, &plan, &Budget::default(), &monitor).unwrap();
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
        .list("data", None, &mut |listed| {
            packs.push(listed.name);
            true
        })
        .unwrap();
    packs.iter().for_each(|name: &Name| store.rest_again(name, StorageClass::Archive).unwrap());
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
