//! Roles that moto gives, and its service of a machine.

use super::gives::Gives;
use crate::servers::{server, unique};
use crate::support::{Home, Run};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

/// A bucket on moto, which takes any key and gives roles.
struct Moto {
    home: Home,
    repo: String,
    endpoint: String,
}

impl Moto {
    fn new(name: &str) -> Option<Moto> {
        let endpoint = server("CAIRN_TEST_MOTO_ENDPOINT")?;
        let repo = format!("s3://cairn/{}", unique(name));
        Some(Moto { home: Home::new(), repo, endpoint })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.direct(words);
        command.env("CAIRN_REPO", &self.repo).env("AWS_ENDPOINT", &self.endpoint).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ENDPOINT_URL_STS", &self.endpoint).env("AWS_REGION", "us-east-1");
        command
    }

    /// Init, backup, restore; by the credentials to which `lead` leads.
    fn job(&self, lead: impl Fn(&mut Command)) {
        self.home.write("src/a", b"what is stored");
        let (src, out) = (self.home.text("src"), self.home.text("out"));
        let point = self.home.place("latest", "src");
        for words in [&["init", "--no-encryption"][..], &["backup", "--job", "j", &src], &["restore", &point, &out]] {
            let mut command = self.command(words);
            lead(&mut command);
            Run::of(&mut command).expect(0);
        }
        assert_eq!(std::fs::read(self.home.path("out/a")).unwrap(), b"what is stored");
    }

    /// The requests that the server has seen.
    fn seen(&self) -> Vec<Seen> {
        let answer = self.ask("GET", "/moto-api/recorder/download-recording");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.lines().map(Seen::read).collect()
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let address = self.endpoint.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// A request, as the server has it.
#[derive(Debug)]
struct Seen {
    method: String,
    url: String,
    headers: String,
    body: String,
}

impl Seen {
    fn read(line: &str) -> Seen {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let body = match row["body_encoded"].as_bool() {
            Some(true) => String::from_utf8_lossy(&BASE64_STANDARD.decode(text("body")).unwrap()).into_owned(),
            _ => text("body"),
        };
        Seen { method: text("method"), url: text("url"), headers: row["headers"].to_string(), body }
    }
}

/// The objects of this repository were stored with keys that moto has made up for a role.
fn assert_temporary(seen: &[Seen], repo: &str) {
    let (_, prefix) = repo.rsplit_once('/').unwrap();
    let puts: Vec<_> = seen.iter().filter(|one| one.method == "PUT" && one.url.contains(prefix)).collect();
    assert!(!puts.is_empty(), "{seen:?}");
    for put in puts {
        // Some are signed in their address.
        let signed = format!("{} {}", put.url, put.headers);
        assert!(signed.contains("Credential=ASIA"), "{put:?}");
        assert!(signed.to_ascii_lowercase().contains("x-amz-security-token"), "{put:?}");
    }
}

#[test]
fn a_role_is_asked_for_with_the_keys_of_the_source_profile() {
    let Some(moto) = Moto::new("role") else { return };
    moto.ask("POST", "/moto-api/recorder/start-recording");
    moto.home.write(
        ".aws/config",
        b"[profile work]\nrole_arn = arn:aws:iam::123456789012:role/backup\nsource_profile = base\nrole_session_name = nightly\nexternal_id = x y&z\n",
    );
    moto.home.write(".aws/credentials", b"[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n");
    moto.job(|command| {
        command.env("AWS_PROFILE", "work");
    });
    let seen = moto.seen();
    let asked = seen.iter().find(|one| one.body.contains("role%2Fbackup")).expect("the role was asked for");
    assert!(asked.headers.contains("Credential=AKIABASE/"), "{asked:?}");
    assert!(asked.body.contains("RoleSessionName=nightly") && asked.body.contains("ExternalId=x+y%26z"), "{asked:?}");
    assert_temporary(&seen, &moto.repo);
}

#[test]
fn a_web_identity_is_exchanged_for_a_role() {
    let Some(moto) = Moto::new("web") else { return };
    moto.ask("POST", "/moto-api/recorder/start-recording");
    moto.home.write("token", b"a.signed.token\n");
    moto.job(|command| {
        command.env("AWS_WEB_IDENTITY_TOKEN_FILE", moto.home.path("token"));
        command.env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod");
    });
    let seen = moto.seen();
    let asked = seen.iter().find(|one| one.body.contains("role%2Fpod")).expect("the role was asked for");
    assert!(asked.body.contains("WebIdentityToken=a.signed.token") && !asked.url.contains('?'), "{asked:?}");
    assert_temporary(&seen, &moto.repo);
    // A token that is not there is a mistake of this machine, and of no bucket.
    let mut command = moto.command(&["points"]);
    command
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod");
    let run = Run::of(&mut command).expect(2);
    assert!(run.stderr.contains("/nonexistent/token") && run.stderr.contains("cannot be read"), "{}", run.stderr);
}

#[test]
fn the_service_of_a_machine_gives_credentials_past_every_proxy() {
    let Some(moto) = Moto::new("machine") else { return };
    moto.job(|command| {
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &moto.endpoint);
    });
    // Nobody listens at port 1; the store is excepted, the service of this machine need not be.
    let machine = Gives::machine("id", "secret");
    let mut command = moto.command(&["points"]);
    moto.home.write("c.toml", format!("proxy = 'http://127.0.0.1:1'\nno-proxy = '{}'\n", "localhost").as_bytes());
    command.env("CAIRN_CONFIG", moto.home.path("c.toml")).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &machine.address);
    command.env("AWS_ENDPOINT", moto.endpoint.replace("127.0.0.1", "localhost"));
    Run::of(&mut command).expect(0);
    assert!(machine.asked().len() >= 3, "{:?}", machine.asked());
}

#[test]
fn a_refused_role_names_role_profile_and_reason() {
    let refuses = Gives::start(|_| {
        (403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>".to_owned())
    });
    let home = Home::new();
    home.write(
        ".aws/config",
        b"[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n[profile base]\naws_access_key_id = a\naws_secret_access_key = SECRET\n",
    );
    let mut command = home.direct(["--repo", "s3://bucket/x", "points"]);
    command.env("AWS_ENDPOINT_URL_STS", &refuses.address).env("AWS_REGION", "eu-central-1");
    let plain = Run::of(&mut command).expect(2);
    assert!(plain.stderr.contains("AWS_ALLOW_HTTP=true") && refuses.asked().is_empty(), "{}", plain.stderr);
    let run = Run::of(command.env("AWS_ALLOW_HTTP", "true")).expect(1);
    for part in ["arn:aws:iam::1:role/r", "profile default", "sts:AssumeRole", "403 AccessDenied"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("SECRET"), "{}", run.stderr);
    let asked = &refuses.asked()[0];
    assert!(asked.line.starts_with("POST / ") && asked.body.contains("RoleSessionName=cairn"), "{asked:?}");
    assert!(asked.headers.contains("/eu-central-1/sts/aws4_request"), "{asked:?}");
}
