//! A repository and a cache inside the source: each run would store the whole repository once more.

use crate::support::{Home, Run, noise};

/// A home folder that holds what is backed up, and everything that cairn writes.
struct Own(Home);

impl Own {
    fn new() -> Own {
        let own = Own(Home::new());
        own.0.write("home/file", &noise(1_000_000, 1));
        own.ok(&["init", "--no-encryption"]);
        own
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.0.command(args);
        command.env("CAIRN_REPO", self.0.path("home/repo")).env("CAIRN_CACHE_DIR", self.0.path("home/.cache/cairn"));
        command
    }

    fn ok(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args)).expect(0)
    }

    fn backup(&self) -> Run {
        self.ok(&["backup", "--json", "--no-progress", "--job", "j", &self.0.text("home")])
    }
}

#[test]
fn the_repository_and_the_cache_are_left_out_and_named() {
    let own = Own::new();
    for round in 0..4 {
        let run = own.backup();
        let summary = run.last();
        assert_eq!((&summary["files_total"], &summary["exit_code"]), (&1.into(), &0.into()), "{round}: {summary}");
        assert!(summary["items_skipped"].as_u64() >= Some(2), "{summary}");
        for named in ["home/repo is the repository", ".cache/cairn/"] {
            assert!(run.stderr.contains(named), "{round}: {}", run.stderr);
        }
        let rows = run.rows();
        let left = |what: &str| rows.iter().find(|row| row["type"] == "left_out" && row["what"] == what);
        let repository = left("the repository of this backup").expect("a row of the repository");
        assert!(repository["path"].as_str().unwrap().ends_with("home/repo"), "{repository}");
        assert!(left("a cache of cairn").is_some(), "{rows:?}");
    }
    // Below the cache folder only what is cairn's goes: the folder may be anybody's.
    own.0.write("home/.cache/cairn/mine", b"1");
    assert_eq!(own.backup().last()["files_new"], 1);
}

/// What was left out is not what a restore may remove.
#[test]
fn a_restore_that_deletes_leaves_the_repository_alone() {
    let own = Own::new();
    own.backup();
    own.0.write("home/later", b"1");
    let place = own.0.place("latest", "home");
    own.ok(&["restore", "--delete", &place, &own.0.text("home")]);
    assert!(!own.0.path("home/later").exists(), "it was not there");
    assert_eq!(own.ok(&["points", "--json"]).last()["points"], 1);
}

#[test]
fn the_repository_is_known_by_any_path() {
    let own = Own::new();
    std::fs::rename(own.0.path("home/repo"), own.0.path("home/real")).unwrap();
    std::os::unix::fs::symlink(own.0.path("home/real"), own.0.path("elsewhere")).unwrap();
    let args = ["backup", "--json", "--no-progress", "--job", "j", &own.0.text("home")];
    let run = Run::of(own.command(&args).env("CAIRN_REPO", own.0.path("elsewhere"))).expect(0);
    assert_eq!(run.last()["files_total"], 1, "{run:?}");
}

/// Without --repo the default repository is made on first use, below the home folder that is backed up.
#[test]
fn a_default_repository_made_by_this_run_is_left_out() {
    let home = Home::new();
    home.write("home/file", b"1");
    let mut command = home.command(["backup", "--json", "--no-progress", "--job", "j", &home.text("home")]);
    let run =
        Run::of(command.env("XDG_DATA_HOME", home.path("home/.local")).env("XDG_CACHE_HOME", home.path("home/.cache")))
            .expect(0);
    let names = Run::of(
        home.command(["ls", "-R", &home.place("latest", "home")])
            .env("XDG_DATA_HOME", home.path("home/.local"))
            .env("XDG_CACHE_HOME", home.path("home/.cache")),
    );
    let names = names.expect(0).out();
    assert!(!names.contains("/default/log") && !names.contains("/default/config"), "{run:?}: {names}");
}

#[test]
fn the_repository_itself_is_refused_as_a_source() {
    let own = Own::new();
    own.backup();
    for source in ["home/repo", "home/repo/log"] {
        let run = Run::of(&mut own.command(&["backup", &own.0.text(source)])).expect(2);
        assert!(run.stderr.contains("the repository itself"), "{}", run.stderr);
    }
}
