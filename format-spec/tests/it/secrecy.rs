//! Secrets never appear in what `Debug` prints.

use crate::golden;
use format_spec::bytes::Cursor;
use format_spec::config::Config;
use format_spec::container::{Object, ObjectKind, ObjectWriter, Suite, kind};
use format_spec::fields::{Fields, FieldsWriter};
use std::fmt::Debug;

/// The secrets of a suite in the ways in which `Debug` and hex would show them.
fn traces(suite: Suite) -> Vec<String> {
    let keys = golden::secrets(suite);
    let chunk = blake3::derive_key("cairn 1 chunk id", keys.dedup.expose());
    let node = blake3::derive_key("cairn 1 node id", keys.dedup.expose());
    let master = keys.master.as_ref().map(|m| *m.expose());
    let secrets = [Some(*keys.dedup.expose()), Some(chunk), Some(node), master];
    let shown = |bytes: [u8; 32]| {
        let list = format!("{bytes:?}");
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        // A part of each suffices: a dump may begin anywhere.
        [list[1..40].to_owned(), hex[..12].to_owned(), hex[..12].to_uppercase()]
    };
    secrets.into_iter().flatten().flat_map(shown).collect()
}

/// What `Debug` prints, where it shows a secret.
fn leak(suite: Suite, value: &dyn Debug) -> Option<String> {
    let traces = traces(suite);
    let texts = [format!("{value:?}"), format!("{value:#?}").replace(['\n', ' '], "").replace(',', ", ")];
    texts.into_iter().find(|text| traces.iter().any(|trace| text.contains(trace)))
}

fn shows_nothing(what: &str, suite: Suite, value: &dyn Debug) {
    if let Some(text) = leak(suite, value) {
        panic!("{what} shows a secret: {text}");
    }
}

#[test]
fn debug_shows_no_secret() {
    for suite in [Suite::Clear, Suite::Aes256Gcm] {
        let keys = golden::secrets(suite);
        shows_nothing("Secrets", suite, &keys);
        shows_nothing("Secret", suite, &keys.dedup);
        shows_nothing("IdKeys", suite, &keys.ids());
        for kind in ObjectKind::ALL {
            let header = golden::header(kind, suite, 1, "");
            shows_nothing("Cipher", suite, &keys.cipher(&header));
            let mut writer = ObjectWriter::new(header.clone(), keys.cipher(&header));
            writer.push_plain(kind::CONFIG, keys.dedup.expose(), 3);
            shows_nothing("ObjectWriter", suite, &writer);
        }
        for vector in golden::made() {
            if vector.file.ends_with("/config") && vector.suite == suite {
                let object = Object::parse(&vector.bytes).unwrap();
                shows_nothing("Object", suite, &object);
                let cipher = keys.cipher(object.header());
                let plain = object.open_only(kind::CONFIG, &cipher).unwrap();
                shows_nothing("Fields", suite, &Fields::parse(&plain, &[]).map_err(|e| e.to_string()));
                let known: Vec<(u16, bool)> = (0..=u16::MAX).map(|tag| (tag, true)).collect();
                shows_nothing("Fields", suite, &Fields::parse(&plain, &known).unwrap());
                shows_nothing("Cursor", suite, &Cursor::new(&plain, "CONF-1"));
                shows_nothing("Config", suite, &Config::decode(&vector.bytes).unwrap());
            }
        }
        let mut row = FieldsWriter::new();
        row.put(9, keys.dedup.expose());
        shows_nothing("FieldsWriter", suite, &row);
    }
}

/// The traces are real: a value that does print its bytes is caught.
#[test]
fn a_leak_would_be_seen() {
    let keys = golden::secrets(Suite::Clear);
    assert!(leak(Suite::Clear, keys.dedup.expose()).is_some());
}
