//! Damage, archives, a store out of reach, expired points: each its own errno, and the rest stays readable.

use crate::memory::Outage;
use crate::place::{Place, START, errno, noise, one_of_everything, shell, state, within, xattr};
use engine::Kind;
use fusefs::MountOptions;
use rustix::io::Errno;
use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use view::Archived;

fn code(errno: Errno) -> Option<i32> {
    Some(errno.raw_os_error())
}

/// A mounted point of everything, after its chunk `nth` of `plain/chunks` failed; the file's path in the mount.
fn with_fault(nth: usize, kind: Kind) -> Option<(Place, PathBuf)> {
    let mut place = Place::new()?;
    one_of_everything(&place.source);
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    let entry = place.catalog.entry(&point, &place.source.join("plain/chunks"));
    place.catalog.fail(place.catalog.chunk_of(&entry, nth), kind);
    place.mount();
    let path = place.latest().join("plain/chunks");
    Some((place, path))
}

/// SEMANTICS: Damage. "EIO, and for damage alone: bytes, nodes or objects that are not what was written, or missing."
#[test]
fn a_damaged_block_is_eio_and_the_rest_is_readable() {
    let Some((place, path)) = with_fault(4, Kind::Damaged) else { return };
    within(move || {
        // Beyond the kernel's readahead the bytes before the damage come through.
        let file = File::open(&path).unwrap();
        let mut bytes = vec![0; 4096];
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        file.read_exact_at(&mut bytes, 131_072).unwrap();
        assert_eq!(bytes[..], noise(300_001)[131_072..135_168]);
        assert_eq!(errno(file.read_at(&mut bytes, 4 * 65_536 + 10_000)), code(Errno::IO));
        assert_eq!(state(&path), "damaged");
        assert_eq!(errno(fs::read(&path)), code(Errno::IO));
        assert_eq!(fs::metadata(&path).unwrap().len(), 300_001);
    });
    let others = format!("diff -r --no-dereference -x special -x chunks . '{}'", place.latest().display());
    assert_eq!(shell(&place.source, &others), "");
}

/// SEMANTICS: Damage. "A folder that cannot be read is an error, never a short or an empty list;" A folder whose node is damaged is an
/// error, never a short or an empty list.
#[test]
fn a_damaged_folder_is_eio_and_never_listed_short() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    let folder = place.catalog.entry(&point, &place.source.join("many"));
    let format_spec::tree::Content::Tree(id) = folder.content else { panic!("{folder:?}") };
    place.catalog.fail(id, Kind::Damaged);
    place.mount();
    let (many, plain) = (place.latest().join("many"), place.latest().join("plain"));
    within(move || {
        let listed: std::io::Result<Vec<_>> = fs::read_dir(&many).and_then(|entries| entries.collect());
        assert_eq!(errno(listed), code(Errno::IO));
        assert_eq!(errno(fs::metadata(many.join("00001"))), code(Errno::IO));
        assert_eq!(fs::read_dir(plain).unwrap().count(), 10);
    });
}

/// SEMANTICS, Damage: "A damaged piece is looked at once in 10 seconds, however many of its pages are asked for, and only what lies in it is EIO."
#[test]
fn a_damaged_piece_is_not_fetched_for_each_of_its_pages() {
    let Some((place, path)) = with_fault(2, Kind::Damaged) else { return };
    let catalog = place.catalog.clone();
    within(move || {
        let file = File::open(&path).unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        let mut bytes = vec![0; 4096];
        let before = catalog.questions();
        for page in 32..48 {
            assert_eq!(errno(file.read_exact_at(&mut bytes, page * 4096)), code(Errno::IO));
        }
        // One for the first page, one more to learn whether its point is still there.
        assert!(catalog.questions() - before <= 4, "{}", catalog.questions() - before);
        for page in [31, 48] {
            file.read_exact_at(&mut bytes, page * 4096).unwrap();
            assert_eq!(bytes[..], noise(300_001)[usize::try_from(page).unwrap() * 4096..][..4096]);
        }
    });
}

