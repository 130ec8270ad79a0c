//! Stores that do not answer for a while, over real HTTP: waited for, told in one line, given up in time, and left at once by a stop.
//!
//! The commands go to a real server through a proxy ([`faultproxy`]).

use crate::servers::{Remote, unique};
use crate::support::{Home, Run, noise, tree};
use faultproxy::{Fault, Proxy, Request};
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A place behind a proxy.
struct Scene {
    home: Home,
    proxy: Proxy,
    remote: Remote,
}

impl Scene {
    /// An empty place on each server that is there.
    fn all(name: &str) -> Vec<Scene> {
        let places = [Remote::s3("CAIRN_TEST_S3_BUCKET"), Remote::azure()];
        let scene = |remote: Remote| {
            let remote = remote.below(&unique(name));
            let proxy = Proxy::start(remote.endpoint()).unwrap();
            Scene { home: Home::new(), remote: remote.by_way_of(proxy.endpoint()), proxy }
        };
        places.into_iter().flatten().map(scene).collect()
    }

    /// With a repository and one point of a few packs.
    fn with_point(name: &str) -> Vec<Scene> {
        let scenes = Scene::all(name);
        for scene in &scenes {
            scene.home.write("src/a", &noise(9_000_000, 1));
            scene.home.write("src/b", b"small");
            scene.run("init --no-encryption").expect(0);
            scene.run("backup --job j SRC").expect(0);
        }
        scenes
    }

    fn command(&self, words: &str) -> Command {
        let (src, out) = (self.home.text("src"), self.home.text("out"));
        let words = words.split(' ').map(|word| match word {
            "SRC" => src.clone(),
            "OUT" => out.clone(),
            word => word.to_owned(),
        });
        let mut command = self.home.command(words);
        self.remote.lead(&mut command);
        command
    }

    fn run(&self, words: &str) -> Run {
        Run::of(&mut self.command(words))
    }

    /// From its request number `after` on, the store is away for so long.
    fn away(&self, after: u32, time: Duration, fault: Fault) {
        let (requests, since) = (AtomicU32::new(0), Mutex::new(None::<Instant>));
        self.proxy.script(move |_| {
            if requests.fetch_add(1, Ordering::SeqCst) < after {
                return None;
            }
            let is_away = since.lock().unwrap().get_or_insert_with(Instant::now).elapsed() < time;
            is_away.then(|| fault.clone())
        });
    }
}

/// Runs a command and sends it SIGTERM after a while; its exit code, and how long it went on.
fn stopped(command: &mut Command, after: Duration) -> (Option<i32>, Duration) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let asked = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let code = child.wait().unwrap().code();
    (code, asked.elapsed())
}

