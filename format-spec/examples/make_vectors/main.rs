//! Writes the golden vectors, an archive per group, and `vectors.json` into `format-spec/vectors`, and adds seeds of the
//! fuzz targets to the archives in `fuzz/corpus`. An archive that says the same is left as it is; what another release of
//! zstd would only write differently stays as it was committed.
//!
//! Run it when the format changes on purpose: `cargo run -p format-spec --example make_vectors`.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod corpora;
#[path = "../../tests/it/golden/mod.rs"]
#[expect(clippy::unwrap_used, reason = "a maker of vectors fails loudly")]
mod golden;

use golden::Vector;
use golden::archive::{self, Members};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let committed = golden::committed(&folder)?;
    let vectors = golden::settled(&committed);
    for vector in &vectors {
        if committed.get(&vector.file).is_none_or(|old| *old != vector.bytes) {
            println!("{}: changed, so the format has changed", vector.file);
        }
        let previous = vector.beside().and_then(|file| vectors.iter().find(|v| v.file == *file));
        let found = golden::judge(vector, &vector.bytes, previous.map(|v| &v.bytes[..])).map_err(|e| e.rule()).err();
        if found != vector.verdict {
            println!("{}: the verdict is {found:?} and not {:?}", vector.file, vector.verdict);
        }
    }
    for gone in committed.keys().filter(|file| vectors.iter().all(|vector| vector.file != **file)) {
        println!("{gone}: removed");
    }
    pack(&vectors, &folder)?;
    std::fs::write(folder.join("vectors.json"), golden::to_json(&vectors))?;
    let seeds = corpora::write(&vectors, &folder.join("../../fuzz/corpus"))?;
    println!("{} vectors, {seeds} seeds", vectors.len());
    Ok(())
}

/// Writes the vectors into an archive per group, and removes the archive of a group that has gone.
fn pack(vectors: &[Vector], folder: &Path) -> io::Result<()> {
    let mut groups: BTreeMap<&str, Members> = BTreeMap::new();
    for vector in vectors {
        let (group, name) = vector.file.split_once('/').expect("every vector has a group");
        groups.entry(group).or_default().insert(name.to_owned(), vector.bytes.clone());
    }
    for path in archive::archives(folder)? {
        if path.file_stem().is_none_or(|group| !groups.contains_key(&*group.to_string_lossy())) {
            std::fs::remove_file(path)?;
        }
    }
    groups.iter().try_for_each(|(group, members)| archive::write(&folder.join(format!("{group}.tar")), members))
}
