//! Each exit code that can occur, with its name for scripts.

use crate::support::{Home, Run};

fn error(home: &Home, args: &[&str], code: i32) -> String {
    let run = Run::of(home.command(args).arg("--json")).expect(code);
    let rows = run.rows();
    let last = rows.last().unwrap();
    assert_eq!((&last["exit_code"], &last["status"]), (&code.into(), &"failed".into()));
    assert!(!run.stderr.is_empty());
    rows[rows.len() - 2]["error"].as_str().unwrap().to_owned()
}

#[test]
fn each_failure_has_its_code_and_its_name() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    home.write("password", b"secret\n");
    assert_eq!(error(&home, &["ls", "latest"], 1), "absent");
    assert_eq!(error(&home, &["init"], 1), "exists");
    assert_eq!(error(&home, &["--repo", "ftp://host/x", "points"], 2), "input");
    assert_eq!(error(&home, &["--repo", &home.text("none"), "points"], 10), "no_repository");
    assert_eq!(error(&home, &["--repo", &home.text("src"), "points"], 10), "no_repository");
    assert_eq!(error(&home, &["backup", &home.text("no-such-source")], 1), "absent");
    let locked = home.text("locked");
    home.ok(["--repo", &locked, "--password-file", &home.text("password"), "init"]);
    assert_eq!(error(&home, &["--repo", &locked, "points"], 12), "no_password");
    home.write("password", b"wrong\n");
    assert_eq!(
        error(&home, &["--repo", &locked, "--password-file", &home.text("password"), "points"], 12),
        "wrong_password"
    );
    home.write("password", b"\n");
    assert_eq!(
        error(&home, &["--repo", &locked, "--password-file", &home.text("password"), "points"], 2),
        "wrong_usage"
    );
}

#[test]
fn without_json_a_failure_says_what_to_try() {
    let home = Home::new();
    let run = home.run(["points"]).expect(10);
    assert!(run.stderr.contains("try:") && run.stdout.is_empty(), "{}", run.stderr);
}

#[test]
fn the_password_comes_from_a_file_or_from_the_environment() {
    let home = Home::new();
    let repo = home.text("repo");
    let with = |password: &str, args: &[&str]| {
        Run::of(home.command(["--repo", &repo]).args(args).env("CAIRN_PASSWORD", password))
    };
    with("secret", &["init"]).expect(0);
    with("secret", &["points"]).expect(0);
    with("Secret", &["points"]).expect(12);
    with("", &["points"]).expect(2);
    home.write("password", b"secret");
    let file = home.text("password");
    with("ignored", &["--password-file", &file, "points"]).expect(0);
    Run::of(home.command(["--repo", &repo, "points"]).env("CAIRN_PASSWORD_FILE", &file)).expect(0);
    home.run(["--repo", &repo, "--password-file", &home.text("none"), "points"]).expect(2);
}

#[test]
fn a_lost_key_file_is_a_missing_password_and_says_what_helps() {
    let home = Home::new();
    home.write("src/a", b"1");
    home.ok(["backup", &home.text("src")]);
    std::fs::remove_file(home.path("config/cairn/default.key")).unwrap();
    for args in [&["points"][..], &["backup", &home.text("src")]] {
        let run = home.run(args).expect(12);
        assert!(run.stderr.contains("default.key") && run.stderr.contains("recovery sheet"), "{}", run.stderr);
    }
    assert!(!home.path("config/cairn/default.key").exists(), "a new key opens nothing");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (home, _) = Home::with_point();
    for n in 0..2000 {
        home.write(&format!("src/many/a-rather-long-name-that-fills-the-pipe-{n}"), b"");
    }
    home.backup();
    let command = format!("'{}' ls -R latest | head -n 1", env!("CARGO_BIN_EXE_cairn"));
    let run = Run::of(&mut {
        let mut shell = home.command(["unused"]);
        let envs: Vec<_> = shell.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
        shell = std::process::Command::new("sh");
        for (key, value) in envs {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        shell.arg("-c").arg(command);
        shell
    })
    .expect(0);
    assert_eq!((run.out().lines().count(), run.stderr.as_str()), (1, ""));
}
