//! The corpora of the fuzz targets, replayed without libFuzzer.

use crate::golden::archive::{self, Members, Tested};
use crate::targets::{ORDINAL, REPOSITORY, TARGETS, secrets};
use format_spec::container::Suite;
use format_spec::log::LogEntry;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The archive of a target's inputs, and what is in it.
fn corpus(name: &str) -> (PathBuf, Members) {
    let archive = fuzz().join("corpus").join(format!("{name}.tar"));
    let members = archive::read(&archive).unwrap();
    (archive, members)
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// Each input as it is, cut short, and with single bytes changed at fixed places.
#[test]
fn corpora_replay_without_a_panic() {
    let mut total = 0;
    for (name, target) in TARGETS {
        let (archive, inputs) = corpus(name);
        for (member, bytes) in &inputs {
            let run = |how: &str, input: &[u8]| {
                let _named = Tested { archive: &archive, member, how };
                target(input);
            };
            run("as it is", bytes);
            for (round, mask) in (0u8..16).zip([1u8, 0x80, 0xFF, 0x10].into_iter().cycle()) {
                let Some(place) = place(bytes, round) else { continue };
                let mut changed = bytes.clone();
                changed[place] ^= mask;
                run(&format!("with byte {place} changed by {mask:#x}"), &changed);
                run(&format!("cut to {place} bytes"), &bytes[..place]);
            }
        }
        assert!(!inputs.is_empty(), "{name} has no corpus");
        total += inputs.len();
    }
    println!("{total} inputs of {} targets", TARGETS.len());
}

/// Seeds that are refused early teach a fuzzer nothing: each kind of entry has one that is read to its end.
#[test]
fn the_corpus_of_entries_has_every_kind() {
    let mut kinds = HashSet::new();
    for bytes in corpus("log_entry").1.into_values() {
        let Some((choice, object)) = bytes.split_first() else { continue };
        let suite = if choice & 2 == 0 { Suite::Clear } else { Suite::Aes256Gcm };
        let entry = LogEntry::decode(object, ORDINAL, REPOSITORY, &secrets(suite));
        kinds.extend(entry.map(|e| (suite as u8, std::mem::discriminant(&e.change))));
    }
    // Fifteen that are known, and unknown ones.
    assert_eq!(kinds.len(), 2 * 16, "kinds of entries in the corpus, clear and sealed");
}

#[test]
fn every_target_is_built_by_the_fuzzer() {
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(fuzz().join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name} has no file");
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is not in fuzz/Cargo.toml");
    }
}

fn place(bytes: &[u8], round: u8) -> Option<usize> {
    let hash = blake3::Hasher::new().update(bytes).update(&[round]).finalize();
    let number = u32::from_le_bytes(*hash.as_bytes().first_chunk().unwrap()) as usize;
    number.checked_rem(bytes.len())
}
