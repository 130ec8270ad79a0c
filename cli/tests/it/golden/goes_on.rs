//! This program goes on where a release stopped: backups, expiry, collection, copies and repair in
//! the release's own repositories.

use super::release::{Golden, Point, is_sealed};
use crate::support::{noise, of_type, tree};
use serde_json::Value;
use std::path::Path;

/// A collection that waits for nobody.
const AT_ONCE: &[&str] = &["--grace", "0", "--no-readers", "--repack-above", "1%"];

/// A changed source of the job of this point is backed up; the folder, and the summary.
fn back_up(golden: &Golden, point: &Point) -> (String, Value) {
    let source = golden.home.text("source");
    if !Path::new(&source).exists() {
        golden.run(["restore", &point.id, &source]);
        // Comparing would wait for somebody to write into a pipe; and what is older than its period
        // is not stored again.
        for name in ["data/fifo", "data/null", "data/loop", "data/socket", "mail/of-june-1975"] {
            let _ = std::fs::remove_file(golden.home.path(&format!("source/srv/{name}")));
        }
    }
    golden.home.write("source/later", &noise(5_000, 1));
    let run = golden.run(["backup", "--json", "--job", &point.job, &source]).expect(0);
    (source, run.last())
}

/// What the newest point of this home gives back is the source.
fn expect_newest(golden: &Golden, below: &str, sealed: bool, id: &str, source: &str) {
    let out = golden.home.text(&format!("newest-{below}"));
    golden.run_on(below, sealed, ["restore", &format!("{id}:{source}"), &out]).expect(0);
    assert_eq!(tree(Path::new(&out)), tree(Path::new(source)), "{}", golden.name);
}

/// Backups, a tag, expiry, collection and a copy.
fn go_on(name: &'static str) {
    let golden = Golden::open(name);
    let point = golden.points.iter().max_by_key(|point| point.items.len()).unwrap();
    let (source, first) = back_up(&golden, point);
    // What the release stored is found again.
    assert!(first["bytes_new"].as_u64().unwrap() < 20_000, "{name}: {first}");
    let (_, second) = back_up(&golden, point);
    assert_eq!((&second["kind"], &second["files_new"]), (&"incremental".into(), &0.into()), "{name}: {second}");
    golden.expect_clean();
    let id = second["point"].as_str().unwrap();
    let tagged = golden.summary(["tag", id, "+kept"]);
    assert_eq!(tagged["points_rewritten"], 1, "{name}: {tagged}");
    let expired = golden.planned(&["expire", "--keep-last", "1"], &[]);
    assert!(expired["points_expired"].as_u64().unwrap() >= 1, "{name}: {expired}");
    golden.planned(&["gc"], AT_ONCE);
    let left = golden.planned(&["gc"], AT_ONCE);
    assert_eq!((&left["packs_condemned"], &left["objects_waiting"]), (&0.into(), &0.into()), "{name}: {left}");
    golden.expect_clean();
    expect_newest(&golden, "repo", golden.is_sealed(), id, &source);
    // Copies, too: none of what the release wrote is in the way.
    let copies = golden.home.text("copies");
    let from = golden.home.text("repo");
    let mut init = vec!["init", "--class", "copy", "--from", &from];
    if !golden.is_sealed() {
        init.push("--no-encryption");
    }
    if name == "items" {
        init.extend(["--keep", "50y"]);
    }
    golden.run_on("copies", golden.is_sealed(), init).expect(0);
    let copied = golden.summary(["copy", "--to", &copies, "--all"]);
    assert_eq!(copied["points_copied"].as_u64(), Some(golden.live().len() as u64), "{name}: {copied}");
    golden.run_on("copies", golden.is_sealed(), ["check", "--read-data"]).expect(0);
    expect_newest(&golden, "copies", golden.is_sealed(), id, &source);
}

#[test]
fn a_golden_repository_in_clear_text_goes_on() {
    go_on("clear");
}

#[test]
fn an_encrypted_golden_repository_goes_on() {
    go_on("sealed");
}

#[test]
fn a_golden_repository_with_parity_goes_on() {
    go_on("parity");
}

#[test]
fn a_golden_repository_whose_items_leave_by_their_age_goes_on() {
    go_on("items");
}

#[test]
fn a_golden_repository_of_many_hosts_and_jobs_goes_on() {
    go_on("jobs");
}

#[test]
fn a_golden_repository_that_has_lived_goes_on() {
    go_on("lived");
}

