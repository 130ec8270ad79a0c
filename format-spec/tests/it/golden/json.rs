//! `vectors.json`: what stands in `vectors/`, what opens it, and the verdict.

use super::{PASSWORD, REPOSITORY, SESSION, Shape, Vector, name, secrets, suite_name};
use format_spec::container::{Codec, DirectoryEntry, Object, ObjectKind, Suite};
use format_spec::names;
use serde_json::{Value, json};

/// The whole file, with a line feed at its end.
pub(crate) fn to_json(vectors: &[Vector]) -> String {
    let rows: Vec<Value> = vectors.iter().map(row).collect();
    let keys = |suite| {
        let keys = secrets(suite);
        json!({
            "master_key": keys.master.as_ref().map(|m| hex(m.expose())),
            "dedup_key": hex(keys.dedup.expose()),
            "suite": suite as u8,
        })
    };
    let all = json!({
        "about": "Golden vectors. Verdict: ok, or the number of the broken rule. Written by the example make_vectors.",
        "repository_id": hex(&REPOSITORY.0),
        "session": SESSION,
        "password": PASSWORD,
        "secrets": { "clear": keys(Suite::Clear), "sealed": keys(Suite::Aes256Gcm) },
        "derived": derived(),
        "names": NAMES.iter().map(|n| name_row(n)).collect::<Vec<_>>(),
        "vectors": rows,
    });
    format!("{all:#}\n")
}

/// The word for a kind of object.
pub(crate) fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::DataPack => "data_pack",
        ObjectKind::MetaPack => "meta_pack",
        ObjectKind::IndexSegment => "index_segment",
        ObjectKind::RestorePoint => "restore_point",
        ObjectKind::LogEntry => "log_entry",
        ObjectKind::Checkpoint => "checkpoint",
        ObjectKind::Config => "config",
        ObjectKind::KeySlot => "key_slot",
    }
}

fn row(vector: &Vector) -> Value {
    let mut row = json!({
        "file": vector.file,
        "verdict": vector.verdict.unwrap_or("ok"),
        "why": vector.why,
        "blake3": blake3::hash(&vector.bytes).to_hex().as_str(),
    });
    let mut set = |key: &str, value: Value| row[key] = value;
    match vector.shape {
        Shape::Node => set("kind", json!("node")),
        Shape::ReferenceValue => set("kind", json!("reference_value")),
        Shape::LedgerValue => set("kind", json!("ledger_value")),
        Shape::Object(kind, ordinal) => {
            let expected = vector.expected().expect("an object");
            set("kind", json!(kind_name(kind)));
            set("secrets", json!(suite_name(vector.suite)));
            set("name", json!(name(kind, vector.session, ordinal)));
            set("session", json!(expected.session));
            set("ordinal", json!(ordinal));
            if kind == ObjectKind::KeySlot {
                set("password", json!(vector.password));
            }
            if let Some(previous) = &vector.previous {
                set("previous", json!(previous));
            }
            if let Some(entry) = &vector.vouched_by {
                set("vouched_by", json!(entry));
            }
            if vector.verdict.is_none() {
                set("records", records(vector));
            }
        }
    }
    row
}

/// Kind and BLAKE3 of the plaintext of each record of a good object.
fn records(vector: &Vector) -> Value {
    let object = Object::parse(&vector.bytes).expect("a good object");
    let cipher = secrets(vector.suite).cipher(object.header());
    let one = |e: &DirectoryEntry| {
        // Records of unknown kinds may use unknown codecs: readers skip them.
        if Codec::from_byte(e.head.codec).is_err() {
            return json!({ "kind": e.head.kind, "codec": e.head.codec });
        }
        let plain = object.open(e, &cipher).expect("a good record");
        json!({ "kind": e.head.kind, "codec": e.head.codec, "plain_blake3": blake3::hash(&plain).to_hex().as_str() })
    };
    object.entries().iter().map(one).collect()
}

/// Values of KEY-6 to KEY-8 for the vectors' dedup key.
fn derived() -> Value {
    let keys = secrets(Suite::Clear);
    let ids = keys.ids();
    let gear: Vec<u8> = keys.gear_table().iter().flat_map(|n| n.to_le_bytes()).collect();
    json!({
        "chunk_id_of_hello": ids.chunk(b"hello").to_string(),
        "node_id_of_hello": ids.node(b"hello").to_string(),
        "gear_table_first": keys.gear_table()[0],
        "gear_table_blake3": blake3::hash(&gear).to_hex().as_str(),
    })
}

/// Names, ours and foreign (NAME-2 to NAME-4).
pub(crate) const NAMES: [&str; 21] = [
    "config",
    "keys/00ff00ff00ff00ff",
    "log/0000000000000001",
    "data/00000001/00000000",
    "meta/00000001/0000000a",
    "index/00000001/00000002",
    "points/ffffffff/ffffffff",
    "checkpoint/0000000000000001",
    "config/",
    "Config",
    "keys/00FF00ff00ff00ff",
    "keys/00ff",
    "log/00000001",
    "log/0000000000000000",
    "data/00000001",
    "data/00000001/00000000/",
    "data/00000001/0000000g",
    "data/00000001/+0000000",
    "data/1/0",
    "probe/00000001",
    "",
];

fn name_row(name: &str) -> Value {
    match names::parse(name) {
        Some((kind, session, ordinal)) => {
            json!({ "name": name, "kind": kind_name(kind), "session": session, "ordinal": ordinal })
        }
        None => json!({ "name": name, "kind": null }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
