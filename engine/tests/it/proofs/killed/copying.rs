//! SIGKILL at the k-th call of a copy to either of its stores. The target has a point already, so the killed copy builds upon a base and brings two.

use super::super::collect::{collect_all, options};
use super::super::rig::{Rig, contents, names_of, noise, restore_options};
use super::CALLS_MAX;
use super::process::{CACHE, CALL, ENDED, INSIDE, PLACE, REACHED, Said, chosen, dice, listen, say};
use crate::copy::{OTHER, Pair, Which};
use crate::store::targets;
use engine::blob::CachePlace;
use engine::care::CollectOptions;
use engine::env::Machine;
use engine::monitor::Monitor;
use engine::restore::restore;
use engine::store::{Faulty, Location, Options, Store, open};
use format_spec::log::PointId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_copy_killed_at_a_call_to_a_folder_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Location::Folder(folder.path().to_owned());
    Side::ALL.into_iter().for_each(|side| kill(side, &place, &Options::default()));
}

#[test]
fn a_copy_killed_at_a_call_to_seaweedfs_loses_nothing() {
    let Some(target) = targets::s3() else { return };
    Side::ALL.into_iter().for_each(|side| kill(side, &target.location, &target.options));
}

/// Whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

impl Side {
    const ALL: [Side; 2] = [Side::Source, Side::Target];
}

fn kill(side: Side, place: &Location, options: &Options) {
    let seed = std::env::var("CAIRN_SEED").ok().and_then(|v| v.parse().ok()).unwrap_or(u64::from(std::process::id()));
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let at = |name: String| Killed { place: place.below(&name), options, cache: folder.path().join(name) };
    let whole = at(format!("{side:?}-whole"));
    whole.fill(&scene);
    let mut child = whole.spawn(&scene, side, u64::MAX, false);
    let Said::Ended(calls) = listen(&mut child) else { panic!("there is no such call") };
    child.wait().unwrap();
    assert!((5..=CALLS_MAX).contains(&calls), "{side:?}: {calls} calls");
    let (mut kills, mut missed) = (0, 0);
    for (k, is_inside) in chosen(calls, seed) {
        let killed = at(format!("{side:?}-{k}-{is_inside}"));
        let pair = killed.fill(&scene);
        let mut child = killed.spawn(&scene, side, k, is_inside);
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
        scene.expect_whole(&pair, &format!("seed {seed}, {side:?} on {place}, call {k}, inside: {is_inside}"));
    }
    println!("seed {seed}: copy, {calls} calls of the {side:?}, {kills} kills, {missed} came too late, on {place}");
    assert!(kills > missed);
}

/// Both repositories as they are before the copy, in memories that nobody changes.
struct Scene {
    pair: Pair,
    /// What each point was made of.
    sources: Vec<(PointId, BTreeMap<PathBuf, Vec<u8>>)>,
}

impl Scene {
    fn new(folder: &Path) -> Scene {
        let pair = Pair::new(folder);
        let mut sources = Vec::new();
        for round in 0..3u64 {
            pair.source.write(format!("d/{round}"), &noise(round, 60_000));
            pair.source.write("text", format!("round {round}").repeat(99).as_bytes());
            let point = pair.source.back_up().unwrap().point.unwrap();
            sources.push((point, contents(&pair.source.source)));
            if round == 0 {
                pair.copy(Which::Latest).unwrap();
            }
        }
        Scene { pair, sources }
    }

