//! A catalog in memory: backs folders up with the engine's own source and trees, and can be damaged, archived and stuck.

use bytes::Bytes;
use engine::restore_point::Point;
use engine::source::rules::Rules;
use engine::source::{Found, Source, Step, folder::FolderSource};
use engine::tree::{
    ContentBuilder, ContentCursor, FolderBuilder, MapBuilder, Names, NodeSink, NodeSource, names_of, stored_bytes,
};
use engine::{Error, Kind, Result};
use format_spec::log::PointId;
use format_spec::point::{LedgerCounts, Manifest, Maps, PointKind, Workload};
use format_spec::tree::{Entry, Extent, Node};
use format_spec::{ChunkId, Time};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use view::Sources;
use view::catalog::{Content, PointCatalog, Points, Unreadable};

const CHUNK_BYTES: usize = 64 << 10;

#[derive(Default)]
pub(crate) struct Memory {
    kept: Arc<Kept>,
    points: Mutex<Vec<Arc<Point>>>,
    unreadable: Mutex<Vec<Unreadable>>,
    made: Mutex<u32>,
    offline: Mutex<bool>,
    sources: Mutex<Sources>,
}

#[derive(Default)]
struct Kept {
    nodes: Mutex<HashMap<ChunkId, Arc<Node>>>,
    chunks: Mutex<HashMap<ChunkId, Vec<u8>>>,
    faults: Mutex<HashMap<ChunkId, Kind>>,
    outage: Mutex<Outage>,
    stuck: Mutex<HashSet<ChunkId>>,
    changed: Condvar,
    /// What each question to the store takes.
    latency: Mutex<Duration>,
    questions: AtomicUsize,
    under_way: AtomicUsize,
    under_way_max: AtomicUsize,
}

/// What is wrong with the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Outage {
    #[default]
    None,
    /// Nothing comes back.
    Stuck,
    /// Every question fails at once.
    Refused,
}

impl Memory {
    /// Backs up `folder` as the next point.
    pub(crate) fn back_up(&self, folder: &Path, host: &str, job: &str, started: i64) -> Arc<Point> {
        self.back_up_with(folder, host, job, started, |_| ())
    }

    /// As [`Memory::back_up`], with a manifest that was changed before it is visible.
    pub(crate) fn back_up_with(
        &self,
        folder: &Path,
        host: &str,
        job: &str,
        started: i64,
        change: impl FnOnce(&mut Manifest),
    ) -> Arc<Point> {
        let source = FolderSource::new(&[folder.to_owned()], Rules::default()).unwrap();
        let mut backup = Backup { kept: &self.kept, first: BTreeMap::new(), open: Vec::new() };
        let root = backup.run(&source);
        let mut links = MapBuilder::new();
        for (group, path) in &backup.first {
            links.push(group, path, &mut Sink(&self.kept)).unwrap();
        }
        let links = links.finish(&mut Sink(&self.kept)).unwrap();
        let number = {
            let mut made = self.made.lock().unwrap();
            *made += 1;
            *made
        };
        let started = Time::new(started, 0);
        let mut manifest = Manifest {
            id: PointId([u8::try_from(number).unwrap(); 16]),
            started,
            finished: started,
            job: job.into(),
            host: host.into(),
            organisation: String::new(),
            paths: Vec::new(),
            tags: Vec::new(),
            kind: PointKind::Full,
            kind_reason: String::new(),
            workload: Workload::Folders,
            root,
            counts: LedgerCounts::default(),
            maps: Maps { links, ..Maps::default() },
            base: None,
            references: ChunkId([0; 32]),
            bytes: [0; 3],
            first: None,
            rules: Vec::new(),
            cut: None,
            unnamed: Some(0),
            shrunken: None,
            naming: None,
            source: None,
            seen: Vec::new(),
        };
        change(&mut manifest);
        let point = Arc::new(Point { number, slot: number, session: number, manifest });
        self.points.lock().unwrap().push(Arc::clone(&point));
        point
    }

