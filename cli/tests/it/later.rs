//! What comes with a later release is refused, each with exit 2 and its own name; nothing is accepted and ignored.

use crate::support::{Home, Run};

const VERBS: &[&[&str]] = &[
    &["lab", "record"],
    &["m365", "login-check"],
    &["server"],
    &["proxy"],
    &["job", "list"],
    &["copy-job", "list"],
    &["session", "list"],
    &["repository", "list"],
    &["proxy-pool", "list"],
    &["retrieval", "list"],
];

#[test]
fn every_later_verb_is_refused_by_name() {
    let home = Home::new();
    for args in VERBS {
        let run = home.run(*args).expect(2);
        assert!(run.stderr.contains("comes with a later release"), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(args[0]), "{args:?}: {}", run.stderr);
    }
    assert!(!home.path("data").exists() && !home.path("config").exists(), "something was done");
}

#[test]
fn scripts_are_told_so_as_well() {
    let home = Home::new();
    let run = Run::of(&mut home.command(["--json", "lab", "record"])).expect(2);
    let rows = run.rows();
    assert_eq!((&rows[0]["type"], &rows[0]["error"]), (&"error".into(), &"comes_later".into()));
    assert_eq!(run.last()["exit_code"], 2);
}

#[test]
fn unknown_words_are_wrong_usage() {
    let home = Home::new();
    for args in [&["frobnicate"][..], &["points", "--frobnicate"], &[], &["ls"], &["-q", "-v", "points"]] {
        home.run(args).expect(2);
    }
    let run = Run::of(&mut home.command(["points", "--frobnicate", "--json"])).expect(2);
    assert_eq!(run.last()["error"], "wrong_usage");
}
