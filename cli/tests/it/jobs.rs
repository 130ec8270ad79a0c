//! Jobs: a host and a name, and what a name alone means.

use crate::support::{Home, Run, of_type};
use serde_json::Value;
use std::path::PathBuf;

/// Backs `src` up as a host's job; the summary.
fn back_up(home: &Home, host: &str, job: &str) -> Value {
    home.write("src/a", host.as_bytes());
    home.summary(["--host", host, "backup", "--job", job, &home.text("src")])
}

fn hosts(home: &Home, args: &[&str]) -> Vec<String> {
    let rows = home.rows(["points"].iter().chain(args));
    of_type(&rows, "point").iter().map(|row| row["host"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_job_name_on_three_hosts_is_three_jobs() {
    let home = Home::with_repository();
    for host in ["web1", "web2", "web1", "db1"] {
        back_up(&home, host, "nightly");
    }
    assert_eq!(hosts(&home, &["--latest"]), ["web2", "web1", "db1"]);
    assert_eq!(hosts(&home, &["--job", "nightly"]).len(), 4);
    assert_eq!(hosts(&home, &["--job", "web1/nightly"]), ["web1", "web1"]);
    let table = home.ok(["points"]).out();
    assert!(table.lines().next().unwrap().contains("HOST") && table.contains("db1"), "{table}");
    assert_eq!(home.summary(["stats"])["jobs"], 3);
    let plan = home.rows(["expire", "plan", "--job", "nightly", "--keep-last", "1"]);
    let hash = plan.last().unwrap()["plan"].as_str().unwrap().to_owned();
    home.ok(["expire", "apply", &hash, "--job", "nightly", "--keep-last", "1"]);
    assert_eq!(hosts(&home, &[]), ["web2", "web1", "db1"]);
}

#[test]
fn a_name_alone_means_this_hosts_job_else_the_only_other_ones() {
    let home = Home::with_repository();
    for host in ["web1", "web2"] {
        back_up(&home, host, "nightly");
    }
    back_up(&home, "db1", "dump");
    let a = home.place("latest:nightly", "src/a");
    let of = |host: &str, place: &str| home.ok(["--host", host, "cat", place]).out();
    assert_eq!((of("web1", &a), of("web2", &a)), ("web1".to_owned(), "web2".to_owned()));
    assert_eq!(of("web2", &home.place("latest:web1/nightly", "src/a")), "web1");
    assert_eq!(of("web2", &home.place("2099-01-01:web1/nightly", "src/a")), "web1");
    assert_eq!(of("web1", &home.place("2099-01-01:dump", "src/a")), "db1");
    let several = home.run(["--host", "db1", "cat", &a]).expect(2);
    assert!(several.stderr.contains("web1/nightly, web2/nightly"), "{}", several.stderr);
    home.run(["--host", "db1", "history", "--job", "nightly", &home.text("src/a")]).expect(2);
    let found = home.rows(["--host", "web2", "find", "--job", "nightly", "a"]);
    assert_eq!(of_type(&found, "match")[0]["host"], "web2");
    // One word never lets the last points of two hosts go.
    let all =
        ["--host", "db1", "expire", "plan", "latest:web1/nightly", "latest:web2/nightly", "--empty-job", "nightly"];
    home.run(all).expect(2);
    let named = ["expire", "plan", "latest:web1/nightly", "--empty-job", "web1/nightly"];
    assert_eq!(home.summary(named)["jobs_emptied"], serde_json::json!([]));
}

#[test]
fn a_run_that_finds_its_job_under_another_host_says_so_and_how_to_go_on() {
    let home = Home::with_repository();
    assert_eq!(back_up(&home, "old name", "nightly")["kind"], "full");
    let run = home.ok(["--host", "new", "backup", "--job", "nightly", &home.text("src")]);
    let wanted = format!("--host 'old name' backup --job nightly {}", home.text("src"));
    assert!(run.stderr.contains(&wanted), "{}", run.stderr);
    let other = home.summary(["--host", "third", "backup", "--job", "nightly", &home.text("src")]);
    assert_eq!((&other["other_hosts"], &other["kind"]), (&serde_json::json!(["new", "old name"]), &"full".into()));
    // As the host that it was, it goes on; from the environment and the config file, too.
    let mut command = home.command(["backup", "--json", "--job", "nightly", &home.text("src")]);
    let again = Run::of(command.env("CAIRN_HOST", "old name")).expect(0).last();
    assert_eq!((&again["kind"], &again["other_hosts"]), (&"incremental".into(), &serde_json::json!([])));
    home.write("config/cairn/config.toml", b"host = \"new\"\n");
    let again = home.summary(["backup", "--job", "nightly", &home.text("src")]);
    assert_eq!((&again["kind"], &again["host"]), (&"incremental".into(), &"new".into()));
}

#[test]
fn sources_that_differ_have_made_names_that_differ() {
    let home = Home::with_repository();
    home.write("data-old/a", b"1");
    home.write("data/old/a", b"2");
    let of = |path: &str| home.summary(["--host", "h", "backup", &home.text(path)]);
    let (one, two) = (of("data-old"), of("data/old"));
    assert_ne!(one["job"], two["job"]);
    assert_eq!(of("data-old")["job"], one["job"]);
    let both = |a: &str, b: &str| home.summary(["--host", "h", "backup", &home.text(a), &home.text(b)]);
    assert_eq!(both("data", "data-old")["job"], both("data-old", "data")["job"]);
    home.ok(["expire", "plan", "--keep-last", "1"]);
    assert_eq!(home.summary(["expire", "plan", "--keep-last", "1"])["points_kept"], 3);
}

/// The name that earlier releases made of a host and a path.
fn before(host: &str, path: &str) -> String {
    engine::restore_point::made::made_before(host, &[path.as_bytes().to_vec()])
}

#[test]
fn a_job_goes_on_under_its_old_made_name_unless_several_sets_of_sources_share_it() {
    let home = Home::with_repository();
    home.write("data-old/a", b"1");
    home.write("data/old/a", b"2");
    let (one, two) = (home.text("data-old"), home.text("data/old"));
    let old = before("h", &one);
    assert_eq!(old, before("h", &two));
    let backup = |more: &[&str], path: &str| home.summary(["--host", "h", "backup"].iter().chain(more).chain(&[path]));
    backup(&["--job", &old], &one);
    assert_eq!(backup(&[], &one)["job"], old.as_str());
    // Another set of sources under that name: both go on under new names, each from its own newest point.
    let other = backup(&["--job", &old], &two);
    assert_eq!(other["kind"], "full", "it does not build on other sources");
    for path in [&one, &two] {
        let next = backup(&[], path);
        assert_ne!(next["job"], old.as_str());
        assert_eq!((&next["kind"], &next["files_unchanged"]), (&"incremental".into(), &1.into()), "{next}");
    }
    // Of the old name, each set of sources is a job of its own.
    let plan = home.rows(["expire", "plan", "--job", &old, "--keep-last", "1"]);
    let kept = of_type(&plan, "point").iter().filter(|row| row["keep"] == true).count();
    assert_eq!((of_type(&plan, "point").len(), kept), (3, 2));
}

#[test]
fn a_list_names_its_job_by_its_own_path_and_one_that_passes_needs_a_name() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    home.write("src/b", b"1");
    home.write("list", format!("{}\n", home.text("src/a")).as_bytes());
    for list in [&*home.text("list"), "-", "/dev/stdin", "/proc/self/fd/0"] {
        let refused = home.run(["backup", "--files-from", list]).expect(2);
        assert!(refused.stderr.contains("--job"), "{}", refused.stderr);
    }
    // Also of a checkout that lies in a temporary folder.
    let lasting = [env!("CARGO_TARGET_TMPDIR").into(), std::env::home_dir().unwrap()];
    let lasting = lasting.iter().find(|folder: &&PathBuf| !folder.starts_with("/tmp")).unwrap();
    let folder = tempfile::tempdir_in(lasting).unwrap();
    let list = folder.path().join("list");
    let of = |file: &str| {
        std::fs::write(&list, format!("{}\n", home.text(file))).unwrap();
        home.summary(["--host", "h", "backup", "--files-from", list.to_str().unwrap()])
    };
    let first = of("src/a");
    assert!(first["job"].as_str().unwrap().starts_with("h@,"), "{first}");
    // What it names is another thing; the job is the same.
    let second = of("src/b");
    assert_eq!((&second["job"], &second["kind"]), (&first["job"], &"incremental".into()));
}

#[test]
fn runs_of_one_name_on_two_hosts_do_not_hold_each_other_back() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let mut first = home.command(["--host", "web1", "backup", "-q", "--job", "j", "--stdin"]);
    let mut first = first.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(first.stdin.as_mut().unwrap(), b"some bytes").unwrap();
    let run = |host: &str| {
        let args = ["--host", host, "backup", "--job", "j", "--if-running", "skip", &home.text("src")];
        home.summary(args)
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while run("web1")["skipped"] != true {
        assert!(std::time::Instant::now() < until, "the first run was never seen");
    }
    assert!(run("web2")["point"].is_string());
    drop(first.stdin.take());
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_session_that_is_not_open_cannot_be_fenced() {
    let (home, _) = Home::with_point();
    let refused = home.run(["gc", "--fence", "7", "plan"]).expect(2);
    assert!(refused.stderr.contains("session 7"), "{}", refused.stderr);
}
