//! A restore point that expires, and is collected, under a command: each says so and calls nothing damaged.
//!
//! The command is held at the moment in which it opens the point's manifest, by a lease on the file (fcntl(2)): by then it has read the log. The
//! point goes, the lease is given back, and the command reads on in what is left.

use crate::support::{Home, Run, noise};
use crate::third::can_mount;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::repository::{OpenOptions, Repository};
use engine::restore_point::manifest_name;
use engine::store::{Location, Options, open};
use format_spec::log::Change;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

/// Two points that share nothing, and the log position of the second.
struct Scene {
    home: Home,
    first: String,
    second: String,
    head: u32,
}

impl Scene {
    fn new() -> Scene {
        let home = Home::with_repository();
        home.write("src/same", b"in both");
        home.write("src/a/big", &noise(400_000, 1));
        let first = home.backup();
        std::fs::remove_dir_all(home.path("src/a")).unwrap();
        home.write("src/b/big", &noise(400_000, 2));
        home.write("src/same", b"in the second");
        let second = home.summary(["backup", "--full", "--job", "j", &home.text("src")]);
        let second = second["point"].as_str().unwrap().to_owned();
        let head = repository(&home).log().view().head;
        Scene { home, first, second, head }
    }

    /// The file of the first point's manifest.
    fn manifest(&self) -> std::path::PathBuf {
        let repository = repository(&self.home);
        let point = repository.find_point(&self.first).unwrap();
        let commit = *repository.log().view().live(&point.manifest.id).unwrap();
        self.home.path("repo").join(manifest_name(&commit).unwrap().as_str())
    }

    /// The first point expires, and all that it alone needed goes; nothing reads its manifest.
    fn take_away(&self) {
        let repository = repository(&self.home);
        let id = self.first_id(&repository);
        let expire = || Change::Expire { points: vec![id], reason: "test".into(), plan: [0; 32] };
        repository.log().append(&*Machine::shared(), &mut |_| Ok(expire())).unwrap();
        let options = ["--grace", "0", "--no-readers", "--lease", "0"];
        let plan = self.home.summary(["gc", "plan"].iter().chain(&options));
        let hash = plan["plan"].as_str().unwrap();
        let done = self.home.summary(["gc", "apply", hash].iter().chain(&options));
        assert!(done["objects_deleted"].as_u64().unwrap() > 2, "{done}");
    }

    fn first_id(&self, repository: &Repository) -> format_spec::log::PointId {
        let view = repository.log().view();
        view.commits.iter().find(|commit| commit.id.to_string() == self.first).unwrap().id
    }

    /// Runs a command under which the first point goes.
    fn overtaken(&self, args: &[&str]) -> Run {
        let mut lease = Lease::on(&self.manifest());
        let mut command = self.home.command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        lease.expect("asked");
        self.take_away();
        lease.give_back();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Run { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

fn repository(home: &Home) -> Arc<Repository> {
    let options = OpenOptions {
        env: Machine::shared(),
        cache: CachePlace::Temporary,
        budgets: Default::default(),
        ranges: None,
        as_of: None,
    };
    let location = Location::parse(home.path("repo").as_os_str()).unwrap();
    Repository::open(open(&location, &Options::default()).unwrap(), None, &options).unwrap()
}

/// Whoever opens the file waits until the lease is given back.
struct Lease {
    holder: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Lease {
    fn on(file: &Path) -> Lease {
        let mut command = Command::new("python3");
        command.args(["-c", HOLDER]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().expect("python3 holds the lease");
        let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let mut lease = Lease { holder, lines };
        lease.expect("held");
        lease
    }

    fn expect(&mut self, word: &str) {
        assert_eq!(self.lines.next().unwrap().unwrap(), word);
    }

    fn give_back(mut self) {
        self.holder.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(self.holder.wait().unwrap().success());
    }
}

/// F_SETLEASE is 1024, F_GETLEASE 1025; F_WRLCK is 1, F_UNLCK 2.
const HOLDER: &str = "
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(file, 1024, 1)
print('held', flush=True)
asked = time.monotonic() + 30
while fcntl.fcntl(file, 1025) == 1 and time.monotonic() < asked: time.sleep(0.01)
print('asked' if time.monotonic() < asked else 'nobody asked', flush=True)
sys.stdin.readline()
fcntl.fcntl(file, 1024, 2)
";

#[track_caller]
fn says_so(scene: &Scene, run: &Run, code: i32) {
    assert_eq!(run.code, Some(code), "{}\n{}", run.out(), run.stderr);
    let told = format!("{}: the restore point has expired meanwhile", scene.first);
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert!(!run.stderr.contains("damage"), "{}", run.stderr);
}

#[test]
fn cat_says_that_the_point_has_expired_meanwhile() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["cat", &scene.home.place(&scene.first, "src/a/big")]), 1);
}

#[test]
fn cat_of_an_archive_says_so() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["cat", "--as", "tar", &scene.home.place(&scene.first, "src")]), 1);
}

