//! Valid objects in the place of others: each decodes, has its own name and is sealed, and is not the one that the log states ([LOG-8]), or that a
//! checkpoint states ([LOG-21], 2c).
//!
//! They are the good repository's own plaintexts under another salt: what somebody has who kept an object of an earlier history.

use super::forge::broken;
use super::{REPOSITORY, Shape, Vector, checkpoints, fixed, header, secrets};
use format_spec::checkpoint::Checkpoint;
use format_spec::container::{Object, ObjectKind, ObjectWriter, Suite};

/// One for each kind of object that an entry states length and body hash of.
pub(crate) fn vectors(suite: Suite, repository: &[Vector], settle: &dyn Fn(&Vector) -> Vec<u8>) -> Vec<Vector> {
    let of = |kind, ordinal| repository.iter().find(|v| v.shape == Shape::Object(kind, ordinal)).expect("it was made");
    let stated = [
        (ObjectKind::DataPack, 0, 2, "another data pack"),
        (ObjectKind::MetaPack, 1, 2, "another metadata pack"),
        (ObjectKind::IndexSegment, 2, 2, "another index segment"),
        (ObjectKind::RestorePoint, 3, 3, "another restore point"),
    ];
    let swapped = |(kind, ordinal, slot, what): (ObjectKind, u32, u32, &str)| {
        let original = settle(of(kind, ordinal));
        let entry = of(ObjectKind::LogEntry, slot).file.clone();
        let case = |how: &str| format!("LOG-8 {what} {how}");
        let sealed = sealed_again(&original, kind, suite, ordinal);
        let mut same = broken(kind, suite, ordinal, &case("of the same contents"), sealed);
        same.vouched_by = Some(entry);
        same
    };
    let mut out: Vec<Vector> = stated.into_iter().map(swapped).collect();
    out.extend(of_checkpoint(suite, repository, settle));
    out
}

/// The checkpoint of slot 3 and the entry of that slot, each with another one in its place: neither is what the other one states.
fn of_checkpoint(suite: Suite, repository: &[Vector], settle: &dyn Fn(&Vector) -> Vec<u8>) -> Vec<Vector> {
    let entry = repository.iter().find(|v| v.shape == Shape::Object(ObjectKind::LogEntry, SLOT)).expect("it was made");
    let sum = checkpoints::of_repository(suite, repository, settle);
    let beside = |mut vector: Vector, file: &str| {
        vector.vouched_by = Some(file.to_owned());
        vector
    };
    let sealed = sealed_again(&settle(entry), ObjectKind::LogEntry, suite, SLOT);
    let another = "LOG-21 another entry than the checkpoint of its slot states";
    let mut out = vec![beside(broken(ObjectKind::LogEntry, suite, SLOT, another, sealed), &sum.file)];
    let good = Checkpoint::decode(&settle(&sum), SLOT, REPOSITORY, &secrets(suite)).expect("it is good");
    for (at, case) in [
        (2, "LOG-21 the hash of another entry of its own slot"),
        (1, "LOG-21 the hash of another entry of the slot before"),
    ] {
        let mut lying = good.clone();
        lying.hashes[at] = fixed(case);
        let salt = header(ObjectKind::Checkpoint, suite, SLOT, case).salt;
        let bytes = lying.encode(REPOSITORY, &secrets(suite), salt);
        out.push(beside(broken(ObjectKind::Checkpoint, suite, SLOT, case, bytes), &entry.file));
    }
    out
}

/// The slot of the good repository's checkpoint.
const SLOT: u32 = 3;

/// The same plaintexts in an object of another salt.
fn sealed_again(original: &[u8], kind: ObjectKind, suite: Suite, ordinal: u32) -> Vec<u8> {
    let keys = secrets(suite);
    let object = Object::parse(original).expect("it is whole");
    let cipher = keys.cipher(object.header());
    let header = header(kind, suite, ordinal, "in the place of another");
    let mut again = ObjectWriter::new(header.clone(), keys.cipher(&header));
    for entry in object.entries() {
        again.push_plain(entry.head.kind, &object.open(entry, &cipher).expect("it opens"), 3);
    }
    again.finish().0
}
