//! `restore`: everything, parts of it, over what is there.

use crate::support::{Home, Run, has_keys, tree};

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

#[test]
fn delete_leaves_what_lies_beside_the_sources() {
    let (home, id) = Home::with_point();
    let below = |name: &str| format!("out{}", home.text(name));
    for name in ["src/stray", "beside/x"] {
        home.write(&below(name), b"live");
    }
    home.write("out/usr/ls", b"bin");
    let args = ["restore", "--delete", &id, &home.text("out")];
    let rows = home.rows(args.iter().chain(&["--dry-run"]));
    let removed: Vec<_> = rows.iter().filter(|row| row["action"] == "remove").collect();
    assert_eq!(removed.len(), 1, "{removed:?}");
    assert_eq!(removed[0]["path"], home.text(&below("src/stray")));
    let summary = home.summary(args);
    assert_eq!((&summary["deleted"], &rows.last().unwrap()["deleted"]), (&1.into(), &1.into()));
    assert!(home.path("out/usr/ls").exists() && home.path(&below("beside/x")).exists());
    assert!(!home.path(&below("src/stray")).exists());
}

#[test]
fn a_dry_run_counts_and_lists_what_a_run_does() {
    let (home, id) = Home::with_point();
    std::fs::hard_link(home.path("src/a.txt"), home.path("src/twin")).unwrap();
    std::os::unix::fs::symlink("a.txt", home.path("src/link")).unwrap();
    home.backup();
    let place = home.place("latest", "src");
    home.ok(["restore", &home.place(&id, "src"), &home.text("out")]);
    home.write("out/sub/b.conf", b"another");
    home.write("out/sub/stray/deep", b"stray");
    std::fs::remove_file(home.path("out/sub/c.bin")).unwrap();
    home.write("out/sub/c.bin/is/a/folder", b"in the way");
    let out = home.text("out");
    let args = ["restore", "--delete", &place, &out];
    let rows = home.rows(args.iter().chain(&["--dry-run"]));
    let done = home.summary(args);
    let plan = rows.last().unwrap();
    for key in ["files", "files_unchanged", "folders", "others", "bytes", "deleted", "left", "exit_code"] {
        assert_eq!(plan[key], done[key], "{key}: {plan} {done}");
    }
    let paths = |action: &str| -> Vec<String> {
        let rows = rows.iter().filter(|row| row["action"] == action);
        let mut paths: Vec<_> = rows.map(|row| row["path"].as_str().unwrap().replace(&out, "")).collect();
        paths.sort();
        paths
    };
    assert_eq!(paths("restore"), ["/link", "/sub/b.conf", "/sub/c.bin", "/twin"]);
    assert_eq!(
        paths("remove"),
        ["/sub/c.bin", "/sub/c.bin/is", "/sub/c.bin/is/a", "/sub/c.bin/is/a/folder", "/sub/stray", "/sub/stray/deep"]
    );
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
}

#[test]
fn delete_into_the_root_needs_an_answer() {
    let (home, id) = Home::with_point();
    for target in ["/", "//", "/./", "/tmp/.."] {
        let refused = home.run(["restore", "--delete", &id, target]).expect(2);
        assert!(refused.stderr.contains("--accept whole-target"), "{}", refused.stderr);
        assert!(refused.stderr.contains(&format!("restore --delete {id} {target}")), "{}", refused.stderr);
    }
    home.ok(["restore", "--delete", "--dry-run", &id, "/"]);
}

#[test]
fn a_kept_file_with_other_bytes_is_never_called_verified() {
    let (home, _) = Home::with_point();
    let (place, out) = (home.place("latest", "src"), home.text("out"));
    home.ok(["restore", &place, &out]);
    let path = home.path("out/sub/b.conf");
    let then = std::fs::metadata(&path).unwrap().modified().unwrap();
    let corrupt = || {
        std::fs::write(&path, b"sEcond\n").unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    };
    corrupt();
    let kept = Run::of(home.command(["restore", "--verify", "--overwrite", "never", &place, &out]).arg("--json"));
    let kept = kept.expect(3);
    assert!(kept.stderr.contains("b.conf") || kept.out().contains("b.conf"), "{}", kept.stderr);
    assert_eq!(kept.last()["verified"], false);
    let mended = home.summary(["restore", "--verify", &place, &out]);
    assert_eq!((&mended["files"], &mended["verified"]), (&1.into(), &true.into()), "{mended}");
    assert_eq!(std::fs::read(&path).unwrap(), b"second\n");
    let again = home.summary(["restore", "--verify", &place, &out]);
    assert_eq!((&again["files"], &again["verified"]), (&0.into(), &true.into()));
}

/// As in a container, whose /etc/hosts nobody can replace.
#[test]
fn a_name_that_is_a_mount_point_is_one_warning_and_exit_3() {
    let home = Home::with_repository();
    for name in ["a", "hosts", "zz"] {
        home.write(&format!("src/etc/{name}"), b"backed up");
    }
    home.backup();
    home.write("out/etc/hosts", b"live");
    home.write("m/x", b"");
    let script = "echo other >\"$M\"/hosts; mount --bind \"$M/hosts\" \"$OUT/etc/hosts\"
        \"$CAIRN\" restore \"latest:$SRC\" \"$OUT\"";
    let Some(run) = crate::cacheless::mounted(&home, script) else { return };
    let run = run.expect(3);
    let warnings: Vec<_> = run.stderr.lines().filter(|line| line.contains("warning: ")).collect();
    assert!(matches!(warnings[..], [line] if line.contains("etc/hosts: not restored")), "{}", run.stderr);
    let mut names: Vec<_> = std::fs::read_dir(home.path("out/etc")).unwrap().map(|i| i.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a", "hosts", "zz"], "no partial file stays");
    assert_eq!(std::fs::read(home.path("out/etc/zz")).unwrap(), b"backed up");
}