#[test]
fn ls_says_so() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["ls", "-R", &scene.first]), 1);
}

#[test]
fn find_in_one_point_says_so() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["find", "--point", &scene.first, "big"]), 1);
}

#[test]
fn find_in_all_points_says_so_and_answers_with_the_others() {
    let scene = Scene::new();
    let run = scene.overtaken(&["find", "big"]);
    says_so(&scene, &run, 0);
    assert!(run.out().contains("/src/b/big") && !run.out().contains("/src/a/big"), "{}", run.out());
}

#[test]
fn history_says_so_and_shows_the_others() {
    let scene = Scene::new();
    let run = scene.overtaken(&["history", &scene.home.text("src/same")]);
    says_so(&scene, &run, 0);
    assert!(run.out().contains(&scene.second[..8]) && !run.out().contains(&scene.first[..8]), "{}", run.out());
}

#[test]
fn diff_says_so() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["diff", &scene.first, &scene.second]), 1);
}

#[test]
fn restore_says_so() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["restore", &scene.first, &scene.home.text("target")]), 1);
}

#[test]
fn verify_says_so() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["verify", &scene.first]), 1);
}

#[test]
fn stats_of_a_point_say_so() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["stats", &scene.first]), 1);
}

#[test]
fn check_of_a_point_says_so() {
    let scene = Scene::new();
    says_so(&scene, &scene.overtaken(&["check", &scene.first]), 1);
}

/// Listings leave a point out that has gone.
#[test]
fn points_and_a_check_of_everything_leave_it_out() {
    for args in [&["points"][..], &["check", "--read-data"], &["stats"]] {
        let scene = Scene::new();
        let run = scene.overtaken(args);
        assert_eq!(run.code, Some(0), "{args:?}: {}\n{}", run.out(), run.stderr);
    }
}

#[test]
fn a_mount_answers_stale_and_not_an_error_of_reading() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let home = &scene.home;
    std::fs::create_dir(home.path("mnt")).unwrap();
    let mnt = home.text("mnt");
    home.ok(["mount", "--refresh", "1h", &mnt]);
    let seen = std::panic::catch_unwind(|| {
        let point = home.path("mnt/by-id").join(&scene.first);
        assert!(point.exists());
        scene.take_away();
        let read = std::fs::read(point.join(home.text("src/a/big").trim_start_matches('/')));
        read.unwrap_err().raw_os_error()
    });
    home.run(["umount", &mnt]);
    assert_eq!(seen.unwrap(), Some(rustix::io::Errno::STALE.raw_os_error()));
}

#[test]
fn as_of_an_earlier_position_it_says_that_it_was_collected_since_and_when() {
    let scene = Scene::new();
    scene.take_away();
    let head = scene.head.to_string();
    for args in [&["restore"][..], &["ls"], &["cat"], &["verify"], &["stats"]] {
        let place = if args == ["cat"] { scene.home.place(&scene.first, "src/a/big") } else { scene.first.clone() };
        let target = scene.home.text("target");
        let mut args: Vec<&str> = [&["--as-of", &head], args].concat();
        args.push(&place);
        if args.contains(&"restore") {
            args.push(&target);
        }
        let run = scene.home.run(&args).expect(1);
        let told = format!("{}: the restore point expired at 20", scene.first);
        assert!(run.stderr.contains(&told) && run.stderr.contains("was collected at 20"), "{}", run.stderr);
        assert!(!run.stderr.contains("damage"), "{}", run.stderr);
    }
    // Its manifest has gone as well.
    let listed = scene.home.command(["--as-of", &head, "points", "--json"]).output().unwrap();
    let listed = Run { code: listed.status.code(), stdout: listed.stdout, stderr: String::new() }.expect(3);
    let counts = listed.last();
    let counts = ["points", "points_collected", "points_damaged"].map(|key| counts[key].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 0]);
}
