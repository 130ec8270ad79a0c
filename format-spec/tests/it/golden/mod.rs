//! Golden vectors: good and broken objects, made from fixed secrets and salts, each with its verdict.
//!
//! The example `make_vectors` writes them to `vectors/`, an archive per group; the tests make them again and compare. Good objects are made by the
//! crate's own writers and form a whole small repository of each suite; broken ones are forged with every checksum and seal above
//! the broken rule made right again, so that the verdict is that rule and no other.

#[path = "../../../../fuzz/src/archive.rs"]
#[allow(dead_code, unreachable_pub, reason = "the fuzz crate's library; tests and the example use different parts")]
pub(crate) mod archive;
mod broken_container;
mod broken_fields;
mod broken_packs;
mod broken_trees;
mod checkpoints;
mod entries;
mod forge;
mod good;
mod history;
mod json;
mod judge;
mod swapped;
mod trees;

#[cfg_attr(test, expect(unused_imports, reason = "the example seeds a corpus from the names"))]
pub(crate) use json::NAMES;
pub(crate) use json::to_json;
pub(crate) use judge::judge;

use archive::Members;
use format_spec::container::{Header, ObjectKind, Suite};
use format_spec::keys::{Secret, Secrets};
use format_spec::{RepositoryId, names};
use std::io;
use std::path::Path;

