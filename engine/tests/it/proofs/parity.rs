//! Parity: every part in turn, bursts and cuts up to the budget are healed bit by bit; one part more is refused and says so.

use super::{Rig, noise};
use engine::Kind;
use engine::block::OpenBlock;
use engine::pack::{FinishedPack, PackBuilder, heal};
use engine::store::{Memory, StoreExt};
use format_spec::container::{Object, ObjectKind, kind};
use format_spec::keys::{Secret, Secrets};
use format_spec::log::ObjectRef;
use format_spec::parity::{Geometry, Table};
use format_spec::{ObjectId, RepositoryId};
use std::sync::Arc;

fn secrets(sealed: bool) -> Secrets {
    Secrets { master: sealed.then(|| Secret::new([1; 32])), dedup: Secret::new([2; 32]) }
}

fn pack(secrets: &Secrets, bytes: usize, percent: u8) -> FinishedPack {
    let id = ObjectId { session: 7, ordinal: 3 };
    let mut pack =
        PackBuilder::new(ObjectKind::DataPack, id, RepositoryId([5; 16]), [9; 32], secrets, 5_000_000, percent);
    for n in 0..3 {
        let chunk = noise(n, bytes / 3);
        pack.push(OpenBlock::of(secrets.ids().chunk(&chunk), chunk).encode(3).unwrap()).unwrap();
    }
    pack.finish(secrets).unwrap()
}

/// A pack of about 120 parts of 512 bytes with 5% parity, and what the log says of it.
struct Case {
    secrets: Secrets,
    bytes: Vec<u8>,
    promised: ObjectRef,
    geometry: Geometry,
}

impl Case {
    fn new(sealed: bool) -> Case {
        let secrets = secrets(sealed);
        let pack = pack(&secrets, 60_000, 5);
        let geometry = Table::find(&pack.bytes).expect("a table").geometry;
        assert_eq!((geometry.shard_bytes, geometry.recovery), (512, 6));
        Case { bytes: pack.bytes.to_vec(), promised: pack.published.object, secrets, geometry }
    }

    /// The pack with bytes of these ranges inverted.
    fn bent(&self, ranges: impl IntoIterator<Item = std::ops::Range<usize>>) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for range in ranges {
            let end = range.end.min(bytes.len());
            bytes[range.start..end].iter_mut().for_each(|b| *b = !*b);
        }
        bytes
    }

    #[track_caller]
    fn heals(&self, damaged: &[u8]) {
        let healed = heal(damaged, &self.promised, Some(&self.secrets)).unwrap();
        assert!(healed == self.bytes, "healed to other bytes");
    }

    fn refusal(&self, damaged: &[u8]) -> engine::Error {
        heal(damaged, &self.promised, Some(&self.secrets)).expect_err("more than the budget")
    }

    fn shard(&self, number: usize) -> std::ops::Range<usize> {
        number * 512..(number + 1) * 512
    }
}

#[test]
fn every_part_in_turn_is_healed_wherever_it_lies() {
    for sealed in [false, true] {
        let case = Case::new(sealed);
        let parts = case.bytes.len().div_ceil(512);
        for part in 0..parts {
            case.heals(&case.bent([case.shard(part)]));
        }
        case.heals(&case.bytes);
        println!("{parts} parts of {} bytes damaged in turn, sealed: {sealed}", case.bytes.len());
    }
}

#[test]
fn damage_up_to_the_budget_is_healed_and_one_part_more_is_refused() {
    let case = Case::new(true);
    let data = case.geometry.data as usize;
    for start in 0..data {
        let parts = |count: usize| (0..count).map(move |n| (start + n * 17) % data);
        case.heals(&case.bent(parts(6).map(|n| case.shard(n).start + 5..case.shard(n).start + 6)));
        let error = case.refusal(&case.bent(parts(7).map(|n| case.shard(n))));
        assert_eq!(error.kind(), Kind::Damaged);
        let told = "7 of its parts of 512 bytes are damaged, and its parity can give back 6";
        assert!(error.to_string().contains(told) && error.advice().is_some(), "{error}");
    }
}

