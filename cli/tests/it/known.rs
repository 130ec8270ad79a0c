//! What this machine remembers: swapped repositories, logs that lost their end, and the folder that all of it lies in.

use crate::support::{Home, Run, has_keys, of_type, tree};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The entries of a repository's log, rising.
fn entries(home: &Home, repo: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        std::fs::read_dir(home.path(repo).join("log")).unwrap().map(|item| item.unwrap().path()).collect();
    found.sort();
    found
}

/// Takes the newest entry out of the log; its bytes.
fn lose_newest(home: &Home, repo: &str) -> (PathBuf, Vec<u8>) {
    let newest = entries(home, repo).pop().unwrap();
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::remove_file(&newest).unwrap();
    (newest, bytes)
}

/// Two points, and a log whose newest entry is lost.
pub(crate) fn rolled_back() -> Home {
    let (home, _) = Home::with_point();
    home.write("src/later", b"later\n");
    home.backup();
    lose_newest(&home, "repo");
    home
}

fn known(home: &Home) -> Vec<Value> {
    let rows = home.rows(["known", "list"]);
    of_type(&rows, "known").into_iter().cloned().collect()
}

/// The file of the only location that is known.
fn file(home: &Home) -> PathBuf {
    let named = |path: &PathBuf| path.file_name().unwrap().len() == 32;
    let mut found: Vec<_> =
        std::fs::read_dir(home.path("state/cairn/known")).unwrap().map(|i| i.unwrap().path()).collect();
    found.retain(named);
    assert_eq!(found.len(), 1, "{found:?}");
    found.pop().unwrap()
}

/// The name of the error, and what stands on stderr.
#[track_caller]
pub(crate) fn refused(home: &Home, args: &[&str], name: &str) -> String {
    let before = tree(&home.path("repo"));
    let run = Run::of(home.command(["--json"]).args(args)).expect(13);
    let rows = run.rows();
    assert_eq!(of_type(&rows, "error")[0]["error"], name, "{rows:?}");
    assert!(tree(&home.path("repo")) == before, "something was written");
    run.stderr
}

/// Runs the command that a refusal has printed, as a shell reads it.
fn as_advised(home: &Home, stderr: &str) -> Run {
    let command = stderr
        .lines()
        .find_map(|line| line.split_once("this command goes on: ").or(line.split_once("from what is there: ")));
    let mut shell = home.command::<&str>([]);
    let environment: Vec<_> = shell.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    shell = Command::new("sh");
    shell.arg("-c").arg(command.expect(stderr).1).envs(environment);
    Run::of(&mut shell)
}

#[test]
fn a_location_is_remembered_from_init_on_and_followed() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let rows = known(&home);
    assert_eq!((rows.len(), &rows[0]["entry"], &rows[0]["encryption"]), (1, &0.into(), &"none".into()));
    let real = std::fs::canonicalize(home.path("repo")).unwrap();
    assert_eq!(rows[0]["place"], format!("file://{}", real.display()));
    let summary = home.summary(["backup", &home.text("src")]);
    assert_eq!(summary["first_use"], false, "init has made it known");
    let after = &known(&home)[0];
    assert_eq!(after["entry"], entries(&home, "repo").len());
    has_keys(after, &["place", "repository", "encryption", "entry", "seen", "clear_text_accepted"]);
    assert!(after["seen"].is_string());
    // Another way to write the same folder is the same place.
    std::os::unix::fs::symlink(home.path("repo"), home.path("link")).unwrap();
    home.ok(["--repo", &home.text("link/../link"), "points"]);
    assert_eq!(known(&home).len(), 1);
    // Nobody else reads it.
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home.path("state/cairn/known")), mode(&file(&home))), (0o700, 0o600));
    // The local cache is another thing.
    home.ok(["cache", "drop"]);
    assert_eq!(known(&home).len(), 1);
}