    /// Everything that must be true after the copy was killed somewhere.
    fn expect_whole(&self, pair: &Pair, place: &str) {
        self.expect_points(pair, place);
        let done = pair.copy(Which::All).unwrap_or_else(|e| panic!("{place}: the next copy: {e}"));
        let all = self.sources.len();
        assert_eq!((done.copied.len() as u64 + done.present, done.failed.len()), (all as u64, 0), "{place}: {done:?}");
        assert_eq!(self.expect_points(pair, place), all, "{place}");
        pair.expect_same_points();
        let left: Vec<_> = std::fs::read_dir(&pair.spool).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["door"], "{place}: the spool");
        // What the killed one left in the target is garbage, and nothing else is.
        let impatient = CollectOptions { lease_seconds: -1, ..options() };
        collect_all(&pair.target.open().unwrap(), &impatient).unwrap_or_else(|e| panic!("{place}: the next gc: {e}"));
        assert_eq!(self.expect_points(pair, place), all, "{place}");
    }

    /// The target's check is clean, and each of its points is what it was made of; how many there are.
    fn expect_points(&self, pair: &Pair, place: &str) -> usize {
        assert_eq!(pair.target.check().expect(place).errors, Vec::new(), "{place}");
        let repository = pair.target.open().unwrap();
        let points = repository.points().unwrap();
        assert!(points.iter().any(|p| p.manifest.id == self.sources[0].0), "{place}: the base is gone");
        for point in &points {
            let (_, source) = self.sources.iter().find(|(id, _)| *id == point.manifest.id).expect(place);
            let (target, monitor) = (tempfile::tempdir().unwrap(), Arc::new(Monitor::new()));
            let inside = pair.source.inside();
            restore(&repository, point, &inside, target.path(), &restore_options(), &monitor).expect(place);
            assert_eq!(monitor.take_warnings().len(), 0, "{place}");
            assert!(contents(target.path()) == *source, "{place}: {} is not its source", point.manifest.id);
        }
        points.len()
    }
}

/// Repositories of their own for one kill; cache and spool of the killed process, with which the next one goes on.
struct Killed<'a> {
    place: Location,
    options: &'a Options,
    cache: PathBuf,
}

impl Killed<'_> {
    fn fill(&self, scene: &Scene) -> Pair {
        let pair = pair(&self.place, self.options, &self.cache, &scene.pair.source.source);
        for (from, to) in
            [(&scene.pair.source.store, &pair.source.store), (&scene.pair.target.store, &pair.target.store)]
        {
            for name in names_of(&**from) {
                to.put_new(&name, from.get(&name).unwrap()).unwrap();
            }
        }
        pair
    }

    fn spawn(&self, scene: &Scene, side: Side, k: u64, is_inside: bool) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "proofs::killed::copying::the_copy_that_is_killed", "--ignored", "--nocapture"]);
        command.env(SIDE, format!("{side:?}")).env(FOLDER, &scene.pair.source.source);
        command.env(PLACE, self.place.to_string()).env(CACHE, &self.cache);
        command.env(CALL, k.to_string()).env(INSIDE, is_inside.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
    }
}

/// Both repositories below a place; `folder` is what the source's points were made of.
fn pair(place: &Location, options: &Options, cache: &Path, folder: &Path) -> Pair {
    let rig = |name: &str, password: &[u8]| {
        let place = place.below(name);
        if let Location::Folder(path) = &place {
            std::fs::create_dir_all(path).unwrap();
        }
        Rig {
            source: folder.to_owned(),
            store: open(&place, options).unwrap(),
            cache: CachePlace::Folder(cache.to_owned()),
            env: Machine::shared(),
            password: Some(password.to_vec()),
            job: "test".into(),
        }
    };
    Pair {
        source: rig("source", super::super::rig::PASSWORD),
        target: rig("target", OTHER),
        spool: cache.join("spool"),
    }
}

#[test]
#[ignore = "the other process of the tests beside it"]
fn the_copy_that_is_killed() {
    let variable = |name: &str| std::env::var(name).unwrap();
    if std::env::var_os(SIDE).is_none() {
        return;
    }
    let side = Side::ALL.into_iter().find(|s| format!("{s:?}") == variable(SIDE)).unwrap();
    let (k, is_inside) = (variable(CALL).parse::<u64>().unwrap(), variable(INSIDE) == "true");
    let place = Location::parse(variable(PLACE)).unwrap();
    let options = match place {
        Location::Folder(_) => Options::default(),
        _ => targets::s3().unwrap().options,
    };
    let mut pair = pair(&place, &options, Path::new(&variable(CACHE)), Path::new(&variable(FOLDER)));
    let counted = if side == Side::Source { &mut pair.source } else { &mut pair.target };
    let store = Arc::new(Faulty::new(counted.store.clone(), move |call| {
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
    counted.store = store.clone() as Arc<dyn Store>;
    assert_eq!(pair.copy(Which::All).unwrap().failed.len(), 0);
    say(&format!("{ENDED}{}", store.calls()));
}

const SIDE: &str = "CAIRN_KILLED_SIDE";
const FOLDER: &str = "CAIRN_KILLED_FOLDER";