#[test]
fn a_burst_of_five_parts_is_healed_at_every_offset() {
    let case = Case::new(true);
    for start in (0..case.bytes.len()).step_by(61) {
        case.heals(&case.bent(Some(start..start + 5 * 512)));
    }
}

#[test]
fn damaged_parity_counts_against_the_budget_and_is_made_again() {
    let case = Case::new(true);
    let recovery = |n: u32| {
        let start = usize::try_from(case.geometry.recovery_offset(n)).unwrap();
        start..start + 1
    };
    case.heals(&case.bent((0..6).map(recovery)));
    case.heals(&case.bent([recovery(0), recovery(5), case.shard(1), case.shard(2), case.shard(3), case.shard(4)]));
    let error = case.refusal(&case.bent([recovery(0), recovery(5), 0..5 * 512]));
    assert!(
        error.to_string().contains("5 of its parts of 512 bytes are damaged, and its parity can give back 4"),
        "{error}"
    );
    // Either copy of the table is enough; without both nobody knows the parts.
    let object = Object::parse(&case.bytes).unwrap();
    let parity = *object.entries().iter().find(|e| e.head.kind == kind::PARITY).unwrap();
    let (front, back) =
        (usize::try_from(parity.offset).unwrap() + 32, usize::try_from(parity.range().end).unwrap() - 8);
    case.heals(&case.bent(Some(front..front + 8)));
    case.heals(&case.bent(Some(back..back + 8)));
    let error = case.refusal(&case.bent([0..1, front..front + 8, back - 4..back + 8]));
    assert!(error.to_string().contains("no parity that could be read"), "{error}");
}

#[test]
fn a_pack_whose_end_was_cut_off_is_healed_with_the_keys() {
    let case = Case::new(true);
    let end = case.bytes.len();
    let directory = usize::try_from(Object::parse(&case.bytes).unwrap().trailer().directory_offset).unwrap();
    for cut in [end - 1, end - 104, directory, directory - 3 * 512] {
        case.heals(&case.bytes[..cut]);
        case.heals(&[&case.bytes[..cut], &vec![0; end - cut][..]].concat());
        let error = heal(&case.bytes[..cut], &case.promised, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Input, "{error}");
    }
    // As long as the trailer stands, nobody needs keys; of a pack that is not sealed nobody ever does.
    assert!(heal(&case.bent([0..512, directory..directory + 24]), &case.promised, None).unwrap() == case.bytes);
    let clear = Case::new(false);
    assert!(heal(&clear.bytes[..directory], &clear.promised, None).unwrap() == clear.bytes);
}

#[test]
fn another_pack_than_the_log_promises_is_not_returned() {
    let case = Case::new(true);
    let other = ObjectRef { body_hash: [0; 32], ..case.promised };
    assert_eq!(heal(&case.bytes, &other, Some(&case.secrets)).unwrap_err().kind(), Kind::Damaged);
    let none = pack(&case.secrets, 60_000, 0);
    let mut bent = none.bytes.to_vec();
    bent[500] ^= 1;
    let error = heal(&bent, &none.published.object, Some(&case.secrets)).unwrap_err();
    assert!(error.to_string().contains("no parity"), "{error}");
}

#[test]
fn the_pack_limit_includes_the_parity() {
    for percent in [1, 5, 19, 50] {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Memory::new());
        let rig = Rig::with_parity(folder.path(), store.clone(), percent);
        rig.write("large", &noise(1, 11_000_000));
        rig.write("text", &b"the same line\n".repeat(100_000));
        rig.back_up().unwrap();
        let packs = super::rig::names_of(&*store).into_iter().filter(|n| n.as_str().starts_with("data/"));
        let sizes: Vec<u64> = packs.map(|n| store.head_of(&n).unwrap().bytes).collect();
        assert!(sizes.len() >= 3 && sizes.iter().all(|n| *n <= 5_000_000), "{percent}%: {sizes:?}");
        assert!(sizes.iter().any(|n| *n > 3_000_000), "{percent}%: {sizes:?}");
        rig.expect_equal();
    }
}
