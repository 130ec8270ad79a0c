//! kill -9 of a backup at random moments: the next run succeeds, everything is proven, nothing half-made is visible.
//!
//! `CAIRN_KILLS` says how often (8 here, 50 in the nightly run), `CAIRN_SEED` repeats the moments of an earlier run.

use crate::support::{Home, Run, noise, tree};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(otherwise)
}

fn objects(repo: &Path) -> usize {
    tree(repo).iter().filter(|(path, _)| !path.starts_with("+staged")).count()
}

/// The lengths of all files below a folder; what vanishes meanwhile counts nothing.
fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| if e.path().is_dir() { bytes_below(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) }).sum()
}

#[test]
fn a_killed_backup_loses_nothing_and_the_next_one_succeeds() {
    let kills = number("CAIRN_KILLS", 8);
    let seed = number("CAIRN_SEED", u64::from(std::process::id()));
    let home = Home::with_repository();
    let repo = home.path("repo");
    for n in 0..400u64 {
        home.write(&format!("src/{}/{n}.txt", n % 11), format!("file number {n}\n").repeat(20).as_bytes());
    }
    let mut inside = 0;
    for round in 0..kills {
        // New content each time, so that every run has packs to put; the rate limit spreads the puts over about two seconds.
        for part in 0..4u64 {
            home.write(&format!("src/big/{part}"), &noise(6_000_000, seed ^ (round * 4 + part)));
        }
        let (before, points) = (objects(&repo), home.summary(["points"])["points"].as_u64().unwrap());
        let mut command = home.command(["backup", "--job", "j", "--limit-upload", "12M", &home.text("src")]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let random = u64::from_le_bytes(noise(8, seed ^ (round + 1_000_003)).try_into().unwrap());
        std::thread::sleep(Duration::from_millis(150 + random % 1900));
        child.kill().unwrap();
        child.wait().unwrap();
        let after = home.summary(["points"])["points"].as_u64().unwrap();
        // Between the first put and the commit: objects arrived, and no point did.
        inside += u64::from(objects(&repo) > before && after == points);
        home.summary(["backup", "--job", "j", &home.text("src")]);
        let check = Run::of(home.command(["check", "--read-data"]).arg("--json")).expect(0).last();
        assert_eq!(check["errors"], 0, "seed {seed}, round {round}: {check}");
        let target = format!("out{round}");
        home.ok(["restore", &home.place("latest", "src"), &home.text(&target)]);
        assert_eq!(tree(&home.path("src")), tree(&home.path(&target)), "seed {seed}, round {round}");
        std::fs::remove_dir_all(home.path(&target)).unwrap();
    }
    println!("seed {seed}: {kills} kills, {inside} of them between the first put and the commit");
    assert!(inside * 5 >= kills * 4, "only {inside} of {kills} kills met a running backup (seed {seed})");
}

#[test]
#[ignore = "needs gigabytes: the nightly run and a release build have room for it"]
fn a_killed_large_backup_stores_at_most_the_rest_again() {
    let megabytes = number("CAIRN_KILL_MB", 2000);
    for percent in [50u64, 70, 90] {
        let home = Home::with_repository();
        for part in 0..megabytes / 20 {
            home.write(&format!("src/{part:03}"), &noise(20_000_000, part + percent * 1000));
        }
        let total = megabytes / 20 * 20_000_000;
        let repo = home.path("repo/data");
        let mut child = home
            .command(["backup", "--job", "j", "--limit-upload", "80M", &home.text("src")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stored = || bytes_below(&repo);
        loop {
            let now = stored();
            if now >= total * percent / 100 {
                break;
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended before {percent} %");
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let before = stored();
        assert!(before < total * (percent + 8) / 100, "killed too late: {before} bytes are stored");
        let second = home.summary(["backup", "--job", "j", &home.text("src")]);
        let again = second["bytes_stored"].as_u64().unwrap();
        println!("killed at {percent} %: {before} bytes stored, the second run stored {again} of {total}");
        assert!(again <= total.saturating_sub(before) + 300_000_000, "{second}");
        assert_eq!(home.summary(["check", "--read-data"])["errors"], 0);
    }
}
