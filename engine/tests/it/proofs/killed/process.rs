//! SIGKILL at the k-th call: another process of this very binary runs the operation, says when it has come to the call, and is killed.
//!
//! `CAIRN_KILL_CALLS` says how many calls of each operation are tried (`all` in the nightly run), `CAIRN_SEED` repeats the choice of an earlier run.
//! Killed before the call (nothing of it happens, and every other thread stands still at its own next call), or inside it, some microseconds on.

use super::super::rig::{PASSWORD, Rig, names_of, noise};
use super::{CALLS_MAX, Operation, Scenario};
use crate::store::targets;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::store::{Faulty, Location, Options, open};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn a_process_killed_at_a_call_to_a_folder_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Location::Folder(folder.path().to_owned());
    Operation::ALL.into_iter().for_each(|operation| kill(operation, &place, &Options::default()));
}

#[test]
fn a_process_killed_at_a_call_to_seaweedfs_loses_nothing() {
    let Some(target) = targets::s3() else { return };
    Operation::ALL.into_iter().for_each(|operation| kill(operation, &target.location, &target.options));
}

fn kill(operation: Operation, place: &Location, options: &Options) {
    let seed = std::env::var("CAIRN_SEED").ok().and_then(|v| v.parse().ok()).unwrap_or(u64::from(std::process::id()));
    let started = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario::new(folder.path(), operation);
    let at = |name: String| Killed { place: place.below(&name), options, cache: folder.path().join(name) };
    let whole = at(format!("{operation:?}-whole"));
    whole.fill(&scenario);
    let mut child = whole.spawn(&scenario, u64::MAX, false);
    let Said::Ended(calls) = listen(&mut child) else { panic!("there is no such call") };
    child.wait().unwrap();
    assert!((5..=CALLS_MAX).contains(&calls), "{operation:?}: {calls} calls");
    let (mut kills, mut missed) = (0, 0);
    for (k, is_inside) in chosen(calls, seed) {
        let killed = at(format!("{operation:?}-{k}-{is_inside}"));
        let rig = killed.fill(&scenario);
        let mut child = killed.spawn(&scenario, k, is_inside);
        let said = listen(&mut child);
        if is_inside {
            std::thread::sleep(Duration::from_micros(dice(seed, k) % 3000));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // How threads meet decides on a call more or less.
        if matches!(said, Said::Ended(_)) {
            missed += 1;
        } else {
            kills += 1;
        }
        scenario.expect_whole(&rig, &format!("seed {seed}, {operation:?} on {place}, call {k}, inside: {is_inside}"));
    }
    let seconds = started.elapsed().as_secs();
    println!(
        "seed {seed}: {operation:?}, {calls} calls, {kills} kills, {missed} came too late, {seconds} s, on {place}"
    );
    assert!(kills > missed);
}

/// A repository of its own for one kill, and the cache of the killed process, with which the next one goes on.
struct Killed<'a> {
    place: Location,
    options: &'a Options,
    cache: PathBuf,
}

impl Killed<'_> {
    /// The scenario's objects, in a place of their own.
    fn fill(&self, scenario: &Scenario) -> Rig {
        if let Location::Folder(path) = &self.place {
            std::fs::create_dir_all(path).unwrap();
        }
        let store = open(&self.place, self.options).unwrap();
        for name in names_of(&*scenario.rig.store) {
            store.put_new(&name, scenario.rig.store.get(&name).unwrap()).unwrap();
        }
        Rig { store, cache: CachePlace::Folder(self.cache.clone()), ..scenario.rig.clone() }
    }

    fn spawn(&self, scenario: &Scenario, k: u64, is_inside: bool) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "proofs::killed::process::the_process_that_is_killed", "--ignored", "--nocapture"]);
        command.env(OPERATION, format!("{:?}", scenario.operation)).env(SOURCE, &scenario.rig.source);
        command.env(PLACE, self.place.to_string()).env(CACHE, &self.cache);
        command.env(CALL, k.to_string()).env(INSIDE, is_inside.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
    }
}

/// What a process has said before it was killed.
pub(super) enum Said {
    /// It stands at the call.
    Reached,
    /// It has done everything, in so many calls.
    Ended(u64),
}

pub(super) fn listen(child: &mut Child) -> Said {
    let mut ended = None;
    // To the end of what it says: it would complain if nobody heard it.
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == REACHED {
            return Said::Reached;
        }
        ended = ended.or(line.strip_prefix(ENDED).map(|calls| calls.parse().unwrap()));
    }
    Said::Ended(ended.unwrap_or_else(|| panic!("the process has failed: {:?}", child.wait())))
}

/// Calls to be killed at, and whether inside them: all of them, or a seeded share.
pub(super) fn chosen(calls: u64, seed: u64) -> BTreeSet<(u64, bool)> {
    let all = (1..=calls).flat_map(|k| [(k, false), (k, true)]);
    match std::env::var("CAIRN_KILL_CALLS").ok().as_deref() {
        Some("all") => all.collect(),
        number => {
            let number = number.and_then(|n| n.parse().ok()).unwrap_or(SHARE);
            (0..number).map(|n| dice(seed, n)).map(|dice| (dice % calls + 1, dice >> 32 & 1 == 1)).collect()
        }
    }
}

pub(super) fn dice(seed: u64, n: u64) -> u64 {
    u64::from_le_bytes(noise(seed ^ (n << 40), 8).try_into().unwrap())
}

#[test]
#[ignore = "the other process of the tests beside it"]
fn the_process_that_is_killed() {
    let variable = |name: &str| std::env::var(name).unwrap();
    if std::env::var_os(OPERATION).is_none() {
        return;
    }
    let operation = Operation::ALL.into_iter().find(|o| format!("{o:?}") == variable(OPERATION)).unwrap();
    let (k, is_inside) = (variable(CALL).parse::<u64>().unwrap(), variable(INSIDE) == "true");
    let place = Location::parse(variable(PLACE)).unwrap();
    let options = match place {
        Location::Folder(_) => Options::default(),
        _ => targets::s3().unwrap().options,
    };
    let store = Arc::new(Faulty::new(open(&place, &options).unwrap(), move |call| {
        if call.number == k {
            say(REACHED);
        }
        if call.number > k || (call.number == k && !is_inside) {
            // Somebody else ends this.
            loop {
                std::thread::park();
            }
        }
        None
    }));
    let rig = Rig {
        source: variable(SOURCE).into(),
        store: store.clone(),
        cache: CachePlace::Folder(Path::new(&variable(CACHE)).to_owned()),
        env: Machine::shared(),
        password: Some(PASSWORD.to_vec()),
        job: "test".into(),
    };
    operation.run(&rig).unwrap();
    say(&format!("{ENDED}{}", store.calls()));
}

pub(super) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{what}").and_then(|()| out.flush()).unwrap();
}

/// Calls of each operation that are tried in every run.
const SHARE: u64 = 4;
pub(super) const REACHED: &str = "the call is reached";
pub(super) const ENDED: &str = "ended after calls: ";
const OPERATION: &str = "CAIRN_KILLED_OPERATION";
const SOURCE: &str = "CAIRN_KILLED_SOURCE";
pub(super) const PLACE: &str = "CAIRN_KILLED_PLACE";
pub(super) const CACHE: &str = "CAIRN_KILLED_CACHE";
pub(super) const CALL: &str = "CAIRN_KILLED_CALL";
pub(super) const INSIDE: &str = "CAIRN_KILLED_INSIDE";
