//! Credentials from every place that the aws command and the az command know, by real servers where
//! there are any.
//!
//! SeaweedFS checks signatures, so a place that gives the wrong key is seen; moto gives roles and
//! is the service of a machine.

mod azure;
mod docs;
mod gives;
mod none;
mod renewal;
mod roles;

use crate::servers::{server, unique};
use crate::support::{Home, Run};
use gives::Gives;
use std::process::Command;

/// A repository on a real server, and nothing that says by which credentials.
pub(super) struct Place {
    home: Home,
    repo: String,
    endpoint: String,
    /// The id of the key, or the account of Azure.
    id: String,
    secret: String,
    /// What every command needs beside credentials.
    variables: Vec<(&'static str, String)>,
}

impl Place {
    /// A place of its own on SeaweedFS, with a repository.
    fn new(name: &str) -> Option<Place> {
        let of = ["CAIRN_TEST_S3_BUCKET", "CAIRN_TEST_S3_ENDPOINT", "CAIRN_TEST_S3_KEY", "CAIRN_TEST_S3_SECRET"];
        let place = Place::on("s3", name, of)?;
        let endpoint = place.endpoint.clone();
        let region = ("AWS_REGION", "us-east-1".to_owned());
        let place = place.with(vec![("AWS_ENDPOINT", endpoint), ("AWS_ALLOW_HTTP", "true".to_owned()), region]);
        place.init(&[("AWS_ACCESS_KEY_ID", &place.id), ("AWS_SECRET_ACCESS_KEY", &place.secret)]);
        Some(place)
    }

    /// A place on the server of which these variables name the bucket or container, the endpoint, the id and
    /// the secret.
    fn on(scheme: &str, name: &str, [bucket, endpoint, id, secret]: [&str; 4]) -> Option<Place> {
        Some(Place {
            home: Home::new(),
            repo: format!("{scheme}://{}/{}", server(bucket)?, unique(name)),
            endpoint: server(endpoint)?,
            id: server(id)?,
            secret: server(secret)?,
            variables: Vec::new(),
        })
    }

