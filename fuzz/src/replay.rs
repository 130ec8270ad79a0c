//! Replays the corpora without libFuzzer: every input as it is, then seeded mutations of it. Plain Rust, so that the ordinary
//! tests of each crate can include it beside their targets.

#[path = "archive.rs"]
pub mod archive;

use archive::Tested;
use std::path::{Path, PathBuf};

/// A target's name and function, which says whether the input was accepted.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// Runs a corpus, then `mutations` changed inputs that are the same on every machine. Fails when the corpus is empty, or
/// when it shows the decoder only accepting or only refusing: such a replay proves little. Says in a line what came of it.
pub fn replay((name, target): Target, mutations: u64) -> String {
    let archive = corpus(name);
    let members: Vec<(String, Vec<u8>)> =
        archive::read(&archive).expect("the corpus of the target").into_iter().collect();
    assert!(!members.is_empty(), "{name} has no corpus");
    let run = |member: &str, how: &str, input: &[u8]| {
        let _named = Tested { archive: &archive, member, how };
        target(input)
    };
    let accepted = members.iter().filter(|(member, input)| run(member, "as it is", input)).count();
    let inputs: Vec<&[u8]> = members.iter().map(|(_, input)| &input[..]).collect();
    let refused = inputs.len() - accepted;
    assert!(accepted > 0 && refused > 0, "the corpus of {name} has {accepted} good inputs and {refused} bad ones");
    let mut random = Random(name.bytes().fold(1, |seed, byte| seed.wrapping_mul(257) + u64::from(byte)));
    let changed = (0..mutations).filter(|number| {
        let (of, input) = mutated(&inputs, &mut random);
        run(&members[of].0, &format!("changed as mutation {number} does: {}", input.escape_ascii()), &input)
    });
    let changed = changed.count();
    format!("{name}: {accepted} accepted, {refused} refused; {changed} of {mutations} mutations accepted")
}

/// Every target has a file and an entry by which libFuzzer runs it.
pub fn assert_built(targets: &[Target]) {
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).expect("the manifest of the targets");
    for (name, _) in targets {
        assert!(folder().join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name} has no file");
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is not in fuzz/Cargo.toml");
    }
}

/// The archive of a target's inputs.
pub fn corpus(name: &str) -> PathBuf {
    folder().join("corpus").join(format!("{name}.tar"))
}

/// The crates under test lie beside the folder of the targets.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// One to four changes of an input: bits, bytes, runs that are doubled, lost or taken from another input. Says which input.
fn mutated(inputs: &[&[u8]], random: &mut Random) -> (usize, Vec<u8>) {
    let of = random.below(inputs.len());
    let mut bytes = inputs[of].to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(16)).min(bytes.len());
        match (random.below(6), bytes.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << random.below(8),
            (1, Some(byte)) => *byte = ODD[random.below(ODD.len())],
            (2, Some(_)) => drop(bytes.drain(at..end)),
            (3, Some(_)) => bytes.extend_from_within(at..end),
            (4, Some(_)) => bytes.truncate(at),
            _ => {
                let other = inputs[random.below(inputs.len())];
                let from = random.below(other.len() + 1);
                let run = &other[from..(from + 1 + random.below(16)).min(other.len())];
                bytes.splice(at..at, run.iter().copied());
            }
        }
    }
    (of, bytes)
}

/// Bytes at which decoders turn.
const ODD: &[u8] = b"\x00\x01\x7f\x80\xff\n\r /\\*?[]!#:.-\"'{}=0129azAZ";

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap_or(0)
    }
}