#[test]
fn a_first_use_is_told_in_the_summary_once() {
    let (home, _) = Home::with_point();
    std::fs::remove_dir_all(home.path("state")).unwrap();
    assert_eq!(home.summary(["points"])["first_use"], true);
    assert_eq!(home.summary(["points"])["first_use"], false);
    assert_eq!(known(&home)[0]["entry"], entries(&home, "repo").len());
}

#[test]
fn a_first_use_is_noted_on_a_terminal_and_nowhere_else() {
    let (home, _) = Home::with_point();
    let forget = || std::fs::remove_dir_all(home.path("state")).unwrap();
    forget();
    assert_eq!(home.run(["points"]).expect(0).stderr, "", "a pipe is not a terminal");
    forget();
    let first = home.on_a_terminal("points");
    assert!(first.contains("first use on this machine: repository ") && first.contains(", not encrypted."), "{first}");
    let second = home.on_a_terminal("points");
    assert!(!second.contains("first use"), "{second}");
}

#[test]
fn a_look_at_an_earlier_time_remembers_nothing() {
    let (home, _) = Home::with_point();
    std::fs::remove_dir_all(home.path("state")).unwrap();
    assert_eq!(home.summary(["--as-of", "1", "points"])["first_use"], false);
    assert!(!home.path("state/cairn/known").exists());
    home.ok(["points"]);
    let before = std::fs::read(file(&home)).unwrap();
    home.ok(["--as-of", "1", "points"]);
    assert_eq!(std::fs::read(file(&home)).unwrap(), before);
    // Nor does it take an earlier position for a log that lost its end.
    let run = home.ok(["--as-of", "1", "points"]);
    assert!(!run.stderr.contains("remembers"), "{}", run.stderr);
}

#[test]
fn a_lost_newest_entry_is_noted_by_who_reads_and_reported_by_check() {
    let home = rolled_back();
    for args in [&["points"][..], &["ls", "latest"], &["verify", "latest"], &["repair", "plan"], &["gc", "plan"]] {
        let run = home.run(args);
        assert!(
            run.code != Some(13) && run.stderr.contains("its newest entries are lost or withheld"),
            "{args:?}: {run:?}"
        );
    }
    let run = Run::of(home.command(["check", "--read-data", "--json"]).arg("-q")).expect(5);
    let rows = run.rows();
    assert!(of_type(&rows, "damage")[0]["what"].as_str().unwrap().contains("remembers entry"), "{rows:?}");
    let named = of_type(&rows, "uncommitted");
    assert!(named.iter().any(|row| row["object"].as_str().unwrap().starts_with("points/")), "{rows:?}");
    assert_eq!(
        (&rows.last().unwrap()["errors"], &rows.last().unwrap()["uncommitted"]),
        (&1.into(), &named.len().into())
    );
    // A machine that does not know better sees no damage, and the point that no entry commits.
    std::fs::remove_dir_all(home.path("state")).unwrap();
    let rows = home.rows(["check"]);
    assert_eq!(of_type(&rows, "uncommitted").len(), named.len());
}

#[test]
fn an_entry_that_comes_back_ends_the_refusal() {
    let (home, _) = Home::with_point();
    home.write("src/later", b"later\n");
    home.backup();
    let (path, bytes) = lose_newest(&home, "repo");
    refused(&home, &["backup", "--job", "j", &home.text("src")], "rollback");
    home.ok(["points"]);
    let position = known(&home)[0]["entry"].clone();
    std::fs::write(path, bytes).unwrap();
    assert_eq!(position, entries(&home, "repo").len(), "reading has not set it back");
    home.backup();
    assert_eq!(home.summary(["points"])["points"], 3);
}

#[test]
fn what_is_accepted_is_set_back_and_not_asked_again() {
    let home = rolled_back();
    let why = refused(&home, &["backup", "--job", "a b", &home.text("src")], "rollback");
    let run = as_advised(&home, &why).expect(0);
    assert!(run.stderr.contains("from now on"), "{}", run.stderr);
    home.backup();
    assert_eq!(known(&home)[0]["entry"], entries(&home, "repo").len());
    home.ok(["check"]);
}

