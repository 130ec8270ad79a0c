//! Where no credentials are, or none that can be used: said by name, in order, and never by the
//! exit code of a missing repository.

use super::gives::Gives;
use crate::support::{Home, Run};
use std::process::Command;

fn asks(home: &Home, words: &[&str]) -> Command {
    let mut command = home.direct([&["--repo", "s3://bucket/x"][..], words].concat());
    command.env("AWS_REGION", "eu-central-1");
    command
}

/// Runs each command of a newcomer, and expects this of all.
fn refused(home: &Home, with: impl Fn(&mut Command)) -> String {
    home.write("src/a", b"a");
    let src = home.text("src");
    let mut told = String::new();
    for words in [&["points"][..], &["init", "--no-encryption"], &["backup", "--job", "j", &src]] {
        let mut command = asks(home, words);
        with(&mut command);
        let run = Run::of(&mut command).expect(2);
        told.push_str(&run.stderr);
    }
    told
}

#[test]
fn no_credentials_are_their_own_message_with_every_place_in_order() {
    let home = Home::new();
    for (status, why) in [(404, "it has no role"), (403, "it refuses: 403")] {
        let machine = Gives::start(move |_| (status, String::new()));
        let told = refused(&home, |command| {
            command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &machine.address);
        });
        let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text} is not in {told}"));
        let places = [
            "no credentials were found, looked in: ",
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            ".aws/config (no such file)",
            ".aws/credentials (no such file)",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            &machine.address,
            why,
            "docs/stores.md",
        ];
        assert!(places.map(at).is_sorted(), "{told}");
        assert_eq!(told.matches("no credentials were found").count(), 3, "{told}");
    }
    let told = refused(&home, |command| {
        command.env("AWS_EC2_METADATA_DISABLED", "true");
    });
    assert!(told.contains("switched off by AWS_EC2_METADATA_DISABLED"), "{told}");
    // Nobody listens at port 1.
    let told = refused(&home, |command| {
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    });
    assert!(told.contains("no credentials were found") && told.contains("refused"), "{told}");
}

#[test]
fn azure_says_the_same_with_its_own_places() {
    let home = Home::new();
    let identity = Gives::start(|_| {
        (400, "{\"error\": \"invalid_request\", \"error_description\": \"Identity not found\"}".to_owned())
    });
    let mut command = home.direct(["--repo", "az://box/x", "points"]);
    command.env("AZURE_STORAGE_ACCOUNT", "acc").env("IDENTITY_ENDPOINT", &identity.address);
    let run = Run::of(&mut command).expect(2);
    let at = |text: &str| run.stderr.find(text).unwrap_or_else(|| panic!("{text} is not in {}", run.stderr));
    let places = [
        "no credentials were found, looked in: ",
        "AZURE_STORAGE_TOKEN",
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_SAS_TOKEN",
        "the az command",
        &identity.address,
        "it refuses: 400",
        "docs/stores.md",
    ];
    assert!(places.map(at).is_sorted(), "{}", run.stderr);
}

#[test]
fn sso_is_refused_by_name_with_what_to_do() {
    let home = Home::new();
    home.write(".aws/config", b"[profile office]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n");
    let told = refused(&home, |command| {
        command.env("AWS_PROFILE", "office");
    });
    assert!(told.contains("the profile office uses SSO"), "{told}");
    assert!(told.contains("aws configure export-credentials --profile office --format process"), "{told}");
}

#[test]
fn a_credential_process_that_fails_speaks_for_itself() {
    let home = Home::new();
    home.write("get", b"echo \"the vault is sealed; password: ${CAIRN_PASSWORD-unset}\" >&2\necho SECRET\nexit 3\n");
    home.write(".aws/config", format!("[default]\ncredential_process = sh {}\n", home.text("get")).as_bytes());
    let run = Run::of(asks(&home, &["points"]).env("CAIRN_PASSWORD", "of the repository")).expect(1);
    assert!(run.stderr.contains("the vault is sealed; password: unset"), "its stderr is passed on: {}", run.stderr);
    assert!(
        run.stderr.contains("credential_process of the profile default (sh): it failed (exit status: 3)"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("SECRET"), "{}", run.stderr);
}

#[test]
fn a_busy_service_is_asked_again_and_the_bucket_is_not_blamed() {
    let home = Home::new();
    let machine = Gives::start(|_| (503, String::new()));
    let mut command = asks(&home, &["points", "--retry-start", "2s"]);
    let run = Run::of(command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &machine.address)).expect(1);
    assert!(run.stderr.contains("the service of the machine") && run.stderr.contains("busy (503)"), "{}", run.stderr);
    assert!(machine.asked().len() > 2, "{:?}", machine.asked());
}
