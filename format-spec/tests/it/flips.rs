//! Every truncation and every flipped bit of a small object of each kind is refused, in both suites; of sealed objects also when
//! the forger makes every checksum right again.

use crate::golden::{self, Shape, Vector, judge};
use crate::targets::mend;
use format_spec::container::{ObjectKind, Suite};
use format_spec::tree::Node;

/// The good repositories' objects: every kind, both suites.
fn objects() -> Vec<Vector> {
    let all = golden::made();
    let objects: Vec<Vector> = all.into_iter().filter(|v| v.file.starts_with("repository-")).collect();
    for kind in ObjectKind::ALL {
        let of_kind = objects.iter().filter(|v| matches!(v.shape, Shape::Object(k, _) if k == kind)).count();
        assert!(of_kind >= if kind == ObjectKind::KeySlot { 1 } else { 2 }, "{kind:?}");
    }
    objects
}

#[test]
fn every_truncation_is_refused() {
    let mut tried = 0;
    for vector in objects() {
        for length in 0..vector.bytes.len() {
            assert!(judge(&vector, &vector.bytes[..length], None).is_err(), "{}: {length} bytes", vector.file);
            tried += 1;
        }
    }
    println!("{tried} truncations were refused");
}

#[test]
fn every_flipped_bit_is_refused() {
    let mut tried = 0;
    for vector in objects() {
        for bit in 0..vector.bytes.len() * 8 {
            assert!(judge(&vector, &flipped(&vector.bytes, bit), None).is_err(), "{}: bit {bit}", vector.file);
            tried += 1;
        }
    }
    println!("{tried} flipped bits were refused");
}

/// Checksums are no secret; who makes them right again after a flip still meets tag or seal. The seal that the forger makes is
/// the unkeyed one: `mend` knows the vectors' secrets, so its own seal is taken out again.
#[test]
fn a_flip_with_mended_checksums_meets_tag_or_seal() {
    let (mut tried, mut unchanged) = (0, 0);
    for vector in objects().into_iter().filter(|v| v.suite == Suite::Aes256Gcm) {
        if matches!(vector.shape, Shape::Object(ObjectKind::KeySlot, _)) {
            continue; // Its seal has no key; KEY-3 is shown by vectors.
        }
        let seal_at = vector.bytes.len() - 104 + 16;
        let original = &vector.bytes[seal_at..seal_at + 32];
        for bit in 0..vector.bytes.len() * 8 {
            let mut forged = mend(&flipped(&vector.bytes, bit));
            forged[seal_at..seal_at + 32].copy_from_slice(original);
            let trailer = forged.len() - 104;
            let crc = crc32fast::hash(&forged[trailer..trailer + 96]);
            forged[trailer + 96..trailer + 100].copy_from_slice(&crc.to_le_bytes());
            if forged == vector.bytes {
                unchanged += 1; // The flip was in a checksum.
                continue;
            }
            assert!(judge(&vector, &forged, None).is_err(), "{}: bit {bit}", vector.file);
            tried += 1;
        }
    }
    println!("{tried} forged flips were refused, {unchanged} were mended away");
}

/// Nodes have no checksum of their own: their id covers every bit. Their layout notices every missing byte.
#[test]
fn every_truncation_of_a_node_is_refused_and_every_flip_has_another_id() {
    let ids = golden::secrets(Suite::Clear).ids();
    let all = golden::made();
    let (mut cut, mut bits) = (0, 0);
    for vector in all.iter().filter(|v| v.shape == Shape::Node && v.verdict.is_none() && v.bytes.len() < 1000) {
        let id = ids.node(&vector.bytes);
        for length in 0..vector.bytes.len() {
            assert!(Node::decode(&vector.bytes[..length]).is_err(), "{}: {length} bytes", vector.file);
            cut += 1;
        }
        for bit in 0..vector.bytes.len() * 8 {
            let flipped = flipped(&vector.bytes, bit);
            drop(Node::decode(&flipped));
            assert_ne!(ids.node(&flipped), id, "{}: bit {bit}", vector.file);
            bits += 1;
        }
    }
    println!("{cut} truncations and {bits} flipped bits of nodes");
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[bit / 8] ^= 1 << (bit % 8);
    out
}