#[test]
fn another_history_is_refused_although_it_is_as_long() {
    let (home, _) = Home::with_point();
    let copied = Command::new("cp").arg("-a").arg(home.path("repo")).arg(home.path("old")).status();
    assert!(copied.unwrap().success());
    home.write("src/later", b"later\n");
    home.backup();
    // An older copy is put back, and another machine goes on with it.
    std::fs::remove_dir_all(home.path("repo")).unwrap();
    std::fs::rename(home.path("old"), home.path("repo")).unwrap();
    for n in 0..2 {
        home.write("src/more", &[n]);
        let mut other = home.command(["backup", "--job", "j", &home.text("src")]);
        Run::of(other.env("CAIRN_STATE_DIR", home.path("other")).env("CAIRN_CACHE_DIR", home.path("theirs"))).expect(0);
    }
    let why = refused(&home, &["backup", "--job", "j", &home.text("src")], "rollback");
    assert!(why.contains("another history"), "{why}");
    assert!(home.ok(["points"]).stderr.contains("another history"));
    as_advised(&home, &why).expect(0);
    home.backup();
}

/// Every verb that writes, each refused before it has written anything.
macro_rules! verbs_that_write {
    ($($name:ident: $args:expr;)*) => {$(
        #[test]
        fn $name() {
            let home = rolled_back();
            let src = home.text("src");
            let args: Vec<&str> = $args.iter().map(|word: &&str| if *word == "SRC" { &*src } else { *word }).collect();
            let why = refused(&home, &args, "rollback");
            assert!(why.contains("--accept rollback"), "{why}");
        }
    )*};
}

verbs_that_write! {
    backup_refuses_a_log_that_lost_its_end: ["backup", "--job", "j", "SRC"];
    backup_of_another_job_refuses_a_log_that_lost_its_end: ["backup", "--full", "--job", "k", "SRC"];
    expire_refuses_a_log_that_lost_its_end: ["expire", "apply", "0123456789abcdef", "--keep-last", "1"];
    tag_refuses_a_log_that_lost_its_end: ["tag", "latest", "+x"];
    gc_refuses_a_log_that_lost_its_end: ["gc", "apply", "0123456789abcdef"];
    repair_refuses_a_log_that_lost_its_end: ["repair", "apply", "0123456789abcdef"];
    key_add_refuses_a_log_that_lost_its_end: ["key", "add", "--new-password-file", "/dev/null"];
    key_rotate_refuses_a_log_that_lost_its_end: ["key", "rotate", "--new-password-file", "/dev/null"];
    key_remove_refuses_a_log_that_lost_its_end: ["key", "remove", "00"];
    immutability_refuses_a_log_that_lost_its_end: ["immutability", "raise", "30"];
    migrate_refuses_a_log_that_lost_its_end: ["migrate", "apply", "0123456789abcdef"];
    retrieve_start_refuses_a_log_that_lost_its_end: ["retrieve", "start", "latest"];
    retrieve_extend_refuses_a_log_that_lost_its_end: ["retrieve", "extend", "latest", "--days", "3"];
    restore_out_of_an_archive_refuses_a_log_that_lost_its_end: ["restore", "--retrieve", "latest", "/nonexistent/target"];
    a_mount_that_brings_back_refuses_a_log_that_lost_its_end: ["mount", "--foreground", "--archived=thaw", "/nonexistent/mount"];
}

#[test]
fn who_only_looks_is_not_refused() {
    let home = rolled_back();
    home.ok(["backup", "--dry-run", "--job", "j", &home.text("src")]);
    home.ok(["expire", "plan", "--keep-last", "1"]);
    home.ok(["migrate", "plan"]);
    home.ok(["retrieve", "start", "latest", "--dry-run"]);
    home.ok(["restore", &home.place("latest", "src"), &home.text("out")]);
    home.ok(["cache", "sync"]);
}