/// The repository of every vector.
pub(crate) const REPOSITORY: RepositoryId = RepositoryId([0xC0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
/// Opens the key slots.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The session of every object of a session, but for those of the histories.
pub(crate) const SESSION: u32 = 1;

/// One member of an archive in `vectors/`.
#[derive(Debug, Clone)]
pub(crate) struct Vector {
    /// Its group, which is the name of the archive, and its path in that.
    pub(crate) file: String,
    /// What it is to be read as.
    pub(crate) shape: Shape,
    /// The session of an object that has one.
    pub(crate) session: u32,
    /// Which secrets open it.
    pub(crate) suite: Suite,
    /// The password that is tried (key slots only).
    pub(crate) password: &'static str,
    /// The file whose BLAKE3 a log entry must carry, where that is checked.
    pub(crate) previous: Option<String>,
    /// The file of the log entry that states its length and body hash, where that is checked ([LOG-8]).
    pub(crate) vouched_by: Option<String>,
    /// The rule that it breaks; `None` for good ones.
    pub(crate) verdict: Option<&'static str>,
    /// What is special about it.
    pub(crate) why: String,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// What a vector is to be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A container of this kind and ordinal (or slot).
    Object(ObjectKind, u32),
    /// The plaintext of a tree node.
    Node,
    /// A value of a reference set.
    ReferenceValue,
    /// A value of the ledger's exceptions.
    LedgerValue,
}

impl Vector {
    pub(crate) fn new(file: String, shape: Shape, suite: Suite, bytes: Vec<u8>) -> Self {
        let why = String::new();
        let session = SESSION;
        let (password, previous, vouched_by, verdict) = (PASSWORD, None, None, None);
        Vector { file, shape, session, suite, password, previous, vouched_by, verdict, why, bytes }
    }

    /// The file that it is held against, if any.
    pub(crate) fn beside(&self) -> Option<&str> {
        self.previous.as_deref().or(self.vouched_by.as_deref())
    }

    /// The header that the object's name demands.
    pub(crate) fn expected(&self) -> Option<Header> {
        let Shape::Object(kind, ordinal) = self.shape else { return None };
        Some(header_of(kind, self.suite, self.session, ordinal, ""))
    }
}

/// All vectors. `settle` gets each good object when it is made and answers with the bytes that later objects refer to: those
/// that are committed, when only the compressor's output differs.
fn all(settle: &dyn Fn(&Vector) -> Vec<u8>) -> Vec<Vector> {
    let mut out = Vec::new();
    for suite in [Suite::Clear, Suite::Aes256Gcm] {
        let repository = good::repository(suite, settle);
        out.push(checkpoints::of_repository(suite, &repository, settle));
        out.extend(swapped::vectors(suite, &repository, settle));
        out.extend(repository);
        out.extend(checkpoints::vectors(suite));
        out.extend(history::repository(suite, settle));
        out.extend(broken_container::vectors(suite));
        out.extend(broken_fields::vectors(suite));
        out.extend(entries::vectors(suite));
        out.extend(broken_packs::vectors(suite));
    }
    out.extend(trees::good());
    out.extend(broken_trees::vectors());
    out
}

/// The vectors as the code makes them, with the committed ones in place of those that say the same: another release of zstd
/// may write other bytes, and what refers to them by hash follows the committed ones.
pub(crate) fn settled(committed: &Members) -> Vec<Vector> {
    let settle = |vector: &Vector| match committed.get(&vector.file) {
        Some(old) if forge::same_plaintexts(old, &vector.bytes, vector.suite) => old.clone(),
        _ => vector.bytes.clone(),
    };
    let mut vectors = all(&settle);
    vectors.iter_mut().for_each(|v| v.bytes = settle(v));
    vectors
}

/// The vectors as the code makes them, settled by those in `vectors/`.
#[cfg_attr(not(test), expect(dead_code, reason = "the example settles them itself"))]
pub(crate) fn made() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    settled(&committed(&folder).expect("the archives of vectors; without them, run the example make_vectors"))
}

/// Every member of the archives in a folder; its key is that of [`Vector::file`].
pub(crate) fn committed(folder: &Path) -> io::Result<Members> {
    let mut all = Members::new();
    for path in archive::archives(folder)? {
        let group = path.file_stem().unwrap_or_default().to_string_lossy();
        all.extend(archive::read(&path)?.into_iter().map(|(name, bytes)| (format!("{group}/{name}"), bytes)));
    }
    Ok(all)
}

/// Fixed secrets of a suite.
pub(crate) fn secrets(suite: Suite) -> Secrets {
    let secret = |label: &str| Secret::new(fixed(label));
    let master = (suite == Suite::Aes256Gcm).then(|| secret("golden master key"));
    Secrets { master, dedup: secret("golden dedup key") }
}

/// 32 fixed bytes that look random.
pub(crate) fn fixed(label: &str) -> [u8; 32] {
    *blake3::hash(label.as_bytes()).as_bytes()
}

/// The header of a vector's object: its identity follows from kind and ordinal, its salt from all and a label.
pub(crate) fn header(kind: ObjectKind, suite: Suite, ordinal: u32, label: &str) -> Header {
    header_of(kind, suite, SESSION, ordinal, label)
}

/// The header of an object of another session than the usual one.
pub(crate) fn header_of(kind: ObjectKind, suite: Suite, session: u32, ordinal: u32, label: &str) -> Header {
    let clear = matches!(kind, ObjectKind::Config | ObjectKind::KeySlot);
    let slotted = clear || matches!(kind, ObjectKind::LogEntry | ObjectKind::Checkpoint);
    let of_session = if slotted || session == SESSION { String::new() } else { format!(" of session {session}") };
    let salt = fixed(&format!("salt of {kind:?} {ordinal} {suite:?} {label}{of_session}"));
    let suite = if clear { Suite::Clear } else { suite };
    Header::new(kind, suite, REPOSITORY, if slotted { 0 } else { session }, ordinal, salt)
}

/// `clear` or `sealed`.
pub(crate) fn suite_name(suite: Suite) -> &'static str {
    if suite == Suite::Clear { "clear" } else { "sealed" }
}

/// The name of an object in its repository; `session` is that of objects which have one.
pub(crate) fn name(kind: ObjectKind, session: u32, ordinal: u32) -> String {
    match kind {
        ObjectKind::Config => names::CONFIG.to_owned(),
        ObjectKind::KeySlot => names::key_slot(good::SLOT_ID),
        ObjectKind::LogEntry => names::log(ordinal),
        ObjectKind::Checkpoint => names::checkpoint(ordinal),
        _ => names::of_session(kind, format_spec::ObjectId { session, ordinal }),
    }
}

/// An empty folder with the empty name.
#[cfg_attr(not(test), expect(dead_code, reason = "the round trips' root"))]
pub(crate) fn plain_folder() -> format_spec::tree::Entry {
    trees::entry(b"", format_spec::tree::Kind::Folder)
}
