//! The config file and its profiles.

use crate::support::{Home, Run};

#[test]
fn the_config_file_names_repository_and_password() {
    let home = Home::new();
    home.write("secret", b"word\n");
    home.write("office.toml", b"cache-dir = 'mine'\n[profile.office]\nrepo = 'store'\npassword-file = 'secret'\n");
    let config = home.text("office.toml");
    home.ok(["--config", &config, "--profile", "office", "init"]);
    assert!(home.path("store/config").exists());
    home.write("src/a", b"1");
    home.ok(["--config", &config, "--profile", "office", "backup", &home.text("src")]);
    let run = Run::of(home.command(["points", "--json"]).env("CAIRN_CONFIG", &config).env("CAIRN_PROFILE", "office"));
    assert_eq!(run.expect(0).last()["points"], 1);
    assert!(home.path("mine").exists());
    // The file at its usual place holds without being named.
    home.write("config/cairn/config.toml", std::fs::read(home.path("office.toml")).unwrap().as_slice());
    home.run(["--profile", "office", "points"]).expect(10);
    home.write(
        "config/cairn/config.toml",
        format!("repo = '{}'\npassword-file = '{}'\n", home.text("store"), home.text("secret")).as_bytes(),
    );
    home.ok(["points"]);
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let home = Home::with_repository();
    home.write("c.toml", b"repo = '/nowhere'\n");
    home.ok(["--config", &home.text("c.toml"), "points"]);
    home.run(["--repo", &home.text("other"), "points"]).expect(10);
}

#[test]
fn what_is_wrong_in_the_file_is_named() {
    let home = Home::new();
    home.write("c.toml", b"pasword-file = 'x'\n");
    let config = home.text("c.toml");
    let run = home.run(["--config", &config, "points"]).expect(2);
    assert!(run.stderr.contains("pasword-file") && run.stderr.contains("c.toml"), "{}", run.stderr);
    home.write("c.toml", b"[profile.a]\n");
    let run = home.run(["--config", &config, "--profile", "b", "points"]).expect(2);
    assert!(run.stderr.contains("\"b\""), "{}", run.stderr);
    home.run(["--config", &home.text("none.toml"), "points"]).expect(2);
    home.run(["--profile", "b", "points"]).expect(2);
}

#[test]
fn settings_of_stores_reach_the_store() {
    let home = Home::new();
    // A port that nobody listens on: the endpoint of the profile is what the failure names, or at least where it failed.
    home.write("c.toml", b"[s3]\nendpoint = 'not a url'\nregion = 'r'\naccess_key_id = 'a'\nsecret_access_key = 'b'\n");
    let run = home.run(["--config", &home.text("c.toml"), "--repo", "s3://bucket/x", "points"]);
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("not a url") || run.code == Some(2), "{:?} {}", run.code, run.stderr);
}
