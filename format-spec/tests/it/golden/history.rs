//! A repository with a past: two points, of which one expired and one was rewritten; its data was moved twice; what was given up is gone.
//!
//! Who restores the live point has to leave out condemned packs and replaced segments, and who verifies it has to follow its reference
//! set through both moves ([LOG-20]). What was swept lies beside the repository, since the log still vouches for it.

use super::good::{self, log_entry, pack_under, segment, vouch};
use super::trees::{self, leaf_of_folder, leaf_of_map};
use super::{PASSWORD, REPOSITORY, Shape, Vector, fixed, header, header_of, name, secrets, suite_name};
use format_spec::container::{ObjectKind, Suite};
use format_spec::key_slot::KeySlot;
use format_spec::log::{
    Change, CondemnedPack, KeyChange, ObjectRange, ObjectRef, ObjectRow, PointId, PublishedPack, Purpose,
    RetrievalMode, RetrievalStep, Run, Survivors,
};
use format_spec::point::{LedgerCounts, Manifest, Maps, PackReferences, PointKind, Workload, reference_key};
use format_spec::tree::{Content, Entry, Kind};
use format_spec::{ChunkId, ObjectId, Time};

const DATA: ObjectKind = ObjectKind::DataPack;
const META: ObjectKind = ObjectKind::MetaPack;
const INDEX: ObjectKind = ObjectKind::IndexSegment;
const POINT: ObjectKind = ObjectKind::RestorePoint;

/// The objects made so far and the log's end.
struct Maker<'a> {
    suite: Suite,
    settle: &'a dyn Fn(&Vector) -> Vec<u8>,
    vectors: Vec<Vector>,
    slot: u32,
    previous: Vec<u8>,
}

/// A pack as the log and a segment need it.
struct Made {
    id: ObjectId,
    published: PublishedPack,
    bytes: Vec<u8>,
}

impl Maker<'_> {
    /// Files an object below `history-*`, or below `swept-*` where it is gone from the repository at its end.
    fn file(&mut self, kind: ObjectKind, session: u32, ordinal: u32, why: &str, bytes: Vec<u8>) -> Vec<u8> {
        let place = |ordinal| format!("{}/{}", suite_name(self.suite), name(kind, session, ordinal));
        let folder = if SWEPT.contains(&(kind, session, ordinal)) { "swept" } else { "history" };
        let shape = Shape::Object(kind, ordinal);
        let mut vector = Vector::new(format!("{folder}-{}", place(ordinal)), shape, self.suite, bytes);
        if session != 0 {
            vector.session = session;
        }
        why.clone_into(&mut vector.why);
        if kind == ObjectKind::LogEntry {
            vector.previous = Some(match ordinal {
                1 => format!("history-{}/config", suite_name(self.suite)),
                _ => format!("history-{}", place(ordinal - 1)),
            });
        }
        let settled = (self.settle)(&vector);
        self.vectors.push(vector);
        settled
    }

    fn log(&mut self, why: &str, change: Change) {
        self.slot += 1;
        let salt = header(ObjectKind::LogEntry, self.suite, self.slot, "history").salt;
        let entry = log_entry(self.slot, change, &self.previous);
        let bytes = entry.encode(REPOSITORY, &secrets(self.suite), salt);
        self.previous = self.file(ObjectKind::LogEntry, 0, self.slot, why, bytes);
    }

    fn pack(&mut self, kind: ObjectKind, session: u32, ordinal: u32, blobs: &[Vec<u8>]) -> Made {
        let ids = secrets(self.suite).ids();
        let head = header_of(kind, self.suite, session, ordinal, "history");
        let bytes = pack_under(head, &[blobs], |b| ids.blob(kind, b));
        let bytes = self.file(kind, session, ordinal, "a pack of the history", bytes);
        let blobs = u32::try_from(blobs.len()).unwrap();
        let published = PublishedPack { kind, object: vouch(ordinal, &bytes), blobs };
        Made { id: ObjectId { session, ordinal }, published, bytes }
    }

    fn segment(&mut self, session: u32, ordinal: u32, packs: &[&Made]) -> ObjectRef {
        let segment = segment(self.suite, &packs.iter().map(|p| &p.bytes[..]).collect::<Vec<_>>());
        let head = header_of(INDEX, self.suite, session, ordinal, "history");
        let (bytes, _) = segment.encode(head, &secrets(self.suite));
        vouch(ordinal, &self.file(INDEX, session, ordinal, "a segment of the history", bytes))
    }

    fn publish(&mut self, why: &str, session: u32, packs: &[&Made], ordinal: u32) {
        let segment = Some(self.segment(session, ordinal, packs));
        let packs = packs.iter().map(|p| p.published).collect();
        self.log(why, Change::Publish { session, packs, segment });
    }

    fn point(&mut self, session: u32, ordinal: u32, manifest: &Manifest) -> ObjectRef {
        let head = header_of(POINT, self.suite, session, ordinal, "history");
        let (bytes, _) = manifest.encode(head, &secrets(self.suite));
        vouch(ordinal, &self.file(POINT, session, ordinal, "a manifest of the history", bytes))
    }

    fn open(&mut self, why: &str, base: Option<PointId>, purpose: Purpose) {
        let job = if purpose == Purpose::Care { "collection" } else { "home" };
        self.log(why, Change::Open { job: job.into(), host: "box".into(), base, purpose });
    }
}

