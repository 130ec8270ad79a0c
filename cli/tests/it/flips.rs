//! A line that changes bytes, over real HTTP: one change is healed by a second look over another connection and told, the same change at each reading
//! is damage.
//!
//! The commands go to a real server through a proxy ([`faultproxy`]), each with a cache of its own, so that everything is fetched.

use crate::mounted::below_mount;
use crate::servers::{Remote, unique};
use crate::support::{Home, Run, noise};
use crate::third::can_mount;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::repository::{OpenOptions, Repository};
use faultproxy::{Fault, Proxy, Seen};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const KINDS: [&str; 7] = ["config", "log", "checkpoint", "index", "meta", "data", "points"];

/// What each command reads of a repository that it has no cache of, and how it ends where one bit of each such object is wrong at each reading
/// (`docs/damage.md`): 0 where nobody needs the object, or it is made again from others.
const COMMANDS: [(&str, [Option<i32>; 7]); 4] = [
    ("points", [Some(5), Some(5), Some(0), Some(0), None, None, Some(5)]),
    ("check --read-data", [Some(5), Some(5), Some(0), Some(5), Some(5), Some(5), Some(5)]),
    ("restore latest OUT", [Some(5), Some(5), Some(0), Some(0), Some(5), Some(5), Some(5)]),
    ("backup --job j SRC", [Some(5), Some(5), Some(0), Some(0), Some(3), None, Some(0)]),
];

/// A repository behind a proxy: two points, a checkpoint, and a third point.
struct Scene {
    home: Home,
    proxy: Proxy,
    remote: Remote,
    runs: AtomicU32,
    password: Option<&'static str>,
}

impl Scene {
    fn new(password: Option<&'static str>) -> Option<Scene> {
        let remote = Remote::s3("CAIRN_TEST_S3_BUCKET")?.below(&unique("flips"));
        let proxy = Proxy::start(remote.endpoint()).unwrap();
        let remote = remote.by_way_of(proxy.endpoint());
        let scene = Scene { home: Home::new(), proxy, remote, runs: AtomicU32::new(0), password };
        scene.run(if password.is_some() { "init" } else { "init --no-encryption" }).expect(0);
        for n in 0..3 {
            scene.home.write(&format!("src/{n}"), &noise(300_000, n + 1));
            scene.run("backup --job j SRC").expect(0);
            if n == 1 && password.is_none() {
                scene.sum_up();
            }
        }
        Some(scene)
    }

    fn sum_up(&self) {
        let options = OpenOptions::new(Machine::shared(), CachePlace::Temporary);
        let repo = Repository::open(self.remote.store(), None, &options).unwrap();
        repo.log().checkpoint(&*Machine::shared()).unwrap().expect("a checkpoint was written");
    }

    /// The words of a command, with a cache and a target of its own.
    fn command(&self, words: &str) -> Command {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let (src, out) = (self.home.text("src"), self.home.text(&format!("out-{run}")));
        let words = words.split(' ').map(|word| match word {
            "SRC" => src.clone(),
            "OUT" => out.clone(),
            word => word.to_owned(),
        });
        let mut command = self.home.command(["--cache-dir", &self.home.text(&format!("cache-{run}"))]);
        command.args(words);
        self.remote.lead(&mut command);
        if let Some(password) = self.password {
            command.env("CAIRN_PASSWORD", password);
        }
        command
    }

    fn run(&self, words: &str) -> Run {
        Run::of(&mut self.command(words))
    }

    /// From now on one bit of the first object of this kind that is read is another one.
    fn flip_once(&self, kind: &'static str) {
        let flips = AtomicU32::new(0);
        self.proxy.script(move |request| {
            let is_first = request.reads(kind) && flips.fetch_add(1, Ordering::SeqCst) == 0;
            is_first.then_some(Fault::Flip(500))
        });
    }

    /// From now on one bit of each object of this kind is another one, in the same way at each reading.
    fn rot(&self, kind: &'static str) {
        self.proxy.script(move |request| request.reads(kind).then_some(Fault::Rot(500)));
    }
}