#[test]
fn reseal_and_the_recovery_sheet_refuse_a_log_that_lost_its_end() {
    let home = Home::new();
    home.write("password", b"secret");
    home.write("src/a", b"1");
    let (repo, file) = (home.text("repo"), home.text("password"));
    let with = |args: &[&str]| Run::of(home.command(["--repo", &repo, "--password-file", &file]).args(args));
    with(&["init"]).expect(0);
    let sheet = with(&["key", "export", "--paper"]).expect(0).out();
    home.write("sheet", sheet.as_bytes());
    with(&["backup", "--job", "j", &home.text("src")]).expect(0);
    lose_newest(&home, "repo");
    let before = tree(&home.path("repo"));
    let sheet = home.text("sheet");
    for args in [
        &["key", "reseal"][..],
        &["key", "import", "--paper", &sheet, "--new-password-file", &file],
        &["key", "add", "--new-password-file", &file],
    ] {
        let run = with(args).expect(13);
        assert!(run.stderr.contains("--accept rollback"), "{}", run.stderr);
    }
    assert_eq!(tree(&home.path("repo")), before);
    with(&["key", "list"]).expect(0);
}

#[test]
fn a_copy_refuses_either_log_that_lost_its_end() {
    let (home, _) = Home::with_point();
    let copies = home.text("copies");
    home.ok(["init", "--no-encryption", "--repo", &copies, "--class", "copy", "--from", &home.text("repo")]);
    home.ok(["copy", "--to", &copies]);
    home.write("src/later", b"later\n");
    home.backup();
    home.ok(["copy", "--to", &copies]);
    for repo in ["repo", "copies"] {
        let (path, bytes) = lose_newest(&home, repo);
        let before = (tree(&home.path("repo")), tree(&home.path("copies")));
        let run = home.run(["copy", "--to", &copies]).expect(13);
        assert!(run.stderr.contains(&home.text(repo)), "{}", run.stderr);
        assert!(before == (tree(&home.path("repo")), tree(&home.path("copies"))), "something was written");
        // A dry run says what a run would do: of a source that ends before what was copied, nothing.
        home.run(["copy", "--to", &copies, "--dry-run"]).expect(if repo == "repo" { 13 } else { 0 });
        std::fs::write(path, bytes).unwrap();
    }
    home.ok(["copy", "--to", &copies]);
}

#[test]
fn two_processes_that_write_at_once_leave_the_furthest_position() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let src = home.text("src");
    let mut running: Vec<_> = (0..4)
        .map(|n| {
            let job = format!("j{n}");
            home.command(["backup", "-q", "--job", &job, &src]).spawn().unwrap()
        })
        .collect();
    assert!(running.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(known(&home)[0]["entry"], entries(&home, "repo").len());
}

#[test]
fn another_repository_at_the_place_is_refused_once() {
    let (home, _) = Home::with_point();
    let swap = |other: &mut Command| {
        std::fs::rename(home.path("repo"), home.path("mine")).unwrap();
        Run::of(other.env("CAIRN_STATE_DIR", home.path("theirs"))).expect(0);
    };
    swap(&mut home.command(["init", "--no-encryption"]));
    let cache = tree(&home.path("cache"));
    for args in [&["points"][..], &["backup", "--job", "j", &home.text("src")], &["check"]] {
        let why = refused(&home, args, "other_repository");
        assert!(why.contains("another repository lies here") && why.contains("--accept other-repository"), "{why}");
    }
    assert_eq!(tree(&home.path("cache")), cache, "nothing of it was read");
    let why = refused(&home, &["points"], "other_repository");
    as_advised(&home, &why).expect(0);
    home.backup();
    assert_eq!(known(&home).len(), 2);
    // Both are known now.
    std::fs::rename(home.path("repo"), home.path("theirs")).ok();
    std::fs::remove_dir_all(home.path("repo")).ok();
    std::fs::rename(home.path("mine"), home.path("repo")).unwrap();
    home.backup();
}

#[test]
fn a_repository_that_is_not_encrypted_any_more_is_refused() {
    let (home, _) = Home::with_point();
    let text = std::fs::read_to_string(file(&home)).unwrap();
    std::fs::write(file(&home), text.replace(" clear ", " aes-256-gcm ")).unwrap();
    let why = refused(&home, &["points"], "other_repository");
    assert!(why.contains("was encrypted when this machine saw it last"), "{why}");
    as_advised(&home, &why).expect(0);
    home.backup();
    assert_eq!(known(&home)[0]["encryption"], "none");
}

