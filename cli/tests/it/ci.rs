//! `scripts/test`: its parts, and that a run which takes longer than `.ci/budget` allows fails.
//! Commands are printed and not run. And what every script asks of the lock files.

use crate::servers::server;
use crate::support::{Home, Run};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A run in which each command takes `seconds`.
fn dry_run(budget: &Path, seconds: &str) -> Run {
    let mut command = Command::new(project().join("scripts/test"));
    command.env("CAIRN_TEST_BUDGET", budget).env("CAIRN_TEST_DRY_RUN", seconds);
    Run::of(&mut command)
}

/// The rows of a budget file: name and minutes.
fn rows(text: &str) -> Vec<(String, u32)> {
    let row = |line: &str| {
        let (name, minutes) = line.rsplit_once(' ').unwrap();
        (name.trim_end().to_owned(), minutes.parse().unwrap())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

#[test]
fn the_budget_of_continuous_integration_stays_below_an_hour_and_every_part_is_told() {
    let budget = project().join(".ci/budget");
    let rows = rows(&std::fs::read_to_string(&budget).unwrap());
    let (total, parts) = rows.split_last().unwrap();
    assert_eq!((total.0.as_str(), total.1), ("total", parts.iter().map(|(_, minutes)| minutes).sum()));
    assert!(total.1 < 60, "{total:?}");
    let run = dry_run(&budget, "0").expect(0);
    let told = run.out();
    let (commands, minutes) = told.split_once("--- minutes\n").unwrap();
    for (name, of) in &rows {
        let line = format!("{name:<18}   0.0 of {of} min");
        assert!(minutes.lines().any(|told| told == line), "{line}: {minutes}");
    }
    for room in ["m365", "server and proxies"] {
        assert!(commands.contains(&format!("--- {room}: ")), "{commands}");
    }
}

#[test]
fn a_run_that_takes_longer_than_its_budget_fails() {
    let home = Home::new();
    let budget = |minutes: u32, total: u32| {
        let parts = ["tools", "build and lint", "engine and mount", "m365", "server and proxies", "soak"];
        let rows: String = parts.iter().map(|part| format!("{part} {minutes}\n")).collect();
        home.write("budget", format!("{rows}total {total}\n").as_bytes());
        home.path("budget")
    };
    let late = dry_run(&budget(0, 0), "0.2").expect(1);
    assert!(late.stderr.contains("took longer than its budget") && late.out().contains("--- minutes"), "{late:?}");
    dry_run(&budget(1, 6), "0.2").expect(0);
    let wrong = dry_run(&budget(1, 7), "0").expect(2);
    assert!(wrong.stderr.contains("add up to 6, its total is 7"), "{wrong:?}");
    home.write("budget", b"tools 5\ntotal 5\n");
    let wrong = dry_run(&home.path("budget"), "0").expect(2);
    assert!(wrong.stderr.contains("no row for the part 'build and lint'"), "{wrong:?}");
}

/// Lines of the scripts that make cargo build or resolve something; where each stands.
fn cargo_calls() -> Vec<(PathBuf, String)> {
    const VERBS: [&str; 8] = ["build", "run", "test", "nextest run", "clippy", "doc", "rustc", "update"];
    let mut calls = Vec::new();
    for folder in ["scripts", ".ci", "benches"] {
        for entry in std::fs::read_dir(project().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let is_script = path.extension().is_none_or(|extension| extension == "py");
            let Some(text) = is_script.then(|| std::fs::read_to_string(&path).ok()).flatten() else { continue };
            for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', '"'])) {
                let plain = line.replace("\", \"", " ");
                if VERBS.iter().any(|verb| plain.contains(&format!("cargo {verb} "))) && !plain.contains("echo ") {
                    calls.push((path.clone(), plain));
                }
            }
        }
    }
    calls
}

#[test]
fn every_script_takes_the_lock_file_as_it_stands() {
    let calls = cargo_calls();
    assert!(calls.len() > 12, "{calls:?}");
    for (path, call) in calls {
        assert!(call.contains(" --locked "), "{}: {call}", path.display());
    }
}

#[test]
fn what_is_fuzzed_has_the_versions_of_what_is_shipped() {
    let packages = |path: &str| -> BTreeSet<(String, String)> {
        let lock: toml::Table = std::fs::read_to_string(project().join(path)).unwrap().parse().unwrap();
        let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
        let rows = lock["package"].as_array().unwrap().iter();
        rows.map(|package| (text(package, "name"), text(package, "version"))).collect()
    };
    let (shipped, fuzzed) = (packages("Cargo.lock"), packages("fuzz/Cargo.lock"));
    let names: BTreeSet<&String> = shipped.iter().map(|(name, _)| name).collect();
    let others: Vec<_> = fuzzed.difference(&shipped).filter(|(name, _)| names.contains(name)).collect();
    assert!(fuzzed.intersection(&shipped).count() > 200, "{}", fuzzed.len());
    assert!(
        others.is_empty(),
        "{others:?}; run cp Cargo.lock fuzz/ && cargo update --workspace --manifest-path fuzz/Cargo.toml"
    );
}

/// `scripts/with-servers` with one server of its own.
fn with_server(command: &str, memory_kib: Option<&str>) -> Run {
    let mut script = Command::new(project().join("scripts/with-servers"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CAIRN_")) {
        script.env_remove(name);
    }
    script.args(["bash", "-c", command]).env("CAIRN_SERVERS", "liar");
    if let Some(memory_kib) = memory_kib {
        script.env("CAIRN_SERVERS_MEMORY_KIB", memory_kib);
    }
    Run::of(&mut script)
}

#[test]
fn a_server_that_ends_while_the_tests_run_fails_them() {
    if server("CAIRN_TEST_LIAR_ENDPOINT").is_none() {
        return;
    }
    with_server("exit 7", None).expect(7);
    let run = with_server("kill -KILL ${CAIRN_TEST_SERVER_PIDS#*=}; sleep 0.5", None).expect(1);
    assert!(run.stderr.contains("liar ended while the tests ran"), "{}", run.stderr);
    // A failed test keeps its code.
    with_server("kill -KILL ${CAIRN_TEST_SERVER_PIDS#*=}; sleep 0.5; exit 7", None).expect(7);
}

#[test]
fn a_server_gets_2_gb_of_memory_and_the_tests_all_that_there_is() {
    if server("CAIRN_TEST_LIAR_ENDPOINT").is_none() {
        return;
    }
    let limits = "grep 'Max data size' /proc/${CAIRN_TEST_SERVER_PIDS#*=}/limits /proc/self/limits";
    let run = with_server(limits, None).expect(0);
    let limit = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
    let limits: Vec<_> = run.out().lines().map(limit).collect();
    assert_eq!(limits[0].as_deref(), Some("2147483648"), "{}", run.out());
    assert_ne!(limits[0], limits[1], "{}", run.out());
    let run = with_server("true", Some("4000")).expect(1);
    assert!(run.stderr.contains("liar did not come up"), "{}", run.stderr);
}
