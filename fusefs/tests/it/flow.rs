//! Who waits for whom: users beside one that floods, everybody beside a store that hangs or refuses.

use crate::memory::{Memory, Outage};
use crate::place::{Place, START, errno, noise, state, within};
use engine::restore_point::Point;
use fusefs::MountOptions;
use rustix::io::Errno;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many files a flood has.
const FLOOD: usize = 48;

/// A mount of `flood/0..`, each of 4 chunks, of `calm/0..`, of one chunk, and of folders that nobody has looked into.
fn crowd(options: impl FnOnce(MountOptions) -> MountOptions) -> Option<(Place, Arc<Point>)> {
    let mut place = Place::new()?;
    let write = |path: String, bytes: &[u8]| {
        let path = place.source.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    (0..FLOOD).for_each(|n| write(format!("flood/{n}"), &noise(4 * 65_536 + n)));
    (0..40).for_each(|n| write(format!("calm/{n}"), &noise(500 + n)));
    (0..20).for_each(|n| write(format!("folders/{n}/file"), &noise(n)));
    fs::set_permissions(&place.source, fs::Permissions::from_mode(0o755)).unwrap();
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    place.mount_with(&options(place.options()));
    // Everybody knows their way; only contents need the store.
    fs::read_dir(place.latest().join("folders")).unwrap().count();
    for folder in ["flood", "calm"] {
        let names = fs::read_dir(place.latest().join(folder)).unwrap();
        names.for_each(|name| assert!(name.unwrap().metadata().unwrap().is_file()));
    }
    Some((place, point))
}

/// A process of another user.
struct Other(Child);

impl Other {
    fn run(uid: u32, script: &str) -> Self {
        let ids = [format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".into()];
        let mut command = Command::new("setpriv");
        command.args(ids).args(["sh", "-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
        Other(command.spawn().unwrap())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Readers of one user, who can be killed only while the store answers.
struct Flood(Arc<Memory>, Vec<Other>);

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.set_stuck([]);
        self.1.clear();
    }
}

/// Forty-eight readers that read all over again and again until they are killed.
fn flood(place: &Place, uid: u32) -> Flood {
    let folder = place.latest().join("flood");
    let reader = |n: usize| {
        let file = folder.join(n.to_string());
        // Past the kernel's cache, so that there is always something to ask.
        let read = format!("dd if='{}' of=/dev/null bs=64k iflag=direct 2>/dev/null", file.display());
        Other::run(uid, &format!("while {read}; do :; done"))
    };
    let readers: Vec<_> = (0..FLOOD).map(reader).collect();
    // Until there are more of them than workers for one user.
    let (catalog, until) = (&place.catalog, Instant::now() + Duration::from_secs(20));
    while catalog.under_way_max() < 30 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    Flood(Arc::clone(catalog), readers)
}

/// SEMANTICS, Fairness: "Users take turns [...]: beside one who floods, another's request takes about as long as alone."
#[test]
fn a_user_who_floods_does_not_delay_another() {
    let Some((place, _)) = crowd(|options| options) else { return };
    let latency = Duration::from_millis(200);
    place.catalog.set_latency(latency);
    let readers = flood(&place, 1001);
    let calm = place.latest().join("calm");
    let one_by_one = "for n in 0 1 2 3 4 5 6 7 8 9; do s=$(date +%s%N); cat $n >/dev/null || exit 1; e=$(date +%s%N); \
                      echo $(((e - s) / 1000000)); done";
    let mut calm = Other::run(1002, &format!("cd '{}' && {one_by_one}", calm.display()));
    let mut told = String::new();
    std::io::Read::read_to_string(calm.0.stdout.as_mut().unwrap(), &mut told).unwrap();
    let mut took: Vec<u64> = told.lines().map(|line| line.parse().unwrap()).collect();
    took.sort_unstable();
    assert_eq!(took.len(), 10, "{told}");
    let most = place.catalog.under_way_max();
    drop(readers);
    eprintln!("of {most} questions at once, another user's reads took {took:?} ms");
    // A file of one chunk is one question. In a line behind 48 others it would be two latencies at least, every time.
    assert!(most >= 28, "{most}");
    let latency = u64::try_from(latency.as_millis()).unwrap();
    assert!(took[5] < latency * 7 / 4, "the median is about one latency: {took:?} ms");
    assert!(took[9] < latency * 5, "{took:?} ms");
}

/// SEMANTICS, Fairness: "Contents that hang for ever hold up neither names nor attributes, nor another's contents that do not hang."
#[test]
fn reads_that_are_stuck_for_ever_starve_nobody_else() {
    let long = Duration::from_secs(120);
    let Some((place, point)) = crowd(|o| MountOptions { data_deadline: long, metadata_deadline: long, ..o }) else {
        return;
    };
    let entry = |n: usize| place.catalog.entry(&point, &place.source.join(format!("flood/{n}")));
    let chunks = |n| (0..4).map(move |nth| (n, nth));
    place.catalog.set_stuck((0..FLOOD).flat_map(chunks).map(|(n, nth)| place.catalog.chunk_of(&entry(n), nth)));
    let readers = flood(&place, 1001);
    let folders = place.latest().join("folders");
    for n in 0..20 {
        let folder = folders.join(n.to_string());
        let asked = Instant::now();
        let listed = within(move || fs::read_dir(folder).unwrap().count());
        assert_eq!(listed, 1);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    let calm = place.latest().join("calm");
    let asked = Instant::now();
    let mut other = Other::run(1002, &format!("cat '{}'/* | wc -c", calm.display()));
    let mut told = String::new();
    std::io::Read::read_to_string(other.0.stdout.as_mut().unwrap(), &mut told).unwrap();
    assert_eq!(told.trim(), (500..540).sum::<usize>().to_string());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let threads = fs::read_dir("/proc/self/task").unwrap().filter(|task| is_worker(&task.as_ref().unwrap().path()));
    let threads = threads.count();
    assert!((30..=64).contains(&threads), "{threads} threads");
    drop(readers);
}

fn is_worker(task: &Path) -> bool {
    fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("mount-"))
}

fn impatient(options: MountOptions) -> MountOptions {
    let (metadata_deadline, data_deadline) = (Duration::from_millis(500), Duration::from_millis(700));
    MountOptions { metadata_deadline, data_deadline, ..options }
}

/// Reads without the kernel's cache; the errno and the time.
fn timed(path: &Path) -> (Option<i32>, Duration) {
    let (path, asked) = (path.to_owned(), Instant::now());
    let read = within(move || errno(fs::read(path)));
    (read, asked.elapsed())
}

const TIMED_OUT: Option<i32> = Some(Errno::TIMEDOUT.raw_os_error());

/// Opens the breaker of an impatient mount.
fn break_it(catalog: &Arc<Memory>, latest: &Path, outage: Outage) {
    catalog.set_outage(outage);
    let readers: Vec<_> = (0..4)
        .map(|n| {
            let path = latest.join(format!("flood/{n}"));
            std::thread::spawn(move || timed(&path))
        })
        .collect();
    for reader in readers {
        let (read, took) = reader.join().unwrap();
        assert_eq!(read, TIMED_OUT);
        // One deadline, although the kernel asks for the failed readahead's pages once more.
        assert!(took > Duration::from_millis(600) && took < Duration::from_millis(1300), "{took:?}");
    }
}

/// SEMANTICS, Out of reach: "After three questions in a row without an answer, what is not in memory is ETIMEDOUT at once and its state
/// `offline`; the store is asked every 5 seconds, and everything goes on with its first answer."
#[test]
fn after_failures_in_a_row_answers_come_at_once_until_the_store_is_back() {
    for outage in [Outage::Stuck, Outage::Refused] {
        let Some((place, _)) = crowd(impatient) else { return };
        let (latest, catalog) = (place.latest(), place.catalog.clone());
        let file = latest.join("calm/1");
        assert_eq!(state(&file), "local");
        break_it(&catalog, &latest, outage);
        let questions = catalog.questions();
        for n in 0..30 {
            let (read, took) = timed(&latest.join(format!("calm/{n}")));
            assert_eq!((read, took < Duration::from_millis(200)), (TIMED_OUT, true), "{took:?}");
            assert_eq!((state(&file).as_str(), state(&latest.join("calm")).as_str()), ("offline", "local"));
            assert_eq!(fs::metadata(&file).unwrap().len(), 501);
            assert_eq!(fs::read_dir(latest.join("calm")).unwrap().count(), 40);
            let folder = latest.join("folders/3");
            assert_eq!(errno(fs::read_dir(folder).and_then(|e| e.collect::<Result<Vec<_>, _>>())), TIMED_OUT);
        }
        assert!(catalog.questions() - questions <= 2, "only probes fetch the store");
        catalog.set_outage(Outage::None);
        let back = Instant::now();
        while timed(&file).0.is_some() {
            assert!(back.elapsed() < Duration::from_secs(8), "the store is back since {:?}", back.elapsed());
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(state(&file), "local");
        assert_eq!(fs::read_dir(latest.join("folders/3")).unwrap().count(), 1);
    }
}

/// SEMANTICS, Out of reach: "A store that answers again before the deadline only delays."
#[test]
fn failures_that_pass_before_the_deadline_only_delay() {
    let Some((place, _)) = crowd(|options| options) else { return };
    let (latest, catalog) = (place.latest(), place.catalog.clone());
    catalog.set_outage(Outage::Refused);
    let later = catalog.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(3));
        later.set_outage(Outage::None);
    });
    let readers: Vec<_> = (0..FLOOD)
        .map(|n| {
            let path = latest.join(format!("flood/{n}"));
            std::thread::spawn(move || within(move || fs::read(path).unwrap()))
        })
        .collect();
    let folder = latest.join("folders/5/file");
    assert_eq!(within(move || fs::read(folder).unwrap()), noise(5));
    for (n, reader) in readers.into_iter().enumerate() {
        assert_eq!(reader.join().unwrap(), noise(4 * 65_536 + n));
    }
    // Each asked a few times in those three seconds, with growing pauses, not in a busy loop.
    assert!(catalog.questions() < FLOOD * 40, "{}", catalog.questions());
}

/// SEMANTICS, Out of reach: "One object that hangs is ETIMEDOUT for itself alone."
#[test]
fn one_object_that_cannot_be_reached_breaks_nothing_else() {
    let Some(mut place) = Place::new() else { return };
    for n in 0..60 {
        fs::write(place.source.join(n.to_string()), noise(1000 + n)).unwrap();
    }
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    let entry = place.catalog.entry(&point, &place.source.join("0"));
    place.catalog.fail(place.catalog.chunk_of(&entry, 0), engine::Kind::Transient);
    place.mount_with(&impatient(place.options()));
    let latest = place.latest();
    let bad: Vec<_> = (0..5).map(|_| reader(latest.join("0"))).collect();
    for n in 1..60 {
        assert_eq!(timed(&latest.join(n.to_string())).0, None);
        std::thread::sleep(Duration::from_millis(40));
    }
    bad.into_iter().for_each(|reader| assert_eq!(reader.join().unwrap().0, TIMED_OUT));
    assert_eq!((state(&latest.join("0")).as_str(), state(&latest.join("1")).as_str()), ("offline", "local"));
}

fn reader(path: PathBuf) -> std::thread::JoinHandle<(Option<i32>, Duration)> {
    std::thread::spawn(move || timed(&path))
}

/// SEMANTICS, Out of reach: "the kernel's second question for the same pages does not wait again."
#[test]
fn a_single_reader_waits_for_one_deadline() {
    let Some((place, _)) = crowd(impatient) else { return };
    let latest = place.latest();
    let file = within(move || File::open(latest.join("flood/9")).unwrap());
    place.catalog.set_outage(Outage::Stuck);
    let asked = Instant::now();
    assert_eq!(within(move || errno(file.read_at(&mut [0; 100], 0))), TIMED_OUT);
    assert!(asked.elapsed() < Duration::from_millis(1300), "{:?}", asked.elapsed());
    place.catalog.set_outage(Outage::None);
}