#[test]
fn a_password_for_what_is_not_encrypted_is_refused_once() {
    let (home, _) = Home::with_point();
    home.write("password", b"secret");
    home.write(
        "config/cairn/config.toml",
        format!("[profile.p]\npassword-file = {:?}\n", home.text("password")).as_bytes(),
    );
    let password = home.text("password");
    let with = |args: &[&str]| refused(&home, args, "clear_text");
    with(&["--profile", "p", "points"]);
    let why = with(&["--password-file", &password, "backup", "--job", "j", &home.text("src")]);
    assert!(why.contains("not encrypted") && why.contains("--accept clear-text"), "{why}");
    let run = Run::of(home.command(["points"]).env("CAIRN_PASSWORD", "secret")).expect(13);
    assert!(run.stderr.contains("CAIRN_PASSWORD") && !run.stderr.contains("secret"), "{}", run.stderr);
    as_advised(&home, &why).expect(0);
    assert_eq!(known(&home)[0]["clear_text_accepted"], true);
    home.ok(["--profile", "p", "points"]);
    Run::of(home.command(["points"]).env("CAIRN_PASSWORD", "secret")).expect(0);
}

/// A config file whose password file stands outside of profiles, and no repository beside it.
fn with_common_password() -> Home {
    let home = Home::new();
    home.write("password", b"secret");
    home.write("src/a", b"1");
    let text = format!("password-file = {:?}\n", home.text("password"));
    home.write("config/cairn/config.toml", text.as_bytes());
    home
}

#[test]
fn a_password_file_for_all_repositories_is_a_note_where_a_clear_one_is_known() {
    let home = with_common_password();
    let (repo, src) = (home.text("repo"), home.text("src"));
    let run = home.ok(["--repo", &repo, "init", "--no-encryption"]);
    assert!(run.stderr.contains("Not used") && run.stderr.contains("for all repositories"), "{}", run.stderr);
    for args in [&["backup", "--job", "j", &src][..], &["points"], &["check"]] {
        let run = home.ok([&["--repo", &*repo], args].concat());
        assert_eq!(run.stderr.matches("not encrypted; not used for it").count(), 1, "{args:?}: {}", run.stderr);
    }
    assert_eq!(known(&home)[0]["clear_text_accepted"], false, "nobody was asked");
    // Given for this one it is no note.
    let run = home.run(["--repo", &repo, "--password-file", &home.text("password"), "points"]).expect(13);
    assert!(run.stderr.contains("--accept clear-text"), "{}", run.stderr);
}

#[test]
fn a_password_file_for_all_repositories_refuses_a_clear_one_at_first_sight() {
    let home = with_common_password();
    let repo = home.text("repo");
    home.ok(["--repo", &repo, "init", "--no-encryption"]);
    std::fs::remove_dir_all(home.path("state")).unwrap();
    let why = refused(&home, &["--repo", &repo, "backup", "--job", "j", &home.text("src")], "clear_text");
    assert!(why.contains("for all repositories"), "{why}");
    as_advised(&home, &why).expect(0);
    let run = home.ok(["--repo", &repo, "points"]);
    assert!(!run.stderr.contains("not used for it"), "it was accepted: {}", run.stderr);
}

#[test]
fn a_password_file_for_all_repositories_refuses_a_clear_one_where_an_encrypted_one_was() {
    let home = with_common_password();
    let repo = home.text("repo");
    home.ok(["--repo", &repo, "init"]);
    std::fs::remove_dir_all(home.path("repo")).unwrap();
    let mut theirs = home.command(["--repo", &repo, "init", "--no-encryption"]);
    Run::of(theirs.env("CAIRN_STATE_DIR", home.path("theirs"))).expect(0);
    refused(&home, &["--repo", &repo, "points"], "other_repository");
    refused(&home, &["--repo", &repo, "--accept", "other-repository", "points"], "clear_text");
    home.ok(["--repo", &repo, "--accept", "other-repository", "--accept", "clear-text", "points"]);
}