    /// The entry at an absolute path of a point.
    pub(crate) fn entry(&self, point: &Point, path: &Path) -> Entry {
        use std::os::unix::ffi::OsStrExt;
        let names = path.as_os_str().as_bytes().split(|b| *b == b'/').filter(|n| !n.is_empty());
        let found = engine::tree::lookup(&*self.kept, &point.manifest.root, names).unwrap();
        (*found.expect("the path is in the point").entry).clone()
    }

    /// Makes whatever needs this id fail.
    pub(crate) fn fail(&self, id: ChunkId, kind: Kind) {
        self.kept.faults.lock().unwrap().insert(id, kind);
    }

    /// The id of a file's chunk by its number.
    pub(crate) fn chunk_of(&self, entry: &Entry, nth: usize) -> ChunkId {
        let cursor = ContentCursor::open(&*self.kept, entry.content, stored_bytes(entry)).unwrap();
        let all: Vec<_> = cursor.map(|p| p.unwrap()).collect();
        all[nth].id
    }

    /// Nothing fails any more for this id's sake.
    pub(crate) fn heal(&self, id: ChunkId) {
        self.kept.faults.lock().unwrap().remove(&id);
    }

    /// From now on it is a repository of copies, made for this source.
    pub(crate) fn set_sources(&self, sources: Sources) {
        *self.sources.lock().unwrap() = sources;
    }

    /// From now on this is wrong with the store.
    pub(crate) fn set_outage(&self, outage: Outage) {
        *self.kept.outage.lock().unwrap() = outage;
        self.kept.changed.notify_all();
    }

    /// From now on these alone never come back.
    pub(crate) fn set_stuck(&self, ids: impl IntoIterator<Item = ChunkId>) {
        *self.kept.stuck.lock().unwrap() = ids.into_iter().collect();
        // Under the lock, so that nobody looks before and waits after.
        let _outage = self.kept.outage.lock().unwrap();
        self.kept.changed.notify_all();
    }

    /// From now on each question takes this long.
    pub(crate) fn set_latency(&self, latency: Duration) {
        *self.kept.latency.lock().unwrap() = latency;
    }

    /// How often the store was asked so far.
    pub(crate) fn questions(&self) -> usize {
        self.kept.questions.load(Ordering::Relaxed)
    }

    /// How many questions were under way at once, at most.
    pub(crate) fn under_way_max(&self) -> usize {
        self.kept.under_way_max.load(Ordering::Relaxed)
    }

    /// Lets a point expire; its nodes and chunks stay for now.
    pub(crate) fn expire(&self, point: &Point) {
        self.points.lock().unwrap().retain(|p| p.number != point.number);
    }

    /// Whether nobody can say which points there are.
    pub(crate) fn set_offline(&self, offline: bool) {
        *self.offline.lock().unwrap() = offline;
    }

    /// Of this point nothing but its id can be read any more; returns what it was.
    pub(crate) fn spoil(&self, point: &Arc<Point>, kind: Kind) -> Unreadable {
        self.points.lock().unwrap().retain(|p| p.number != point.number);
        let (what, advice) = ("its manifest is unreadable".to_owned(), "do this about it".to_owned());
        let unreadable = Unreadable { id: point.manifest.id, kind, what, advice };
        self.unreadable.lock().unwrap().push(unreadable.clone());
        unreadable
    }

    /// It can be read again.
    pub(crate) fn repair(&self, point: &Arc<Point>) {
        self.unreadable.lock().unwrap().retain(|p| p.id != point.manifest.id);
        self.points.lock().unwrap().push(Arc::clone(point));
    }

    /// Forgets a point and all nodes and chunks.
    pub(crate) fn expire_all(&self) {
        self.points.lock().unwrap().clear();
        self.kept.nodes.lock().unwrap().clear();
        self.kept.chunks.lock().unwrap().clear();
    }
}

