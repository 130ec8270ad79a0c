//! Locks from the command line: what goes together, what is told, what is refused.

use crate::azure_layer::Layer;
use crate::servers::{Remote, server, unique};
use crate::support::{Home, Run};
use engine::store::{ObjectName, StoreExt};

/// What makes no sense together is wrong usage, and nothing is created.
#[test]
fn what_does_not_go_together_is_wrong_usage() {
    let home = Home::new();
    let rows: &[(&[&str], &str)] = &[
        (&["--immutable", "compliance"], "could never end"),
        (&["--immutable", "governance", "--keep", "forever"], "could never end"),
        (&["--immutable", "compliance", "--keep", "30d", "--immutable-days", "31"], "longer than the period"),
        (&["--immutable", "compliance", "--keep", "1m", "--immutable-days", "29"], "longer than the period"),
        (&["--immutable", "compliance", "--keep", "30d", "--immutable-days", "0"], "locks nothing"),
        (
            &["--immutable", "compliance", "--keep", "3y", "--retention-type", "item", "--immutable-days", "30"],
            "item-level",
        ),
        (&["--immutable-days", "30", "--keep", "3y"], "--immutable"),
        (&["--immutable", "sometimes", "--keep", "3y"], "sometimes"),
    ];
    for (args, word) in rows {
        let run = home.run([&["init"], *args].concat()).expect(2);
        assert!(run.stderr.contains(word), "{args:?}: {}", run.stderr);
    }
    // What goes together is refused by a folder, which locks nothing; by name.
    for args in [&["--immutable-days", "30"][..], &["--retention-type", "item"], &[]] {
        let run = home.run([&["init", "--immutable", "compliance", "--keep", "3y"], args].concat()).expect(1);
        assert!(run.stderr.contains("object lock switched on"), "{args:?}: {}", run.stderr);
    }
    home.run(["init"]).expect(0);
    let run = home.run(["points", "--verify-immutability"]).expect(2);
    assert!(run.stderr.contains("locks nothing"), "{}", run.stderr);
    home.run(["immutability", "raise", "9"]).expect(2);
}

#[test]
fn the_past_is_shown_and_not_written() {
    let home = Home::new();
    home.write("src/a", b"first");
    home.run(["init"]).expect(0);
    let src = home.text("src");
    home.run(["backup", "--job", "j", &src]).expect(0);
    home.write("src/a", b"second, and longer");
    home.run(["backup", "--job", "j", &src]).expect(0);
    let points =
        |args: &[&str]| Run::of(home.command(["points", "--json"]).args(args)).expect(0).last()["points"].clone();
    assert_eq!((points(&[]), points(&["--as-of", "4"]), points(&["--as-of", "1"])), (2.into(), 1.into(), 0.into()));
    let place = format!("{}/a", home.place("latest", "src"));
    let then = home.run(["--as-of", "4", "cat", &place]).expect(0);
    assert_eq!(then.stdout, b"first");
    home.run(["--as-of", "4", "check"]).expect(0);
    for args in [&["backup", &src][..], &["gc", "plan"], &["init"], &["key", "list"], &["cache", "drop"]] {
        let run = Run::of(home.command(["--as-of", "4"]).args(args)).expect(2);
        assert!(run.stderr.contains("--as-of"), "{args:?}: {}", run.stderr);
    }
    home.run(["--as-of", "yesterday", "points"]).expect(2);
    assert_eq!(points(&[]), 2);
}

