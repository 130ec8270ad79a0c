//! Trouble injected at the store's face of a real repository that is far away: what the store says about an object becomes one errno.

use crate::place::{Place, errno, noise, state, within};
use crate::repository::{PASSWORD, backed_up, latest, store_at};
use engine::Kind;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::repository::{OpenOptions, Repository};
use engine::store::{Fault, Faulty};
use fusefs::MountOptions;
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::stores::Far;
use view::Archived;
use view::catalog::RepositoryCatalog;

/// What happens to reads of data packs.
type Trouble = Arc<Mutex<Option<Fault>>>;

/// Mounts a backed up repository whose data packs are in trouble; a file of it, and the trouble.
fn trouble(
    (place, path): &mut (Place, PathBuf),
    fault: Fault,
    options: impl FnOnce(MountOptions) -> MountOptions,
) -> (PathBuf, Trouble) {
    let trouble: Trouble = Arc::new(Mutex::new(Some(fault)));
    let told = Arc::clone(&trouble);
    let is_data = |name: &str| name.starts_with("data/");
    let faulty =
        Faulty::new(store_at(path), move |call| told.lock().unwrap().as_ref().filter(|_| is_data(&call.name)).copied());
    let open = OpenOptions::new(Machine::shared(), CachePlace::Temporary);
    let repository = Repository::open(Arc::new(Far::new(Arc::new(faulty))), Some(PASSWORD), &open).unwrap();
    place.unmount();
    place.handle = Some(
        fusefs::mount(
            Arc::new(RepositoryCatalog::new(repository, view::limits::prefetch()).unwrap()),
            &options(place.options()),
        )
        .unwrap(),
    );
    (latest(place).join("plain/chunks"), trouble)
}

fn short(options: MountOptions) -> MountOptions {
    MountOptions { data_deadline: Duration::from_millis(600), ..options }
}

fn raw(errno: Errno) -> Option<i32> {
    Some(errno.raw_os_error())
}

/// SEMANTICS: Errors. "Each kind of trouble has one errno, whatever was asked: damage EIO, archived ENODATA, out of reach ETIMEDOUT,
/// expired ESTALE, no permission at the store EACCES."
#[test]
fn what_a_store_says_about_a_pack_becomes_one_errno() {
    let cases = [
        (Fault::Corrupt(5), Errno::IO, "damaged"),
        (Fault::Before(Kind::Absent), Errno::IO, "damaged"),
        (Fault::Before(Kind::Archived), Errno::NODATA, "archived"),
        (Fault::Before(Kind::Denied), Errno::ACCESS, "remote"),
        (Fault::Before(Kind::Transient), Errno::TIMEDOUT, "offline"),
    ];
    let Some(mut scene) = backed_up() else { return };
    for (fault, expected, shown) in cases {
        let (path, trouble) = trouble(&mut scene, fault, short);
        within(move || {
            assert_eq!(errno(fs::read(&path)), raw(expected), "{fault:?}");
            assert_eq!(state(&path), shown, "{fault:?}");
            assert_eq!(fs::metadata(&path).unwrap().len(), 300_001);
            *trouble.lock().unwrap() = None;
            let healed = Instant::now();
            while fs::read(&path).ok().as_deref() != Some(&noise(300_001)) {
                assert!(healed.elapsed() < Duration::from_secs(12), "{fault:?}");
                std::thread::sleep(Duration::from_millis(100));
            }
            assert_eq!(state(&path), "remote", "{fault:?}");
        });
    }
}

/// SEMANTICS, Archived data: "Of a store that is far away the first bytes tell at `open`."
#[test]
fn archived_packs_are_enodata_at_open_or_waited_for() {
    let archived = Fault::Before(Kind::Archived);
    let Some(mut scene) = backed_up() else { return };
    let (path, _) = trouble(&mut scene, archived, |o| o);
    within(move || assert_eq!(errno(File::open(&path)), raw(Errno::NODATA)));

    let (path, _) = trouble(&mut scene, archived, |o| MountOptions { archived: Archived::Read, ..o });
    within(move || {
        assert!(File::open(&path).is_ok());
        assert_eq!(errno(fs::read(&path)), raw(Errno::NODATA));
    });

    let wait = Archived::Wait(Duration::from_secs(20));
    let (path, trouble) = trouble(&mut scene, archived, |o| MountOptions { archived: wait, ..short(o) });
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1200));
        *trouble.lock().unwrap() = None;
    });
    within(move || assert_eq!(fs::read(&path).unwrap(), noise(300_001)));
}
