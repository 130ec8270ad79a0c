//! What the probe says of each server, as one table: whoever mends a server, or the probe, sees here what changed.
//!
//! `yes` is proven, `no` is refused or missing. A server that lacks one of the first four is no place for a repository.

use super::targets::{self, Target};
use engine::env::Machine;
use engine::store::{Probed, open, probe};

const TABLE: &str = "
server     creates once  ranges  listing  delete  checksum  versions
SeaweedFS  yes           yes     yes      yes     yes       unknown
-versioned yes           yes     yes      yes     yes       yes
Azurite    yes           yes     yes      yes     yes       unknown
-SAS, disk yes           yes     yes      yes     yes       unknown
MiniStack  yes           yes     yes      yes     yes       unknown
moto       yes           yes     yes      yes     no        unknown
rclone     no            no      yes      yes     no        unknown
JuiceFS    no            yes     yes      yes     no        unknown
s3rver     no            no      yes      yes     no        unknown
";

/// Not started for every run.
const NIGHTLY: [&str; 3] = [
    "Ceph       yes           yes     yes      yes     no        unknown",
    "-versioned no            yes     yes      yes     no        yes",
    "LocalStack yes           yes     yes      yes     yes       unknown",
];

fn row(server: &str, probed: &Probed) -> String {
    let word = |proven: bool| if proven { "yes" } else { "no" };
    let versions = probed.versioned.map_or("unknown", word);
    let [create, ranges, listing, delete, checksum] =
        [probed.create_is_atomic, probed.ranges, probed.listing_complete, probed.delete, probed.checksum_enforced]
            .map(word);
    format!("{server:<10} {create:<13} {ranges:<7} {listing:<8} {delete:<7} {checksum:<9} {versions}")
}

fn probed(server: &str, target: &Target) -> Probed {
    let store = open(&target.location, &target.options).unwrap();
    probe(&*store, &*Machine::shared(), &|_| ()).unwrap_or_else(|e| panic!("{server}: {e}"))
}

#[test]
fn the_probe_judges_each_server_as_the_table_says() {
    let servers: [(&str, Option<Target>); 9] = [
        ("SeaweedFS", targets::s3()),
        ("-versioned", targets::s3_versioned()),
        ("Azurite", targets::azure()),
        ("-SAS, disk", targets::azure_by_signature()),
        ("MiniStack", targets::archive()),
        ("moto", targets::moto()),
        ("rclone", targets::liar()),
        ("JuiceFS", targets::juicefs()),
        ("s3rver", targets::s3rver()),
    ];
    let (mut seen, mut observed) = (String::new(), String::new());
    for (server, target) in servers {
        let Some(target) = target else { return };
        let probed = probed(server, &target);
        seen.push_str(&format!("{}\n", row(server, &probed)));
        observed.push_str(&format!("{server}: {:?}\n", probed.observed));
    }
    let table: String = TABLE.trim_start().lines().skip(1).map(|line| format!("{line}\n")).collect();
    assert_eq!(seen, table, "{observed}");
}

#[test]
#[ignore = "nightly: Ceph takes half a minute to start"]
fn ceph_is_judged_as_the_table_says() {
    for (server, target, says) in
        [("Ceph", targets::ceph(), NIGHTLY[0]), ("-versioned", targets::ceph_versioned(), NIGHTLY[1])]
    {
        let Some(target) = target else { return };
        let probed = probed(server, &target);
        assert_eq!(row(server, &probed), says, "{:?}", probed.observed);
    }
}

#[test]
#[ignore = "nightly: LocalStack takes a minute to install"]
fn localstack_is_judged_as_the_table_says() {
    let Some(target) = targets::localstack() else { return };
    let probed = probed("LocalStack", &target);
    assert_eq!(row("LocalStack", &probed), NIGHTLY[2], "{:?}", probed.observed);
}
