//! `init --class copy` and `copy`, end to end.

use crate::support::{Home, Run, has_keys, noise, of_type, tree};
use serde_json::Value;

fn json(home: &Home, args: &[&str], code: i32) -> (Vec<Value>, Value) {
    let run = Run::of(home.command(args).arg("--json")).expect(code);
    (run.rows(), run.last())
}

/// A home with two points, and a repository for copies of them.
fn home() -> Home {
    let home = Home::with_repository();
    home.write("src/a.txt", b"first\n");
    home.write("src/sub/c.bin", &noise(900_000, 1));
    home.backup();
    home.write("src/later.txt", b"later\n");
    home.backup();
    let copies = home.text("copies");
    home.ok(["init", "--no-encryption", "--repo", &copies, "--class", "copy", "--from", &home.text("repo")]);
    home
}

#[test]
fn points_are_copied_listed_checked_and_restored() {
    let home = home();
    let copies = home.text("copies");
    let (_, dry) = json(&home, &["copy", "--to", &copies, "--all", "--dry-run"], 0);
    assert_eq!((&dry["points_copied"], &dry["points_waiting"], &dry["dry_run"]), (&0.into(), &2.into(), &true.into()));
    let (_, done) = json(&home, &["copy", "--to", &copies, "--all"], 0);
    has_keys(&done, &["points_copied", "bytes_read", "bytes_written", "packs_read", "packs_written", "requests"]);
    assert_eq!(
        (&done["points_copied"], &done["points_present"], &done["blobs_lost"]),
        (&2.into(), &0.into(), &0.into())
    );
    assert!(done["requests"]["put"].as_u64() > Some(3), "{done}");
    // The same points, by id and time.
    let points = |repo: &str| -> Vec<(Value, Value)> {
        let (rows, _) = json(&home, &["points", "--repo", repo], 0);
        of_type(&rows, "point").iter().map(|p| (p["id"].clone(), p["time"].clone())).collect()
    };
    assert_eq!(points(&copies), points(&home.text("repo")));
    assert_eq!(points(&copies).len(), 2);
    let (_, check) = json(&home, &["check", "--read-data", "--repo", &copies], 0);
    assert_eq!((&check["errors"], &check["points"]), (&0.into(), &2.into()));
    home.ok(["restore", "--repo", &copies, &home.place("latest", "src"), &home.text("out")]);
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
    // Nothing is left to do; and the copy is not for backups.
    let (_, again) = json(&home, &["copy", "--to", &copies], 0);
    assert_eq!(
        (&again["points_copied"], &again["points_present"], &again["packs_read"]),
        (&0.into(), &1.into(), &0.into())
    );
    home.run(["backup", "--repo", &copies, &home.text("src")]).expect(2);
}

#[test]
fn points_wait_for_full_packs_as_long_as_they_are_told_to() {
    let home = home();
    let copies = home.text("copies");
    let (_, waits) = json(&home, &["copy", "--to", &copies, "--flush-after", "1h"], 0);
    assert_eq!((&waits["points_copied"], &waits["points_waiting"]), (&0.into(), &1.into()));
    let (_, none) = json(&home, &["points", "--repo", &copies], 0);
    assert_eq!(none["points"], 0);
    let (_, done) = json(&home, &["copy", "--to", &copies], 0);
    assert_eq!((&done["points_copied"], &done["packs_read"]), (&1.into(), &0.into()), "{done}");
    assert!(done["blocks_recovered"].as_u64() > Some(0), "{done}");
    home.ok(["restore", "--repo", &copies, &home.place("latest", "src"), &home.text("out")]);
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
}

#[test]
fn what_cannot_be_copied_between_is_refused_with_a_way_out() {
    let home = home();
    let error = |args: &[&str], code| home.run(args.to_vec()).expect(code).stderr;
    assert!(error(&["copy", "--to", &home.text("repo")], 2).contains("one repository"));
    // A stranger's repository: only --rekey can copy into it.
    let stranger = home.text("stranger");
    home.ok(["init", "--no-encryption", "--repo", &stranger, "--class", "copy"]);
    assert!(error(&["copy", "--to", &stranger], 2).contains("--rekey"));
    let (_, done) = json(&home, &["copy", "--to", &stranger, "--rekey"], 0);
    assert_eq!(done["points_copied"], 1, "{done}");
    home.ok(["restore", "--repo", &stranger, &home.place("latest", "src"), &home.text("out")]);
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
    // Other types of retention.
    let items = home.text("items");
    let from = home.text("repo");
    let item = ["--retention-type", "item", "--keep", "3y"];
    home.ok([&["init", "--no-encryption", "--repo", &items, "--class", "copy", "--from", &from], &item[..]].concat());
    assert!(error(&["copy", "--to", &items], 2).contains("types of retention"));
    // Flags that make no sense.
    assert!(error(&["init", "--repo", &home.text("x"), "--from", &from], 2).contains("--class copy"));
    assert!(error(&["copy", "--to", &items, "--all", "latest"], 2).contains("--all"));
    let archive = ["init", "--no-encryption", "--repo", &home.text("x"), "--storage-class"];
    assert!(error(&[&archive[..], &["GLACIER"]].concat(), 1).contains("class"));
    assert!(error(&[&archive[..], &["FROZEN"]].concat(), 2).contains("DEEP_ARCHIVE"));
}

