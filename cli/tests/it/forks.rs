//! A repository whose files were copied and that both sides go on with: named by every command that meets both, and never mixed.

use crate::support::{Home, Run, of_type, tree};
use std::process::Command;

/// A copy of the repository's files.
fn twin(home: &Home) -> String {
    let copied = Command::new("cp").arg("-a").arg(home.path("repo")).arg(home.path("twin")).status();
    assert!(copied.unwrap().success());
    home.text("twin")
}

/// Backs up into a copy of the repository, as another machine would.
fn go_on_elsewhere(home: &Home, repo: &str, name: &str) {
    home.write(&format!("src/{name}"), name.as_bytes());
    let mut other = home.command(["--repo", repo, "backup", "--job", "j", &home.text("src")]);
    other.env("CAIRN_STATE_DIR", home.path("their state")).env("CAIRN_CACHE_DIR", home.path("their cache"));
    Run::of(&mut other).expect(0);
}

/// A repository and a twin that both went on.
fn forked() -> (Home, String) {
    let (home, _) = Home::with_point();
    let twin = twin(&home);
    home.write("src/later", b"later\n");
    home.backup();
    go_on_elsewhere(&home, &twin, "elsewhere");
    (home, twin)
}

/// The command is refused as a fork, and writes nothing into any of these folders; what it says.
#[track_caller]
fn refused(home: &Home, args: &[&str], folders: &[&str]) -> String {
    let before: Vec<_> = folders.iter().map(|folder| tree(&home.path(folder))).collect();
    let run = Run::of(home.command(["--json"]).args(args)).expect(13);
    assert_eq!(of_type(&run.rows(), "error")[0]["error"], "fork", "{}", run.out());
    let after: Vec<_> = folders.iter().map(|folder| tree(&home.path(folder))).collect();
    assert!(before == after, "something was written");
    run.stderr
}

/// The newest slot of a log, and the first digits of its entry's hash.
fn newest(home: &Home, repo: &str) -> (usize, String) {
    let mut entries: Vec<_> =
        std::fs::read_dir(home.path(repo).join("log")).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    let hash = blake3::hash(&std::fs::read(entries.last().unwrap()).unwrap());
    (entries.len(), hash.to_hex()[..16].to_owned())
}

#[test]
fn an_older_copy_is_not_written_to_until_that_is_accepted_and_the_original_goes_on() {
    let (home, _) = Home::with_point();
    let twin = twin(&home);
    home.write("src/later", b"later\n");
    home.backup();
    let why = refused(&home, &["--repo", &twin, "backup", "--job", "j", &home.text("src")], &["twin", "repo"]);
    let (slot, _) = newest(&home, "repo");
    assert!(
        why.contains("older copy") && why.contains(&format!("entry {slot} ")) && why.contains("--accept rollback"),
        "{why}"
    );
    // Looking is no harm, and is not taken for an acceptance.
    let looked = home.ok(["--repo", &twin, "points"]);
    assert!(
        looked.stderr.contains("older copy") && looked.stderr.contains("cairn known forget file://"),
        "{}",
        looked.stderr
    );
    refused(&home, &["--repo", &twin, "backup", "--job", "j", &home.text("src")], &["twin", "repo"]);
    let accept = |words: &[&str]| home.ok([&["--repo", &twin, "--accept", "rollback"], words].concat());
    accept(&["backup", "--job", "j", &home.text("src")]);
    // It is asked once; and neither side is refused for the other's sake from now on, only told.
    let run = home.ok(["--repo", &twin, "backup", "--job", "j", &home.text("src")]);
    assert!(run.stderr.contains("another history"), "{}", run.stderr);
    let run = home.ok(["backup", "--job", "j", &home.text("src")]);
    assert!(run.stderr.contains("another history"), "{}", run.stderr);
    assert!(home.ok(["points"]).stderr.is_empty());
    let checked = home.ok(["check"]).stderr;
    assert_eq!(checked.matches("another history").count(), 1, "{checked}");
    home.ok(["known", "forget", &twin]);
    assert!(home.ok(["backup", "--job", "j", &home.text("src")]).stderr.is_empty());
}

#[test]
fn a_fork_is_not_written_to_until_that_is_accepted() {
    let (home, twin) = forked();
    go_on_elsewhere(&home, &twin, "again");
    let why = refused(&home, &["--repo", &twin, "backup", "--job", "j", &home.text("src")], &["twin", "repo"]);
    let (slot, hash) = newest(&home, "repo");
    assert!(why.contains("another history") && why.contains(&format!("entry {slot} is {hash}")), "{why}");
    let checked = home.ok(["--repo", &twin, "check"]).stderr;
    assert_eq!(checked.matches("another history").count(), 1, "{checked}");
}

#[test]
fn a_repository_that_moved_is_the_same_one() {
    let (home, _) = Home::with_point();
    let moved = twin(&home);
    std::fs::remove_dir_all(home.path("repo")).unwrap();
    let run = home.ok(["--repo", &moved, "backup", "--job", "j", &home.text("src")]);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn a_fork_is_not_copied_into_the_place_of_the_other_one() {
    let (home, twin) = forked();
    let (copies, own) = (home.text("copies"), home.text("own"));
    let init = |place: &str, from: &str| {
        home.ok(["init", "--no-encryption", "--repo", place, "--class", "copy", "--from", from]);
    };
    init(&copies, &home.text("repo"));
    home.ok(["copy", "--all", "--to", &copies]);
    let why = refused(&home, &["--repo", &twin, "copy", "--all", "--to", &copies], &["copies", "twin"]);
    let (_, hash) = newest(&home, "repo");
    assert!(why.contains("two histories") && why.contains(&hash) && why.contains("init --class copy"), "{why}");
    refused(&home, &["--repo", &twin, "copy", "--rekey", "--to", &copies], &["copies", "twin"]);
    home.ok(["--repo", &copies, "check", "--read-data"]);
    init(&own, &twin);
    home.ok(["--repo", &twin, "copy", "--all", "--to", &own]);
    home.ok(["copy", "--all", "--to", &copies]);
}

#[test]
fn nothing_is_taken_from_a_fork_to_heal_by_until_that_is_accepted() {
    let (home, twin) = forked();
    let (slot, hash) = newest(&home, "repo");
    let why = refused(&home, &["repair", "plan", "--from", &twin], &["repo", "twin"]);
    assert!(why.contains("another history") && why.contains("--accept rollback") && !hash.is_empty(), "{why}");
    assert!((1..=slot).any(|slot| why.contains(&format!("entry {slot} is"))), "{why}");
    let copies = home.text("copies");
    home.ok(["init", "--no-encryption", "--repo", &copies, "--class", "copy", "--from", &home.text("repo")]);
    refused(&home, &["copy", "--to", &copies, "--heal-from", &twin], &["copies", "twin"]);
    home.ok(["--accept", "rollback", "repair", "plan", "--from", &twin]);
    home.ok(["--accept", "rollback", "copy", "--to", &copies, "--heal-from", &twin]);
    // An older copy of the same history is what one heals by.
    home.ok(["repair", "plan", "--from", &home.text("repo")]);
}
