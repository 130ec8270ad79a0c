//! The repository that two operations meet in, and what it must be afterwards.

use crate::copy::{Pair, Which, target_of};
use crate::proofs::gc::{collect_all, expire, options};
use crate::proofs::rig::{Rig, copy_of, noise};
use engine::Result;
use engine::blob::WriterOptions;
use engine::maintenance::CollectOptions;
use engine::monitor::Monitor;
use engine::reader::ContentReader;
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::session::{Opening, WriteSession};
use engine::store::{Memory, Store};
use engine::tree::{Flow, walk};
use format_spec::log::{PointId, Purpose};
use format_spec::tree::Kind;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Files of a point by their paths below the source folder.
pub(super) type Files = BTreeMap<Vec<u8>, Vec<u8>>;

/// Garbage of an expired point, a point that is to expire, one that everybody reads, and a source that has gone on: it has files again that only
/// garbage holds.
pub(super) struct Scene {
    pub(super) rig: Rig,
    /// What `expire` gives up.
    pub(super) old: PointId,
    /// What is read, tagged and rewritten.
    pub(super) newest: PointId,
    points: BTreeMap<PointId, Files>,
    source: Files,
    /// Where copies come from, and the point that is to come.
    pub(super) origin: Option<(Rig, PointId)>,
    _folder: tempfile::TempDir,
}

/// What `erase` takes out of every point; the source has it no more.
pub(super) const ERASED: &str = "d1/erased";

impl Scene {
    /// With more index segments than a collection leaves unfolded, if asked for.
    pub(super) fn new(many_segments: bool) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
        let mut points = BTreeMap::new();
        write(&rig, 0..12, 0);
        rig.write("large", &noise(100, 300_000));
        rig.write(ERASED, &noise(101, 20_000));
        let first = rig.back_up().unwrap().point.unwrap();
        write(&rig, 0..6, 200);
        rig.write("large", &noise(102, 300_000));
        let old = rig.back_up().unwrap().point.unwrap();
        points.insert(old, files_below(&rig.source));
        write(&rig, 6..9, 300);
        let newest = rig.back_up().unwrap().point.unwrap();
        points.insert(newest, files_below(&rig.source));
        expire(&rig.open().unwrap(), vec![first]);
        if many_segments {
            publish_many(&rig.open().unwrap());
        }
        // What the expired point had: its chunks are garbage that is still published.
        rig.write("large", &noise(100, 300_000));
        write(&rig, 0..3, 0);
        rig.write("d0/new", &noise(400, 30_000));
        std::fs::remove_file(rig.source.join(ERASED)).unwrap();
        let source = files_below(&rig.source);
        Scene { rig, old, newest, points, source, origin: None, _folder: folder }
    }

    /// A repository of copies of the same points, with the garbage of another one, which the point that is to come has files of.
    pub(super) fn of_copies(many_segments: bool) -> Scene {
        let scene = Scene::new(false);
        let target = target_of(&scene.rig, Arc::new(Memory::new()), Default::default());
        let pair = Pair { source: scene.rig, target, spool: scene._folder.path().join("spool") };
        pair.copy(Which::All).unwrap();
        pair.source.write("d1/goes", &noise(500, 200_000));
        let goes = pair.source.back_up().unwrap().point.unwrap();
        pair.copy(Which::Latest).unwrap();
        expire(&pair.target.open().unwrap(), vec![goes]);
        std::fs::remove_file(pair.source.source.join("d1/goes")).unwrap();
        let coming = pair.source.back_up().unwrap().point.unwrap();
        if many_segments {
            publish_many(&pair.target.open().unwrap());
        }
        Scene { rig: pair.target, origin: Some((pair.source, coming)), ..scene }
    }

    /// What was copied out while another one worked: each point as it was, or as it became.
    pub(super) fn expect_copies(&self, target: &Rig) {
        assert_eq!(target.check().unwrap().errors, Vec::new(), "a copy beside another's work");
        let repository = target.open().unwrap();
        let points = repository.points().unwrap();
        assert!(points.iter().any(|p| p.manifest.id == self.newest), "the newest point was not copied");
        for point in &points {
            let found = read_all(&repository, point).unwrap();
            let wanted = self.points.get(&point.manifest.id).unwrap_or(&self.source);
            assert!(same(&found, wanted) || same(&found, &without_erased(wanted)), "{}", difference(&found, wanted));
        }
    }

    /// A copy of the repository, in which two operations are to meet.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        copy_of(&*self.rig.store)
    }

    /// What may be read from the point that nobody gives up: as it was, or without what was erased.
    pub(super) fn expect_newest(&self, found: &Files) {
        let wanted = &self.points[&self.newest];
        assert!(same(found, wanted) || same(found, &without_erased(wanted)), "{}", difference(found, wanted));
    }

    /// The check is clean; after the most impatient of collections every live point is its source, and none is missing.
    pub(super) fn expect_whole(&self, store: Arc<dyn Store>, done: &Done, what: &str) {
        let rig = self.rig.over(store);
        let report = rig.check().unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(report.errors, Vec::new(), "{what}");
        let repository = rig.open().unwrap();
        let impatient = CollectOptions { lease_seconds: -1, ..options() };
        collect_all(&repository, &impatient).unwrap_or_else(|e| panic!("{what}: {e}"));
        let repository = rig.open().unwrap();
        let live = repository.points().unwrap();
        let (mut known, mut new) = (Vec::new(), 0);
        for point in &live {
            let found = read_all(&repository, point).unwrap_or_else(|e| panic!("{what}: {e}"));
            let wanted = match self.points.get(&point.manifest.id) {
                Some(files) if done.has_erased => &without_erased(files),
                Some(files) => files,
                None => &self.source,
            };
            assert!(same(&found, wanted), "{what}: {}", difference(&found, wanted));
            match self.points.contains_key(&point.manifest.id) {
                true => known.push(point.manifest.id),
                false => new += 1,
            }
        }
        let wanted = if done.has_expired { vec![self.newest] } else { vec![self.old, self.newest] };
        assert_eq!((known, new), (wanted, done.backups), "{what}");
        let tagged = live.iter().find(|p| p.manifest.id == self.newest).unwrap();
        assert_eq!(tagged.manifest.tags.contains(&"kept".to_owned()), done.has_tagged, "{what}");
    }
}