/// Outside of profiles, but the repository stands there as well: it is the one that is meant.
#[test]
fn a_password_file_beside_its_repository_in_the_config_file_is_given_for_it() {
    let home = with_common_password();
    let text = format!("repo = {:?}\npassword-file = {:?}\n", home.text("repo"), home.text("password"));
    let mut bare = home.command(["--repo", &home.text("repo"), "init", "--no-encryption"]);
    Run::of(bare.env("CAIRN_CONFIG", "/dev/null")).expect(0);
    home.write("config/cairn/config.toml", text.as_bytes());
    refused(&home, &["points"], "clear_text");
    home.run(["init", "--no-encryption"]).expect(2);
    // Another repository is not.
    home.ok(["--repo", &home.text("other"), "init", "--no-encryption"]);
}

/// The key file says that the default repository was encrypted, also to a machine that remembers nothing else.
#[test]
fn a_clear_repository_in_the_place_of_the_default_one_is_refused_by_its_key_file() {
    let home = Home::new();
    home.write("src/a", b"1");
    home.ok(["backup", "-q", &home.text("src")]);
    std::fs::remove_dir_all(home.path("data/cairn/default")).unwrap();
    let mut theirs = home.command(["init", "--no-encryption"]);
    Run::of(theirs.env("CAIRN_STATE_DIR", home.path("theirs"))).expect(0);
    std::fs::remove_dir_all(home.path("state")).unwrap();
    let before = tree(&home.path("data/cairn/default"));
    let run = home.run(["backup", &home.text("src")]).expect(13);
    assert!(run.stderr.contains("default.key") && run.stderr.contains("--accept clear-text"), "{}", run.stderr);
    assert_eq!(tree(&home.path("data/cairn/default")), before);
}

#[test]
fn a_new_repository_without_encryption_takes_no_password() {
    let home = Home::new();
    home.write("password", b"secret");
    let repo = home.text("repo");
    home.run(["--repo", &repo, "--password-file", &home.text("password"), "init", "--no-encryption"]).expect(2);
    Run::of(home.command(["--repo", &repo, "init", "--no-encryption"]).env("CAIRN_PASSWORD", "x")).expect(2);
    assert!(!home.path("repo/config").exists());
    home.ok(["--repo", &repo, "init", "--no-encryption"]);
}

/// The whole story: the store's holder swaps an encrypted repository for one of his own that is not encrypted.
#[test]
fn what_was_encrypted_is_never_stored_in_the_clear_by_the_same_command_line() {
    let home = Home::new();
    home.write("password", b"correct horse");
    home.write("src/a", b"a marker that nobody else may read");
    let (repo, password, src) = (home.text("repo"), home.text("password"), home.text("src"));
    let backup = ["--repo", &repo, "--password-file", &password, "backup", &src];
    home.ok(["--repo", &repo, "--password-file", &password, "init"]);
    home.ok(backup);
    for state in ["state/cairn", "a new machine"] {
        std::fs::rename(home.path("repo"), home.path("stolen")).unwrap();
        let mut theirs = home.command(["--repo", &repo, "init", "--no-encryption"]);
        Run::of(theirs.env("CAIRN_STATE_DIR", home.path("theirs"))).expect(0);
        let before = tree(&home.path("repo"));
        let run = Run::of(home.command(backup).env("CAIRN_STATE_DIR", home.path(state))).expect(13);
        assert!(run.stderr.contains("--accept"), "{}", run.stderr);
        assert_eq!(tree(&home.path("repo")), before, "{state}");
        std::fs::remove_dir_all(home.path("repo")).unwrap();
        std::fs::rename(home.path("stolen"), home.path("repo")).unwrap();
    }
    home.ok(backup);
}

