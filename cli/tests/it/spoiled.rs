//! A repository's life over a network that spoils a share of the requests, chosen by a seed: every command comes to its end, and what is restored is right.
//!
//! `CAIRN_SEED` repeats the choice of an earlier run. The run writes what met which fault into a file of the folder that `CAIRN_TEST_MOUNTS` names
//! (`scripts/test` prints it). Redirections are not among the faults: a command whose first answer is one has a wrong setting.

#![expect(clippy::print_stdout, reason = "a seed is printed so that it can be replayed")]

use crate::servers::{Remote, unique};
use crate::support::{Home, Run, noise, tree};
use faultproxy::{Fault, Proxy, Request, Seen};
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

/// Of a hundred requests.
const SPOILED: u64 = 8;

/// The same number for the same seed and request, evenly spread.
fn roll(seed: u64, number: u64) -> u64 {
    let mut x = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What happens to a request, if anything does. A bit is wrong once per object, for twice the same would be damage.
fn choose(seed: u64, request: &Request, flipped: &Mutex<HashSet<String>>) -> Option<Fault> {
    let roll = roll(seed, request.number);
    if roll % 100 >= SPOILED {
        return None;
    }
    match roll / 100 % 8 {
        0 => Some(Fault::ResetBefore),
        1 => Some(Fault::ResetAfter),
        2 => Some(Fault::busy(None)),
        3 => Some(Fault::busy(Some(1))),
        4 => Some(Fault::Truncate(100)),
        5 => Some(Fault::Drip { bytes: 100_000, pause: Duration::from_millis(5) }),
        6 => Some(Fault::Delay(Duration::from_millis(150))),
        _ => {
            let is_first = request.reads("data") && flipped.lock().unwrap().insert(request.path.clone());
            is_first.then_some(Fault::Flip(500))
        }
    }
}

/// How many requests came, and how many met each fault.
fn counted(seen: &[Seen]) -> (usize, BTreeMap<String, u32>) {
    let mut faults = BTreeMap::new();
    for fault in seen.iter().filter_map(|seen| seen.fault.as_ref()) {
        let name = format!("{fault:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned();
        *faults.entry(name).or_insert(0) += 1;
    }
    (seen.len(), faults)
}

/// Says it where `scripts/test` looks.
fn tell(line: &str) {
    println!("{line}");
    let Some(folder) = std::env::var_os("CAIRN_TEST_MOUNTS") else { return };
    let path = std::path::Path::new(&folder).join("faults");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

#[test]
fn a_seeded_share_of_faults_ends_no_command_and_changes_nothing() {
    let seed = std::env::var("CAIRN_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or(SEED);
    for (server, remote) in [("S3", Remote::s3("CAIRN_TEST_S3_BUCKET")), ("Azure", Remote::azure())] {
        let Some(remote) = remote else { return };
        println!("seed {seed} over {server} (CAIRN_SEED={seed} repeats it)");
        let home = Home::new();
        let remote = remote.below(&unique("spoiled"));
        let proxy = Proxy::start(remote.endpoint()).unwrap();
        let remote = remote.by_way_of(proxy.endpoint());
        let flipped = Mutex::new(HashSet::new());
        proxy.script(move |request| choose(seed, request, &flipped));
        let run = |args: &[&str]| {
            let mut command = home.command(args);
            remote.lead(&mut command);
            Run::of(&mut command).expect(0)
        };
        let src = home.text("src");
        run(&["init", "--no-encryption"]);
        for round in 0..3 {
            for n in 0..20 {
                home.write(&format!("src/{round}/{n}"), format!("{round} {n}\n").repeat(50).as_bytes());
            }
            home.write(&format!("src/{round}/big"), &noise(6_000_000, round + 1));
            run(&["backup", "--job", "j", &src]);
        }
        run(&["check", "--read-data"]);
        run(&["restore", &home.place("latest", "src"), &home.text("out")]);
        assert_eq!(tree(&home.path("src")), tree(&home.path("out")));
        run(&["gc", "plan"]);
        let (requests, faults) = counted(&proxy.seen());
        assert!(!faults.is_empty(), "of {requests} requests none was spoiled");
        tell(&format!("faults: seed {seed}: {server}: {requests} requests, spoiled: {faults:?}"));
    }
}

/// Of every run that names none.
const SEED: u64 = 1;
