//! `--before` and `--after`: order, environment, failure policy.

use crate::support::{Home, Run};

#[test]
fn hooks_run_around_the_backup_and_see_what_it_is_about() {
    let home = Home::with_repository();
    let log = home.text("log");
    // The source is made by the hook itself, as a file-system snapshot would be.
    let before = format!("mkdir '{0}' && echo 1 > '{0}/a' && echo $CAIRN_HOOK $CAIRN_JOB >> '{log}'", home.text("src"));
    let after = format!("echo $CAIRN_HOOK $CAIRN_STATUS $CAIRN_EXIT_CODE $CAIRN_POINT $CAIRN_REPO >> '{log}'");
    let args = ["backup", "--job", "j", "--before", &before, "--after", &after, &home.text("src")];
    let summary = home.summary(args);
    let log = std::fs::read_to_string(&log).unwrap();
    let point = summary["point"].as_str().unwrap();
    assert_eq!(log, format!("before j\nafter done 0 {point} {}\n", home.text("repo")));
}

#[test]
fn hooks_and_commands_do_not_see_the_password() {
    let home = Home::new();
    home.write("src/a", b"1");
    let (repo, log, src) = (home.text("repo"), home.text("log"), home.text("src"));
    let with = |args: &[&str]| {
        Run::of(home.command(["--repo", &*repo]).args(args).env("CAIRN_PASSWORD", "a secret of the environment"))
    };
    with(&["init"]).expect(0);
    let hook = format!("env >> '{log}'");
    let hooks = ["backup", "--before", &hook, "--after", &hook, "--on-failure", &hook, &src];
    with(&hooks).expect(0);
    std::fs::remove_file(home.path("src/a")).unwrap();
    std::fs::remove_dir(home.path("src")).unwrap();
    with(&hooks).expect(1);
    let command = format!("CAIRN_HOOK=command env >> '{log}'; echo dump");
    with(&["backup", "--job", "dump", "--stdin-from-command", "--", "sh", "-c", &command]).expect(0);
    let seen = std::fs::read_to_string(&log).unwrap();
    for which in ["before", "after", "on-failure", "command"] {
        assert!(seen.contains(&format!("CAIRN_HOOK={which}")), "{seen}");
    }
    assert!(!seen.contains("a secret") && !seen.contains("CAIRN_PASSWORD="), "{seen}");
}

#[test]
fn what_a_hook_prints_never_mixes_with_answers() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let run = Run::of(&mut home.command(["backup", "--json", "--before", "echo hello", &home.text("src")])).expect(0);
    run.rows();
    assert!(run.stderr.contains("hello"));
}

#[test]
fn a_failed_before_hook_ends_the_command_by_name_or_warns() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let (src, after) = (home.text("src"), format!("touch '{}'", home.text("after-ran")));
    let args = ["backup", "--json", "--before", "exit 7", "--after", &after, &src];
    let run = Run::of(&mut home.command(args)).expect(1);
    assert_eq!(run.last()["error"], "before_hook_failed");
    assert!(!home.path("after-ran").exists());
    assert_eq!(home.rows(["points"]).len(), 1);
    let args = ["backup", "--json", "--hook-failure", "warn", "--before", "exit 7", &src];
    let run = Run::of(&mut home.command(args)).expect(3);
    assert!(run.last()["point"].is_string());
    assert!(run.stderr.contains("before hook"), "{}", run.stderr);
}

#[test]
fn a_failed_after_hook_leaves_the_point_and_fails_by_name_or_warns() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let src = home.text("src");
    let run = Run::of(&mut home.command(["backup", "--json", "--after", "exit 7", &src])).expect(1);
    assert_eq!(run.last()["error"], "after_hook_failed");
    assert_eq!(home.summary(["points"])["points"], 1);
    Run::of(&mut home.command(["backup", "--hook-failure", "warn", "--after", "exit 7", &src])).expect(3);
}

