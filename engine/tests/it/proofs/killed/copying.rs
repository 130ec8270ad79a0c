//! SIGKILL at the k-th call of a copy to either of its stores. The target has a point already, so the killed copy builds upon a base and brings two.

use super::super::gc::{collect_all, options};
use super::super::rig::{Rig, contents, names_of, noise, restore_options};
use super::frame::{At, Doomed, Orders, ended, kill, variable};
use crate::copy::{OTHER, Pair, Which};
use crate::store::targets;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::maintenance::CollectOptions;
use engine::monitor::Monitor;
use engine::restore::restore;
use engine::store::{Location, Options, StoreExt, open};
use format_spec::log::PointId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[test]
fn a_copy_killed_at_a_call_to_a_folder_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Location::Folder(folder.path().to_owned());
    kill_each(&place, &Options::default());
}

#[test]
fn a_copy_killed_at_a_call_to_seaweedfs_loses_nothing() {
    let Some(target) = targets::s3() else { return };
    kill_each(&target.location, &target.options);
}

fn kill_each(place: &Location, options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    Side::ALL.into_iter().for_each(|side| kill(&Copying { side, scene: &scene }, place, options));
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

/// A copy that is killed at a call to one of its stores.
struct Copying<'a> {
    side: Side,
    scene: &'a Scene,
}

impl Doomed for Copying<'_> {
    const OTHER_PROCESS: &'static str = "proofs::killed::copying::the_copy_that_is_killed";
    type Filled = Pair;

    fn name(&self) -> String {
        format!("Copy{:?}", self.side)
    }

    fn told(&self) -> Vec<(&'static str, OsString)> {
        let folder = self.scene.pair.source.source.clone();
        vec![(SIDE, format!("{:?}", self.side).into()), (FOLDER, folder.into())]
    }

    fn fill(&self, at: &At<'_>) -> Pair {
        let from = &self.scene.pair;
        let pair = pair(&at.place, at.options, &at.cache, &from.source.source);
        for (from, to) in [(&from.source.store, &pair.source.store), (&from.target.store, &pair.target.store)] {
            for name in names_of(&**from) {
                to.put_new(&name, from.get(&name).unwrap()).unwrap();
            }
        }
        pair
    }

    fn expect_whole(&self, pair: &Pair, place: &str) {
        self.scene.expect_whole(pair, place);
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
    let Some(orders) = Orders::heard() else { return };
    let side = Side::ALL.into_iter().find(|s| format!("{s:?}") == variable(SIDE)).unwrap();
    let mut pair = pair(&orders.place, &orders.options, &orders.cache, Path::new(&variable(FOLDER)));
    let counted = if side == Side::Source { &mut pair.source } else { &mut pair.target };
    let store = orders.over(counted.store.clone());
    counted.store = store.clone();
    assert_eq!(pair.copy(Which::All).unwrap().failed.len(), 0);
    ended(&store);
}

const SIDE: &str = "CAIRN_KILLED_SIDE";
const FOLDER: &str = "CAIRN_KILLED_FOLDER";
