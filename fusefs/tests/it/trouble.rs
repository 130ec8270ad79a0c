//! Damage, archives, a store out of reach, expired points: each its own errno, and the rest stays readable.

use crate::memory::Outage;
use crate::place::{Place, START, noise, one_of_everything, shell, within};
use engine::Kind;
use fusefs::MountOptions;
use rustix::io::Errno;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn errno<T>(result: std::io::Result<T>) -> Option<i32> {
    result.err().and_then(|e| e.raw_os_error())
}

fn code(errno: Errno) -> Option<i32> {
    Some(errno.raw_os_error())
}

fn state(path: &Path) -> String {
    let mut buffer = [0u8; 100];
    let length = rustix::fs::getxattr(path, "user.cairn.state", &mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
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

/// SEMANTICS: Damage.
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

/// SEMANTICS: Damage. A folder whose node is damaged is an error, never a short or an empty list.
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

/// SEMANTICS: Archived data.
#[test]
fn archived_files_say_enodata_at_open_and_are_listed() {
    let Some((_place, path)) = with_fault(0, Kind::Archived) else { return };
    within(move || {
        assert_eq!(errno(File::open(&path)), code(Errno::NODATA));
        assert_eq!(fs::metadata(&path).unwrap().len(), 300_001);
        assert_eq!(state(&path), "archived");
    });
}

/// SEMANTICS: Out of reach.
#[test]
fn denied_and_unreachable_have_their_own_errno() {
    for (kind, expected) in [(Kind::Denied, Errno::ACCESS), (Kind::Transient, Errno::TIMEDOUT)] {
        let Some((_place, path)) = with_fault(0, kind) else { return };
        within(move || assert_eq!(errno(fs::read(&path)), code(expected)));
    }
}

/// SEMANTICS: Out of reach.
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
        assert_eq!(fs::read(at.join("plain/chunks")).unwrap(), noise(300_001));
        assert_eq!(fs::read_dir(at.join("many")).unwrap().count(), 3000);
    });
}

/// SEMANTICS: Expired points.
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
