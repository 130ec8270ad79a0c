//! Kept items and programs that do not know them: such a point is unsupported there, never damaged (decision 0015).

use crate::golden;
use format_spec::container::{Object, kind};
use format_spec::fields::{CRITICAL, Fields};
use std::path::Path;

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

/// What that program says of the fields of a golden point.
fn then(file: &str) -> Result<(), format_spec::FormatError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let vector = golden::settled(&Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors"))
        .into_iter()
        .find(|vector| vector.file == file)
        .expect("a golden vector");
    let keys = golden::secrets(vector.suite);
    let expected = vector.expected().expect("an object");
    let (object, cipher) = Object::parse_as(&bytes, &expected, |h| keys.cipher(h))?;
    Fields::parse(&object.open_only(kind::MANIFEST, &cipher)?, &KNOWN_THEN).map(drop)
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