/// SEMANTICS, Damage: "What was repaired can be read again after 10 seconds at the latest."
#[test]
fn damage_that_was_repaired_is_noticed() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    let entry = place.catalog.entry(&point, &place.source.join("plain/small"));
    let id = place.catalog.chunk_of(&entry, 0);
    place.catalog.fail(id, Kind::Damaged);
    place.mount();
    let (path, catalog) = (place.latest().join("plain/small"), place.catalog.clone());
    within(move || {
        assert_eq!(errno(fs::read(&path)), code(Errno::IO));
        assert_eq!(state(&path), "damaged");
        catalog.heal(id);
        let repaired = Instant::now();
        while fs::read(&path).is_err() {
            assert!(repaired.elapsed() < Duration::from_secs(11), "{:?}", repaired.elapsed());
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(state(&path), "local");
    });
}

/// SEMANTICS, Archived data: "ENODATA, at `open` where it is known by then."
#[test]
fn archived_files_say_enodata_at_open_and_are_listed() {
    let Some((_place, path)) = with_fault(0, Kind::Archived) else { return };
    within(move || {
        assert_eq!(errno(File::open(&path)), code(Errno::NODATA));
        assert_eq!(fs::metadata(&path).unwrap().len(), 300_001);
        assert_eq!((state(&path).as_str(), xattr(&path, "thaw").as_str()), ("archived", "none"));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 10);
    });
}

/// SEMANTICS, Archived data: "With `--archived=read` files open, and only what is archived of them is ENODATA."
#[test]
fn partly_archived_files_can_be_read_in_part_if_wished() {
    let Some((mut place, path)) = with_fault(3, Kind::Archived) else { return };
    place.mount_with(&MountOptions { archived: Archived::Read, ..place.options() });
    within(move || {
        let file = File::open(&path).unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        let mut bytes = vec![0; 4096];
        for (at, archived) in [(0, false), (3 * 65_536 + 8192, true), (4 * 65_536 + 4096, false)] {
            let read = errno(file.read_exact_at(&mut bytes, at as u64));
            assert_eq!(read, archived.then(|| Errno::NODATA.raw_os_error()), "{at}");
            assert!(archived || bytes[..] == noise(300_001)[at..at + 4096]);
        }
    });
}

/// SEMANTICS, Archived data: "With `--archived=wait` opening waits until they can be read, or for the given time."
#[test]
fn opening_waits_for_an_archive_as_long_as_it_is_told_to() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    let id = |name: &str| place.catalog.chunk_of(&place.catalog.entry(&point, &place.source.join(name)), 0);
    let (retrieved, never) = (id("plain/chunks"), id("plain/small"));
    [retrieved, never].into_iter().for_each(|id| place.catalog.fail(id, Kind::Archived));
    // Longer than the deadline, which is for stores and not for archives.
    let (data_deadline, archived) = (Duration::from_millis(500), Archived::Wait(Duration::from_secs(4)));
    place.mount_with(&MountOptions { archived, data_deadline, ..place.options() });
    let (latest, catalog) = (place.latest(), place.catalog.clone());
    within(move || {
        let (opened, path) = (Instant::now(), latest.join("plain/small"));
        let never = std::thread::spawn(move || (errno(File::open(path)), opened.elapsed()));
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(1500));
            catalog.heal(retrieved);
        });
        assert_eq!(fs::read(latest.join("plain/chunks")).unwrap(), noise(300_001));
        let took = opened.elapsed();
        assert!(took > Duration::from_millis(1400) && took < Duration::from_secs(4), "{took:?}");
        let (never, took) = never.join().unwrap();
        assert_eq!(never, code(Errno::NODATA));
        assert!(took > Duration::from_millis(3900) && took < Duration::from_secs(8), "{took:?}");
    });
}

