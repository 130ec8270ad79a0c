//! A source, an encrypted repository with the broken and the good point of it, and mounts of the repository.
//!
//! Nothing here touches a mount itself: commands do, each under a deadline. What waits in the kernel for a mount that does
//! not answer cannot be killed, so at the deadline the mount's own process is killed first, which sets its callers free.

use super::report::can_mount;
use super::source;
use crate::support::{Home, Run};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The folders of one test. Dropping it takes its mounts away.
pub(crate) struct Place {
    pub(crate) source: PathBuf,
    base: PathBuf,
    servers: Vec<Server>,
    home: Home,
    runs: AtomicU32,
}

/// What the rows of the table look at.
#[derive(Debug, Clone)]
pub(crate) struct Sides {
    /// The point that is what the source is.
    pub(crate) good: PathBuf,
    /// The one that is not.
    pub(crate) broken: PathBuf,
}

/// A process that serves a mount.
struct Server {
    child: Child,
    mountpoint: PathBuf,
    log: PathBuf,
}

impl Place {
    /// An empty source and an empty repository. `None` where nothing can be mounted, which is noted.
    pub(crate) fn new() -> Option<Place> {
        if !can_mount() {
            return None;
        }
        let home = Home::new();
        // Others must be able to reach what lies below.
        fs::set_permissions(home.path(""), Permissions::from_mode(0o755)).unwrap();
        let base = home.path("").canonicalize().unwrap();
        let place = Place { source: base.join("source"), base, servers: Vec::new(), home, runs: AtomicU32::new(0) };
        fs::create_dir(&place.source).unwrap();
        Run::of(&mut place.cairn(&["init"])).expect(0);
        Some(place)
    }

    /// With one of everything, backed up broken and good, and mounted.
    pub(crate) fn with_everything() -> Option<(Place, Sides)> {
        let mut place = Place::new()?;
        source::make(&place.source);
        source::break_all(&place.source);
        let broken = place.back_up();
        source::mend_all(&place.source);
        let good = place.back_up();
        place.mount();
        let sides = Sides { good: place.shown(&good), broken: place.shown(&broken) };
        Some((place, sides))
    }

    /// A command of this repository's.
    pub(crate) fn cairn(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.env("CAIRN_REPO", self.home.path("repo")).env("CAIRN_PASSWORD", "checked by others");
        command
    }

    /// Backs the source up; the point's id.
    pub(crate) fn back_up(&self) -> String {
        let source = self.source.to_str().unwrap();
        let summary = Run::of(&mut self.cairn(&["backup", "--json", "--job", "j", source])).expect(0).last();
        summary["point"].as_str().unwrap().to_owned()
    }

    /// Mounts the repository once more; where. What was unmounted is used again.
    pub(crate) fn mount(&mut self) -> PathBuf {
        let name = format!("mount-{}", self.servers.len());
        let (log, mountpoint) = (self.base.join(format!("{name}.log")), self.base.join(name));
        fs::create_dir_all(&mountpoint).unwrap();
        let mut command = self.cairn(&["mount", "--foreground", "--allow-other"]);
        command.arg(&mountpoint).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let mut server = Server { child, mountpoint: mountpoint.clone(), log };
        server.wait_until_mounted();
        self.servers.push(server);
        mountpoint
    }

    /// Where the last mount is.
    pub(crate) fn mountpoint(&self) -> &Path {
        &self.servers.last().expect("a mount").mountpoint
    }

    /// Takes all mounts away as their user would, and expects that nothing went wrong in them.
    pub(crate) fn unmount(&mut self) {
        for server in std::mem::take(&mut self.servers) {
            Run::of(self.cairn(&["umount"]).arg(&server.mountpoint)).expect(0);
            let log = server.log.clone();
            drop(server);
            let said = fs::read_to_string(log).unwrap();
            assert!(!said.contains("panic"), "{said}");
        }
    }

    /// Where the last mount shows the source as a point has it, without symlinks on the way.
    pub(crate) fn shown(&self, point: &str) -> PathBuf {
        let link = self.mountpoint().join("by-id").join(point);
        let real =
            self.run("readlink -f \"$L\"", &[("L", link.as_os_str().to_str().unwrap())], LIMIT).expect("a point");
        Path::new(real.trim_end()).join(self.source.strip_prefix("/").unwrap())
    }

    /// A new folder beside the source.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.base.join(name);
        fs::create_dir(&path).unwrap();
        path
    }

    /// Runs a bash script in a new empty folder, which is `$T`; `$S` is the source, `$CAIRN` the binary, set up for the repository. What it wrote to stdout, and to stderr too when it failed; an
    /// error when it ends with another code than 0 or not within `limit`.
    pub(crate) fn run(&self, script: &str, variables: &[(&str, &str)], limit: Duration) -> Result<String, String> {
        let folder = self.folder(&format!("run-{}", self.runs.fetch_add(1, Ordering::Relaxed)));
        let (out, err) = (folder.with_extension("out"), folder.with_extension("err"));
        let mut command = Command::new("bash");
        for (name, value) in self.cairn(&[]).get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("CAIRN", env!("CARGO_BIN_EXE_cairn")).env("S", &self.source).env("T", &folder).env("LC_ALL", "C");
        command.envs(variables.iter().copied()).args(["-uc", script]).current_dir(&folder).stdin(Stdio::null());
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let mut child = command.process_group(0).spawn().unwrap();
        let in_time = wait(&mut child, limit);
        if in_time.is_none() {
            self.servers.iter().for_each(|server| send(&server.child, Signal::KILL));
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        }
        let status = child.wait().unwrap();
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        match in_time {
            Some(true) => Ok(read(&out)),
            Some(false) => Err(format!("{status}: {}{}", read(&out), read(&err))),
            None => Err(format!("no end within {limit:?}, so the mount was killed: {}{}", read(&out), read(&err))),
        }
    }
}

impl Server {
    /// By the table of mounts, which needs no answer from the mount.
    fn wait_until_mounted(&mut self) {
        let until = Instant::now() + LIMIT;
        while !self.is_mounted() {
            let ended = self.child.try_wait().unwrap();
            let said = || fs::read_to_string(&self.log).unwrap();
            assert!(ended.is_none() && Instant::now() < until, "no mount: {ended:?} {}", said());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn is_mounted(&self) -> bool {
        let table = fs::read_to_string("/proc/self/mounts").unwrap();
        table.lines().any(|line| line.split(' ').nth(1) == self.mountpoint.to_str())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        send(&self.child, Signal::TERM);
        if wait(&mut self.child, LIMIT).is_none() {
            send(&self.child, Signal::KILL);
            let _ = self.child.wait();
        }
        if self.is_mounted() {
            let _ = rustix::mount::unmount(&self.mountpoint, rustix::mount::UnmountFlags::DETACH);
        }
    }
}

/// Whether the process ended well, `None` when it has not ended in time.
fn wait(child: &mut Child, limit: Duration) -> Option<bool> {
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.success());
        }
        if Instant::now() > until {
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn send(child: &Child, signal: Signal) {
    let _ = kill_process(Pid::from_child(child), signal);
}

/// For what takes seconds at most, on a machine that has other things to do.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);

#[test]
fn what_hangs_on_a_mount_is_ended_at_the_deadline() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), "x").unwrap();
    let point = place.back_up();
    place.mount();
    let shown = place.shown(&point);
    send(&place.servers[0].child, Signal::STOP);
    let answer = place.run("cat \"$M/file\"", &[("M", shown.to_str().unwrap())], Duration::from_millis(500));
    assert!(answer.unwrap_err().contains("no end within 500ms, so the mount was killed"));
}
