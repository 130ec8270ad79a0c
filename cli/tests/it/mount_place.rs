//! A repository with one restore point and a folder to mount it at, which is unmounted in the end whatever happened.

use crate::support::{Home, Run, noise};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// A home with the folder `mnt`, and a point of `src`, whose file `large` is too long to be read ahead whole.
pub(crate) struct Place {
    pub(crate) home: Home,
}

impl Place {
    /// `None` where nothing can be mounted, which is said.
    pub(crate) fn new() -> Option<Place> {
        if !rustix::process::geteuid().is_root() || !Path::new("/dev/fuse").exists() {
            let required = std::env::var_os("CAIRN_TEST_SERVERS").is_some_and(|v| v == "required");
            assert!(!required, "mount tests need root and /dev/fuse");
            eprintln!("skipped: mount tests need root and /dev/fuse");
            return None;
        }
        let home = Home::with_repository();
        home.write("src/a.txt", b"first\n");
        home.write("src/large", &noise(LARGE, 7));
        home.backup();
        std::fs::create_dir(home.path("mnt")).unwrap();
        Some(Place { home })
    }

    pub(crate) fn mnt(&self) -> PathBuf {
        self.home.path("mnt")
    }

    /// A path of the source as the newest point shows it.
    pub(crate) fn shown(&self, below: &str) -> PathBuf {
        let host = std::fs::read_dir(self.mnt().join("by-job")).unwrap().next().unwrap().unwrap().path();
        host.join("j/latest").join(self.home.text("src").trim_start_matches('/')).join(below)
    }

    pub(crate) fn is_mounted(&self) -> bool {
        lines(&self.mnt()) > 0
    }

    /// `cairn mount` in the background; the process that serves.
    pub(crate) fn mount(&self) -> Pid {
        let run = Run::of(&mut self.home.command(["mount", &self.home.text("mnt"), "--json"])).expect(0);
        pid(&run.last())
    }

    /// `cairn mount --foreground`, once it has said that it is ready.
    pub(crate) fn foreground(&self, args: &[&str]) -> Child {
        let mut command = self.home.command(["mount", "--foreground", &self.home.text("mnt"), "--json"]);
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let ready = within(move || BufReader::new(stdout).lines().next().unwrap().unwrap());
        assert!(ready.contains("\"mounted\""), "{ready}");
        child
    }

    /// Runs a script in a mount namespace of its own, with `$CAIRN`, `$MNT`, `$REPO` and the home as working folder. What it
    /// leaves mounted at `$MNT` is unmounted.
    pub(crate) fn private(&self, script: &str) -> Run {
        let mut command = self.home.command(["unused"]);
        let envs: Vec<_> = command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
        command = Command::new("timeout");
        for (key, value) in envs {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command.env("CAIRN", env!("CARGO_BIN_EXE_cairn")).env("MNT", self.mnt()).env("REPO", self.home.path("repo"));
        let script = format!("trap 'umount -q -l \"$MNT\" || :' EXIT\n{script}");
        command.args(["-k", "1", "90", "unshare", "-m", "--propagation", "private", "sh", "-euc", &script]);
        Run::of(command.current_dir(self.home.path("")).stdin(Stdio::null()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for _ in 0..lines(&self.mnt()) {
            _ = Command::new("umount").arg("-l").arg(self.mnt()).status();
        }
    }
}

/// How many mounts lie at a place.
pub(crate) fn lines(place: &Path) -> usize {
    let wanted = format!(" {} ", place.display());
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().filter(|line| line.contains(&wanted)).count()
}

/// The process that a row of `--json` names.
pub(crate) fn pid(row: &serde_json::Value) -> Pid {
    Pid::from_raw(i32::try_from(row["pid"].as_i64().unwrap()).unwrap()).unwrap()
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Runs `access` in a thread that may hang, for at most 30 seconds.
pub(crate) fn within<T: Send + 'static>(access: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, answer) = channel();
    std::thread::spawn(move || done.send(access()));
    answer.recv_timeout(Duration::from_secs(30)).expect("the mount answers in time")
}

/// Waits for at most so many seconds until something holds.
#[track_caller]
pub(crate) fn until(seconds: u64, what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !holds() {
        assert!(Instant::now() < end, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process is still there.
pub(crate) fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Bytes of `src/large`.
pub(crate) const LARGE: usize = 6 << 20;