impl PointCatalog for Memory {
    fn points(&self) -> Result<Points> {
        if *self.offline.lock().unwrap() {
            return Err(Error::new(Kind::Transient, "out of fetch"));
        }
        let unreadable = self.unreadable.lock().unwrap().clone();
        Ok(Points { readable: self.points.lock().unwrap().clone(), unreadable })
    }

    fn is_visible(&self, number: u32) -> Result<bool> {
        self.kept.ask(None)?;
        Ok(self.points.lock().unwrap().iter().any(|p| p.number == number))
    }

    fn sources(&self) -> Sources {
        *self.sources.lock().unwrap()
    }

    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        self.kept.ask(Some(id))?;
        self.kept.node(id)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>> {
        let mut pieces = Vec::new();
        for piece in ContentCursor::open(&*self.kept, entry.content, stored_bytes(entry))? {
            pieces.push(piece?.id);
        }
        let runs = entry.extents.clone().unwrap_or(vec![Extent { offset: 0, bytes: entry.size }]);
        Ok(Box::new(Opened { kept: Arc::clone(&self.kept), pieces, runs, size: entry.size }))
    }

    fn ready(&self, entry: &Entry) -> Result<()> {
        for piece in ContentCursor::open(&*self.kept, entry.content, stored_bytes(entry))? {
            if self.kept.faults.lock().unwrap().get(&piece?.id) == Some(&Kind::Archived) {
                return Err(Error::new(Kind::Archived, "in an archive class"));
            }
        }
        Ok(())
    }

    fn is_local(&self) -> bool {
        true
    }
}

impl Kept {
    /// Takes its time, waits while the store is stuck, and fails as it was told to.
    fn ask(&self, id: Option<&ChunkId>) -> Result<()> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.under_way_max.fetch_max(under_way, Ordering::Relaxed);
        let answer = self.answer(id);
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    fn answer(&self, id: Option<&ChunkId>) -> Result<()> {
        let latency = *self.latency.lock().unwrap();
        if !latency.is_zero() {
            std::thread::sleep(latency);
        }
        let mut outage = self.outage.lock().unwrap();
        let is_stuck = |id| self.stuck.lock().unwrap().contains(id);
        while *outage == Outage::Stuck || id.is_some_and(is_stuck) {
            outage = self.changed.wait(outage).unwrap();
        }
        if *outage == Outage::Refused {
            return Err(Error::new(Kind::Transient, "connection refused, as the test wants it"));
        }
        match id.and_then(|id| self.faults.lock().unwrap().get(id).copied()) {
            Some(kind) => Err(Error::new(kind, "as the test wants it")),
            None => Ok(()),
        }
    }
}

impl NodeSource for Kept {
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        let absent = || Error::new(Kind::Absent, "no such node");
        self.nodes.lock().unwrap().get(id).cloned().ok_or_else(absent)
    }
}

/// Bytes by run and chunk: every chunk but a content's last has the same length.
struct Opened {
    kept: Arc<Kept>,
    pieces: Vec<ChunkId>,
    runs: Vec<Extent>,
    size: u64,
}

impl Content for Opened {
    fn read_in_memory(&self, _: u64, _: usize) -> Result<Option<Bytes>> {
        Ok(None)
    }