    fn with(self, variables: Vec<(&'static str, String)>) -> Place {
        Place { variables, ..self }
    }

    fn init(&self, credentials: &[(&str, &str)]) {
        let mut init = self.command(&["init", "--no-encryption"]);
        Run::of(init.envs(credentials.iter().copied())).expect(0);
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.direct(words);
        command.env("CAIRN_REPO", &self.repo).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The key of the server, or one that it refuses.
    fn key(&self, is_right: bool) -> (&str, &str) {
        (&self.id, if is_right { &self.secret } else { "wrong" })
    }
}

/// One place where credentials are: writes what it needs, and leads the command there.
type Source = (&'static str, fn(&Place, &mut Command, bool) -> Option<Gives>);

/// From the one that wins to the one that is asked last.
const SOURCES: [Source; 8] = [
    ("settings", |place, command, is_right| {
        let (id, secret) = place.key(is_right);
        let text = format!("[s3]\naccess_key_id = '{id}'\nsecret_access_key = '{secret}'\n");
        place.home.write("c.toml", text.as_bytes());
        command.env("CAIRN_CONFIG", place.home.path("c.toml"));
        None
    }),
    ("variables", |place, command, is_right| {
        let (id, secret) = place.key(is_right);
        command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
        None
    }),
    ("credentials file", |place, _, is_right| {
        let (id, secret) = place.key(is_right);
        let text = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        place.home.write(".aws/credentials", text.as_bytes());
        None
    }),
    ("credential_process", |place, _, is_right| {
        let (id, secret) = place.key(is_right);
        let said = format!("{{\"Version\": 1, \"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\"}}");
        place.home.write("said", said.as_bytes());
        config(place, &format!("credential_process = cat \"{}\"\n", place.home.text("said")));
        None
    }),
    ("config file", |place, _, is_right| {
        let (id, secret) = place.key(is_right);
        config(place, &format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n"));
        None
    }),
    ("container", |place, command, is_right| {
        let (id, secret) = place.key(is_right);
        let gives = Gives::container(id, secret);
        place.home.write("token", b"permit\n");
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", gives.address));
        command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", place.home.path("token"));
        Some(gives)
    }),
    ("container with a token", |place, command, is_right| {
        let (id, secret) = place.key(is_right);
        let gives = Gives::container(id, secret);
        // The address stands already where the one with a file came before; it is the same kind of
        // place.
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &gives.address);
        command.env_remove("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "permit");
        Some(gives)
    }),
    ("service of the machine", |place, command, is_right| {
        let (id, secret) = place.key(is_right);
        let gives = Gives::machine(id, secret);
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &gives.address);
        Some(gives)
    }),
];

/// Adds lines to the default profile.
fn config(place: &Place, lines: &str) {
    let path = place.home.path(".aws/config");
    let before = std::fs::read_to_string(&path).unwrap_or_else(|_| "[default]\n".to_owned());
    place.home.write(".aws/config", format!("{before}{lines}").as_bytes());
}

#[test]
fn each_source_alone_opens_a_repository_and_of_two_the_documented_one_wins() {
    let Some(place) = Place::new("sources") else { return };
    let run = |of: &[(usize, bool)]| {
        let _ = std::fs::remove_dir_all(place.home.path(".aws"));
        let mut command = place.command(&["points"]);
        let services: Vec<_> =
            of.iter().map(|(number, is_right)| SOURCES[*number].1(&place, &mut command, *is_right)).collect();
        let run = Run::of(&mut command);
        (run, services)
    };
    for (number, (name, _)) in SOURCES.iter().enumerate() {
        let (alone, services) = run(&[(number, true)]);
        // SeaweedFS has no temporary keys, and a machine gives no others: moto takes them (`roles`). Here it is seen to be asked.
        let code = if *name == "service of the machine" { 1 } else { 0 };
        assert_eq!(alone.code, Some(code), "{name}: {}", alone.stderr);
        for gives in services.into_iter().flatten() {
            assert!(!gives.asked().is_empty(), "{name} was not asked");
        }
        let (wrong, _) = run(&[(number, false)]);
        assert_eq!(wrong.code, Some(1), "{name} with a wrong key: {}", wrong.stderr);
        assert!(wrong.stderr.contains("403") && !wrong.stderr.contains(&place.secret), "{name}: {}", wrong.stderr);
    }
    for (first, (name, _)) in SOURCES.iter().enumerate() {
        // A container has one address.
        for (second, (other, _)) in SOURCES.iter().enumerate().skip(first + 1).filter(|(at, _)| (first, *at) != (5, 6))
        {
            let names = (name, other);
            let (run, services) = run(&[(first, true), (second, false)]);
            assert_eq!(run.code, Some(0), "{names:?}: {}", run.stderr);
            drop(services);
        }
    }
}

#[test]
fn a_profile_is_chosen_by_name_and_one_that_is_not_there_is_an_error_beside_keys() {
    let Some(place) = Place::new("profile") else { return };
    let (id, secret) = place.key(true);
    let endpoint = &place.endpoint;
    let text = format!(
        "[profile right]\naws_access_key_id={id}\naws_secret_access_key={secret}\nregion=us-east-1\nendpoint_url={endpoint}\n\
         [profile by services]\n[profile \"other\"]\nservices = local\naws_access_key_id={id}\naws_secret_access_key={secret}\n\
         [services local]\ns3 =\n  endpoint_url = {endpoint}\n"
    );
    place.home.write("elsewhere/config", text.as_bytes());
    let command = || {
        let mut command = place.command(&["points"]);
        command.env("AWS_CONFIG_FILE", place.home.path("elsewhere/config")).env_remove("AWS_REGION");
        command
    };
    // The endpoint and the region are the profile's, too.
    for profile in ["right", "other"] {
        Run::of(command().env("AWS_PROFILE", profile).env_remove("AWS_ENDPOINT")).expect(0);
    }
    place.home.write("c.toml", b"[s3]\nprofile = 'right'\n");
    let mut by_setting = command();
    by_setting
        .env("CAIRN_CONFIG", place.home.path("c.toml"))
        .env("AWS_ACCESS_KEY_ID", id)
        .env("AWS_SECRET_ACCESS_KEY", "wrong");
    Run::of(&mut by_setting).expect(0);
    let mut missing = command();
    missing.env("AWS_PROFILE", "nosuch").env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
    let run = Run::of(&mut missing).expect(2);
    assert!(run.stderr.contains("there is no profile \"nosuch\"") && run.stderr.contains("right"), "{}", run.stderr);
}
