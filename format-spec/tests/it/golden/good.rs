//! A whole small repository of each suite, made by the crate's own writers: files of every kind, their trees, maps and
//! reference set, one data and one metadata pack, the index segment, the restore point and the log.

use super::trees::{self, leaf_of_folder, leaf_of_map};
use super::{PASSWORD, REPOSITORY, SESSION, Shape, Vector, fixed, header, name, secrets, suite_name};
use format_spec::config::{Class, Config, Cutting, Retention};
use format_spec::container::{Codec, Header, Object, ObjectKind, ObjectWriter, Suite, kind};
use format_spec::index::{BlockRow, PackRow, PlaceRow, Segment};
use format_spec::key_slot::{Cost, KeySlot, NewSlot};
use format_spec::log::{Change, LogEntry, ObjectRef, PointId, PublishedPack, Purpose};
use format_spec::pack::{BlobEntry, Contents};
use format_spec::point::{LedgerCounts, Manifest, Maps, PackReferences, PointKind, Workload, reference_key};
use format_spec::tree::{Content, Entry, Extent, Kind};
use format_spec::{ChunkId, ObjectId, Time, codec};

/// The id of the key slot.
pub(crate) const SLOT_ID: [u8; 8] = [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77];
/// As cheap as argon2id allows with room: the vectors are no secret.
pub(crate) const COST: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// Objects made so far; later ones refer to earlier ones.
struct Maker<'a> {
    suite: Suite,
    settle: &'a dyn Fn(&Vector) -> Vec<u8>,
    vectors: Vec<Vector>,
}

impl Maker<'_> {
    /// Files an object and returns its settled bytes.
    fn file(&mut self, kind: ObjectKind, ordinal: u32, why: &str, bytes: Vec<u8>) -> Vec<u8> {
        let file = format!("repository-{}/{}", suite_name(self.suite), name(kind, SESSION, ordinal));
        let mut vector = Vector::new(file, Shape::Object(kind, ordinal), self.suite, bytes);
        why.clone_into(&mut vector.why);
        if kind == ObjectKind::LogEntry {
            vector.previous = Some(match ordinal {
                1 => format!("repository-{}/config", suite_name(self.suite)),
                _ => format!("repository-{}/{}", suite_name(self.suite), name(kind, SESSION, ordinal - 1)),
            });
        }
        let settled = (self.settle)(&vector);
        self.vectors.push(vector);
        settled
    }
}

/// The repository of a suite, in the order of writing.
pub(crate) fn repository(suite: Suite, settle: &dyn Fn(&Vector) -> Vec<u8>) -> Vec<Vector> {
    let keys = secrets(suite);
    let ids = keys.ids();
    let mut maker = Maker { suite, settle, vectors: Vec::new() };
    let salt = header(ObjectKind::Config, suite, 0, "").salt;
    let config = maker.file(ObjectKind::Config, 0, "the parameters", config(suite).encode(&keys, salt));
    if suite == Suite::Aes256Gcm {
        let slot = KeySlot::encode(&new_slot(), PASSWORD.as_bytes(), &keys).unwrap();
        maker.file(ObjectKind::KeySlot, 0, "a key slot with the cheapest cost", slot);
    }

    let chunks = [b"hello, cairn\n".to_vec(), noise(300), b"abcd".repeat(100)];
    let [hello, noise, text] = [0, 1, 2].map(|n: usize| ids.chunk(&chunks[n]));
    let data = pack(ObjectKind::DataPack, suite, 0, &[&chunks[..2], &chunks[2..]], |b| ids.chunk(b));
    let data = maker.file(ObjectKind::DataPack, 0, "a raw block of two chunks and a zstd block of one", data);

    let content = trees::leaf_of_content(&[(noise, 300), (text, 400)]);
    let group = [5u64.to_le_bytes(), 77u64.to_le_bytes()].concat();
    let sub = linked_files(&group, noise);
    let sub_node = leaf_of_folder(&sub);
    let entries = entries(hello, ids.node(&content), ids.node(&sub_node), &sub);
    let root_node = leaf_of_folder(&entries);
    let links = leaf_of_map(&[(group, b"sub/hard".to_vec())]);
    let exceptions = leaf_of_map(&[(b"secret".to_vec(), [&[1][..], b"permission denied"].concat())]);
    let (mut of_data, mut of_meta) =
        (PackReferences { blobs: 3, ..Default::default() }, PackReferences { blobs: 6, ..Default::default() });
    // The noise is named by the content tree and by the folder `sub`.
    [1, 2, 1].iter().zip(0..).for_each(|(count, blob)| of_data.set_count(blob, *count));
    (0..5).for_each(|blob| of_meta.set_count(blob, 1));
    let key = |ordinal| reference_key(ObjectId { session: SESSION, ordinal }).to_vec();
    let references = leaf_of_map(&[(key(0), of_data.encode()), (key(1), of_meta.encode())]);
    let nodes = [content, sub_node, root_node, links, exceptions, references];
    let [_, _, root_id, links, exceptions, references] = [0, 1, 2, 3, 4, 5].map(|n: usize| ids.node(&nodes[n]));
    let meta = pack(ObjectKind::MetaPack, suite, 1, &[&nodes[..3], &nodes[3..]], |b| ids.node(b));
    let meta = maker.file(ObjectKind::MetaPack, 1, "nodes of folders, contents and maps", meta);

    let segment = segment(suite, &[&data, &meta]);
    let (bytes, _) = segment.encode(header(ObjectKind::IndexSegment, suite, 2, ""), &keys);
    let index = maker.file(ObjectKind::IndexSegment, 2, "the places of all blobs", bytes);
    let manifest = manifest(trees::root(&entries, root_id), links, exceptions, references);
    let (bytes, _) = manifest.encode(header(ObjectKind::RestorePoint, suite, 3, ""), &keys);
    let point = maker.file(ObjectKind::RestorePoint, 3, "a restore point", bytes);

    let published = |kind, ordinal, bytes: &[u8], blobs| PublishedPack { kind, object: vouch(ordinal, bytes), blobs };
    let packs = vec![published(ObjectKind::DataPack, 0, &data, 3), published(ObjectKind::MetaPack, 1, &meta, 6)];
    let (segment, id) = (vouch(2, &index), manifest.id);
    let mut previous = config;
    for (change, slot, why) in [
        (Change::Open { job: "home".into(), host: "box".into(), base: None, purpose: Purpose::Backup }, 1, "Open"),
        (Change::Publish { session: SESSION, packs, segment: Some(segment) }, 2, "Publish"),
        (Change::Commit { session: SESSION, point: vouch(3, &point), id, references }, 3, "Commit"),
        (Change::Unknown { kind: 40, readable: true, writable: true }, 4, "an unknown kind that may be ignored"),
    ] {
        let bytes = log_entry(slot, change, &previous).encode(REPOSITORY, &keys, salt_of_slot(suite, slot));
        previous = maker.file(ObjectKind::LogEntry, slot, why, bytes);
    }
    maker.vectors
}

