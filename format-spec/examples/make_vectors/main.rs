//! Writes the golden vectors and `vectors.json` into `format-spec/vectors`, and seeds of the fuzz targets into `fuzz/corpus`. A file that says the same is left as it is.
//!
//! Run it when the format changes on purpose: `cargo run -p format-spec --example make_vectors`.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod corpora;
#[path = "../../tests/it/golden/mod.rs"]
#[expect(clippy::unwrap_used, reason = "a maker of vectors fails loudly")]
mod golden;

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let vectors = golden::settled(&folder);
    for vector in &vectors {
        let path = folder.join(&vector.file);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        std::fs::write(&path, &vector.bytes)?;
        let previous = vector.beside().and_then(|file| vectors.iter().find(|v| v.file == *file));
        let found = golden::judge(vector, &vector.bytes, previous.map(|v| &v.bytes[..])).map_err(|e| e.rule()).err();
        if found != vector.verdict {
            println!("{}: the verdict is {found:?} and not {:?}", vector.file, vector.verdict);
        }
    }
    std::fs::write(folder.join("vectors.json"), golden::to_json(&vectors))?;
    let seeds = corpora::write(&vectors, &folder.join("../../fuzz/corpus"))?;
    println!("{} vectors, {seeds} seeds", vectors.len());
    Ok(())
}