/// What two operations did between them.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) backups: usize,
    pub(super) has_expired: bool,
    pub(super) has_erased: bool,
    pub(super) has_tagged: bool,
}

/// Every file of a point, read through a handle that may be old.
pub(super) fn read_all(repository: &Repository, point: &Point) -> Result<Files> {
    let inside = &point.manifest.paths[0];
    let prefix = inside.strip_prefix(b"/").unwrap_or(inside);
    let found = Mutex::new(Files::new());
    walk(repository.nodes(), &point.manifest.root, &mut |seen| {
        if seen.entry.kind == Kind::File {
            let reader = ContentReader::open(repository.blobs(), seen.entry)?;
            let mut bytes = vec![0; usize::try_from(reader.size()).unwrap()];
            assert_eq!(reader.read_at(0, &mut bytes)?, bytes.len());
            found.lock().insert(seen.path[prefix.len() + 1..].to_vec(), bytes);
        }
        Ok(Flow::Continue)
    })?;
    Ok(found.into_inner())
}

/// Every file below a folder.
pub(super) fn files_below(folder: &Path) -> Files {
    let mut found = Files::new();
    for (path, bytes) in crate::proofs::rig::contents(folder) {
        if folder.join(&path).is_file() {
            found.insert(path.into_os_string().into_encoded_bytes(), bytes);
        }
    }
    found
}

fn write(rig: &Rig, files: std::ops::Range<u64>, seed: u64) {
    for n in files {
        rig.write(format!("d{}/{n}", n % 3), &noise(seed + n, 6_000));
    }
}

/// One session that publishes again and again and never commits.
fn publish_many(repository: &Arc<Repository>) {
    let opening = Opening { job: "many", host: "test", purpose: Purpose::Backup, base: None };
    let session = WriteSession::open(repository, opening).unwrap();
    let how = WriterOptions { threads: 1, ..WriterOptions::default() };
    let writer = session.writer(how, &Arc::new(Monitor::new())).unwrap();
    for n in 0..SEGMENTS_MANY {
        let chunk = noise(10_000 + n, 100);
        writer.put_chunk(repository.sealed_store().ids.chunk(&chunk), chunk).unwrap();
        writer.flush().unwrap();
    }
    let view = repository.log().view();
    assert!(view.segments.len() as u64 > SEGMENTS_MANY);
    assert!(view.segments.iter().any(|s| s.session == session.number()));
}

/// More than a collection leaves.
const SEGMENTS_MANY: u64 = 66;

fn without_erased(files: &Files) -> Files {
    files.iter().filter(|(path, _)| path.as_slice() != ERASED.as_bytes()).map(|(p, b)| (p.clone(), b.clone())).collect()
}

fn same(a: &Files, b: &Files) -> bool {
    a == b
}

/// Names alone: bytes of a whole source help nobody.
fn difference(found: &Files, wanted: &Files) -> String {
    let text = |path: &Vec<u8>| String::from_utf8_lossy(path).into_owned();
    let missing: Vec<_> = wanted.keys().filter(|p| !found.contains_key(*p)).map(text).collect();
    let other: Vec<_> = found.iter().filter(|(p, b)| wanted.get(*p) != Some(b)).map(|(p, _)| text(p)).collect();
    format!("missing {missing:?}, other bytes or too many {other:?}")
}
