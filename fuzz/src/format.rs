//! One function a decoder of `format-spec`: whatever bytes come, it answers; what it accepts, it can write and read again.
//!
//! The first byte of an input of a sealed object chooses: bit 0 whether the rest is the whole object or the plaintext to be sealed
//! with fixed secrets (so that a fuzzer gets past the seal), bit 1 the suite. Uses `format_spec` alone, so that its tests can
//! include this file and replay the corpora without libFuzzer.

use format_spec::checkpoint::Checkpoint;
use format_spec::config::Config;
use format_spec::container::{
    Codec, DirectoryEntry, ENTRY_BYTES, HEAD_BYTES, HEADER_BYTES, Header, Object, ObjectKind, ObjectWriter,
    PLAIN_BYTES_MAX, RecordHead, Suite, TRAILER_BYTES, kind,
};
use format_spec::fields::{CRITICAL, Fields};
use format_spec::index::Segment;
use format_spec::key_slot::KeySlot;
use format_spec::keys::{Cipher, Secret, Secrets};
use format_spec::ledger::Exception;
use format_spec::log::LogEntry;
use format_spec::pack::Contents;
use format_spec::point::{Manifest, PackReferences, reference_key, reference_pack};
use format_spec::tree::{Entry, Node};
use format_spec::{ObjectId, RepositoryId, names};

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// Name and function of every target; each has a file in `fuzz_targets` and an archive in `corpus`.
pub const TARGETS: [Target; 14] = [
    ("container", container),
    ("config", config),
    ("key_slot", key_slot),
    ("pack_contents", pack_contents),
    ("index_segment", index_segment),
    ("log_entry", log_entry),
    ("checkpoint", checkpoint),
    ("manifest", manifest),
    ("tree_node", tree_node),
    ("entry", entry),
    ("reference_value", reference_value),
    ("ledger_value", ledger_value),
    ("fields", fields),
    ("names", object_names),
];

