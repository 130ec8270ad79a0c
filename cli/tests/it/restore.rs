//! `restore`: everything, parts of it, over what is there.

use crate::support::{Home, has_keys, tree};

#[test]
fn a_restored_tree_equals_its_source() {
    let (home, _) = Home::with_point();
    std::os::unix::fs::symlink("../a.txt", home.path("src/sub/link")).unwrap();
    std::fs::hard_link(home.path("src/a.txt"), home.path("src/twin")).unwrap();
    home.backup();
    let (place, out) = (home.place("latest", "src"), home.text("out"));
    let summary = home.summary(["restore", "--verify", &place, &out]);
    has_keys(&summary, &["files", "bytes", "seconds_elapsed", "requests", "bytes_downloaded"]);
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
    let modified = |path: &str| std::fs::metadata(home.path(path)).unwrap().modified().unwrap();
    assert_eq!(modified("out/a.txt"), modified("src/a.txt"));
    let again = home.summary(["restore", &place, &out]);
    assert_eq!((&again["bytes"], again["files_unchanged"].as_u64().unwrap() >= 3), (&0.into(), true), "{again}");
}

#[test]
fn a_whole_point_and_several_places_are_laid_with_full_paths() {
    let (home, id) = Home::with_point();
    home.ok(["restore", &id, &home.text("out")]);
    let full = home.path("out").join(home.text("src").trim_start_matches('/'));
    assert_eq!(tree(&full), tree(&home.path("src")));
    let (a, b) = (home.place(&id, "src/a.txt"), home.place("latest", "src/sub/b.conf"));
    home.ok(["restore", &a, &b, &home.text("some")]);
    let some = home.path("some").join(home.text("src").trim_start_matches('/'));
    let names: Vec<_> = tree(&some).into_iter().map(|(path, _)| path.to_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["a.txt", "sub", "sub/b.conf"]);
}

#[test]
fn a_single_file_is_laid_under_its_name() {
    let (home, _) = Home::with_point();
    home.ok(["restore", &home.place("latest", "src/sub/b.conf"), &home.text("out")]);
    assert_eq!(std::fs::read(home.path("out/b.conf")).unwrap(), b"second\n");
}

#[test]
fn includes_and_excludes_choose() {
    let (home, _) = Home::with_point();
    home.write("src/deep/er/x.conf", b"x");
    home.write("src/deep/er/y.tmp", b"y");
    home.write("src/empty/z", b"z");
    home.backup();
    let place = home.place("latest", "src");
    home.ok(["restore", "--include", "*.conf", &place, &home.text("confs")]);
    let names = |folder: &str| -> Vec<String> {
        tree(&home.path(folder)).into_iter().map(|(path, _)| path.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("confs"), ["deep", "deep/er", "deep/er/x.conf", "sub", "sub/b.conf"]);
    home.ok(["restore", "--exclude", "*.bin", "--exclude", "/**/deep", &place, &home.text("less")]);
    assert_eq!(names("less"), ["a.txt", "empty", "empty/z", "sub", "sub/b.conf"]);
    home.run(["restore", "--delete", "--include", "a", &place, &home.text("less")]).expect(2);
}

#[test]
fn what_is_there_is_kept_replaced_or_removed_as_asked() {
    let (home, _) = Home::with_point();
    let (place, out) = (home.place("latest", "src"), home.text("out"));
    home.write("out/a.txt", b"mine, and longer");
    home.write("out/extra/x", b"mine");
    home.ok(["restore", "--overwrite", "never", &place, &out]);
    assert_eq!(std::fs::read(home.path("out/a.txt")).unwrap(), b"mine, and longer");
    let plan = home.summary(["restore", "--dry-run", "--delete", &place, &out]);
    assert_eq!(plan["dry_run"], true);
    assert!(home.path("out/extra/x").exists());
    home.ok(["restore", &place, &out]);
    assert_eq!(std::fs::read(home.path("out/a.txt")).unwrap(), b"first\n");
    assert!(home.path("out/extra/x").exists());
    home.ok(["restore", "--delete", &place, &out]);
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
}