#[test]
fn a_locked_repository_lives_on_seaweedfs() {
    let Some(endpoint) = server("CAIRN_TEST_S3_ENDPOINT") else { return };
    let of = |name: &str| std::env::var(name).unwrap();
    let home = Home::new();
    let repo = format!("s3://{}/{}", of("CAIRN_TEST_S3_LOCKED_BUCKET"), unique("locked"));
    let run = |args: &[&str]| {
        let mut command = home.command(args);
        command
            .env("CAIRN_PASSWORD", "over the wire")
            .env("CAIRN_REPO", &repo)
            .env("AWS_ENDPOINT", &endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", of("CAIRN_TEST_S3_KEY"))
            .env("AWS_SECRET_ACCESS_KEY", of("CAIRN_TEST_S3_SECRET"))
            .env("AWS_REGION", "us-east-1");
        Run::of(command.arg("--json"))
    };
    home.write("src/a", b"what is locked");
    let made = run(&["init", "--immutable", "compliance", "--keep", "30d", "--immutable-days", "1"]).expect(0).last();
    assert_eq!((made["immutable"].as_str(), made["immutable_days"].as_u64()), (Some("compliance"), Some(1)), "{made}");
    assert_eq!((&made["locked_days_least"], &made["locked_days_most"]), (&11.into(), &12.into()), "{made}");
    let src = home.text("src");
    let first = run(&["backup", "--job", "j", &src]).expect(0).last();
    assert_eq!(first["locks_extended"], 0, "{first}");
    let points = run(&["points", "--verify-immutability"]).expect(0);
    assert!(points.rows()[0]["locked_until"].is_string(), "{:?}", points.rows());
    assert_eq!(points.last()["gaps"], 0, "{:?}", points.rows());
    assert!(points.last()["objects_verified"].as_u64().unwrap() > 6, "{:?}", points.rows());
    let raised = run(&["immutability", "raise", "20"]).expect(0).last();
    assert!(raised["locks_extended"].as_u64().unwrap() > 4, "{raised}");
    run(&["immutability", "raise", "1"]).expect(11);
    run(&["immutability", "raise", "31"]).expect(2);
    run(&["backup", "--job", "j", &src]).expect(0);
    assert_eq!(run(&["points", "--verify-immutability"]).expect(0).last()["gaps"], 0);
    assert_eq!(run(&["check", "--read-data"]).expect(0).last()["errors"], 0);
    assert_eq!(run(&["--as-of", "1", "points"]).expect(0).last()["points"], 0);
}

/// Azurite has no version-level immutability: what it drops without a word is noticed, and nothing is created.
#[test]
fn azurite_is_refused_as_a_place_for_locks() {
    let Some(remote) = Remote::azure() else { return };
    let (home, remote) = (Home::new(), remote.below(&unique("unlocked")));
    let init = |args: &[&str]| {
        let mut command = home.command([&["init", "--no-encryption"], args].concat());
        remote.lead(&mut command);
        Run::of(&mut command)
    };
    let said = init(&["--immutable", "compliance", "--keep", "30d", "--immutable-days", "1"]).expect(1).stderr;
    assert!(said.contains("version-level immutability for the container"), "{said}");
    assert!(said.contains("the place says that it locks nothing"), "{said}");
    assert!(!said.contains("will be locked"), "{said}");
    init(&[]).expect(0);
}

/// Azurite behind the layer that has what it lacks: what `init` says is what the objects show.
#[test]
fn azure_locks_for_as_long_as_init_says() {
    let Some(remote) = Remote::azure() else { return };
    let of = |name: &str| server(name).unwrap();
    let layer = Layer::before(remote.endpoint(), of("CAIRN_TEST_AZURE_ACCOUNT"), of("CAIRN_TEST_AZURE_KEY"));
    let (home, remote) = (Home::new(), remote.by_way_of(layer.endpoint()).below(&unique("locked")));
    let run = |args: &[&str]| {
        let mut command = home.command(args);
        remote.lead(&mut command);
        Run::of(&mut command)
    };
    let locks = ["--immutable", "governance", "--keep", "30d", "--immutable-days", "1"];
    let said = run(&[&["init", "--no-encryption"], &locks[..]].concat()).expect(0).stderr;
    assert!(said.contains("Objects will be locked for 11 to 12 days after they are stored"), "{said}");
    assert!(said.contains("1 day as asked, 10 days more so that not every backup"), "{said}");
    home.write("src/a", b"what is locked");
    run(&["backup", "--job", "j", &home.text("src")]).expect(0);
    let store = remote.store();
    for object in ["config", "log/0000000000000001"] {
        let lock = store.lock_of(&ObjectName::new(object).unwrap()).unwrap().expect("it is locked");
        let hours = (lock.until.seconds - store.now().unwrap().seconds) / 3600;
        // Some seconds have passed since it was stored.
        assert!((11 * 24 - 1..=12 * 24).contains(&hours), "{object}: {hours} hours");
    }
    assert_eq!(run(&["points", "--verify-immutability", "--json"]).expect(0).last()["gaps"], 0);
}
