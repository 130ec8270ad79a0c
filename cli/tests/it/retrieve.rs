//! `cairn retrieve` and `restore --retrieve`: where nothing rests, and end to end over a store that really lets one wait.

use crate::servers::{server, unique};
use crate::support::{Home, Run, noise, of_type, tree};
use serde_json::Value;
use std::time::{Duration, Instant};

#[test]
fn what_rests_nowhere_is_told_so_and_needs_no_request() {
    let (home, id) = Home::with_point();
    let head = home.summary(["cache", "status"])["head"].clone();
    let place = home.place("latest", "src/sub");
    let summary = home.summary(["retrieve", "start", &place, "--prices", "generic", "--max-cost", "0"]);
    assert_eq!(
        (&summary["packs"], &summary["packs_to_ask"], &summary["retrieval"]),
        (&1.into(), &0.into(), &Value::Null)
    );
    assert_eq!((&summary["files"], &summary["cost_estimated"]), (&2.into(), &0.0.into()), "{summary}");
    assert_eq!(summary["about"], format!("{}:{}", &id[..8], home.text("src/sub")));
    let found = home.summary(["retrieve", "start", "--find", "*.conf", "--dry-run"]);
    assert_eq!((&found["files"], &found["about"]), (&1.into(), &"--find *.conf".into()));
    let status = home.summary(["retrieve", "status", "latest"]);
    assert_eq!(
        (&status["state"], &status["packs"], &status["packs_readable"]),
        (&"online".into(), &1.into(), &1.into())
    );
    assert_eq!(home.summary(["retrieve", "list"])["retrievals"], 0);
    let restored = home.summary(["restore", &home.place("latest", "src"), &home.text("out"), "--retrieve"]);
    assert_eq!(
        (&restored["files"], &restored["packs_readable"], &restored["packs_needed"]),
        (&3.into(), &1.into(), &1.into())
    );
    assert_eq!(tree(&home.path("src")), tree(&home.path("out")));
    // Nothing was written into the log.
    assert_eq!(home.summary(["cache", "status"])["head"], head);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let (home, _) = Home::with_point();
    let refused: [(&[&str], i32, &str); 9] = [
        (&["retrieve", "start"], 2, "say what"),
        (&["retrieve", "start", "latest", "--mode", "quick"], 2, "expedited, standard, bulk, high"),
        (&["retrieve", "start", "latest", "--days", "0"], 2, "0"),
        (&["retrieve", "start", "latest", "--max-cost", "5"], 2, "--prices"),
        (&["retrieve", "start", "latest", "--prices", "nobody"], 2, "aws-us-east-1"),
        (&["retrieve", "start", "latest:/not/there"], 1, "not in the restore point"),
        (&["retrieve", "start", "/"], 2, "no restore point is shown there"),
        (&["retrieve", "extend", "--retrieval", "99", "--days", "2"], 1, "no such retrieval"),
        (&["restore", "latest", "/nowhere", "--max-requests", "5"], 2, "--retrieve"),
    ];
    for (args, code, what) in refused {
        let run = home.run(args).expect(code);
        assert!(run.stderr.contains(what), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn a_copy_in_an_archive_is_brought_back_over_ministack() {
    let Some(endpoint) = server("CAIRN_TEST_ARCHIVE_ENDPOINT") else { return };
    let of = |name: &str| std::env::var(name).unwrap();
    let (bucket, key, secret) = (of("CAIRN_TEST_ARCHIVE_BUCKET"), of("CAIRN_TEST_S3_KEY"), of("CAIRN_TEST_S3_SECRET"));
    let repo = format!("s3://{bucket}/{}", unique("retrieve"));
    let home = Home::with_repository();
    home.write("src/a.txt", b"first\n");
    home.write("src/sub/c.bin", &noise(900_000, 1));
    home.backup();
    let run = |args: &[&str], code: i32| {
        let mut command = home.command(args);
        command
            .env("AWS_ENDPOINT", &endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", &key)
            .env("AWS_SECRET_ACCESS_KEY", &secret)
            .env("AWS_REGION", "us-east-1");
        Run::of(command.arg("--json")).expect(code)
    };
    let there = |args: &[&str], code: i32| run(&[args, &["--repo", &repo]].concat(), code);
    let source = home.text("repo");
    let init = ["init", "--no-encryption", "--class", "copy", "--from", &source, "--storage-class", "GLACIER"];
    assert_eq!(there(&init, 0).last()["storage_class"], "GLACIER");
    run(&["copy", "--to", &repo, "--all"], 0);
    // Another machine: everything but the data can be had.
    std::fs::remove_dir_all(home.path("cache")).unwrap();
    assert_eq!(there(&["points"], 0).last()["points"], 1);
    assert_eq!(there(&["find", "c.bin"], 0).last()["matches"], 1);
    let (src, out) = (home.place("latest", "src"), home.text("out"));
    for refused in [&["restore", &src, &out][..], &["check", "--read-data"]] {
        let run = there(refused, 4);
        assert!(run.stderr.contains("cairn retrieve start"), "{refused:?}: {}", run.stderr);
    }
    assert!(!home.path("out").exists(), "nothing was begun");
    let file = home.place("latest", "src/a.txt");
    let cat = home.command(["cat", &file, "--repo", &repo]);
    let mut cat = cat;
    cat.env("AWS_ENDPOINT", &endpoint).env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "us-east-1");
    cat.env("AWS_ACCESS_KEY_ID", &key).env("AWS_SECRET_ACCESS_KEY", &secret);
    assert!(Run::of(&mut cat).expect(4).stderr.contains("cairn retrieve start"));
    assert_eq!(there(&["retrieve", "status", &src], 0).last()["state"], "archived");
    // A plan, a budget that stops it, and what is asked for.
    let prices = ["--prices", "aws-us-east-1"];
    let plan = there(&[&["retrieve", "start", &src, "--dry-run"], &prices[..]].concat(), 0).last();
    assert!(plan["cost_estimated"].as_f64() > Some(0.0) && plan["seconds_most"] == 18_000, "{plan}");
    there(&[&["retrieve", "start", &src, "--max-cost", "0"], &prices[..]].concat(), 2);
    assert_eq!(there(&["retrieve", "list"], 0).last()["retrievals"], 0);
    let started = there(&["retrieve", "start", &src, "--mode", "bulk", "--days", "2"], 0).last();
    assert!(started["packs_asked"].as_u64() >= Some(1), "{started}");
    let again = there(&["retrieve", "start", &src, "--mode", "bulk", "--days", "2"], 0).last();
    assert_eq!((&again["packs_asked"], &again["resumed"]), (&0.into(), &true.into()), "{again}");
    // It comes after a while, and is restored as it comes.
    let done = there(&["restore", &src, &out, "--retrieve", "--mode", "bulk", "--look-every", "500ms"], 0);
    let arrived = of_type(&done.rows(), "arrived").len();
    assert!(arrived >= 1 && done.last()["files"] == 2, "{:?}", done.rows());
    assert_eq!(tree(&home.path("src")), tree(&home.path("out")));
    let listed = there(&["retrieve", "list"], 0);
    assert_eq!(of_type(&listed.rows(), "retrieval")[0]["state"], "retrieved");
    let number = started["retrieval"].to_string();
    let extended = there(&["retrieve", "extend", "--retrieval", &number, "--days", "5"], 0).last();
    assert!(extended["packs_asked"].as_u64() >= Some(1), "{extended}");
    let begun = Instant::now();
    while there(&["retrieve", "status", &src], 0).last()["state"] != "retrieved" {
        assert!(begun.elapsed() < Duration::from_secs(30), "what was extended stays readable");
        std::thread::sleep(Duration::from_millis(300));
    }
    there(&["check", "--read-data"], 0);
}