/// Source and target have passwords of their own, and one dedup key.
#[test]
fn an_encrypted_repository_is_copied_under_another_password() {
    let home = Home::new();
    home.write("one", b"the source's password");
    home.write("two", b"the target's password");
    home.write("src/a", &noise(500_000, 7));
    let (one, two) = (home.text("one"), home.text("two"));
    let (repo, copies) = (home.text("repo"), home.text("copies"));
    let ok = |args: &[&str]| home.ok(args.to_vec());
    ok(&["init", "--repo", &repo, "--password-file", &one]);
    ok(&["backup", "--repo", &repo, "--password-file", &one, "--job", "j", &home.text("src")]);
    let like = ["--class", "copy", "--from", &repo, "--from-password-file", &one];
    ok(&[&["init", "--repo", &copies, "--password-file", &two], &like[..]].concat());
    let clear = ["init", "--no-encryption", "--repo", &home.text("clear")];
    let refused = home.run([&clear[..], &like[..]].concat()).expect(2);
    assert!(refused.stderr.contains("dedup key"), "{}", refused.stderr);
    ok(&["copy", "--repo", &repo, "--password-file", &one, "--to", &copies, "--to-password-file", &two]);
    home.run(["points", "--repo", &copies, "--password-file", &one]).expect(12);
    let place = home.place("latest", "src");
    ok(&["restore", "--repo", &copies, "--password-file", &two, &place, &home.text("out")]);
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
}

#[test]
fn two_repositories_of_one_dedup_key_are_copied_into_one() {
    let home = home();
    let (second, copies) = (home.text("second"), home.text("copies"));
    home.ok(["init", "--no-encryption", "--repo", &second, "--keys-from", &home.text("repo")]);
    home.ok(["backup", "--repo", &second, "--job", "other", &home.text("src")]);
    home.ok(["copy", "--to", &copies]);
    let (_, done) = json(&home, &["copy", "--repo", &second, "--to", &copies], 0);
    assert_eq!(done["points_copied"], 1, "{done}");
    // The bytes of its files are there; only its own nodes are new.
    assert!(done["bytes_written"].as_u64() < Some(100_000), "{done}");
    let (_, check) = json(&home, &["check", "--read-data", "--repo", &copies], 0);
    assert_eq!((&check["errors"], &check["points"]), (&0.into(), &2.into()));
}

#[test]
fn a_copy_is_priced_before_and_refused_where_it_would_be_too_much() {
    let home = home();
    let copies = home.text("copies");
    let (_, dry) = json(&home, &["copy", "--to", &copies, "--dry-run", "--prices", "aws-us-east-1"], 0);
    assert!(dry["requests_estimated"].as_u64() > Some(3) && dry["cost_estimated"].as_f64() > Some(0.0), "{dry}");
    assert_eq!(dry["currency"], "USD");
    let few = home.run(["copy", "--to", &copies, "--max-requests", "2"]).expect(2);
    assert!(few.stderr.contains("--max-requests"), "{}", few.stderr);
    let poor = home.run(["copy", "--to", &copies, "--prices", "generic", "--max-cost", "0.0000001"]).expect(2);
    assert!(poor.stderr.contains("--max-cost"), "{}", poor.stderr);
    let (_, done) = json(&home, &["copy", "--to", &copies, "--prices", "aws-us-east-1", "--max-cost", "1"], 0);
    assert!(done["cost_actual"].as_f64() > Some(0.0) && done["requests_made"].as_u64() > Some(3), "{done}");
    assert_eq!(done["points_copied"], 1);
}

/// A point is copied as it is, and whoever copies an incomplete one is told.
#[test]
fn a_copy_of_an_incomplete_point_says_so() {
    let home = home();
    let copies = home.text("copies");
    home.write("partly/.cairnignore", b"[never closed\n");
    home.write("partly/a", b"1");
    home.run(["backup", "--job", "partly", &home.text("partly")]).expect(3);
    let run = home.run(["copy", "--to", &copies, "--all"]).expect(3);
    assert!(
        run.stderr.contains("copied, and as incomplete as its original: 1 item could not be stored"),
        "{}",
        run.stderr
    );
    let (_, again) = json(&home, &["copy", "--to", &copies, "--all"], 0);
    assert_eq!((&again["points_copied"], &again["points_incomplete"]), (&0.into(), &0.into()));
}
