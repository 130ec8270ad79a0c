//! Azure by the names of its portal, of the az command and of `object_store`: on Azurite, and by
//! services on loopback.

use super::Place;
use super::gives::Gives;
use crate::support::{Home, Run};
use std::process::Command;

impl Place {
    /// A place of its own on Azurite, with a repository.
    fn azure(name: &str) -> Option<Place> {
        let of = [
            "CAIRN_TEST_AZURE_CONTAINER",
            "CAIRN_TEST_AZURE_ENDPOINT",
            "CAIRN_TEST_AZURE_ACCOUNT",
            "CAIRN_TEST_AZURE_KEY",
        ];
        let place = Place::on("az", name, of)?.with(vec![("AZURE_ALLOW_HTTP", "true".to_owned())]);
        place.init(&[("AZURE_STORAGE_CONNECTION_STRING", &place.string(&place.secret))]);
        Some(place)
    }

    fn string(&self, key: &str) -> String {
        let Place { endpoint, id, .. } = self;
        format!("DefaultEndpointsProtocol=http;AccountName={id};AccountKey={key};BlobEndpoint={endpoint};")
    }
}

/// A key that is none of the account's.
const WRONG: &str = "d3Jvbmc=";

#[test]
fn every_name_of_a_key_opens_and_a_wrong_key_is_refused() {
    let Some(place) = Place::azure("names") else { return };
    let Place { id: account, endpoint, .. } = &place;
    for (key, code) in [(place.secret.as_str(), 0), (WRONG, 1)] {
        let sets: [&[(&str, &str)]; 4] = [
            &[("AZURE_STORAGE_CONNECTION_STRING", &place.string(key))],
            &[
                ("AZURE_STORAGE_ACCOUNT", account),
                ("AZURE_STORAGE_KEY", key),
                ("AZURE_STORAGE_SERVICE_ENDPOINT", endpoint),
            ],
            &[
                ("AZURE_STORAGE_ACCOUNT_NAME", account),
                ("AZURE_STORAGE_ACCOUNT_KEY", key),
                ("AZURE_STORAGE_ENDPOINT", endpoint),
            ],
            // The connection string wins over az's other names.
            &[
                ("AZURE_STORAGE_CONNECTION_STRING", &place.string(key)),
                ("AZURE_STORAGE_KEY", if code == 0 { WRONG } else { &place.secret }),
            ],
        ];
        for set in sets {
            let run = Run::of(place.command(&["points"]).envs(set.iter().copied()));
            assert_eq!(
                run.code,
                Some(code),
                "{:?}: {}",
                set.iter().map(|(name, _)| name).collect::<Vec<_>>(),
                run.stderr
            );
            assert!(!run.stderr.contains(key), "{}", run.stderr);
        }
    }
    // The config file wins over the environment.
    place.home.write("c.toml", format!("[az]\nconnection_string = '{}'\n", place.string(&place.secret)).as_bytes());
    let mut command = place.command(&["points"]);
    command.env("CAIRN_CONFIG", place.home.path("c.toml")).env("AZURE_STORAGE_CONNECTION_STRING", place.string(WRONG));
    Run::of(&mut command).expect(0);
    let other = place
        .command(&["points"])
        .env("AZURE_STORAGE_CONNECTION_STRING", place.string(&place.secret))
        .env("AZURE_STORAGE_ACCOUNT", "other")
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(2), "{}", String::from_utf8_lossy(&other.stderr));
}

#[test]
fn a_shared_access_signature_opens_and_one_that_has_ended_is_refused_before() {
    let Some(place) = Place::azure("sas") else { return };
    let sign = |end: &str| sas(&place.id, &place.secret, end);
    let points = |token: &str| {
        let mut command = place.command(&["points"]);
        command.env("AZURE_STORAGE_ACCOUNT", &place.id).env("AZURE_STORAGE_SERVICE_ENDPOINT", &place.endpoint);
        command.env("AZURE_STORAGE_SAS_TOKEN", token);
        Run::of(&mut command)
    };
    let good = sign("2099-01-01T00:00:00Z");
    points(&good).expect(0);
    points(&format!("?{good}")).expect(0);
    let mut command = place.command(&["points"]);
    let string = format!("BlobEndpoint={};SharedAccessSignature={good}", place.endpoint);
    Run::of(command.env("AZURE_STORAGE_CONNECTION_STRING", string)).expect(0);
    let ended = points(&sign("2020-01-01T00:00:00Z")).expect(2);
    assert!(ended.stderr.contains("has ended at 2020-01-01T00:00:00Z"), "{}", ended.stderr);
}

