//! What it costs to read one block by its size: checksum, decryption, decompression, and the hash of its one chunk.
//!
//!     cargo run --release -p engine --example decode
//!
//! For benches/mount-profile.md. Plaintext is hexadecimal digits of noise, which compresses 2:1, and noise, which is stored raw.

#![expect(clippy::print_stdout, reason = "a table is what it makes")]

use engine::block::OpenBlock;
use engine::pack::open_block;
use format_spec::container::{Codec, Header, Object, ObjectKind, ObjectWriter, Suite, kind};
use format_spec::keys::{Secret, Secrets};
use format_spec::{ChunkId, RepositoryId};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let secrets = Secrets { master: Some(Secret::new([1; 32])), dedup: Secret::new([2; 32]) };
    println!("| block, KiB | compresses 2:1, ms | stored raw, ms |\n|---|---|---|");
    for kib in [64u32, 128, 256, 512, 1024, 2048] {
        let times = [true, false].map(|digits| one(&secrets, kib, digits));
        let [packed, raw] = times;
        println!("| {kib} | {:.3} | {:.3} |", packed?.as_secs_f64() * 1e3, raw?.as_secs_f64() * 1e3);
    }
    Ok(())
}

/// The median of many readings of one sealed block.
fn one(secrets: &Secrets, kib: u32, digits: bool) -> Result<Duration, Box<dyn Error>> {
    let bytes = kib as usize * 1024;
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let plain = if digits { noise.iter().map(|b| b"0123456789abcdef"[usize::from(*b & 15)]).collect() } else { noise };
    let ids = secrets.ids();
    let id = ids.blob(ObjectKind::DataPack, &plain);
    let block = OpenBlock::of(ChunkId([0; 32]), plain).encode(3)?;
    let header = Header::new(ObjectKind::DataPack, Suite::Aes256Gcm, RepositoryId([3; 16]), 1, 1, [4; 32]);
    let codec = if digits { Codec::Zstd } else { Codec::Raw };
    assert_eq!(block.codec, codec, "the plaintext is of the kind that it should be");
    let mut writer = ObjectWriter::new(header.clone(), secrets.cipher(&header));
    writer.push(kind::BLOCK, block.codec, block.plain_bytes, block.encoded);
    let (object, _) = writer.finish();
    let parsed = Object::parse(&object)?;
    let entry = parsed.entries().first().ok_or("no block")?;
    let (start, end) = (usize::try_from(entry.range().start)?, usize::try_from(entry.range().end)?);
    let cipher = secrets.cipher(&header);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let plain = open_block(&object[start..end], &cipher)?;
        assert_eq!(ids.blob(ObjectKind::DataPack, black_box(&plain)), id);
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}