/// What is gone at the end.
const SWEPT: [(ObjectKind, u32, u32); 10] = [
    (DATA, 1, 0),
    (DATA, 4, 0),
    (DATA, 9, 3),
    (META, 1, 1),
    (META, 4, 1),
    (INDEX, 1, 2),
    (INDEX, 4, 2),
    (INDEX, 9, 1),
    (POINT, 1, 3),
    (POINT, 4, 3),
];

/// The history of a suite, in the order of writing.
pub(crate) fn repository(suite: Suite, settle: &dyn Fn(&Vector) -> Vec<u8>) -> Vec<Vector> {
    let keys = secrets(suite);
    let salt = header(ObjectKind::Config, suite, 0, "").salt;
    let mut maker = Maker { suite, settle, vectors: Vec::new(), slot: 0, previous: Vec::new() };
    let config = good::config(suite).encode(&keys, salt);
    maker.previous = maker.file(ObjectKind::Config, 0, 0, "the parameters", config);
    if suite == Suite::Aes256Gcm {
        let slot = KeySlot::encode(&good::new_slot(), PASSWORD.as_bytes(), &keys).unwrap();
        maker.file(ObjectKind::KeySlot, 0, 0, "a key slot with the cheapest cost", slot);
    }
    let chunks: [Vec<u8>; 4] =
        ["ash", "birch", "cedar", "damson"].map(|tree| format!("{tree}\n").repeat(9).into_bytes());
    let first = backups(&mut maker, &chunks);
    care(&mut maker, &chunks, first);
    maker.vectors
}