/// An account's signature for everything (version 2019-12-12), as the portal makes one.
fn sas(account: &str, key: &str, end: &str) -> String {
    let script = "import base64, hashlib, hmac, sys, urllib.parse\n\
        account, key, end = sys.argv[1:]\n\
        text = f'{account}\\nrwdlac\\nb\\nsco\\n\\n{end}\\n\\nhttps,http\\n2019-12-12\\n'\n\
        sig = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()\n\
        print(urllib.parse.urlencode({'sv': '2019-12-12', 'ss': 'b', 'srt': 'sco', 'sp': 'rwdlac', 'se': end, 'spr': 'https,http', 'sig': sig}), end='')\n";
    let output = Command::new("python3").args(["-c", script, account, key, end]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A store that has nothing, for whoever brings the token of one of the services.
fn store() -> Gives {
    Gives::start(|asked| match asked.headers.contains("authorization: Bearer the-token\n") {
        true => (404, "<Error><Code>BlobNotFound</Code></Error>".to_owned()),
        false => (403, "<Error><Code>AuthenticationFailed</Code></Error>".to_owned()),
    })
}

fn asks(home: &Home, store: &Gives) -> Command {
    let mut command = home.direct(["--repo", "az://box/x", "points"]);
    command
        .env("AZURE_STORAGE_ACCOUNT", "acc")
        .env("AZURE_STORAGE_SERVICE_ENDPOINT", &store.address)
        .env("AZURE_ALLOW_HTTP", "true");
    command
}

#[test]
fn a_managed_identity_is_asked_past_every_proxy() {
    let (home, store) = (Home::new(), store());
    let identity = Gives::start(|asked| match asked.headers.contains("metadata: true\n") {
        true => (
            200,
            "{\"access_token\": \"the-token\", \"expires_on\": \"4070908800\", \"token_type\": \"Bearer\"}".to_owned(),
        ),
        false => (400, String::new()),
    });
    let mut command = asks(&home, &store);
    home.write("c.toml", b"proxy = 'http://127.0.0.1:1'\nno-proxy = 'localhost'\n");
    command
        .env("CAIRN_CONFIG", home.path("c.toml"))
        .env("AZURE_STORAGE_SERVICE_ENDPOINT", store.address.replace("127.0.0.1", "localhost"));
    command.env("IDENTITY_ENDPOINT", format!("{}/msi/token", identity.address)).env("AZURE_CLIENT_ID", "user-assigned");
    Run::of(&mut command).expect(10);
    let asked = &identity.asked()[0];
    assert!(asked.line.contains("client_id=user-assigned") && asked.line.contains("storage.azure.com"), "{asked:?}");
}

#[test]
fn an_application_is_let_in_by_its_secret_or_by_a_token_in_a_file() {
    let (home, store) = (Home::new(), store());
    let login = Gives::start(|asked| {
        let is_good = asked.body.contains("client_secret=right") || asked.body.contains("client_assertion=signed");
        match is_good && asked.line.starts_with("POST /tenant/oauth2/v2.0/token ") {
            true => (200, "{\"access_token\": \"the-token\", \"expires_in\": 3600}".to_owned()),
            false => (401, "{\"error\": \"invalid_client\", \"error_description\": \"AADSTS7000215: Invalid client secret provided.\"}".to_owned()),
        }
    });
    home.write("signed", b"signed");
    let command = || {
        let mut command = asks(&home, &store);
        // The webhook of workload identities writes a slash at the end.
        command
            .env("AZURE_AUTHORITY_HOST", format!("{}/", login.address))
            .env("AZURE_TENANT_ID", "tenant")
            .env("AZURE_CLIENT_ID", "app");
        command
    };
    Run::of(command().env("AZURE_CLIENT_SECRET", "right")).expect(10);
    Run::of(command().env("AZURE_FEDERATED_TOKEN_FILE", home.path("signed"))).expect(10);
    // The token in a file comes first.
    Run::of(command().env("AZURE_FEDERATED_TOKEN_FILE", home.path("signed")).env("AZURE_CLIENT_SECRET", "wrong"))
        .expect(10);
    let refused = Run::of(command().env("AZURE_CLIENT_SECRET", "wrong")).expect(1);
    assert!(
        refused.stderr.contains("the client secret of the application app was not accepted")
            && refused.stderr.contains("AADSTS7000215"),
        "{}",
        refused.stderr
    );
    let missing = Run::of(command().env("AZURE_FEDERATED_TOKEN_FILE", "/nonexistent/token")).expect(2);
    assert!(missing.stderr.contains("the workload identity of the application app"), "{}", missing.stderr);
}