/// SEMANTICS, Archived data: "beyond all deadlines" is for archives alone.
#[test]
fn waiting_for_archives_does_not_mean_to_wait_for_a_store() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    place.catalog.back_up(&place.source, "host", "job", START);
    let (deadline, archived) = (Duration::from_millis(500), Archived::Wait(Duration::from_secs(3600)));
    place.mount_with(&MountOptions {
        archived,
        data_deadline: deadline,
        metadata_deadline: deadline,
        ..place.options()
    });
    let (latest, catalog) = (place.latest(), place.catalog.clone());
    within(move || {
        while fs::metadata(latest.join("wide/0")).is_err() {}
        catalog.set_outage(Outage::Stuck);
        // More than there are workers, so that some wait in the queue when the breaker opens.
        let readers: Vec<_> = (0..60)
            .map(|n| {
                let path = latest.join(format!("wide/{n}"));
                std::thread::spawn(move || errno(fs::read(path)))
            })
            .collect();
        readers.into_iter().for_each(|r| assert_eq!(r.join().unwrap(), code(Errno::TIMEDOUT)));
        catalog.set_outage(Outage::None);
    });
}

/// SEMANTICS, Out of reach: "No permission at the store EACCES."
#[test]
fn denied_and_unreachable_have_their_own_errno() {
    for (kind, expected) in [(Kind::Denied, Errno::ACCESS), (Kind::Transient, Errno::TIMEDOUT)] {
        let Some((mut place, path)) = with_fault(0, kind) else { return };
        place.mount_with(&MountOptions { data_deadline: Duration::from_millis(500), ..place.options() });
        within(move || assert_eq!(errno(fs::read(&path)), code(expected)));
    }
}

/// SEMANTICS, Errors: "Each kind of trouble has one errno, whatever was asked [...]. Never EAGAIN, ENOSYS or ENOENT."
#[test]
fn each_kind_of_trouble_has_one_errno_whatever_was_asked() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    let folder = place.catalog.entry(&point, &place.source.join("many"));
    let format_spec::tree::Content::Tree(folder) = folder.content else { panic!("{folder:?}") };
    let file = place.catalog.chunk_of(&place.catalog.entry(&point, &place.source.join("plain/chunks")), 0);
    let deadline = Duration::from_millis(150);
    for (kind, expected) in KINDS {
        let patience = MountOptions { metadata_deadline: deadline, data_deadline: deadline, ..place.options() };
        place.mount_with(&patience);
        let latest = place.latest();
        // What leads there must be known: a machine under load is slower than such a deadline.
        while fs::metadata(latest.join("plain/chunks")).is_err() || fs::metadata(latest.join("many")).is_err() {}
        [folder, file].into_iter().for_each(|id| place.catalog.fail(id, *kind));
        let answers = within(move || {
            let inside = latest.join("many/00001");
            let c = |path: &Path| CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
            let os = |result: rustix::io::Result<usize>| result.err().map(|e| e.raw_os_error());
            [
                ("lookup", errno(fs::symlink_metadata(&inside))),
                ("open", errno(File::open(&inside))),
                ("list", errno(fs::read_dir(latest.join("many")).and_then(|e| e.collect::<Result<Vec<_>, _>>()))),
                ("readlink", errno(fs::read_link(&inside))),
                ("getxattr", os(rustix::fs::getxattr(c(&inside), "user.x", &mut [0u8; 10]))),
                ("listxattr", os(rustix::fs::listxattr(c(&inside), &mut [0u8; 10]))),
                ("read", errno(fs::read(latest.join("plain/chunks")))),
            ]
        });
        for (asked, answer) in answers {
            assert_eq!(answer, code(*expected), "{kind:?}: {asked}");
        }
        [folder, file].into_iter().for_each(|id| place.catalog.heal(id));
    }
}

