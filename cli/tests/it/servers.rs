//! The main job over real servers: back up, back up again, check, restore, compare.

use crate::support::{Home, Run, noise, tree};
use engine::store::{Location, Options, Store, open};
use std::process::Command;
use std::sync::Arc;

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

/// A place on a server: how the command comes there, and how the engine does.
pub(crate) struct Remote {
    repo: String,
    settings: Vec<(&'static str, String)>,
}

impl Remote {
    /// The honest S3; the variable names one of its buckets.
    pub(crate) fn s3(bucket: &str) -> Option<Remote> {
        Remote::bucket("CAIRN_TEST_S3_ENDPOINT", &server(bucket)?)
    }

    /// A bucket of the S3 at this variable's address.
    fn bucket(endpoint: &str, bucket: &str) -> Option<Remote> {
        let settings = vec![
            ("AWS_ENDPOINT", server(endpoint)?),
            ("AWS_ACCESS_KEY_ID", server("CAIRN_TEST_S3_KEY")?),
            ("AWS_SECRET_ACCESS_KEY", server("CAIRN_TEST_S3_SECRET")?),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ];
        Some(Remote { repo: format!("s3://{bucket}"), settings })
    }

    /// Azure Blob Storage.
    pub(crate) fn azure() -> Option<Remote> {
        let settings = vec![
            ("AZURE_STORAGE_ENDPOINT", server("CAIRN_TEST_AZURE_ENDPOINT")?),
            ("AZURE_STORAGE_ACCOUNT_NAME", server("CAIRN_TEST_AZURE_ACCOUNT")?),
            ("AZURE_STORAGE_ACCOUNT_KEY", server("CAIRN_TEST_AZURE_KEY")?),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ];
        Some(Remote { repo: format!("az://{}", server("CAIRN_TEST_AZURE_CONTAINER")?), settings })
    }

    /// Azure Blob Storage whose data lies on disk, reached by a shared access signature.
    fn azure_by_signature() -> Option<Remote> {
        let settings = vec![
            ("AZURE_STORAGE_ENDPOINT", server("CAIRN_TEST_SAS_ENDPOINT")?),
            ("AZURE_STORAGE_ACCOUNT_NAME", server("CAIRN_TEST_AZURE_ACCOUNT")?),
            ("AZURE_STORAGE_SAS_TOKEN", server("CAIRN_TEST_SAS_TOKEN")?),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ];
        Some(Remote { repo: "az://cairn".to_owned(), settings })
    }

    /// A prefix of its own.
    pub(crate) fn below(self, prefix: &str) -> Remote {
        Remote { repo: format!("{}/{prefix}", self.repo), ..self }
    }

    /// Where the server itself is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.settings[0].1
    }

    /// The same by way of another endpoint.
    pub(crate) fn by_way_of(mut self, endpoint: String) -> Remote {
        self.settings[0].1 = endpoint;
        self
    }

    /// Leads a command there.
    pub(crate) fn lead(&self, command: &mut Command) {
        command.env("CAIRN_REPO", &self.repo).envs(self.settings.iter().map(|(name, value)| (name, value)));
    }

    /// What lies there, for the engine.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        let settings = self.settings.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let options = Options { environment: false, settings, ..Options::default() };
        open(&Location::parse(&self.repo).unwrap(), &options).unwrap()
    }
}

#[test]
fn the_main_job_runs_over_seaweedfs() {
    let Some(remote) = Remote::s3("CAIRN_TEST_S3_BUCKET") else { return };
    let remote = remote.below(&unique("main-job"));
    main_job(|command| remote.lead(command));
}

#[test]
fn the_main_job_runs_over_azurite() {
    let Some(remote) = Remote::azure() else { return };
    let remote = remote.below(&unique("main-job"));
    main_job(|command| remote.lead(command));
}

#[test]
fn the_main_job_runs_over_azurite_on_disk_by_a_shared_access_signature() {
    let Some(remote) = Remote::azure_by_signature() else { return };
    let remote = remote.below(&unique("main-job"));
    main_job(|command| remote.lead(command));
}

#[test]
#[ignore = "nightly: Ceph takes half a minute to start"]
fn ceph_carries_the_main_job() {
    let Some(remote) = Remote::bucket("CAIRN_TEST_CEPH_ENDPOINT", "cairn") else { return };
    let remote = remote.below(&unique("main-job"));
    main_job(|command| remote.lead(command));
}

#[test]
#[ignore = "nightly: LocalStack takes a minute to install"]
fn localstack_carries_the_main_job() {
    let Some(remote) = Remote::bucket("CAIRN_TEST_LOCALSTACK_ENDPOINT", "cairn") else { return };
    let remote = remote.below(&unique("main-job"));
    main_job(|command| remote.lead(command));
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
