//! Seeds of the fuzz targets' corpora. Adds members and removes none, so that what fuzzing found stays.

use crate::golden::archive::{self, Members};
use crate::golden::{self, Shape, Vector};
use format_spec::container::{Object, ObjectKind, Suite};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Larger vectors teach a fuzzer little and cost it much.
const SEED_BYTES_MAX: usize = 4096;

/// The slot of every entry that the target `log_entry` reads; others stop at their slot and teach it nothing.
const SLOT: u32 = 9;

/// Adds the seeds of these vectors to the archives in `corpus` and counts them.
pub(crate) fn write(vectors: &[Vector], corpus: &Path) -> io::Result<usize> {
    let mut seeds: BTreeMap<&str, Members> = BTreeMap::new();
    for vector in vectors {
        for (target, bytes) in seeds_of(vector) {
            if bytes.len() <= SEED_BYTES_MAX {
                let name = blake3::hash(&bytes).to_hex().as_str()[..16].to_owned();
                seeds.entry(target).or_default().insert(name, bytes);
            }
        }
    }
    let names = golden::NAMES.iter().enumerate();
    seeds
        .insert("names", names.map(|(number, name)| (format!("name-{number:02}"), name.as_bytes().to_vec())).collect());
    let count = seeds.values().map(Members::len).sum();
    for (target, seeds) in seeds {
        let path = corpus.join(format!("{target}.tar"));
        let mut members = if path.exists() { archive::read(&path)? } else { Members::new() };
        members.extend(seeds);
        archive::write(&path, &members)?;
    }
    Ok(count)
}

fn seeds_of(vector: &Vector) -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    let Shape::Object(kind, ordinal) = vector.shape else {
        match vector.shape {
            Shape::ReferenceValue => return vec![("reference_value", vector.bytes.clone())],
            Shape::LedgerValue => return vec![("ledger_value", vector.bytes.clone())],
            _ => {}
        }
        if vector.bytes.first_chunk() == Some(&[1, 0, 0, 0, 1, 0, 0, 0]) {
            seeds.push(("entry", vector.bytes[8..].to_vec()));
        }
        seeds.push(("tree_node", vector.bytes.clone()));
        return seeds;
    };
    if kind == ObjectKind::LogEntry && ordinal != SLOT {
        return seeds;
    }
    let suite = if vector.suite == Suite::Clear { 0 } else { 2 };
    let with = |choice: u8, bytes: &[u8]| [&[choice | suite], bytes].concat();
    let target = match kind {
        ObjectKind::Config => "config",
        ObjectKind::KeySlot => "key_slot",
        ObjectKind::LogEntry => "log_entry",
        ObjectKind::Checkpoint => "checkpoint",
        ObjectKind::RestorePoint => "manifest",
        ObjectKind::IndexSegment => "index_segment",
        ObjectKind::DataPack => "pack_contents",
        ObjectKind::MetaPack => return vec![("container", with(u8::from(vector.verdict.is_none()), &vector.bytes))],
    };
    if vector.verdict.is_none() && target != "pack_contents" {
        seeds.push((target, with(0, &vector.bytes)));
    }
    if let Some(plains) = plains(vector) {
        let rows = plains.iter().map(|(_, plain)| &plain[..]).collect::<Vec<_>>();
        match target {
            "index_segment" => {
                let record = |(kind, plain): &(u8, Vec<u8>)| {
                    [&[*kind][..], &u16::try_from(plain.len()).unwrap_or(u16::MAX).to_le_bytes(), plain].concat()
                };
                seeds.push((target, with(1, &plains.iter().flat_map(record).collect::<Vec<u8>>())));
            }
            "pack_contents" => {
                let lengths = plains.iter().filter(|p| p.0 == 1).map(|p| u32::try_from(p.1.len()).unwrap_or(0));
                let lengths: Vec<[u8; 4]> = lengths.map(u32::to_le_bytes).collect();
                let count = u8::try_from(lengths.len()).unwrap_or(15);
                let contents = plains.iter().find(|p| p.0 == 2).map(|p| p.1.clone()).unwrap_or_default();
                seeds.push((target, [&[count][..], &lengths.concat(), &contents].concat()));
            }
            _ => {
                seeds.push((target, with(1, &rows.concat())));
                if suite == 0 && kind != ObjectKind::RestorePoint {
                    seeds.push(("fields", rows.concat()));
                }
            }
        }
    }
    seeds
}

/// The plaintexts of an object that is good as a container.
fn plains(vector: &Vector) -> Option<Vec<(u8, Vec<u8>)>> {
    let object = Object::parse(&vector.bytes).ok()?;
    let cipher = golden::secrets(vector.suite).cipher(object.header());
    let open = |e| object.open(e, &cipher).ok().map(|plain| (e.head.kind, plain));
    object.entries().iter().map(open).collect()
}
