//! `key`: passwords come and go, and a recovery sheet alone gives everything back.

use crate::support::{Home, Run, of_type, tree};

fn locked() -> Home {
    let home = Home::new();
    home.write("one", b"first\n");
    home.write("two", b"second\n");
    home.write("src/a", b"1");
    home
}

#[test]
fn passwords_are_added_listed_rotated_and_removed() {
    let home = locked();
    let repo = home.text("repo");
    let run = |file: &str, args: &[&str]| {
        let file = home.text(file);
        Run::of(home.command(["--repo", &repo, "--password-file", &file, "--json"]).args(args))
    };
    run("one", &["init"]).expect(0);
    run("two", &["points"]).expect(12);
    let added = run("one", &["key", "add", "--new-password-file", &home.text("two"), "--label", "spare"]).expect(0);
    let slot = added.last()["slot"].as_str().unwrap().to_owned();
    let rows = run("two", &["key", "list"]).expect(0).rows();
    let slots = of_type(&rows, "key_slot");
    assert_eq!(slots.len(), 2);
    assert!(slots.iter().any(|row| row["id"] == slot.as_str() && row["label"] == "spare"), "{slots:?}");
    // With two slots, rotate wants to know which.
    run("one", &["key", "rotate", "--new-password-file", &home.text("two")]).expect(2);
    let first = slots.iter().find(|row| row["id"] != slot.as_str()).unwrap()["id"].as_str().unwrap();
    run("two", &["key", "remove", first]).expect(0);
    run("one", &["points"]).expect(12);
    run("two", &["key", "remove", &slot]).expect(2);
    home.write("three", b"third");
    run("two", &["key", "rotate", "--new-password-file", &home.text("three")]).expect(0);
    run("two", &["points"]).expect(12);
    run("three", &["points"]).expect(0);
}

#[test]
fn a_sheet_and_the_repository_alone_give_everything_back() {
    let home = Home::new();
    home.write("src/a", b"precious");
    home.ok(["backup", &home.text("src")]);
    let reminded = home.ok(["points"]);
    assert!(reminded.stderr.contains("cairn key export --recovery-sheet"), "{}", reminded.stderr);
    home.run(["key", "export"]).expect(2);
    let sheet = home.ok(["key", "export", "--recovery-sheet"]).out();
    assert!(!home.ok(["points"]).stderr.contains("key export"), "reminded although a sheet was made");
    assert_eq!(home.summary(["points"])["recovery_sheet_exported"], true);

    // Another machine: the repository was carried there, and the sheet was typed in, in capitals.
    let other = Home::new();
    std::fs::rename(home.path("data/cairn/default"), other.path("carried")).unwrap();
    let typed: Vec<_> = sheet.lines().filter(|line| line.trim().starts_with(['1', '2', '3', '4'])).collect();
    assert_eq!(typed.len(), 4, "{sheet}");
    other.write("sheet", typed.join("\n").to_uppercase().as_bytes());
    other.write("new", b"new password\n");
    let (repo, new) = (other.text("carried"), other.text("new"));
    other.run(["--repo", &repo, "points"]).expect(12);
    let args =
        ["--repo", &repo, "key", "import", "--recovery-sheet", &other.text("sheet"), "--new-password-file", &new];
    other.ok(args);
    other.ok(["--repo", &repo, "--password-file", &new, "restore", &home.place("latest", "src"), &other.text("out")]);
    assert_eq!(tree(&other.path("out")), [("a".into(), b"precious".to_vec())]);
}

#[test]
fn a_mistyped_sheet_is_refused_by_its_line() {
    let home = Home::new();
    home.write("src/a", b"1");
    home.ok(["backup", &home.text("src")]);
    home.ok(["key", "export", "--paper", "--out", &home.text("sheet")]);
    home.run(["key", "export", "--paper", "--out", &home.text("sheet")]).expect(1);
    let sheet = std::fs::read_to_string(home.path("sheet")).unwrap();
    let line = sheet.lines().find(|line| line.trim().starts_with("3:")).unwrap().trim();
    let last = line.chars().last().unwrap();
    let wrong = format!("{}{}", &line[..line.len() - 1], if last == '7' { '8' } else { '7' });
    home.write("wrong", sheet.replace(line, &wrong).as_bytes());
    home.write("new", b"x");
    let run =
        home.run(["key", "import", "--paper", &home.text("wrong"), "--new-password-file", &home.text("new")]).expect(2);
    assert!(run.stderr.contains("line 3"), "{}", run.stderr);
}

#[test]
fn a_repository_without_encryption_has_no_keys() {
    let home = Home::with_repository();
    assert_eq!(home.rows(["key", "list"]).len(), 1);
    home.run(["key", "export", "--paper"]).expect(2);
    assert!(!home.ok(["points"]).stderr.contains("recovery"));
}

#[test]
fn a_slot_is_sealed_anew_with_its_own_password_and_everybody_is_told() {
    let home = locked();
    let repo = home.text("repo");
    let run = |file: &str, args: &[&str]| {
        let file = home.text(file);
        Run::of(home.command(["--repo", &repo, "--password-file", &file, "--json"]).args(args))
    };
    run("one", &["init", "--label", "mine"]).expect(0);
    let before = run("one", &["key", "list"]).expect(0).rows();
    let before = of_type(&before, "key_slot")[0].clone();
    run("two", &["key", "reseal"]).expect(12);
    run("one", &["key", "reseal", "--memory", "1M"]).expect(2);
    let done = run("one", &["key", "reseal", "--memory", "16MiB", "--passes", "2"]).expect(0).last();
    assert_eq!(done["removed"], before["id"]);
    let rows = run("one", &["key", "list", "--history"]).expect(0).rows();
    let slots = of_type(&rows, "key_slot");
    assert_eq!(slots.len(), 1);
    assert_eq!(slots[0]["label"], "mine");
    assert_eq!((&slots[0]["memory_kib"], &slots[0]["passes"]), (&16_384.into(), &2.into()));
    assert_eq!(slots[0]["id"], done["slot"]);
    let told: Vec<_> =
        of_type(&rows, "key_change").iter().map(|row| (row["change"].clone(), row["id"].clone())).collect();
    assert_eq!(told, [("added".into(), done["slot"].clone()), ("removed".into(), before["id"].clone())]);
    // A rotation keeps what the slot was called.
    run("one", &["key", "rotate", "--new-password-file", &home.text("two")]).expect(0);
    let rows = run("two", &["key", "list"]).expect(0).rows();
    assert_eq!(of_type(&rows, "key_slot")[0]["label"], "mine");
}
