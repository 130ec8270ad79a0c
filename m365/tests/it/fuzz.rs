//! The corpora of this crate's fuzz targets, replayed without libFuzzer, each input also changed at random.

#[path = "../../../fuzz/src/m365.rs"]
#[expect(unreachable_pub, reason = "the fuzz crate's library; here its functions are replayed")]
mod m365_targets;
#[path = "../../../fuzz/src/replay.rs"]
#[expect(unreachable_pub, dead_code, reason = "the fuzz crate's library; here its functions replay")]
mod replay;

use m365_targets::TARGETS;

#[test]
fn corpora_replay_without_a_panic() {
    for target in TARGETS {
        let verdict = replay::replay(target, 5000);
        println!("{verdict}");
    }
}

#[test]
fn every_target_is_built_by_the_fuzzer() {
    replay::assert_built(&TARGETS);
}
