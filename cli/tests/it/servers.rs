//! The main job over real servers: back up, back up again, check, restore, compare.

use crate::support::{Home, Run, noise, tree};
use std::process::Command;

/// The value of a variable that `scripts/with-servers` sets. Without it there is nothing to test here, unless the caller insists.
pub(crate) fn server(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    assert!(value.is_some() || std::env::var("CAIRN_TEST_SERVERS").as_deref() != Ok("required"), "{name} is not set");
    if value.is_none() {
        eprintln!("no server: {name} is not set");
    }
    value
}

pub(crate) fn unique(name: &str) -> String {
    format!("{name}-{}-{:?}", std::process::id(), std::thread::current().id()).replace(['(', ')'], "").to_lowercase()
}

pub(crate) fn main_job(with: impl Fn(&mut Command)) {
    let home = Home::new();
    let run = |args: &[&str]| {
        let mut command = home.command(args);
        command.env("CAIRN_PASSWORD", "over the wire");
        with(&mut command);
        Run::of(command.arg("--json"))
    };
    for n in 0..200 {
        home.write(&format!("src/{}/{n}.txt", n % 7), format!("file number {n}\n").repeat(30).as_bytes());
    }
    home.write("src/big", &noise(12_000_000, 5));
    std::os::unix::fs::symlink("big", home.path("src/link")).unwrap();
    let made = run(&["init"]).expect(0).last();
    assert_eq!(made["type"], "summary");
    let src = home.text("src");
    let first = run(&["backup", "--job", "j", &src]).expect(0).last();
    assert!(first["packs_written"].as_u64().unwrap() >= 4, "{first}");
    std::thread::sleep(std::time::Duration::from_millis(120));
    run(&["backup", "--job", "j", &src]).expect(0);
    let third = run(&["backup", "--job", "j", &src]).expect(0).last();
    assert_eq!((third["kind"].as_str(), third["chunks_new"].as_u64()), (Some("incremental"), Some(0)), "{third}");
    let check = run(&["check", "--read-data"]).expect(0).last();
    assert_eq!(check["errors"], 0, "{check}");
    run(&["restore", &home.place("latest", "src"), &home.text("out")]).expect(0);
    assert_eq!(tree(&home.path("src")), tree(&home.path("out")));
    let same = run(&["verify", "latest"]).expect(0).last();
    assert_eq!(same["type"], "summary");
    // Another machine: no cache, the wrong password, then the right one.
    std::fs::remove_dir_all(home.path("cache")).unwrap();
    let mut wrong = home.command(["points"]);
    wrong.env("CAIRN_PASSWORD", "wrong");
    with(&mut wrong);
    Run::of(&mut wrong).expect(12);
    assert_eq!(run(&["points"]).expect(0).last()["points"], 3);
}

#[test]
fn the_main_job_runs_over_seaweedfs() {
    let Some(endpoint) = server("CAIRN_TEST_S3_ENDPOINT") else { return };
    let of = |name: &str| std::env::var(name).unwrap();
    let (bucket, key, secret) = (of("CAIRN_TEST_S3_BUCKET"), of("CAIRN_TEST_S3_KEY"), of("CAIRN_TEST_S3_SECRET"));
    let repo = format!("s3://{bucket}/{}", unique("main-job"));
    main_job(|command| {
        command
            .env("CAIRN_REPO", &repo)
            .env("AWS_ENDPOINT", &endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", &key)
            .env("AWS_SECRET_ACCESS_KEY", &secret)
            .env("AWS_REGION", "us-east-1");
    });
}

#[test]
fn the_main_job_runs_over_azurite() {
    let Some(endpoint) = server("CAIRN_TEST_AZURE_ENDPOINT") else { return };
    let of = |name: &str| std::env::var(name).unwrap();
    let (account, key, container) =
        (of("CAIRN_TEST_AZURE_ACCOUNT"), of("CAIRN_TEST_AZURE_KEY"), of("CAIRN_TEST_AZURE_CONTAINER"));
    let repo = format!("az://{container}/{}", unique("main-job"));
    main_job(|command| {
        command
            .env("CAIRN_REPO", &repo)
            .env("AZURE_STORAGE_ACCOUNT_NAME", &account)
            .env("AZURE_STORAGE_ACCOUNT_KEY", &key)
            .env("AZURE_STORAGE_ENDPOINT", &endpoint)
            .env("AZURE_ALLOW_HTTP", "true");
    });
}

#[test]
fn init_refuses_a_server_that_ignores_conditions() {
    let Some(endpoint) = server("CAIRN_TEST_LIAR_ENDPOINT") else { return };
    let of = |name: &str| std::env::var(name).unwrap();
    let home = Home::new();
    let mut command =
        home.command(["init", "--repo", &format!("s3://{}/{}", of("CAIRN_TEST_LIAR_BUCKET"), unique("liar"))]);
    command
        .env("CAIRN_PASSWORD", "x")
        .env("AWS_ENDPOINT", &endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", of("CAIRN_TEST_S3_KEY"))
        .env("AWS_SECRET_ACCESS_KEY", of("CAIRN_TEST_S3_SECRET"))
        .env("AWS_REGION", "us-east-1");
    let refused = Run::of(&mut command).expect(1);
    assert!(refused.stderr.contains("of 16 parallel creates"), "{}", refused.stderr);
}
