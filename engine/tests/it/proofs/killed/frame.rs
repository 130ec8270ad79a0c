//! SIGKILL at the k-th call: another process of this very binary runs an operation, says when it has come to the call, and is killed. One frame for all
//! that is killed.
//!
//! `CAIRN_KILL_CALLS` says how many calls of each operation are tried (`all` in the nightly run), `CAIRN_SEED` repeats the choice of an earlier run.
//! Killed before the call (nothing of it happens, and every other thread stands still at its own next call), or inside it, some microseconds on.

use super::super::rig::noise;
use super::CALLS_MAX;
use engine::store::{Faulty, Location, Options, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An operation, what it works upon, and what must be true wherever it was killed.
pub(super) trait Doomed {
    /// The test that is the other process.
    const OTHER_PROCESS: &'static str;
    /// So many of the last calls are tried in every run: where most calls only open what the others change.
    const LAST_CALLS: u64 = 0;
    /// What one kill works upon, as this process opens it.
    type Filled;
    /// For who reads the report.
    fn name(&self) -> String;
    /// What the other process has to know besides its [`Orders`].
    fn told(&self) -> Vec<(&'static str, OsString)>;
    /// Repositories of its own for one kill.
    fn fill(&self, at: &At<'_>) -> Self::Filled;
    /// Asserts whatever must be true after it.
    fn expect_whole(&self, filled: &Self::Filled, place: &str);
}

/// Where a kill works; with the killed one's cache the next one goes on.
pub(super) struct At<'a> {
    pub(super) place: Location,
    pub(super) options: &'a Options,
    pub(super) cache: PathBuf,
}

/// Kills it at some of its calls, or at each, in places of their own below `place`.
pub(super) fn kill<D: Doomed>(doomed: &D, place: &Location, options: &Options) {
    let seed = std::env::var("CAIRN_SEED").ok().and_then(|v| v.parse().ok()).unwrap_or(u64::from(std::process::id()));
    let started = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let name = doomed.name();
    let at = |name: String| At { place: place.below(&name), options, cache: folder.path().join(name) };
    let whole = at(format!("{name}-whole"));
    doomed.fill(&whole);
    let mut child = spawn(doomed, &whole, u64::MAX, false);
    let Said::Ended(calls) = listen(&mut child) else { panic!("there is no such call") };
    child.wait().unwrap();
    assert!((5..=CALLS_MAX).contains(&calls), "{name}: {calls} calls");
    let (mut kills, mut missed) = (0, 0);
    let last = (calls.saturating_sub(D::LAST_CALLS) + 1..=calls).map(|k| (k, false));
    for (k, is_inside) in chosen(calls, seed).into_iter().chain(last).collect::<BTreeSet<_>>() {
        let at = at(format!("{name}-{k}-{is_inside}"));
        let filled = doomed.fill(&at);
        let mut child = spawn(doomed, &at, k, is_inside);
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
        doomed.expect_whole(&filled, &format!("seed {seed}, {name} on {place}, call {k}, inside: {is_inside}"));
    }
    let seconds = started.elapsed().as_secs();
    println!("seed {seed}: {name}, {calls} calls, {kills} kills, {missed} came too late, {seconds} s, on {place}");
    assert!(kills > missed);
}

fn spawn<D: Doomed>(doomed: &D, at: &At<'_>, call: u64, is_inside: bool) -> Child {
    let settings: Vec<_> = at.options.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", D::OTHER_PROCESS, "--ignored", "--nocapture"]);
    command.envs(doomed.told());
    command.env(PLACE, at.place.to_string()).env(SETTINGS, settings.join("\n")).env(CACHE, &at.cache);
    command.env(CALL, call.to_string()).env(INSIDE, is_inside.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// What a process has said before it was killed.
enum Said {
    /// It stands at the call.
    Reached,
    /// It has done everything, in so many calls.
    Ended(u64),
}

fn listen(child: &mut Child) -> Said {
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
fn chosen(calls: u64, seed: u64) -> BTreeSet<(u64, bool)> {
    let all = (1..=calls).flat_map(|k| [(k, false), (k, true)]);
    match std::env::var("CAIRN_KILL_CALLS").ok().as_deref() {
        Some("all") => all.collect(),
        number => {
            let number = number.and_then(|n| n.parse().ok()).unwrap_or(SHARE);
            (0..number).map(|n| dice(seed, n)).map(|dice| (dice % calls + 1, dice >> 32 & 1 == 1)).collect()
        }
    }
}

fn dice(seed: u64, n: u64) -> u64 {
    u64::from_le_bytes(noise(seed ^ (n << 40), 8).try_into().unwrap())
}

/// What the other process is to do: the same as [`At`], and the call that it shall not survive.
pub(super) struct Orders {
    pub(super) place: Location,
    pub(super) options: Options,
    pub(super) cache: PathBuf,
    call: u64,
    is_inside: bool,
}

impl Orders {
    /// None where nobody has ordered anything: somebody runs all ignored tests.
    pub(super) fn heard() -> Option<Orders> {
        std::env::var_os(PLACE)?;
        let settings = variable(SETTINGS).lines().filter_map(|line| line.split_once('=').map(own)).collect();
        let options = match &settings {
            settings if BTreeMap::is_empty(settings) => Options::default(),
            _ => Options { environment: false, settings, ..Options::default() },
        };
        let (call, is_inside) = (variable(CALL).parse().unwrap(), variable(INSIDE) == "true");
        let place = Location::parse(variable(PLACE)).unwrap();
        Some(Orders { place, options, cache: variable(CACHE).into(), call, is_inside })
    }

    /// A store that stands still at the call.
    pub(super) fn over(&self, store: Arc<dyn Store>) -> Arc<Faulty> {
        let (k, is_inside) = (self.call, self.is_inside);
        Arc::new(Faulty::new(store, move |call| {
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
        }))
    }
}

/// A variable that [`Doomed::told`] has set.
pub(super) fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// Everything was done: nobody has killed it.
pub(super) fn ended(store: &Faulty) {
    say(&format!("{ENDED}{}", store.calls()));
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{what}").and_then(|()| out.flush()).unwrap();
}

/// Calls of each operation that are tried in every run.
const SHARE: u64 = 4;
const REACHED: &str = "the call is reached";
const ENDED: &str = "ended after calls: ";
const PLACE: &str = "CAIRN_KILLED_PLACE";
const SETTINGS: &str = "CAIRN_KILLED_SETTINGS";
const CACHE: &str = "CAIRN_KILLED_CACHE";
const CALL: &str = "CAIRN_KILLED_CALL";
const INSIDE: &str = "CAIRN_KILLED_INSIDE";