/// The config of a suite.
pub(crate) fn config(suite: Suite) -> Config {
    Config {
        repository: REPOSITORY,
        class: Class::Backup,
        suite,
        cutting: Cutting { least: 4096, average: 16_384, most: 65_536 },
        block_target: 131_072,
        pack_bytes_max: 5_000_000,
        created: Time::new(1_700_000_000, 5),
        creator: "golden vectors".into(),
        probed: "put_if_absent=yes\n".into(),
        level: 3,
        parity_percent: 0,
        retention: Retention::default(),
        immutability: None,
        storage_class: String::new(),
        origin: None,
    }
}

/// What the key slot is made of.
pub(crate) fn new_slot() -> NewSlot<'static> {
    let header_salt = header(ObjectKind::KeySlot, Suite::Aes256Gcm, 0, "").salt;
    let created = Time::new(1_700_000_000, 0);
    NewSlot { repository: REPOSITORY, id: SLOT_ID, label: "golden", created, cost: COST, header_salt, salt: [9; 16] }
}

/// A log entry after these bytes.
pub(crate) fn log_entry(slot: u32, change: Change, previous: &[u8]) -> LogEntry {
    let mut attempt = [0; 16];
    attempt.copy_from_slice(&fixed(&format!("attempt {slot}"))[..16]);
    let time = Time::new(1_700_000_100 + i64::from(slot), 0);
    LogEntry { slot, previous: *blake3::hash(previous).as_bytes(), attempt, time, change }
}

fn salt_of_slot(suite: Suite, slot: u32) -> [u8; 32] {
    header(ObjectKind::LogEntry, suite, slot, "").salt
}

/// Bytes that do not compress.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(b"golden noise").finalize_xof().fill(&mut out);
    out
}

/// How a log entry vouches for an object.
pub(crate) fn vouch(ordinal: u32, bytes: &[u8]) -> ObjectRef {
    let object = Object::parse(bytes).expect("a good object");
    ObjectRef { ordinal, bytes: bytes.len() as u64, body_hash: object.trailer().body_hash }
}

/// A pack of these blocks: the first raw, the others compressed if that pays.
fn pack(kind: ObjectKind, suite: Suite, ordinal: u32, blocks: &[&[Vec<u8>]], id: impl Fn(&[u8]) -> ChunkId) -> Vec<u8> {
    pack_under(header(kind, suite, ordinal, ""), blocks, id)
}

/// A pack of these blocks under this header.
pub(crate) fn pack_under(header: Header, blocks: &[&[Vec<u8>]], id: impl Fn(&[u8]) -> ChunkId) -> Vec<u8> {
    let suite = header.suite;
    let cipher = secrets(suite).cipher(&header);
    let mut object = ObjectWriter::new(header, cipher);
    let mut contents = Contents::default();
    for (at, block) in blocks.iter().enumerate() {
        let plain = block.concat();
        let (codec, encoded) = if at == 0 { (Codec::Raw, plain.clone()) } else { codec::encode(&plain, 3) };
        object.push(kind::BLOCK, codec, plain.len(), encoded);
        let blob = |chunk: &Vec<u8>| BlobEntry { id: id(chunk), bytes: u32::try_from(chunk.len()).unwrap() };
        contents.blocks.push(block.iter().map(blob).collect());
    }
    object.push_plain(kind::CONTENTS, &contents.encode(), 3);
    object.finish().0
}