/// The release's copies take what this program adds to the source, and lose what leaves here.
#[test]
fn a_golden_repository_of_copies_goes_on_beside_its_source() {
    let golden = Golden::open("copy");
    golden.unpack("sealed", "source-repo");
    let sealed = is_sealed("sealed");
    let source = golden.home.text("source");
    golden.run(["restore", &golden.points[0].id, &source]).expect(0);
    golden.home.write("source/later", b"later\n");
    let made = golden.run_on("source-repo", sealed, ["backup", "--json", "--job", "secret", &source]).expect(0).last();
    let id = made["point"].as_str().unwrap().to_owned();
    let to = golden.home.text("repo");
    let copied = golden.run_on("source-repo", sealed, ["copy", "--json", "--to", &to]).expect(0).last();
    assert_eq!((&copied["points_copied"], &copied["blobs_lost"]), (&1.into(), &0.into()), "{copied}");
    // Blocks that the release has carried are not carried again.
    assert!(copied["bytes_written"].as_u64().unwrap() < 60_000, "{copied}");
    golden.expect_clean();
    let first = golden.points[0].id.clone();
    golden.planned(&["expire", &first], &[]);
    golden.planned(&["gc"], AT_ONCE);
    golden.expect_clean();
    assert!(golden.live().iter().all(|row| row["id"] != first.as_str()));
    expect_newest(&golden, "repo", true, &id, &source);
}

/// A session that the release left open when it was killed is fenced, and what only it had stored
/// goes.
#[test]
fn a_session_that_the_release_left_open_ends_with_the_first_collection() {
    let golden = Golden::open("lived");
    let point = golden.points.last().unwrap();
    back_up(&golden, point);
    let collected = golden.planned(&["gc"], AT_ONCE);
    assert_eq!(collected["sessions_fenced"], 1, "{collected}");
    golden.expect_clean();
}

/// Each incomplete point is still one; the newest complete one stays whatever is counted.
#[test]
fn incomplete_points_of_the_release_are_told_as_such() {
    let golden = Golden::open("partial");
    let complete: Vec<_> = golden.live().iter().map(|row| row["complete"].as_bool().unwrap()).collect();
    assert_eq!(complete, golden.points.iter().map(|point| point.complete).collect::<Vec<_>>());
    assert_eq!(complete, [false, true, true, false, false, false]);
}

/// A point of the release counts what it left out and does not name it: nothing is removed by it. One that lacks nothing removes.
#[test]
fn only_points_of_the_release_that_lack_nothing_remove_what_they_do_not_have() {
    // The third point of `partial` left items out by rules, the second nothing.
    for (name, number, code, stays) in [("partial", 2, 3, true), ("partial", 1, 0, false), ("clear", 0, 0, false)] {
        let golden = Golden::open(name);
        let point = &golden.points[number];
        let target = golden.home.path("out");
        golden.run(["restore", &point.id, target.to_str().unwrap()]);
        let source = point.row["sources"][0].as_str().unwrap().trim_start_matches('/');
        let mine = target.join(source).join("made since");
        std::fs::write(&mine, b"mine").unwrap();
        let words = ["restore", &point.id, target.to_str().unwrap(), "--delete", "--accept", "whole-target"];
        for dry_run in [true, false] {
            let words = words.into_iter().chain(dry_run.then_some("--dry-run"));
            let run = golden.run(words);
            assert_eq!(run.code, Some(code), "{name}: {run:?}");
            assert_eq!(mine.exists(), stays || dry_run, "{name}: {run:?}");
            assert_eq!(run.stderr.contains("made since: left there"), stays, "{name}: {run:?}");
        }
    }
}

/// What became old since leaves the release's points, and nothing else does.
#[test]
fn items_of_the_releases_points_leave_by_their_age() {
    let golden = Golden::open("items");
    back_up(&golden, golden.points.last().unwrap());
    let done = golden.planned(&["expire"], &[]);
    assert_eq!((&done["points_rewritten"], &done["points_expired"]), (&2.into(), &0.into()), "{done}");
    for point in &golden.points {
        let out = golden.home.path(&format!("later-{}", point.id));
        golden.run(["restore", &point.id, out.to_str().unwrap()]).expect(0);
        let names = std::fs::read_dir(out.join("srv/mail")).unwrap().map(|item| item.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        let wanted: &[&str] = if point.id == golden.points[0].id { &["of-2024"] } else { &["of-2024", "of-2025"] };
        assert_eq!(names, wanted);
    }
    golden.expect_clean();
}

/// Parity that the release has written heals with this program's repair.
#[test]
fn parity_of_the_release_heals_what_rots_today() {
    let golden = Golden::open("parity");
    let pack = tree(&golden.home.path("repo/data")).into_iter().find(|(_, bytes)| bytes.len() > 1000).unwrap().0;
    let path = golden.home.path("repo/data").join(pack);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[700] ^= 0x55;
    std::fs::write(&path, &bytes).unwrap();
    golden.run(["check", "--read-data"]).expect(5);
    let plan = golden.run(["repair", "plan", "--json"]);
    let (rows, summary) = (plan.rows(), plan.last());
    assert!(of_type(&rows, "damage")[0]["healed_by"]["parity"].as_u64() > Some(0), "{rows:?}");
    let healed = golden.run(["repair", "apply", "--json", summary["plan"].as_str().unwrap()]).expect(0).last();
    assert_eq!((&healed["packs_condemned"], &healed["remaining"]), (&1.into(), &0.into()), "{healed}");
    golden.expect_clean();
    golden.expect_restores(&golden.points[0]);
}
