//! `verify`: a restore point against a live tree.

use crate::support::{Home, Run, of_type};

#[test]
fn a_tree_that_did_not_change_is_equal() {
    let (home, id) = Home::with_point();
    assert_eq!(home.summary(["verify", &id])["differences"], 0);
    assert!(home.ok(["verify", &home.place(&id, "src/sub")]).out().starts_with("equal"));
}

#[test]
fn differences_are_told_and_end_with_exit_3() {
    let (home, id) = Home::with_point();
    home.write("src/a.txt", b"FIRST\n");
    home.write("src/new", b"1");
    std::fs::remove_file(home.path("src/sub/b.conf")).unwrap();
    let run = Run::of(&mut home.command(["verify", &id, "--json"])).expect(3);
    let rows = run.rows();
    let paths: Vec<_> = of_type(&rows, "difference").iter().map(|row| row["path"].as_str().unwrap()).collect();
    for name in ["src/a.txt", "src/new", "src/sub/b.conf"] {
        assert!(paths.contains(&home.text(name).as_str()), "{name} in {paths:?}");
    }
    assert!(!paths.contains(&home.text("src/sub/c.bin").as_str()), "{paths:?}");
}

#[test]
fn a_restored_tree_is_compared_where_it_lies() {
    let (home, id) = Home::with_point();
    let (place, out) = (home.place(&id, "src"), home.text("out"));
    home.ok(["restore", &place, &out]);
    assert_eq!(home.summary(["verify", &place, &out])["differences"], 0);
    home.write("out/sub/b.conf", b"SECOND\n");
    let run = home.run(["verify", &place, &out]).expect(3);
    assert!(run.out().contains("sub/b.conf"), "{}", run.out());
    home.ok(["restore", &id, &home.text("whole")]);
    assert_eq!(home.summary(["verify", &id, &home.text("whole")])["differences"], 0);
}

#[test]
fn items_that_are_too_old_for_the_repository_are_no_differences() {
    let home = Home::with_repository();
    std::fs::remove_dir_all(home.path("repo")).unwrap();
    home.ok(["init", "--no-encryption", "--retention-type", "item", "--keep", "30d"]);
    home.write("src/new", b"1");
    home.write("src/old", b"2");
    home.write("src/sub/old", b"3");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(60 * 86_400);
    for old in ["src/old", "src/sub/old"] {
        std::fs::File::options().write(true).open(home.path(old)).unwrap().set_modified(then).unwrap();
    }
    let id = home.backup();
    let equal = home.summary(["verify", &id]);
    assert_eq!((&equal["differences"], &equal["items_aged_out"]), (&0.into(), &2.into()));
    assert!(home.ok(["verify", &id]).out().contains("2 more are older"));
    // What is young and missing is a difference all the same.
    home.write("src/sub/young", b"4");
    let run = Run::of(&mut home.command(["verify", &id, "--json"])).expect(3);
    let rows = run.rows();
    let paths: Vec<_> = of_type(&rows, "difference").iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert!(
        paths.contains(&home.text("src/sub/young").as_str()) && !paths.iter().any(|p| p.ends_with("old")),
        "{paths:?}"
    );
    assert_eq!(run.last()["items_aged_out"], 2);
}