/// Kinds that a store never says about an object that is read (a password, a conflict of writers) would be damage of another sort.
const KINDS: &[(Kind, Errno)] = &[
    (Kind::Absent, Errno::IO),
    (Kind::Exists, Errno::IO),
    (Kind::Damaged, Errno::IO),
    (Kind::Archived, Errno::NODATA),
    (Kind::Immutable, Errno::IO),
    (Kind::Denied, Errno::ACCESS),
    (Kind::Transient, Errno::TIMEDOUT),
    (Kind::NoSpace, Errno::IO),
    (Kind::Input, Errno::IO),
    (Kind::WrongPassword, Errno::IO),
    (Kind::NoRepository, Errno::IO),
    (Kind::Unsupported, Errno::OPNOTSUPP),
    (Kind::Conflict, Errno::IO),
    (Kind::Interrupted, Errno::TIMEDOUT),
    (Kind::Bug, Errno::IO),
];

/// SEMANTICS: Out of reach. "What is in memory is answered meanwhile as always."
#[test]
fn a_stuck_store_is_etimedout_in_time_while_what_is_known_answers() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    place.catalog.back_up(&place.source, "host", "job", START);
    let (metadata_deadline, data_deadline) = (Duration::from_millis(400), Duration::from_millis(800));
    place.mount_with(&MountOptions { metadata_deadline, data_deadline, ..place.options() });
    let latest = place.latest();
    let (catalog, at) = (place.catalog.clone(), latest.clone());
    within(move || {
        fs::metadata(at.join("plain/small")).unwrap();
        assert_eq!(fs::read_dir(at.join("wide")).unwrap().count(), 60);
        catalog.set_outage(Outage::Stuck);
        let asked = Instant::now();
        assert_eq!(
            errno(fs::read_dir(at.join("many")).and_then(|e| e.collect::<Result<Vec<_>, _>>())),
            code(Errno::TIMEDOUT)
        );
        let took = asked.elapsed();
        assert!(took > Duration::from_millis(300) && took < Duration::from_secs(5), "{took:?}");
        assert_eq!(errno(fs::read(at.join("plain/chunks"))), code(Errno::TIMEDOUT));
        // More readers than workers, all stuck, and still the known answers at once: also those that the kernel asks for.
        let readers: Vec<_> = (0..60)
            .map(|n| {
                let path = at.join(format!("wide/{n}"));
                std::thread::spawn(move || errno(fs::read(path)))
            })
            .collect();
        for _ in 0..20 {
            let asked = Instant::now();
            assert_eq!(state(&at.join("plain/small")), "local");
            assert_eq!(errno(fs::metadata(at.join("plain/nothing"))), code(Errno::NOENT));
            assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
        }
        readers.into_iter().for_each(|r| assert_eq!(r.join().unwrap(), code(Errno::TIMEDOUT)));
        catalog.set_outage(Outage::None);
        let back = Instant::now();
        while fs::read(at.join("plain/chunks")).ok().as_deref() != Some(&noise(300_001)) {
            assert!(back.elapsed() < Duration::from_secs(8), "{:?}", back.elapsed());
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(fs::read_dir(at.join("many")).unwrap().count(), 3000);
    });
}

/// SEMANTICS: Expired points. "What can no longer be read because its point has expired is ESTALE"
#[test]
fn what_went_with_an_expired_point_is_estale() {
    let Some(place) = Place::with_everything() else { return };
    let (latest, catalog) = (place.latest(), place.catalog.clone());
    within(move || {
        let open = File::open(latest.join("plain/chunks")).unwrap();
        catalog.expire_all();
        assert_eq!(errno(fs::read_dir(latest.join("many"))), None, "opening a folder asks nothing");
        assert_eq!(errno(fs::metadata(latest.join("many/00001"))), code(Errno::STALE));
        assert_eq!(errno(open.read_at(&mut [0; 10], 0)), code(Errno::STALE));
    });
}
