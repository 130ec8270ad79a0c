//! `--files-from` and `--files-from-verbatim`: what is gone, comments, and lists from Windows.

use crate::support::{Home, Run};

fn backup(home: &Home, option: &str, list: &[u8]) -> Run {
    home.write("list", list);
    Run::of(&mut home.command(["backup", "--json", "--no-progress", "--job", "j", option, &home.text("list")]))
}

/// The names in the source folder that the newest point has.
fn stored(home: &Home) -> Vec<String> {
    let listed = home.ok(["ls", "-R", &home.place("latest", "src")]).out();
    listed.lines().map(|line| line.trim_start_matches(&format!("{}/", home.text("src"))).to_owned()).collect()
}

fn home() -> Home {
    let home = Home::with_repository();
    for file in ["a", "b", "#c"] {
        home.write(&format!("src/{file}"), file.as_bytes());
    }
    home
}

fn lines(home: &Home, names: &[&str], end: &str) -> Vec<u8> {
    names.iter().map(|name| format!("{}{end}", home.text(&format!("src/{name}")))).collect::<String>().into_bytes()
}

#[test]
fn one_source_that_vanished_is_a_warning_and_the_others_are_stored() {
    let home = home();
    for end in ["\n", "\0"] {
        let run = backup(&home, "--files-from", &lines(&home, &["a", "gone", "b"], end)).expect(3);
        assert!(run.stderr.contains("src/gone") && run.last()["files_vanished"] == 1, "{run:?}");
        assert_eq!(stored(&home), ["a", "b"]);
    }
    let typed = home.run(["backup", "--job", "t", &home.text("src/a"), &home.text("src/gone")]).expect(3);
    assert!(typed.stderr.contains("src/gone"), "{}", typed.stderr);
}

#[test]
fn only_when_none_is_left_is_it_an_error() {
    let home = home();
    let run = backup(&home, "--files-from", &lines(&home, &["gone", "gone too"], "\n")).expect(1);
    assert_eq!(run.last()["error"], "absent");
    assert!(run.stderr.contains("src/gone: ") && run.stderr.contains("neither can the other one"), "{}", run.stderr);
    assert_eq!(home.summary(["points"])["points"], 0);
    backup(&home, "--files-from", b"# nothing\n\n").expect(2);
}

/// The name of a job is made of what was typed; that one of it is gone today does not make it another job.
#[test]
fn a_vanished_source_does_not_change_the_name_of_the_job() {
    let home = home();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, lines(&home, &["a"], "\n")).unwrap();
    let args = [
        "--host",
        "h",
        "backup",
        "--json",
        "--no-progress",
        "--files-from",
        list.to_str().unwrap(),
        &home.text("src/b"),
    ];
    let first = home.run(args).expect(0).last();
    std::fs::remove_file(home.path("src/b")).unwrap();
    let second = home.run(args).expect(3).last();
    assert_eq!((&first["job"], &second["kind"]), (&second["job"], &"incremental".into()));
}

#[test]
fn a_comment_that_names_a_file_is_a_warning() {
    let home = home();
    std::fs::write(home.path("#here"), b"1").unwrap();
    let list = [b"# a comment\n#here\n", &lines(&home, &["a"], "\n")[..]].concat();
    home.write("list", &list);
    let args = ["backup", "--job", "j", "--files-from", &home.text("list")];
    let run = Run::of(home.command(args).current_dir(home.path(""))).expect(3);
    assert_eq!(run.stderr.matches("the comment").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("#here") && run.stderr.contains("--files-from-verbatim"), "{}", run.stderr);
    assert_eq!(stored(&home), ["a"]);
    // Elsewhere it names nothing.
    Run::of(home.command(args).current_dir(home.path("src"))).expect(0);
}

#[test]
fn verbatim_lists_and_lists_with_nul_have_no_comments() {
    let home = home();
    for (option, end) in [("--files-from-verbatim", "\n"), ("--files-from-verbatim", "\0"), ("--files-from", "\0")] {
        home.write("list", format!("#c{end}").as_bytes());
        let args = ["backup", "--job", "j", option, &home.text("list")];
        Run::of(home.command(args).current_dir(home.path("src"))).expect(0);
        assert_eq!(stored(&home), ["#c"], "{option} {end:?}");
    }
}

#[test]
fn windows_line_ends_are_named() {
    let home = home();
    for option in ["--files-from", "--files-from-verbatim"] {
        let run = backup(&home, option, &lines(&home, &["a", "b"], "\r\n")).expect(1);
        assert!(run.stderr.contains("CRLF"), "{run:?}");
        let mixed = [lines(&home, &["a"], "\r\n"), lines(&home, &["b"], "\n")].concat();
        let run = backup(&home, option, &mixed).expect(3);
        assert!(
            run.stderr.contains("1 line ends in a carriage return") && run.stderr.contains("CRLF"),
            "{}",
            run.stderr
        );
        assert_eq!(stored(&home), ["b"]);
    }
    // A name may end so.
    home.write("src/odd\r", b"1");
    backup(&home, "--files-from", &lines(&home, &["odd\r"], "\n")).expect(0);
}
