//! What a program of commit 6a757b2 meets in repositories of this one, by the fields and kinds that it knew: what it may ignore it reads beside, and what it
//! would misread is unsupported there, never damaged (decisions 0015, 0017, 0019).

use crate::golden::{self, Shape, Vector};
use format_spec::container::{Object, ObjectKind, kind};
use format_spec::fields::{CRITICAL, Fields};
use std::collections::BTreeSet;

/// The fields of a restore point that program 6a757b2 knows.
const KNOWN_THEN: [(u16, bool); 20] = [
    (1 | CRITICAL, false),
    (2 | CRITICAL, false),
    (3, false),
    (4 | CRITICAL, false),
    (5, false),
    (6, false),
    (7, true),
    (8, true),
    (9 | CRITICAL, false),
    (10, false),
    (11 | CRITICAL, false),
    (12 | CRITICAL, false),
    (13, false),
    (14 | CRITICAL, false),
    (15, false),
    (16, false),
    (17 | CRITICAL, false),
    (18, false),
    (19, true),
    (20, false),
];

/// The greatest kind of a log entry that it knows.
const KIND_KNOWN_THEN: u16 = 13;

/// The golden vectors of a kind that have this verdict.
fn good(kind: ObjectKind) -> Vec<Vector> {
    let all = golden::made().into_iter();
    all.filter(|v| v.verdict.is_none() && matches!(v.shape, Shape::Object(found, _) if found == kind)).collect()
}

/// The plaintext of the one record of a vector.
fn plaintext(vector: &Vector, record: u8) -> Vec<u8> {
    let keys = golden::secrets(vector.suite);
    let expected = vector.expected().expect("an object");
    let (object, cipher) = Object::parse_as(&vector.bytes, &expected, |h| keys.cipher(h)).unwrap();
    object.open_only(record, &cipher).unwrap()
}

/// The tags of *fields*, as they stand, without their critical bits.
fn tags(mut fields: &[u8]) -> BTreeSet<u16> {
    let mut found = BTreeSet::new();
    while let Some((head, rest)) = fields.split_first_chunk::<8>() {
        found.insert(u16::from_le_bytes([head[0], head[1]]) & !CRITICAL);
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        fields = &rest[length..];
    }
    found
}

/// What that program says of the fields of a golden point.
fn then(file: &str) -> Result<(), format_spec::FormatError> {
    let points = good(ObjectKind::RestorePoint);
    let vector = points.iter().find(|vector| vector.file == file).expect("a golden vector");
    Fields::parse(&plaintext(vector, kind::MANIFEST), &KNOWN_THEN).map(drop)
}

#[test]
fn an_older_program_calls_a_point_with_kept_items_unsupported() {
    for suite in ["clear", "sealed"] {
        let refused = then(&format!("good/{suite}/restore_point/a-point-that-keeps-an-item.bin")).unwrap_err();
        assert!(refused.is_unsupported(), "{refused}");
        assert_eq!(refused.to_string(), "CONT-19: a critical field is not supported by this release (found 25)");
    }
}

#[test]
fn an_older_program_reads_a_shrunken_point() {
    for suite in ["clear", "sealed"] {
        then(&format!("good/{suite}/restore_point/a-shrunken-point.bin")).unwrap();
    }
}

/// Every field of a point since then but those of kept items and of a source's state may be ignored, and each stands in a golden point.
#[test]
fn an_older_program_reads_beside_every_later_field_of_a_point_but_two() {
    let mut later: BTreeSet<u16> = BTreeSet::new();
    for vector in good(ObjectKind::RestorePoint) {
        let fields = plaintext(&vector, kind::MANIFEST);
        let tags = tags(&fields);
        later.extend(tags.iter().filter(|tag| **tag > 20).copied());
        let read = Fields::parse(&fields, &KNOWN_THEN);
        let is_ours = read.as_ref().is_err_and(format_spec::FormatError::is_unsupported);
        let is_beyond_it = tags.contains(&25) || tags.contains(&22);
        assert_eq!((read.is_ok(), is_ours), (!is_beyond_it, is_beyond_it), "{}", vector.file);
    }
    assert_eq!(
        later.into_iter().collect::<Vec<_>>(),
        LATER,
        "a point field that no golden point has, or that is not told of here"
    );
}

/// Of the kinds since then, a suspect pack stops writing and a SetAside stops reading; neither is read as something else.
#[test]
fn an_older_program_stops_at_every_later_kind_of_entry_as_its_treatment_says() {
    let mut later = BTreeSet::new();
    for vector in good(ObjectKind::LogEntry) {
        let fields = plaintext(&vector, kind::LOG_ENTRY);
        // Field 5c is the kind and how to treat it ([LOG-2]).
        let known: Vec<(u16, bool)> =
            tags(&fields).into_iter().flat_map(|tag| [(tag, true), (tag | CRITICAL, true)]).collect();
        let own = Fields::parse(&fields, &known).unwrap().array::<4>(5 | CRITICAL, "LOG-2").unwrap();
        let [kind, treatment] = [u16::from_le_bytes([own[0], own[1]]), u16::from_le_bytes([own[2], own[3]])];
        // Kinds that nobody knows stand for those of other releases.
        if kind > KIND_KNOWN_THEN && kind < 40 {
            later.insert((kind, treatment));
        }
    }
    assert_eq!(later.into_iter().collect::<Vec<_>>(), [(14, 1), (15, 0)]);
}

/// The fields that came since.
const LATER: [u16; 9] = [21, 22, 23, 24, 25, 26, 27, 28, 30];
