//! `repair`, parity and the levels of `check`, end to end.

use crate::support::{Home, Run, has_keys, noise, of_type, tree};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A home with two points, made with these arguments to `init`.
fn home(init: &[&str]) -> Home {
    let home = Home::with_repository();
    std::fs::remove_dir_all(home.path("repo")).unwrap();
    home.ok([&["init", "--no-encryption"], init].concat());
    home.write("src/a.txt", b"first\n");
    home.write("src/sub/c.bin", &noise(300_000, 1));
    home.backup();
    home.write("src/later.txt", b"later\n");
    home.backup();
    home
}

/// The largest object in a folder of the repository.
fn largest(home: &Home, folder: &str) -> PathBuf {
    let found = tree(&home.path("repo").join(folder)).into_iter().filter(|(_, bytes)| bytes != b"folder");
    let (name, _) = found.max_by_key(|(_, bytes)| bytes.len()).unwrap();
    home.path("repo").join(folder).join(name)
}

fn flip(path: &Path, share: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() * share / 100;
    bytes[at] ^= 1;
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn json(home: &Home, args: &[&str], code: i32) -> (Vec<Value>, Value) {
    let run = Run::of(home.command(args).arg("--json")).expect(code);
    (run.rows(), run.last())
}

fn restored(home: &Home) {
    home.ok(["restore", &home.place("latest", "src"), &home.text("out")]);
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
}

#[test]
fn a_rotten_pack_is_healed_by_its_parity() {
    let home = home(&["--parity", "5%"]);
    let pack = largest(&home, "data");
    flip(&pack, 40);
    let (rows, check) = json(&home, &["check", "--read-data"], 5);
    assert_eq!((check["errors"].as_u64(), of_type(&rows, "damage").len()), (Some(1), 1), "{check}");
    let (rows, plan) = json(&home, &["repair", "plan"], 5);
    has_keys(&plan, &["plan", "damaged", "superseded", "remaining", "heals", "requests"]);
    let damage = of_type(&rows, "damage")[0];
    has_keys(damage, &["object", "what", "blobs", "bytes", "healed_by", "made_anew", "remains", "points", "paths"]);
    assert!(damage["healed_by"]["parity"].as_u64().unwrap() > 0, "{damage}");
    let paths = damage["paths"].as_array().unwrap();
    assert!(paths.iter().any(|p| p["path"] == home.text("src/sub/c.bin")), "{damage}");
    let hash = plan["plan"].as_str().unwrap();
    // Of the same options, and of something else that was found; of other options; and what is not a hash.
    home.run(["repair", "apply", &format!("{}000000000000", &hash[..4])]).expect(1);
    home.run(["repair", "apply", "0123456789abcdef"]).expect(2);
    home.run(["repair", "apply", "0000"]).expect(2);
    let (_, done) = json(&home, &["repair", "apply", hash], 0);
    assert!(done["blobs"].as_u64().unwrap() > 0 && done["remaining"] == 0, "{done}");
    // The rotten pack is still there; it is condemned, so nothing is told of it.
    assert!(pack.exists() && done["packs_condemned"] == 1, "{done}");
    let (_, check) = json(&home, &["check", "--read-data"], 0);
    assert_eq!((&check["errors"], &check["superseded"]), (&0.into(), &0.into()));
    let (_, plan) = json(&home, &["repair", "plan"], 0);
    assert_eq!((&plan["damaged"], &plan["heals"]), (&0.into(), &false.into()));
    restored(&home);
}

#[test]
fn a_lost_pack_comes_back_from_a_copy() {
    let home = home(&[]);
    let copied = std::process::Command::new("cp").arg("-a").arg(home.path("repo")).arg(home.path("copy")).status();
    assert!(copied.unwrap().success());
    for folder in ["data", "meta", "index"] {
        std::fs::remove_file(largest(&home, folder)).unwrap();
    }
    home.ok(["cache", "drop"]);
    let alone = home.run(["repair", "plan"]).expect(5);
    assert!(alone.out().contains("the next backup"), "{}", alone.out());
    let from = ["--from", &home.text("copy")];
    // What a lost segment mapped to a lost pack is known only from the trees, and what a lost node named only once it is back.
    let mut rounds = 0;
    loop {
        let run = Run::of(home.command([&["repair", "plan"], &from[..]].concat()).arg("--json"));
        if run.code == Some(0) {
            break;
        }
        rounds += 1;
        assert!(rounds < 6, "{}", run.out());
        let hash = run.last()["plan"].as_str().unwrap().to_owned();
        home.run([&["repair", "apply", &hash], &from[..]].concat());
    }
    home.ok(["check", "--read-data"]);
    restored(&home);
}

#[test]
fn stored_bytes_are_checked_without_a_password() {
    let home = Home::with_repository();
    std::fs::remove_dir_all(home.path("repo")).unwrap();
    home.write("password", b"correct horse");
    home.ok(["init", "--password-file", &home.text("password"), "--parity", "10%"]);
    home.write("src/c.bin", &noise(200_000, 3));
    home.ok(["backup", "--password-file", &home.text("password"), &home.text("src")]);
    let (_, clean) = json(&home, &["check", "--level", "stored"], 0);
    has_keys(&clean, &["objects", "packs", "packs_with_parity", "bytes_read", "errors"]);
    assert_eq!((&clean["keys"], &clean["packs"]), (&false.into(), &clean["packs_with_parity"]), "{clean}");
    let pack = largest(&home, "data");
    flip(&pack, 50);
    let (rows, damaged) = json(&home, &["check", "--level", "stored"], 5);
    assert_eq!(damaged["errors"], 1);
    assert!(pack.to_str().unwrap().ends_with(of_type(&rows, "damage")[0]["object"].as_str().unwrap()));
    let with = home.run(["check", "--level", "stored", "--password-file", &home.text("password")]).expect(5);
    assert!(with.out().contains("FINDING"), "{}", with.out());
    // Any other level needs the password.
    home.run(["check"]).expect(12);
}

#[test]
fn parity_is_a_whole_number_of_percent_up_to_fifty() {
    let home = Home::new();
    for parity in ["51%", "-1%", "2.5%", "many"] {
        home.run(["init", "--no-encryption", "--parity", parity]).expect(2);
    }
    let made = home.summary(["init", "--no-encryption", "--parity", "50%", "--repo", &home.text("repo")]);
    assert_eq!(made["parity_percent"], 50);
}

#[test]
fn what_nobody_gives_back_is_recorded_and_the_printed_command_heals_it() {
    let home = home(&[]);
    flip(&largest(&home, "data"), 40);
    let (_, plan) = json(&home, &["repair", "plan"], 5);
    has_keys(&plan, &["plan", "suspects", "withdrawn", "remaining", "changes"]);
    assert_eq!(
        (&plan["suspects"], &plan["heals"], &plan["changes"]),
        (&1.into(), &false.into(), &true.into()),
        "{plan}"
    );
    let hash = plan["plan"].as_str().unwrap();
    let (rows, done) = json(&home, &["repair", "apply", hash], 5);
    assert_eq!((&done["packs_suspect"], &done["remaining"]), (&1.into(), &1.into()), "{done}");
    let heal = of_type(&rows, "heal");
    has_keys(heal[0], &["host", "job", "command"]);
    let command = heal[0]["command"].as_str().unwrap();
    assert!(command.contains("--full") && command.contains(&home.text("src")), "{command}");
    // As a shell takes it, on a machine whose cache was lost.
    home.ok(["cache", "drop"]);
    let status = home
        .command(["--version"])
        .get_envs()
        .fold(std::process::Command::new("sh"), |mut shell, (key, value)| {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
            shell
        })
        .arg("-c")
        .arg(command)
        .status();
    assert!(status.unwrap().success(), "{command}");
    home.ok(["check", "--read-data"]);
    restored(&home);
    let (_, plan) = json(&home, &["repair", "plan"], 0);
    assert_eq!((&plan["damaged"], &plan["suspects"]), (&0.into(), &0.into()), "{plan}");
}

#[test]
fn a_repair_from_a_copy_that_gives_everything_back_says_so() {
    let home = home(&[]);
    let copied = std::process::Command::new("cp").arg("-a").arg(home.path("repo")).arg(home.path("copy")).status();
    assert!(copied.unwrap().success());
    std::fs::remove_file(largest(&home, "meta")).unwrap();
    let from = ["--from", &home.text("copy")];
    let (_, plan) = json(&home, &[&["repair", "plan"], &from[..]].concat(), 5);
    assert_eq!(plan["remaining"], 0, "{plan}");
    let hash = plan["plan"].as_str().unwrap();
    let run = home.run([&["repair", "apply", hash], &from[..]].concat()).expect(0);
    assert!(!run.out().contains("still lost"), "{}", run.out());
    home.ok(["check", "--read-data"]);
    restored(&home);
}

#[test]
fn packs_that_are_lost_with_their_index_are_named_and_the_point_is_not_blamed() {
    let home = home(&[]);
    for folder in ["data", "meta", "index"] {
        std::fs::remove_file(largest(&home, folder)).unwrap();
    }
    home.ok(["cache", "drop"]);
    let run = home.run(["check"]).expect(5);
    assert!(!run.out().contains("POINT-7"), "{}", run.out());
    assert!(run.out().contains("meta/"), "{}", run.out());
}

/// Jobs that run under `--host` are jobs of that host: the command that heals must name it, whoever prints the command.
#[test]
fn the_command_that_heals_is_of_the_host_whose_job_it_is() {
    let home = Home::with_repository();
    home.write("src/c.bin", &noise(300_000, 1));
    let host = |host: &str, args: &[&str], code| json(&home, &[&["--host", host], args].concat(), code);
    host("web1", &["backup", "--job", "j", &home.text("src")], 0);
    flip(&largest(&home, "data"), 40);
    let (_, plan) = json(&home, &["repair", "plan"], 5);
    let commands = |rows: &[Value]| -> Vec<String> {
        of_type(rows, "heal").iter().map(|row| row["command"].as_str().unwrap().to_owned()).collect()
    };
    let hosts = |command: &str| command.matches("--host").count();
    let (rows, _) = json(&home, &["repair", "apply", plan["plan"].as_str().unwrap()], 5);
    let here = commands(&rows).remove(0);
    assert!(here.contains("--host web1 ") && hosts(&here) == 1, "{here}");
    let elsewhere = commands(&host("db1", &["repair", "plan"], 5).0).remove(0);
    assert!(elsewhere.contains("--host web1 ") && hosts(&elsewhere) == 1, "{elsewhere}");
    let own = commands(&host("web1", &["repair", "plan"], 5).0).remove(0);
    assert!(own.contains("--host web1 ") && hosts(&own) == 1, "{own}");
    // In words, the host that runs it is not told to go to itself.
    assert!(
        home.run(["--host", "web1", "repair", "plan"]).expect(5).out().contains("heal it with the options of this job")
    );
    assert!(home.run(["repair", "plan"]).expect(5).out().contains("heal it on web1"));
    let mut shell = home.command::<&str>([]);
    let environment: Vec<_> = shell.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    shell = std::process::Command::new("sh");
    Run::of(shell.arg("-c").arg(&here).envs(environment)).expect(0);
    let points = home.rows(["points"]);
    assert!(of_type(&points, "point").iter().all(|point| point["host"] == "web1"), "{points:?}");
    home.ok(["restore", &home.place("latest:web1/j", "src"), &home.text("out")]);
}
