//! A mount over a server that stops for a while: with the defaults it only waits; impatient, it says so, and is back soon after.

use crate::mounted::below_mount;
use crate::seaweed::{BUCKET, KEY, SECRET, Seaweed};
use crate::support::{Home, Run, noise};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const OUTAGE: Duration = Duration::from_secs(20);
const FILE_BYTES: usize = 48_000_000;
const ETIMEDOUT: i32 = 110;
/// Reads lie this far apart, so that each needs a block of its own.
const STRIDE: usize = 1_000_000;

/// SEMANTICS, Out of reach: "With the default deadlines an outage of 20 seconds [only delays]. [...] After three questions in a row without an answer,
/// what is not in memory is ETIMEDOUT at once and its state `offline`; the store is asked every 5 seconds, and everything goes on with its first answer."
/// Here the server hangs: connections stay open and nothing comes.
#[test]
fn a_server_that_hangs_delays_the_patient_and_is_told_to_the_impatient() {
    outage(|server| server.hang(), |server| server.go_on());
}

/// The same, while connections are refused.
#[test]
fn a_server_that_dies_delays_the_patient_and_is_told_to_the_impatient() {
    outage(Seaweed::kill, |server| assert!(server.run(), "the server did not come back"));
}

fn outage(stop: impl FnOnce(&mut Seaweed), restart: impl FnOnce(&mut Seaweed)) {
    if !Path::new("/dev/fuse").exists() || !rustix::process::geteuid().is_root() {
        assert!(
            std::env::var("CAIRN_TEST_SERVERS").as_deref() != Ok("required"),
            "mount tests need root and /dev/fuse"
        );
        eprintln!("skipped: mount tests need root and /dev/fuse");
        return;
    }
    let begun = Instant::now();
    let Some(mut server) = Seaweed::start() else { return };
    let scene = Scene::new(&server);
    let patient = scene.mount("patient", &[]);
    let impatient = scene.mount("impatient", &["--data-deadline", "3s"]);
    let (reader, stat) = (Reader::open(&impatient, &scene.bytes), impatient.root.join("small"));
    assert_eq!(reader.read(0), Ok(()));
    let listed = std::fs::read_dir(&impatient.root).unwrap().count();
    assert_eq!((listed, state(&impatient.file).as_str()), (2, "remote"));

    let long_read = LongRead::start(Reader::open(&patient, &scene.bytes));
    std::thread::sleep(Duration::from_secs(1));
    eprintln!("ready after {:?}", begun.elapsed());
    stop(&mut server);
    let stopped = Instant::now();

    // The first ones wait for their deadline; then nobody does.
    let took = timed_out(&reader, &[7, 17, 27, 37]);
    assert!(took > Duration::from_millis(2500) && took < Duration::from_secs(5), "{took:?}");
    let mut stats = Vec::new();
    while stopped.elapsed() < OUTAGE {
        let took = timed_out(&reader, &[11, 23]);
        assert!(took < Duration::from_millis(500), "the breaker answers at once, not after {took:?}");
        assert_eq!(state(&impatient.file), "offline");
        let asked = Instant::now();
        assert_eq!(std::fs::metadata(&stat).unwrap().len(), 5);
        assert_eq!(std::fs::read_dir(&impatient.root).unwrap().count(), listed);
        stats.push(asked.elapsed());
        std::thread::sleep(Duration::from_millis(250));
    }
    stats.sort();
    // The median, because the machine is not the test's alone.
    assert!(stats[stats.len() / 2] < Duration::from_millis(50), "{stats:?}");

    restart(&mut server);
    let back = Instant::now();
    while let Err(errno) = reader.read(11) {
        assert_eq!(errno, ETIMEDOUT);
        assert!(back.elapsed() < Duration::from_secs(10), "not back after {:?}", back.elapsed());
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("reads are back {:?} after the server", back.elapsed());
    assert_eq!(reader.read(23), Ok(()));
    assert_eq!(state(&impatient.file), "remote");
    let longest = long_read.end();
    assert!(longest > OUTAGE - Duration::from_secs(3), "the read was under way: {longest:?}");
}

/// A backed up folder, and the environment that leads to it.
struct Scene {
    home: Home,
    repo: String,
    endpoint: String,
    bytes: Arc<Vec<u8>>,
}

struct Mounted<'s> {
    scene: &'s Scene,
    mountpoint: String,
    root: PathBuf,
    file: PathBuf,
}