/// Slots 1 to 8: two backups, the second of which builds on the first; then the first expires. Returns the second's manifest.
fn backups(maker: &mut Maker<'_>, chunks: &[Vec<u8>; 4]) -> Manifest {
    let (first, second) = (point_id("first"), point_id("second"));
    maker.open("Open of the first backup", None, Purpose::Backup);
    let data = maker.pack(DATA, 1, 0, &chunks[..3]);
    let used = [((1, 0), 3, &[0, 1, 2][..]), ((1, 1), 2, &[0])];
    let (nodes, mut manifest) = tree(maker.suite, &chunks[..3], &used, None);
    manifest.id = first;
    let meta = maker.pack(META, 1, 1, &nodes);
    maker.publish("Publish of the first backup", 1, &[&data, &meta], 2);
    let point = maker.point(1, 3, &manifest);
    let references = manifest.references;
    maker.log("Commit of point 1", Change::Commit { session: 1, point, id: first, references });

    maker.open("Open of the second backup, with a base", Some(first), Purpose::Backup);
    maker.log("a sign of life", Change::Publish { session: 4, packs: Vec::new(), segment: None });
    let data = maker.pack(DATA, 4, 0, &chunks[3..]);
    let used = [((1, 0), 3, &[1, 2][..]), ((4, 0), 1, &[0]), ((4, 1), 3, &[0, 2])];
    let (nodes, mut manifest) = tree(maker.suite, &chunks[1..], &used, Some(b"delta-1"));
    (manifest.id, manifest.base, manifest.kind) = (second, Some(first), PointKind::Incremental);
    (manifest.started, manifest.finished) = (Time::new(1_700_090_000, 0), Time::new(1_700_090_060, 5));
    let meta = maker.pack(META, 4, 1, &nodes);
    maker.publish("Publish of the second backup", 4, &[&data, &meta], 2);
    let point = maker.point(4, 3, &manifest);
    let references = manifest.references;
    maker.log("Commit of point 2", Change::Commit { session: 4, point, id: second, references });
    let (reason, plan) = ("keep-last 1".into(), fixed("a plan of expiry"));
    maker.log("Expire of point 1", Change::Expire { points: vec![first], reason, plan });
    manifest
}

/// Slots 9 to 21: point 2 loses an item and becomes point 3; its data is moved twice; segments are folded; all that was given up is swept; two
/// packs are retrieved.
fn care(maker: &mut Maker<'_>, chunks: &[Vec<u8>; 4], before: Manifest) {
    maker.open("Open of the first collection", None, Purpose::Care);
    let used = [((1, 0), 3, &[1, 2][..]), ((9, 0), 3, &[0, 2])];
    let (nodes, fresh) = tree(maker.suite, &chunks[1..3], &used, Some(b"delta-1"));
    let manifest = Manifest { root: fresh.root, references: fresh.references, ..before };
    let meta = maker.pack(META, 9, 0, &nodes);
    maker.publish("Publish of the rewritten tree", 9, &[&meta], 1);
    let point = maker.point(9, 2, &manifest);
    let (id, references, reason) = (manifest.id, manifest.references, "damson left the period".into());
    maker
        .log("Rewrite of point 2, which is point 3 now", Change::Rewrite { session: 9, point, id, references, reason });
    let moved = maker.pack(DATA, 9, 3, &chunks[1..3]);
    let segment = Some(maker.segment(9, 4, &[&moved]));
    let old = id_of(1, 0);
    let runs = vec![Run { count: 2, pack: moved.id, first: 0 }];
    let survivors = Some(Survivors { blobs: 3, bitmap: vec![0b110], runs });
    let dead = |kind, id| CondemnedPack { kind, id, survivors: None };
    let condemned = vec![
        CondemnedPack { kind: DATA, id: old, survivors },
        dead(META, id_of(1, 1)),
        dead(DATA, id_of(4, 0)),
        dead(META, id_of(4, 1)),
    ];
    let (packs, plan) = (vec![moved.published], fixed("a plan of collection"));
    maker.log("Condemn, which moves two blobs", Change::Condemn { session: 9, condemned, packs, segment, plan });
    maker.log("Fence of the first collection", Change::Fence { session: 9, reason: "it is done".into() });

    maker.open("Open of the second collection", None, Purpose::Care);
    let apart = [maker.pack(DATA, 14, 0, &chunks[1..2]), maker.pack(DATA, 14, 1, &chunks[2..3])];
    let segment = Some(maker.segment(14, 2, &[&apart[0], &apart[1]]));
    let runs = apart.iter().map(|pack| Run { count: 1, pack: pack.id, first: 0 }).collect();
    let survivors = Some(Survivors { blobs: 2, bitmap: vec![0b11], runs });
    let condemned = vec![CondemnedPack { kind: DATA, id: moved.id, survivors }];
    let packs = apart.iter().map(|p| p.published).collect();
    maker.log("Condemn, which moves them apart", Change::Condemn { session: 14, condemned, packs, segment, plan });
    let segments = vec![maker.segment(14, 3, &[&meta])];
    // Segment 9/4 stays: it counts, and maps nothing but a pack that was condemned and is gone.
    let replaced = vec![id_of(1, 2), id_of(4, 2), id_of(9, 1)];
    maker.log("Fold of three segments into one", Change::Fold { session: 14, replaced, segments });
    let objects = SWEPT.map(|(kind, session, ordinal)| ObjectRow { kind, id: id_of(session, ordinal) }).to_vec();
    maker.log("Swept", Change::Swept { objects });
    let range = |kind, first, count| ObjectRange { kind, first, count };
    let objects = vec![range(DATA, id_of(14, 0), 2), range(ObjectKind::LogEntry, id_of(0, 1), 17)];
    maker.log("Lock", Change::Lock { until: Time::new(1_800_000_000, 0), objects });
    maker.log("Key", Change::Key { change: KeyChange::Added, slot: u64::from_be_bytes(good::SLOT_ID) });
    let objects = vec![range(DATA, id_of(14, 0), 2)];
    let asked = RetrievalStep::Asked { mode: RetrievalMode::Standard, days: 1, objects, about: "point 3".into() };
    maker.log("Retrieval, which begins one", Change::Retrieval(asked));
    let retrieval = maker.slot;
    maker.log("Retrieval, which extends it", Change::Retrieval(RetrievalStep::Changed { retrieval, days: 7 }));
}