#[test]
fn an_outage_in_mid_work_is_waited_for_and_told_in_one_line() {
    for scene in Scene::with_point("mid-work") {
        scene.away(4, Duration::from_secs(12), Fault::ResetBefore);
        let run = scene.run("restore latest OUT").expect(0);
        let said = |what: &str| run.stderr.matches(what).count();
        assert_eq!(said("the store does not answer; trying for 14 more minutes"), 1, "{}", run.stderr);
        assert_eq!(said("the store answers again, after "), 1, "{}", run.stderr);
        let out = scene.home.path("out");
        let restored = tree(&out).into_iter().filter(|(path, _)| path.ends_with("a") || path.ends_with("b")).count();
        assert_eq!(restored, 2, "{:?}", tree(&out).iter().map(|(path, _)| path.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn a_store_that_is_busy_at_the_start_is_left_alone_for_as_long_as_it_asks() {
    for scene in Scene::with_point("busy") {
        let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
        let noted = std::sync::Arc::clone(&asked);
        scene.proxy.script(move |_: &Request| {
            let mut asked = noted.lock().unwrap();
            asked.push(Instant::now());
            (asked.len() == 1).then(|| Fault::busy(Some(7)))
        });
        let run = scene.run("points").expect(0);
        let asked = asked.lock().unwrap();
        let pause = asked[1] - asked[0];
        assert!(pause >= Duration::from_secs(7), "{pause:?}");
        assert!(run.stderr.contains("the store does not answer; trying for "), "{}", run.stderr);
    }
}

#[test]
fn a_store_that_never_answers_is_given_up_when_the_patience_of_the_start_ends() {
    for scene in Scene::all("never") {
        scene.proxy.script(|_| Some(Fault::busy(None)));
        for words in ["points --retry-start 3s", "init --no-encryption --retry-start 3s"] {
            let begun = Instant::now();
            let run = scene.run(words).expect(1);
            assert!((3..40).contains(&begun.elapsed().as_secs()), "{words}: {:?}", begun.elapsed());
            assert!(run.stderr.contains("503 SlowDown"), "{}", run.stderr);
        }
        // The same from the environment and from the config file.
        let mut command = scene.command("points");
        let begun = Instant::now();
        Run::of(command.env("CAIRN_RETRY_START", "1s")).expect(1);
        scene.home.write("c.toml", b"retry-start = '1s'\n");
        Run::of(scene.command("points").env("CAIRN_CONFIG", scene.home.path("c.toml"))).expect(1);
        assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_stop_ends_the_waiting_for_a_store_within_three_seconds() {
    for scene in Scene::with_point("stop") {
        for fault in [Fault::busy(None), Fault::busy(Some(600)), Fault::ResetBefore, Fault::HalfOpen] {
            for after in [0, 4] {
                scene.away(after, Duration::from_secs(3600), fault.clone());
                let (code, took) = stopped(&mut scene.command("restore latest OUT"), Duration::from_millis(2500));
                assert_eq!(code, Some(143), "{fault:?} after {after}");
                // Without a stop it waits for minutes. Three seconds hold on a machine that does nothing else.
                assert!(took < Duration::from_secs(15), "{fault:?} after {after}: {took:?}");
            }
        }
    }
}

#[test]
fn a_redirection_is_named_at_once_and_not_followed() {
    for scene in Scene::with_point("redirected") {
        for status in [301, 302, 307, 308] {
            let to = "http://other.invalid/bucket?signature=secret".to_owned();
            scene.proxy.script(move |_| Some(Fault::Redirect { status, to: to.clone() }));
            let run = scene.run("points").expect(2);
            assert!(run.stderr.contains(&format!("http://other.invalid ({status})")), "{}", run.stderr);
            assert!(!run.stderr.contains("secret"), "{}", run.stderr);
            assert_eq!(scene.proxy.seen().len(), 1, "it was asked once");
        }
    }
}

#[test]
fn a_portal_in_mid_work_is_an_outage_and_not_a_wrong_setting() {
    for scene in Scene::with_point("portal") {
        let to = "http://portal.invalid/login".to_owned();
        scene.away(4, Duration::from_secs(3), Fault::Redirect { status: 302, to });
        scene.run("check --read-data").expect(0);
        assert!(scene.proxy.seen().iter().any(|seen| seen.fault.is_some()));
    }
}

/// About 1,000 bytes a second of objects of megabytes.
fn drip() -> Fault {
    Fault::Drip { bytes: 250, pause: Duration::from_millis(250) }
}

/// The connections over which data was read slowly, each once.
fn slow_connections(proxy: &Proxy) -> std::collections::BTreeSet<u64> {
    let seen = proxy.seen();
    let slow = seen.iter().filter(|seen| seen.fault.is_some() && seen.request.reads("data"));
    slow.map(|seen| seen.request.connection).collect()
}

#[test]
fn a_connection_that_drips_is_given_up_and_the_work_goes_on_by_another() {
    let Some(scene) = Scene::with_point("drips").into_iter().next() else { return };
    let reads = AtomicU32::new(0);
    scene.proxy.script(move |request| {
        let is_first = request.reads("data") && reads.fetch_add(1, Ordering::SeqCst) == 0;
        is_first.then(drip)
    });
    let begun = Instant::now();
    scene.run("restore latest OUT").expect(0);
    // At this speed, what was asked for first would take longer than an hour; half a minute is waited for better times.
    assert!((25..120).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let slow = slow_connections(&scene.proxy);
    assert_eq!(slow.len(), 1, "{slow:?}");
    let seen = scene.proxy.seen();
    let dripped = seen.iter().find(|seen| seen.fault.is_some()).unwrap();
    let again = |request: &Request| request.path == dripped.request.path && !slow.contains(&request.connection);
    assert!(seen.iter().any(|seen| seen.fault.is_none() && again(&seen.request)), "{seen:?}");
}

/// One object is read, so one request has to be given up: half a minute by one connection, half a minute by another.
#[test]
fn a_store_that_only_drips_is_given_up_within_the_patience_and_slowness_is_named() {
    let Some(scene) = Scene::all("only-drips").into_iter().next() else { return };
    scene.home.write("src/a", &noise(2_000_000, 1));
    scene.run("init --no-encryption").expect(0);
    scene.run("backup --job j SRC").expect(0);
    scene.proxy.script(|request| request.reads("data").then(drip));
    let begun = Instant::now();
    let run = scene.run("restore latest OUT --retry-for 40s").expect(1);
    let took = begun.elapsed();
    // The attempt that is under way when the patience ends may end by itself.
    assert!((40..110).contains(&took.as_secs()), "{took:?}: {}", run.stderr);
    assert!(run.stderr.contains("bytes came or went in a second"), "{}", run.stderr);
    assert!(run.stderr.contains("try: look at the line to the store"), "{}", run.stderr);
    assert!(slow_connections(&scene.proxy).len() > 1, "{:?}", scene.proxy.seen());
}
