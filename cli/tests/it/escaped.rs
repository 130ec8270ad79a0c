//! Foreign text on a terminal: what is in a path, a URL, a label or an argument never acts on it. JSON stays JSON.

use crate::support::{Home, Run};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Clears the screen, sets the title, goes back to the begin of the line, and turns text around.
const EVIL: &str = "e\x1b[2Jv\x1b]0;t\x07i\rl\u{202e}\u{9b}";

#[track_caller]
fn harmless(run: &Run) {
    for (stream, text) in [("stdout", run.out()), ("stderr", run.stderr.clone())] {
        let bad = text.chars().find(|c| c.is_control() && *c != '\n' || ('\u{2028}'..='\u{202e}').contains(c));
        assert_eq!(bad, None, "{stream}: {text:?}");
    }
}

/// The run failed so, said what it was about, and nothing of it acts on a terminal.
#[track_caller]
fn told(run: Run, code: i32) {
    let run = run.expect(code);
    harmless(&run);
    assert!(run.stderr.contains("e\\x1b[2Jv"), "{}", run.stderr);
}

#[test]
fn errors_show_foreign_text_escaped() {
    // With a point: one of an empty repository is not looked for by name.
    let (home, _) = Home::with_point();
    let evil = home.text(EVIL);
    told(home.run(["--repo", &evil, "points"]), 10);
    told(home.run(["--password-file", &evil, "points"]), 2);
    told(home.run(["--config", &evil, "points"]), 2);
    harmless(&home.run(["--profile", EVIL, "points"]).expect(2));
    told(home.run(["backup", &evil]), 1);
    told(home.run(["backup", "--exclude-file", &evil, &home.text("src")]), 2);
    told(home.run(["key", "import", "--paper", &evil, "--new-password-file", &evil]), 2);
    told(home.run(["restore", EVIL, &home.text("out")]), 1);
    told(home.run(["ls", EVIL]), 1);
    told(home.run(["known", "forget", &evil]), 1);
    // Wrong usage repeats what was typed.
    for args in [&["points", EVIL][..], &["--threads", EVIL, "points"], &[EVIL]] {
        harmless(&home.run(args).expect(2));
    }
    // A URL that is not one, and one of a host that is not there.
    for url in [format!("s3:/{EVIL}"), format!("xx://{EVIL}")] {
        let run = home.run(["--repo", &url, "points"]);
        assert_ne!(run.code, Some(0));
        harmless(&run);
    }
}

/// The first line is ours, and none of the others can be taken for one.
#[test]
fn a_line_feed_in_foreign_text_begins_no_line_of_ours() {
    let home = Home::new();
    let name = home.text("x\ncairn: created the repository");
    for args in [&["--repo", &name, "points"][..], &["--password-file", &name, "--repo", "/r", "points"]] {
        let run = home.run(args);
        assert_ne!(run.code, Some(0));
        assert!(!run.stderr.lines().skip(1).any(|line| line.starts_with("cairn:")), "{}", run.stderr);
    }
}

#[test]
fn names_labels_and_warnings_are_escaped_and_json_keeps_them() {
    let home = Home::new();
    home.write("password", b"secret");
    std::fs::create_dir(home.path("src")).unwrap();
    std::fs::write(home.path("src").join(OsStr::from_bytes(EVIL.as_bytes())), b"1").unwrap();
    let (repo, password) = (home.text(&format!("r{EVIL}")), home.text("password"));
    let with = |args: &[&str]| {
        let mut command = home.command(["--repo", &*repo, "--password-file", &*password]);
        Run::of(command.args(args))
    };
    let listed = |args: &[&str]| {
        let run = with(args).expect(0);
        harmless(&run);
        run
    };
    listed(&["init", "--label", EVIL]);
    assert!(listed(&["key", "list"]).out().contains("e\\x1b[2Jv"));
    listed(&["backup", "--job", "j", "--tag", "t", &home.text("src")]);
    let place = format!("latest:{}", home.text("src"));
    assert!(listed(&["ls", "-R", &place]).out().contains("e\\x1b[2Jv"));
    listed(&["find", "e*"]);
    listed(&["points"]);
    listed(&["known", "list"]);
    listed(&["cache", "status"]);
    listed(&["-vv", "points"]);
    // JSON has what is really there.
    let rows = with(&["ls", "-R", &place, "--json"]).expect(0).rows();
    assert!(rows.iter().any(|row| row.to_string().contains("\\u001b[2J")), "{rows:?}");
    let rows = with(&["key", "list", "--json"]).expect(0).rows();
    assert!(rows.iter().any(|row| row["label"] == EVIL), "{rows:?}");
    // A warning about an item.
    std::fs::remove_file(home.path("src").join(OsStr::from_bytes(EVIL.as_bytes()))).unwrap();
    let socket = home.path("src").join(format!("s{EVIL}"));
    let list = home.path("list");
    std::fs::write(&list, [home.text("src").as_bytes(), b"\n", socket.as_os_str().as_bytes(), b"\n"].concat()).unwrap();
    harmless(&with(&["backup", "--job", "j", "--files-from", list.to_str().unwrap()]));
}

/// What the engine notices beside its work goes the same way.
#[test]
fn words_of_the_engine_are_escaped() {
    let home = Home::with_repository();
    let state = home.text(&format!("state{EVIL}"));
    std::fs::write(&state, b"in the way").unwrap();
    let run = Run::of(home.command(["points"]).env("CAIRN_STATE_DIR", &state)).expect(0);
    assert!(run.stderr.contains("cannot be used"), "{}", run.stderr);
    harmless(&run);
}