impl Scene {
    fn new(server: &Seaweed) -> Self {
        let (home, bytes) = (Home::new(), noise(FILE_BYTES, 9));
        home.write("src/big", &bytes);
        home.write("src/small", b"small");
        let (repo, endpoint) = (format!("s3://{BUCKET}/outage"), server.endpoint());
        let scene = Scene { home, repo, endpoint, bytes: Arc::new(bytes) };
        // The bucket is there a moment after the server answers.
        let until = Instant::now() + Duration::from_secs(20);
        while Run::of(&mut scene.command(&["init", "--no-encryption"])).code != Some(0) {
            assert!(Instant::now() < until, "the server is not ready");
            std::thread::sleep(Duration::from_millis(300));
        }
        Run::of(&mut scene.command(&["backup", "--job", "j", &scene.home.text("src")])).expect(0);
        scene
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command
            .env("CAIRN_REPO", &self.repo)
            .env("AWS_ENDPOINT", &self.endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "us-east-1");
        command
    }

    fn mount(&self, name: &str, options: &[&str]) -> Mounted<'_> {
        let mountpoint = self.home.text(name);
        std::fs::create_dir(&mountpoint).unwrap();
        // Each reads what no other has fetched.
        let cache = self.home.text(&format!("cache-of-{name}"));
        let mut command = self.command(&["--cache-dir", &cache, "mount", &mountpoint]);
        Run::of(command.args(options)).expect(0);
        let root = below_mount(&self.home, name, "j");
        Mounted { scene: self, mountpoint, file: root.join("big"), root }
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = self.scene.command(&["umount", &self.mountpoint]).output();
    }
}

/// Reads 4 KiB here and there, without the kernel's readahead, and compares.
#[derive(Clone)]
struct Reader {
    file: Arc<File>,
    bytes: Arc<Vec<u8>>,
}

impl Reader {
    fn open(mounted: &Mounted<'_>, bytes: &Arc<Vec<u8>>) -> Self {
        let file = File::open(&mounted.file).unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        Reader { file: Arc::new(file), bytes: Arc::clone(bytes) }
    }

    /// The errno, if it cannot be read. Hangs for at most 50 seconds, in a thread that may stay.
    fn read(&self, stride: usize) -> Result<(), i32> {
        let (reader, (told, hears)) = (self.clone(), channel());
        std::thread::spawn(move || told.send(reader.read_here(stride)));
        hears.recv_timeout(Duration::from_secs(50)).expect("the mount answers in time")
    }

    fn read_here(&self, stride: usize) -> Result<(), i32> {
        let (at, mut buffer) = (stride % 47 * STRIDE, [0; 4096]);
        self.file.read_exact_at(&mut buffer, at as u64).map_err(|e| e.raw_os_error().unwrap())?;
        assert_eq!(buffer[..], self.bytes[at..at + 4096]);
        Ok(())
    }
}

/// Reads at once what cannot be read; how long the slowest took.
fn timed_out(reader: &Reader, strides: &[usize]) -> Duration {
    let asked = Instant::now();
    let threads: Vec<_> = strides
        .iter()
        .map(|stride| {
            let (reader, stride) = (reader.clone(), *stride);
            std::thread::spawn(move || reader.read(stride))
        })
        .collect();
    threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), Err(ETIMEDOUT)));
    asked.elapsed()
}

/// Somebody who reads on and on.
struct LongRead {
    enough: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Duration>,
}

impl LongRead {
    fn start(reader: Reader) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&enough);
        let thread = std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            // A step that meets every stride once, far from the one before.
            for n in 0..47 {
                let asked = Instant::now();
                assert_eq!(reader.read(n * 29), Ok(()), "the patient only wait");
                longest = longest.max(asked.elapsed());
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            longest
        });
        LongRead { enough, thread }
    }

    /// The longest that one read took.
    fn end(self) -> Duration {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn state(path: &Path) -> String {
    let mut buffer = [0u8; 100];
    let length = rustix::fs::getxattr(path, "user.cairn.state", &mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}