#[test]
fn the_after_hook_runs_and_is_told_when_the_backup_fails() {
    let home = Home::with_repository();
    let log = home.text("log");
    let after = format!("echo $CAIRN_STATUS $CAIRN_EXIT_CODE > '{log}'");
    home.run(["backup", "--before", "true", "--after", &after, &home.text("none")]).expect(1);
    assert_eq!(std::fs::read_to_string(log).unwrap(), "failed 1\n");
}

#[test]
fn the_hook_of_failures_runs_for_every_end_but_0_and_is_told_what_failed() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let (src, log) = (home.text("src"), home.text("log"));
    let hook =
        format!("echo \"$CAIRN_HOOK|$CAIRN_STATUS|$CAIRN_EXIT_CODE|$CAIRN_JOB|$CAIRN_ERROR|$CAIRN_MESSAGE\" > '{log}'");
    let told = || std::fs::read_to_string(home.path("log")).unwrap_or_default();
    home.ok(["backup", "--job", "j", "--on-failure", &hook, &src]);
    assert_eq!(told(), "");
    home.run(["backup", "--job", "j", "--on-failure", &hook, "--after", "exit 7", &src]).expect(1);
    assert!(told().starts_with("on-failure|failed|1|j|after_hook_failed|the after hook failed"), "{}", told());
    home.run(["backup", "--on-failure", &hook, &home.text("none")]).expect(1);
    assert!(told().starts_with("on-failure|failed|1||absent|"), "{}", told());
    home.run(["backup", "--repo", &home.text("no-repo"), "--job", "j", "--on-failure", &hook, &src]).expect(10);
    assert!(told().starts_with("on-failure|failed|10|j|no_repository|"), "{}", told());
    home.run(["backup", "--job", "j", "--hook-failure", "warn", "--after", "exit 7", "--on-failure", &hook, &src])
        .expect(3);
    assert!(told().starts_with("on-failure|warnings|3|j|warnings|1 warning"), "{}", told());
}

#[test]
fn a_hook_of_failures_that_fails_changes_neither_exit_code_nor_the_last_line() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let src = home.text("src");
    let args = ["backup", "--json", "--on-failure", "exit 9", "--hook-failure", "warn", "--after", "exit 7", &src];
    let run = Run::of(&mut home.command(args)).expect(3);
    assert_eq!(run.last()["exit_code"], 3);
    assert!(run.stderr.contains("--on-failure failed"), "{}", run.stderr);
    let run = Run::of(&mut home.command(["backup", "--json", "--on-failure", "exit 9", &home.text("none")])).expect(1);
    assert_eq!(run.last()["exit_code"], 1);
}

/// What `docs/hooks.md` shows, as it stands there; `/srv` is a folder of the test.
#[test]
fn the_commands_of_the_page_run_as_they_are_written() {
    let home = Home::with_repository();
    home.write("srv/site/index.html", b"1");
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hooks.md");
    let page = std::fs::read_to_string(page).unwrap().replace("/srv", &home.text("srv"));
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("cairn ")).collect();
    assert_eq!(lines.len(), 3);
    let run = |line: &str| {
        let line = line.replacen("cairn ", &format!("'{}' ", env!("CARGO_BIN_EXE_cairn")), 1);
        let plain = home.command([""; 0]);
        let mut shell = std::process::Command::new("sh");
        for (key, value) in plain.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        Run::of(shell.arg("-c").arg(line))
    };
    for line in &lines {
        run(line).expect(0);
    }
    assert!(!home.path("srv/site.still").exists() && !home.path("srv/alarms").exists());
    home.ok(["cat", &home.place("latest:site", "srv/site.still/index.html")]);
    home.ok(["cat", "latest:dump:/site.tar"]);
    std::fs::remove_dir_all(home.path("srv/site")).unwrap();
    run(lines[2]).expect(1);
    assert!(std::fs::read_to_string(home.path("srv/alarms")).unwrap().starts_with("web: "));
}