#[test]
fn init_replaces_what_was_known_of_its_place() {
    let (home, _) = Home::with_point();
    let before = known(&home)[0]["repository"].clone();
    std::fs::remove_dir_all(home.path("repo")).unwrap();
    home.ok(["init", "--no-encryption"]);
    let rows = known(&home);
    assert!(rows.len() == 1 && rows[0]["repository"] != before && rows[0]["entry"] == 0, "{rows:?}");
    home.backup();
}

#[test]
fn a_place_is_listed_and_forgotten() {
    let (home, _) = Home::with_point();
    let listed = home.ok(["known", "list"]).out();
    assert!(listed.contains(&home.text("repo")) && listed.contains("1 repositories"), "{listed}");
    home.run(["known", "forget", &home.text("elsewhere")]).expect(1);
    home.run(["known", "forget", "s3://bucket"]).expect(1);
    home.ok(["known", "forget", &home.text("repo")]);
    assert!(home.ok(["known", "list"]).out().contains("nothing is remembered"));
    home.run(["known", "forget", &home.text("repo")]).expect(1);
    home.ok(["points"]);
    let place = known(&home)[0]["place"].as_str().unwrap().to_owned();
    assert_eq!(home.summary(["known", "forget", &place])["forgot"], true);
}

/// One note, the same exit code, and the command goes on.
#[track_caller]
fn goes_on(home: &Home, state: &Path) {
    let with = |args: &[&str]| Run::of(home.command(args).env("CAIRN_STATE_DIR", state));
    let run = with(&["backup", "--job", "j", &home.text("src")]).expect(0);
    assert_eq!(run.stderr.matches("cannot be used").count(), 1, "{}", run.stderr);
    let rows = Run::of(home.command(["points", "--json"]).env("CAIRN_STATE_DIR", state)).expect(0).rows();
    assert_eq!(rows.last().unwrap()["first_use"], false);
    home.run(["ls", "no-such-point"]).expect(1);
}

#[test]
fn a_state_folder_that_cannot_be_made_is_gone_without() {
    let (home, _) = Home::with_point();
    home.write("in-the-way", b"");
    goes_on(&home, &home.path("in-the-way"));
    goes_on(&home, &home.path("in-the-way/below"));
    goes_on(&home, Path::new("/proc/none"));
    // A full disk, as far as a file can play one.
    home.write("half/known", b"");
    goes_on(&home, &home.path("half"));
}

#[test]
fn a_file_that_cannot_be_read_is_gone_without_and_left_alone() {
    let (home, _) = Home::with_point();
    let place = file(&home);
    for damaged in [&b"cairn known 9\n"[..], b"", b"cairn known 1\nlocation x\nnonsense\n", &[0xff; 40]] {
        std::fs::write(&place, damaged).unwrap();
        goes_on(&home, &home.path("state/cairn"));
        assert_eq!(std::fs::read(&place).unwrap(), damaged);
        let run = home.run(["known", "list"]).expect(3);
        assert!(run.stderr.contains(place.to_str().unwrap()), "{}", run.stderr);
    }
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    goes_on(&home, &home.path("state/cairn"));
    std::fs::remove_dir(&place).unwrap();
    assert_eq!(home.summary(["points"])["first_use"], true);
}

#[test]
fn a_damaged_file_is_begun_again_by_forgetting_it() {
    let (home, _) = Home::with_point();
    std::fs::write(file(&home), b"junk").unwrap();
    assert!(home.ok(["points"]).stderr.contains("cairn known forget"));
    home.ok(["known", "forget", &home.text("repo")]);
    let run = home.ok(["points"]);
    assert!(!run.stderr.contains("cannot be used"), "{}", run.stderr);
    assert_eq!(known(&home).len(), 1);
}

#[test]
fn a_lock_that_somebody_holds_does_not_hold_up_a_backup_for_long() {
    let (home, _) = Home::with_point();
    let lock = std::fs::File::open(home.path("state/cairn/known/lock")).unwrap();
    lock.lock().unwrap();
    let run = home.ok(["points"]);
    assert!(run.stderr.contains("held the lock"), "{}", run.stderr);
    drop(lock);
    assert!(!home.ok(["points"]).stderr.contains("held the lock"));
}
