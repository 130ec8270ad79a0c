//! A restore point that expires, and is collected, under a command: each says so and calls nothing damaged.
//!
//! The command is held at the moment in which it opens the point's manifest (fanotify(7)): by then it has read the log. The point goes, the command
//! is let go, and reads on in what is left.

use crate::support::{Home, Run, noise};
use crate::third::can_mount;
use engine::env::Machine;
use engine::repository::Repository;
use engine::restore_point::manifest_name;
use format_spec::log::Change;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

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
        let head = home.repository().log().view().head;
        Scene { home, first, second, head }
    }

    /// The file of the first point's manifest.
    fn manifest(&self) -> std::path::PathBuf {
        let repository = self.home.repository();
        let point = repository.find_point(&self.first).unwrap();
        let commit = *repository.log().view().live(&point.manifest.id).unwrap();
        self.home.path("repo").join(manifest_name(&commit).unwrap().as_str())
    }

    /// The first point expires, and all that it alone needed goes; nothing reads its manifest.
    fn take_away(&self) {
        let repository = self.home.repository();
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

    /// Runs a command under which the first point goes. `None` where it cannot be held.
    fn overtaken(&self, args: &[&str]) -> Option<Run> {
        let mut hold = Hold::on(&self.manifest())?;
        let mut command = self.home.command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        assert_eq!(hold.next(), "asked");
        self.take_away();
        hold.let_go();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(Run { code: output.status.code(), stdout: output.stdout, stderr })
    }
}

/// The first that opens the file waits until it is let go.
struct Hold {
    holder: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Hold {
    /// `None` where nothing can be held, which is said.
    fn on(file: &Path) -> Option<Hold> {
        let mut command = Command::new("python3");
        command.args(["-c", HOLDER]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().ok()?;
        let lines = BufReader::new(holder.stdout.take()?).lines();
        let mut hold = Hold { holder, lines };
        if hold.next() != "held" {
            eprintln!("skipped: needs python3 and fanotify, as root");
            return None;
        }
        Some(hold)
    }

    fn next(&mut self) -> String {
        self.lines.next().and_then(Result::ok).unwrap_or_default()
    }

    fn let_go(&mut self) {
        self.holder.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// FAN_CLASS_CONTENT is 4, FAN_MARK_ADD and FAN_ALLOW are 1, FAN_OPEN_PERM is 0x10000, AT_FDCWD is -100.
const HOLDER: &str = "
import ctypes, os, select, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fan = libc.fanotify_init(4, os.O_RDONLY)
if fan < 0 or libc.fanotify_mark(fan, 1, ctypes.c_uint64(0x10000), -100, sys.argv[1].encode()) < 0:
    sys.exit('cannot be held: ' + os.strerror(ctypes.get_errno()))
print('held', flush=True)
first = None
allow = lambda file: (os.write(fan, struct.pack('=iI', file, 1)), os.close(file))
while True:
    for ready in select.select([fan, 0], [], [])[0]:
        if ready == 0:
            if not os.read(0, 1): sys.exit()
            allow(first)
            continue
        events = os.read(fan, 4096)
        while events:
            length, _, _, _, _, file, process = struct.unpack('=IBBHQii', events[:24])
            events = events[length:]
            if first is None:
                first = file
                print('asked', flush=True)
            else:
                allow(file)
";

/// Runs a command under which the first point goes: it ends with this exit code and says so.
#[track_caller]
fn says_so(code: i32, args: impl FnOnce(&Scene) -> Vec<String>) -> Option<(Scene, Run)> {
    let scene = Scene::new();
    let args = args(&scene);
    let run = scene.overtaken(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
    assert_eq!(run.code, Some(code), "{}\n{}", run.out(), run.stderr);
    let told = format!("{}: the restore point has expired meanwhile", scene.first);
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert!(!run.stderr.contains("damage"), "{}", run.stderr);
    Some((scene, run))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn cat_says_that_the_point_has_expired_meanwhile() {
    says_so(1, |scene| words(&["cat", &scene.home.place(&scene.first, "src/a/big")]));
}

#[test]
fn cat_of_an_archive_says_so() {
    says_so(1, |scene| words(&["cat", "--as", "tar", &scene.home.place(&scene.first, "src")]));
}

#[test]
fn ls_says_so() {
    says_so(1, |scene| words(&["ls", "-R", &scene.first]));
}

#[test]
fn find_in_one_point_says_so() {
    says_so(1, |scene| words(&["find", "--point", &scene.first, "big"]));
}

#[test]
fn find_in_all_points_says_so_and_answers_with_the_others() {
    let Some((_, run)) = says_so(0, |_| words(&["find", "big"])) else { return };
    assert!(run.out().contains("/src/b/big") && !run.out().contains("/src/a/big"), "{}", run.out());
}

#[test]
fn history_says_so_and_shows_the_others() {
    let Some((scene, run)) = says_so(0, |scene| words(&["history", &scene.home.text("src/same")])) else { return };
    assert!(run.out().contains(&scene.second[..8]) && !run.out().contains(&scene.first[..8]), "{}", run.out());
}

#[test]
fn diff_says_so() {
    says_so(1, |scene| words(&["diff", &scene.first, &scene.second]));
}

#[test]
fn restore_says_so() {
    says_so(1, |scene| words(&["restore", &scene.first, &scene.home.text("target")]));
}

#[test]
fn verify_says_so() {
    says_so(1, |scene| words(&["verify", &scene.first]));
}

#[test]
fn stats_of_a_point_say_so() {
    says_so(1, |scene| words(&["stats", &scene.first]));
}

#[test]
fn check_of_a_point_says_so() {
    says_so(1, |scene| words(&["check", &scene.first]));
}

/// Listings leave a point out that has gone.
#[test]
fn points_and_a_check_of_everything_leave_it_out() {
    for args in [&["points"][..], &["check", "--read-data"], &["stats"]] {
        let scene = Scene::new();
        let Some(run) = scene.overtaken(args) else { return };
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
    home.ok(["mount", "--refresh", "3600", &mnt]);
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