    fn read(&self, offset: u64, bytes: usize) -> Result<Bytes> {
        let wanted = usize::try_from(self.size.saturating_sub(offset)).unwrap().min(bytes);
        let mut buffer = vec![0; wanted];
        let mut stored = 0;
        for run in &self.runs {
            let (from, to) = (run.offset.max(offset), (run.offset + run.bytes).min(offset + wanted as u64));
            let mut at = from;
            while at < to {
                let place = usize::try_from(stored + at - run.offset).unwrap();
                let id = self.pieces[place / CHUNK_BYTES];
                self.kept.ask(Some(&id))?;
                let chunks = self.kept.chunks.lock().unwrap();
                let chunk = chunks.get(&id).ok_or_else(|| Error::new(Kind::Absent, "no such chunk"))?;
                let bytes = &chunk[place % CHUNK_BYTES..];
                let bytes = &bytes[..bytes.len().min(usize::try_from(to - at).unwrap())];
                let into = usize::try_from(at - offset).unwrap();
                buffer[into..into + bytes.len()].copy_from_slice(bytes);
                at += bytes.len() as u64;
            }
            stored += run.bytes;
        }
        Ok(buffer.into())
    }

    fn piece_at(&self, offset: u64) -> Range<u64> {
        // Of dense files, which is what the tests damage.
        let start = offset - offset % CHUNK_BYTES as u64;
        start..(start + CHUNK_BYTES as u64).min(self.size)
    }
}

struct Sink<'a>(&'a Kept);

impl NodeSink for Sink<'_> {
    fn put_node(&mut self, bytes: Vec<u8>, names: &Names) -> Result<ChunkId> {
        let id = ChunkId(*blake3::hash(&bytes).as_bytes());
        let node = Node::decode(&bytes)?;
        assert_eq!(&names_of(&node), names);
        self.0.nodes.lock().unwrap().insert(id, Arc::new(node));
        Ok(id)
    }
}

struct Backup<'a> {
    kept: &'a Kept,
    first: BTreeMap<[u8; 16], Vec<u8>>,
    open: Vec<(Entry, FolderBuilder)>,
}

impl Backup<'_> {
    fn run(&mut self, source: &FolderSource) -> Entry {
        let mut walk = source.walk().unwrap();
        while let Some(step) = walk.next() {
            match step {
                Step::Enter(mut found) => {
                    found.opens.fill(&mut found.entry).unwrap();
                    self.open.push((found.entry, FolderBuilder::new()));
                }
                Step::Item(found) => {
                    let entry = self.item(found);
                    self.open.last_mut().unwrap().1.push(&entry, &mut Sink(self.kept)).unwrap();
                }
                Step::Leave => {
                    let (mut entry, builder) = self.open.pop().unwrap();
                    (entry.content, entry.totals) = builder.finish(&mut Sink(self.kept)).unwrap();
                    match self.open.last_mut() {
                        Some((_, above)) => above.push(&entry, &mut Sink(self.kept)).unwrap(),
                        None => return entry,
                    }
                }
                Step::Failed(failure) | Step::Missing(failure) | Step::Unlisted { failure, .. } => {
                    panic!("{failure:?}")
                }
            }
        }
        panic!("the walk ended before its root")
    }

    fn item(&mut self, found: Found) -> Entry {
        let Found { mut entry, path, opens } = found;
        assert_eq!(opens.fill(&mut entry).unwrap(), Vec::<String>::new());
        if let Some(group) = entry.link_group {
            self.first.entry(group).or_insert(path);
        }
        if entry.kind == format_spec::tree::Kind::File {
            let mut reader = opens.open(&entry).unwrap();
            entry.extents = reader.extents().unwrap();
            let mut bytes = Vec::new();
            let mut buffer = vec![0; 1 << 20];
            loop {
                match reader.read(&mut buffer).unwrap() {
                    0 => break,
                    n => bytes.extend_from_slice(&buffer[..n]),
                }
            }
            let mut builder = ContentBuilder::new();
            for chunk in bytes.chunks(CHUNK_BYTES) {
                let id = ChunkId(*blake3::hash(chunk).as_bytes());
                self.kept.chunks.lock().unwrap().insert(id, chunk.to_vec());
                builder.push(id, u32::try_from(chunk.len()).unwrap(), &mut Sink(self.kept)).unwrap();
            }
            entry.content = builder.finish(&mut Sink(self.kept)).unwrap().0;
        }
        entry
    }
}
