//! The store dies at the k-th call and stays dead: nothing half-made is visible, and the next backup stores only what was not published.

use super::rig::{copy_of, shown};
use super::{Rig, noise, parallel};
use engine::Kind;
use engine::env::{Env, Machine, SharedEnv};
use engine::store::{Fault, Faulty, Memory};
use format_spec::Time;
use format_spec::container::ObjectKind;
use format_spec::log::Change;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The machine's clock, but a publish is due after each pack: the way to many publishes without gigabytes.
struct Hasty {
    machine: SharedEnv,
    seconds: AtomicU64,
}

impl Hasty {
    fn shared() -> SharedEnv {
        Arc::new(Hasty { machine: Machine::shared(), seconds: AtomicU64::new(0) })
    }
}

impl Env for Hasty {
    fn now(&self) -> Time {
        self.machine.now()
    }

    fn elapsed(&self) -> f64 {
        let minutes = u32::try_from(self.seconds.fetch_add(1, Ordering::SeqCst)).unwrap();
        f64::from(minutes) * 300.0
    }

    fn random(&self, bytes: &mut [u8]) -> engine::Result<()> {
        self.machine.random(bytes)
    }
}

/// Bytes of the data packs that the log has published.
fn published(rig: &Rig) -> u64 {
    let repository = rig.open().unwrap();
    let mut bytes = 0;
    let mut add = |entry: &format_spec::log::LogEntry| {
        if let Change::Publish { packs, .. } = &entry.change {
            bytes += packs.iter().filter(|p| p.kind == ObjectKind::DataPack).map(|p| p.object.bytes).sum::<u64>();
        }
        Ok(())
    };
    repository.log().for_each(&mut add).unwrap();
    bytes
}

/// Metadata, and the last block of a pack that was cut differently.
const SLACK: u64 = 200_000;

fn die_at_each(last: fn(Kind) -> Fault, kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let mut base = Rig::new(folder.path(), Arc::new(Memory::new()));
    base.env = Hasty::shared();
    for n in 0..30 {
        base.write(format!("d{}/{n}.bin", n % 6), &noise(n, 500_000));
    }
    let whole = base.over(copy_of(&*base.store)).expect_healthy().bytes_stored;
    let (resumed, spared) = (AtomicU64::new(0), AtomicU64::new(0));
    let tried = parallel(|k| {
        let memory = copy_of(&*base.store);
        let dying = Arc::new(Faulty::new(memory.clone(), move |call| match call.number {
            n if n < k => None,
            n if n == k => Some(last(kind)),
            _ => Some(Fault::Before(kind)),
        }));
        let done = base.over(dying.clone()).back_up();
        if dying.calls() < k {
            return false;
        }
        let healthy = base.over(memory);
        let points = healthy.open().unwrap().points().unwrap().len();
        match done {
            Ok(_) => assert_eq!(points, 1, "call {k}"),
            Err(e) => {
                assert_eq!(e.kind(), kind, "call {k} gives {}", shown(&e));
                assert!(points <= 1, "call {k}");
            }
        }
        let before = published(&healthy);
        let next = healthy.expect_healthy();
        assert!(next.bytes_stored + before <= whole + SLACK, "call {k}: {before} were published, then {next:?}");
        resumed.fetch_add(u64::from(before > 0 && points == 0), Ordering::SeqCst);
        spared.fetch_max(if points == 0 { before } else { 0 }, Ordering::SeqCst);
        true
    });
    let (resumed, spared) = (resumed.into_inner(), spared.into_inner());
    println!("the store died at {tried} calls; {resumed} sessions were resumed, at best with {spared} bytes spared");
    assert!(tried > 30 && resumed > 10 && spared > 10_000_000);
}

#[test]
fn a_store_that_dies_at_any_call_leaves_what_was_published() {
    die_at_each(Fault::Before, Kind::Denied);
}

#[test]
fn a_store_that_dies_after_any_call_had_its_effect_leaves_what_was_published() {
    die_at_each(Fault::After, Kind::Transient);
}