/// The nodes of a point that has a file for each chunk: its root, its reference set, and the state of its source, if that wrote down a cursor;
/// and its manifest. `used`: pack, its blobs, those that the point needs.
fn tree(
    suite: Suite,
    chunks: &[Vec<u8>],
    used: &[((u32, u32), u32, &[u32])],
    cursor: Option<&[u8]>,
) -> (Vec<Vec<u8>>, Manifest) {
    let ids = secrets(suite).ids();
    let file = |chunk: &Vec<u8>| {
        let name = chunk.split(|b| *b == b'\n').next().unwrap();
        let size = chunk.len() as u64;
        Entry { size, content: Content::Chunk(ids.chunk(chunk)), ..trees::entry(name, Kind::File) }
    };
    let files: Vec<Entry> = chunks.iter().map(file).collect();
    let root = leaf_of_folder(&files);
    let pair = |((session, ordinal), blobs, named): &((u32, u32), u32, &[u32])| {
        let mut references = PackReferences { blobs: *blobs, ..Default::default() };
        named.iter().for_each(|blob| references.set_count(*blob, 1));
        (reference_key(id_of(*session, *ordinal)).to_vec(), references.encode())
    };
    let references = leaf_of_map(&used.iter().map(pair).collect::<Vec<_>>());
    let nothing = ChunkId([0; 32]);
    let plain = good::manifest(trees::root(&files, ids.node(&root)), nothing, nothing, ids.node(&references));
    let counts = LedgerCounts { new: files.len() as u64, folders: 1, ..LedgerCounts::default() };
    let state = cursor.map(|cursor| leaf_of_map(&[(b"cursor".to_vec(), cursor.to_vec())]));
    let maps = Maps { state: state.as_ref().map(|node| ids.node(node)), ..Maps::default() };
    let workload = if state.is_some() { Workload::Microsoft365 } else { Workload::Folders };
    let nodes = [root, references].into_iter().chain(state).collect();
    (nodes, Manifest { maps, counts, workload, ..plain })
}

fn id_of(session: u32, ordinal: u32) -> ObjectId {
    ObjectId { session, ordinal }
}

fn point_id(label: &str) -> PointId {
    let mut id = [0; 16];
    id.copy_from_slice(&fixed(label)[..16]);
    PointId(id)
}