/// The segment of these packs.
pub(crate) fn segment(suite: Suite, packs: &[&[u8]]) -> Segment {
    let keys = secrets(suite);
    let mut segment = Segment::default();
    let mut rows = Vec::new();
    for (number, bytes) in (0u32..).zip(packs) {
        let object = Object::parse(bytes).expect("a good pack");
        let cipher = keys.cipher(object.header());
        let plain = object.open_only(kind::CONTENTS, &cipher).expect("contents");
        let contents = Contents::decode(&plain, object.entries()).expect("contents");
        let mut blob = 0;
        for (entry, blobs) in object.entries().iter().zip(&contents.blocks) {
            let block = u32::try_from(segment.blocks.len()).unwrap();
            let offset = u32::try_from(entry.offset).unwrap();
            segment.blocks.push(BlockRow { pack: number, offset, stored: entry.head.stored });
            let mut at = 0;
            for one in blobs {
                rows.push((one.id, PlaceRow { block, blob, offset: at, bytes: one.bytes }));
                (at, blob) = (at + one.bytes, blob + 1);
            }
        }
        let header = object.header();
        let id = ObjectId { session: header.session, ordinal: header.ordinal };
        let body_hash = object.trailer().body_hash;
        let (kind, salt) = (header.kind, header.salt);
        let row = PackRow { id, bytes: bytes.len() as u64, blobs: blob, kind, salt, body_hash };
        segment.packs.push(row);
    }
    rows.sort();
    (segment.ids, segment.places) = rows.into_iter().unzip();
    segment
}

/// Two names of one inode.
fn linked_files(group: &[u8], content: ChunkId) -> Vec<Entry> {
    let mut file = trees::entry(b"hard", Kind::File);
    (file.nlink, file.size, file.content) = (2, 300, Content::Chunk(content));
    file.link_group = Some(group.try_into().unwrap());
    let second = Entry { name: b"hard2".to_vec(), ..file.clone() };
    vec![file, second]
}

/// One item of each kind.
fn entries(hello: ChunkId, big: ChunkId, sub_id: ChunkId, sub: &[Entry]) -> Vec<Entry> {
    let file = |name: &[u8], size, content| Entry { size, content, ..trees::entry(name, Kind::File) };
    let mut hello_file = file(b"hello.txt", 13, Content::Chunk(hello));
    hello_file.xattrs = vec![(b"user.a".to_vec(), vec![0, 255]), (b"user.b".to_vec(), Vec::new())];
    (hello_file.user, hello_file.group, hello_file.btime) =
        (b"ann".to_vec(), b"staff".to_vec(), Some(Time::new(-1, 1)));
    let sparse = Entry {
        extents: Some(vec![Extent { offset: 4096, bytes: 13 }]),
        ..file(b"sparse.bin", 1 << 20, Content::Chunk(hello))
    };
    let link = Entry { target: b"hello.txt".to_vec(), size: 9, ..trees::entry(b"link", Kind::Symlink) };
    let device = Entry { rdev: (1, 3), ..trees::entry(b"null", Kind::CharDevice) };
    let sub =
        Entry { content: Content::Tree(sub_id), totals: trees::totals(sub), ..trees::entry(b"sub", Kind::Folder) };
    vec![
        file(b"big.bin", 700, Content::Tree(big)),
        file(b"empty", 0, Content::None),
        hello_file,
        link,
        device,
        trees::entry(b"pipe", Kind::Fifo),
        sparse,
        sub,
        trees::entry(b"void", Kind::Folder),
    ]
}

/// The manifest.
pub(crate) fn manifest(root: Entry, links: ChunkId, exceptions: ChunkId, references: ChunkId) -> Manifest {
    let mut id = [0; 16];
    id.copy_from_slice(&fixed("golden point")[..16]);
    Manifest {
        id: PointId(id),
        started: Time::new(1_700_000_100, 0),
        finished: Time::new(1_700_000_160, 999_999_999),
        job: "home".into(),
        host: "box".into(),
        organisation: String::new(),
        paths: vec![b"/home".to_vec(), vec![b'/', 0xFF]],
        tags: vec!["weekly".into()],
        kind: PointKind::Full,
        kind_reason: "first of its job".into(),
        workload: Workload::Folders,
        root,
        maps: Maps { links: Some(links), exceptions: Some(exceptions), state: None },
        counts: LedgerCounts { new: 9, folders: 2, failed: 1, ..LedgerCounts::default() },
        base: None,
        references,
        bytes: [713, 713, 700],
        first: None,
        rules: Vec::new(),
        cut: None,
        unnamed: None,
        shrunken: None,
        naming: None,
        source: None,
        seen: Vec::new(),
    }
}