/// Whether the one flipped answer was asked for once more, over a connection that had not been used. `None` where none was flipped. Another thread may
/// read another part of the same object meanwhile.
fn second_look(seen: &[Seen]) -> Option<bool> {
    let at = seen.iter().position(|seen| seen.fault.is_some())?;
    let (flipped, later) = (&seen[at].request, &seen[at + 1..]);
    let part = |seen: &Seen| (seen.request.method.clone(), seen.request.path.clone(), seen.request.range.clone());
    let asked = ("GET".to_owned(), flipped.path.clone(), flipped.range.clone());
    let again = later.iter().find(|seen| part(seen) == asked)?;
    let used: BTreeSet<u64> = seen
        .iter()
        .filter(|seen| seen.request.number < again.request.number)
        .map(|seen| seen.request.connection)
        .collect();
    Some(!used.contains(&again.request.connection) && again.request.on_connection == 1)
}

#[test]
fn one_flip_in_an_object_of_any_kind_is_healed_by_a_second_look_over_another_connection_and_told() {
    let Some(scene) = Scene::new(None) else { return };
    let (mut connections_kept, mut wrong) = (0, Vec::new());
    for (words, kinds) in COMMANDS {
        for (kind, reads) in KINDS.into_iter().zip(kinds) {
            scene.flip_once(kind);
            let run = scene.run(words);
            let seen = scene.proxy.seen();
            let found = (second_look(&seen), run.code, run.stderr.contains("changes bytes"));
            if found != (reads.map(|_| true), Some(0), reads.is_some()) {
                wrong.push(format!("{words}: {kind}: {found:?}: {}", run.stderr));
            }
            let connections: BTreeSet<u64> = seen.iter().map(|seen| seen.request.connection).collect();
            connections_kept += usize::from(connections.len() < seen.len());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        connections_kept > 20,
        "connections are used again, so that another one means something: {connections_kept}"
    );
    scene.proxy.pass();
    scene.run("check --read-data").expect(0);
    scene.run("restore latest OUT").expect(0);
}

#[test]
fn one_flip_in_a_key_slot_is_no_wrong_password() {
    let Some(scene) = Scene::new(Some("over the wire")) else { return };
    scene.flip_once("keys");
    let run = scene.run("points").expect(0);
    assert_eq!(second_look(&scene.proxy.seen()), Some(true));
    assert!(run.stderr.contains("changes bytes"), "{}", run.stderr);
    scene.rot("keys");
    scene.run("points").expect(5);
}

#[test]
fn the_same_flip_at_each_reading_is_damage() {
    let Some(scene) = Scene::new(None) else { return };
    let mut wrong = Vec::new();
    for (words, kinds) in COMMANDS {
        for (kind, code) in KINDS.into_iter().zip(kinds) {
            scene.rot(kind);
            let run = scene.run(words);
            let is_read = scene.proxy.seen().iter().any(|seen| seen.fault.is_some());
            if is_read != code.is_some() || run.code != Some(code.unwrap_or(0)) {
                wrong.push(format!("{words}: {kind}: read {is_read}, {:?}, not {code:?}: {}", run.code, run.stderr));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_mount_heals_one_flip_and_names_as_an_error_what_is_wrong_at_each_reading() {
    if !can_mount() {
        return;
    }
    let Some(scene) = Scene::new(None) else { return };
    for (rots, name) in [(false, "healed"), (true, "rotten")] {
        let mountpoint = scene.home.text(name);
        std::fs::create_dir(&mountpoint).unwrap();
        Run::of(&mut scene.command(&format!("mount {mountpoint}"))).expect(0);
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let root = below_mount(&scene.home, name, "j");
            if rots {
                scene.rot("data");
            } else {
                scene.flip_once("data");
            }
            std::fs::read(root.join("2"))
        }));
        let seen = scene.proxy.seen();
        scene.proxy.pass();
        let unmounted = scene.run(&format!("umount {mountpoint}"));
        match (rots, read.unwrap()) {
            (false, read) => {
                assert_eq!(read.unwrap(), noise(300_000, 3));
                assert_eq!(second_look(&seen), Some(true));
            }
            (true, read) => assert_eq!(read.unwrap_err().raw_os_error(), Some(5), "EIO"),
        }
        assert!(seen.iter().any(|seen| seen.fault.is_some()));
        unmounted.expect(0);
    }
}