/// The repository of every object that a target makes.
pub const REPOSITORY: RepositoryId = RepositoryId([0xC0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
/// The slot or ordinal of every object that a target makes.
pub const ORDINAL: u32 = 9;

/// Fixed secrets of a suite: those of the golden vectors.
pub fn secrets(suite: Suite) -> Secrets {
    let secret = |label: &str| Secret::new(*blake3::hash(label.as_bytes()).as_bytes());
    let master = (suite == Suite::Aes256Gcm).then(|| secret("golden master key"));
    Secrets { master, dedup: secret("golden dedup key") }
}

/// A whole object; with bit 0 of the first byte every checksum and the seal are made right first.
pub fn container(bytes: &[u8]) {
    let Some((choice, object)) = bytes.split_first() else { return };
    let object = if choice & 1 == 1 { mend(object) } else { object.to_vec() };
    let Ok(parsed) = Object::parse(&object) else { return };
    let cipher = secrets(parsed.header().suite).cipher(parsed.header());
    if parsed.verify(&cipher).is_err() {
        return;
    }
    for entry in parsed.entries() {
        let plain = parsed.open(entry, &cipher);
        assert!(plain.is_err() || plain.is_ok_and(|p| p.len() == entry.head.plain as usize));
    }
}

/// The object `config`.
pub fn config(bytes: &[u8]) {
    let Some((suite, object)) = object(bytes, ObjectKind::Config, kind::CONFIG) else { return };
    let Ok((config, found)) = Config::decode(&object) else { return };
    drop(Config::verify(&object, &secrets(suite)));
    let keys = found.unwrap_or_else(|| secrets(config.suite));
    let again = Config::decode(&config.encode(&keys, [1; 32])).expect("what was read can be written");
    assert_eq!(again.0, config);
}

/// The object `keys/...`. Its derivation is not run: an input could ask for 4 GiB.
pub fn key_slot(bytes: &[u8]) {
    if let Some((_, object)) = object(bytes, ObjectKind::KeySlot, kind::KEY_SLOT) {
        drop(KeySlot::decode(&object, REPOSITORY));
    }
}

/// A pack's contents: a number of blocks, the plain length of each, the plaintext of the contents.
pub fn pack_contents(bytes: &[u8]) {
    let Some((count, mut rest)) = bytes.split_first() else { return };
    let mut directory = Vec::new();
    for position in 0..u32::from(count % 16) {
        let Some((length, behind)) = rest.split_first_chunk::<4>() else { return };
        rest = behind;
        let head =
            RecordHead { kind: kind::BLOCK, codec: 0, stored: 1, plain: u32::from_le_bytes(*length), position, crc: 0 };
        directory.push(DirectoryEntry { offset: 96, head });
    }
    if let Ok(contents) = Contents::decode(rest, &directory) {
        assert_eq!(contents.encode(), rest);
    }
}

/// An index segment, whole or as a row of records: kind u8, length u16, bytes.
pub fn index_segment(bytes: &[u8]) {
    let Some((choice, mut rest)) = bytes.split_first() else { return };
    let suite = suite_of(*choice);
    let keys = secrets(suite);
    let header = Header::new(ObjectKind::IndexSegment, suite, REPOSITORY, 1, ORDINAL, [3; 32]);
    let object = if choice & 1 == 0 {
        rest.to_vec()
    } else {
        let mut object = ObjectWriter::new(header.clone(), keys.cipher(&header));
        while let Some(([kind, low, high], behind)) = rest.split_first_chunk::<3>() {
            let length = usize::from(u16::from_le_bytes([*low, *high])).min(behind.len());
            let (plain, behind) = behind.split_at(length);
            rest = behind;
            object.push(*kind, Codec::Raw, plain.len(), plain.to_vec());
        }
        object.finish().0
    };
    if let Ok(segment) = Segment::decode(&object, &header, &keys) {
        let (again, _) = segment.encode(header.clone(), &keys);
        assert_eq!(Segment::decode(&again, &header, &keys).as_ref(), Ok(&segment));
    }
}

/// The object `log/...`.
pub fn log_entry(bytes: &[u8]) {
    let Some((suite, object)) = object(bytes, ObjectKind::LogEntry, kind::LOG_ENTRY) else { return };
    let keys = secrets(suite);
    if let Ok(entry) = LogEntry::decode(&object, ORDINAL, REPOSITORY, &keys) {
        let again = entry.encode(REPOSITORY, &keys, [4; 32]);
        assert_eq!(LogEntry::decode(&again, ORDINAL, REPOSITORY, &keys).as_ref(), Ok(&entry));
    }
}

/// The object `checkpoint/...`.
pub fn checkpoint(bytes: &[u8]) {
    let Some((suite, object)) = object(bytes, ObjectKind::Checkpoint, kind::CHECKPOINT) else { return };
    let keys = secrets(suite);
    if let Ok(checkpoint) = Checkpoint::decode(&object, ORDINAL, REPOSITORY, &keys) {
        let again = checkpoint.encode(REPOSITORY, &keys, [4; 32]);
        assert_eq!(Checkpoint::decode(&again, ORDINAL, REPOSITORY, &keys).as_ref(), Ok(&checkpoint));
    }
}

/// The object `points/...`.
pub fn manifest(bytes: &[u8]) {
    let Some((suite, object)) = object(bytes, ObjectKind::RestorePoint, kind::MANIFEST) else { return };
    let keys = secrets(suite);
    let header = header(ObjectKind::RestorePoint, suite);
    if let Ok(manifest) = Manifest::decode(&object, &header, &keys) {
        let _ = manifest.counts.complete();
        let (again, _) = manifest.encode(header.clone(), &keys);
        assert_eq!(Manifest::decode(&again, &header, &keys).as_ref(), Ok(&manifest));
    }
}

/// The plaintext of a tree node.
pub fn tree_node(bytes: &[u8]) {
    if let Ok(node) = Node::decode(bytes) {
        assert_eq!((node.tree() as u8, node.level()), (bytes[0], bytes[1]));
    }
}

/// A folder entry.
pub fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(bytes) {
        let mut again = Vec::new();
        entry.encode(&mut again);
        assert_eq!(Entry::decode(&again).as_ref(), Ok(&entry));
    }
}

/// A value of the ledger's exceptions.
pub fn ledger_value(bytes: &[u8]) {
    if let Ok(exception) = Exception::decode(bytes) {
        assert_eq!(exception.encode(), bytes);
    }
}

/// A value of a reference set, and its first bytes as a key.
pub fn reference_value(bytes: &[u8]) {
    if let Ok(references) = PackReferences::decode(bytes) {
        assert_eq!(references.encode(), bytes);
    }
    if let Ok(pack) = reference_pack(bytes) {
        assert_eq!(reference_key(pack)[..], *bytes);
    }
}

/// A row of fields, of which some tags are known.
pub fn fields(bytes: &[u8]) {
    let known = [(1, false), (2 | CRITICAL, false), (3, true), (4 | CRITICAL, true)];
    if let Ok(fields) = Fields::parse(bytes, &known) {
        drop((fields.text(1, "CONT-19"), fields.time(1), fields.array::<4>(2 | CRITICAL, "CONT-19")));
        assert!(fields.all(3).chain(fields.all(4 | CRITICAL)).map(<[u8]>::len).sum::<usize>() <= bytes.len());
    }
}

/// The name of an object.
pub fn object_names(bytes: &[u8]) {
    let Ok(name) = std::str::from_utf8(bytes) else { return };
    let Some((kind, session, ordinal)) = names::parse(name) else { return };
    match kind {
        ObjectKind::Config => assert_eq!(name, names::CONFIG),
        ObjectKind::LogEntry => assert_eq!(name, names::log(ordinal)),
        ObjectKind::Checkpoint => assert_eq!(name, names::checkpoint(ordinal)),
        ObjectKind::KeySlot => {}
        _ => assert_eq!(name, names::of_session(kind, ObjectId { session, ordinal })),
    }
}

/// Makes every checksum of an object right, and its seal where the header names this module's repository and secrets, as far as
/// the object's own offsets allow.
pub fn mend(bytes: &[u8]) -> Vec<u8> {
    let mut object = bytes.to_vec();
    if object.len() < HEADER_BYTES + TRAILER_BYTES {
        return object;
    }
    let trailer = object.len() - TRAILER_BYTES;
    patch_crc(&mut object[..HEADER_BYTES], 92);
    let offset = |bytes: &[u8]| {
        bytes.first_chunk().map_or(usize::MAX, |b| usize::try_from(u64::from_le_bytes(*b)).unwrap_or(usize::MAX))
    };
    let directory = offset(&object[trailer..]).clamp(HEADER_BYTES, trailer);
    for at in (directory..trailer.saturating_sub(ENTRY_BYTES - 1)).step_by(ENTRY_BYTES) {
        let (head, length) = (offset(&object[at..]), [8, 9, 10, 11].map(|n: usize| object[at + n]));
        let payload = head.saturating_add(HEAD_BYTES);
        let end = payload.saturating_add(u32::from_le_bytes(length) as usize);
        if end > directory {
            continue;
        }
        let crc = crc32fast::hash(&object[payload..end]).to_le_bytes();
        object[head + 20..head + 24].copy_from_slice(&crc);
        object[at + 16..at + 20].copy_from_slice(&crc);
        patch_crc(&mut object[head..head + HEAD_BYTES], HEAD_BYTES - 4);
    }
    let body_hash = *blake3::hash(&object[..directory]).as_bytes();
    let cipher = Header::decode(&object).map_or(Cipher::Clear, |h| secrets(h.suite).cipher(&h));
    let seal = cipher.directory_seal(&object[..HEADER_BYTES], &body_hash, &object[directory..trailer]);
    let crc = crc32fast::hash(&object[directory..trailer]).to_le_bytes();
    let length = (object.len() as u64).to_le_bytes();
    let tail = &mut object[trailer..];
    tail[16..48].copy_from_slice(&seal);
    tail[48..80].copy_from_slice(&body_hash);
    tail[80..88].copy_from_slice(&length);
    tail[88..92].copy_from_slice(&crc);
    patch_crc(&mut tail[..100], 96);
    object
}

/// The CRC of everything before `at` goes to `at`.
fn patch_crc(bytes: &mut [u8], at: usize) {
    let crc = crc32fast::hash(&bytes[..at]).to_le_bytes();
    bytes[at..at + 4].copy_from_slice(&crc);
}

fn suite_of(choice: u8) -> Suite {
    if choice & 2 == 0 { Suite::Clear } else { Suite::Aes256Gcm }
}

/// The header of an object that a target makes.
fn header(kind: ObjectKind, suite: Suite) -> Header {
    let clear = matches!(kind, ObjectKind::Config | ObjectKind::KeySlot);
    let suite = if clear { Suite::Clear } else { suite };
    let (session, ordinal) = match kind {
        ObjectKind::Config | ObjectKind::KeySlot => (0, 0),
        ObjectKind::LogEntry | ObjectKind::Checkpoint => (0, ORDINAL),
        _ => (1, ORDINAL),
    };
    Header::new(kind, suite, REPOSITORY, session, ordinal, [3; 32])
}

/// The object of an input: its bytes, or its plaintext sealed.
fn object(bytes: &[u8], kind: ObjectKind, record: u8) -> Option<(Suite, Vec<u8>)> {
    let (choice, rest) = bytes.split_first()?;
    let suite = suite_of(*choice);
    if choice & 1 == 0 {
        return Some((suite, rest.to_vec()));
    }
    if rest.len() > PLAIN_BYTES_MAX {
        return None;
    }
    let header = header(kind, suite);
    let cipher = secrets(suite).cipher(&header);
    let mut object = ObjectWriter::new(header, cipher);
    object.push(record, Codec::Raw, rest.len(), rest.to_vec());
    Some((suite, object.finish().0))
}
