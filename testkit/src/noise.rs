//! Bytes for tests.
//!
//! Promises: they do not compress, repeat nowhere, and are the same for the same seed; fewer of a seed are a prefix of more.

/// So many of them.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}
