use super::*;
use crate::Options;
use base::error::{Error, Kind};

fn read(settings: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Pairs, Lack> {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = Options { settings, ..Options::default() };
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    pairs(&World::new(&options, "azure_", variables), |name| Lack::settings(format!("unknown {name}"), ""))
}

fn refused(settings: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
    let error = Error::from(read(settings, variables).unwrap_err());
    assert_eq!(error.kind(), Kind::Input);
    error.to_string()
}

/// Account, key, SAS and endpoint.
fn four(pairs: &Pairs) -> [Option<&str>; 4] {
    [Key::AccountName, Key::AccessKey, Key::SasKey, Key::Endpoint].map(|key| get(pairs, key))
}

const STRING: &str = "AccountName=acc;AccountKey=a2V5;EndpointSuffix=example.net";

#[test]
fn all_names_of_a_setting_mean_it() {
    for variables in [
        &[("AZURE_STORAGE_ACCOUNT_NAME", "acc"), ("AZURE_STORAGE_ACCOUNT_KEY", "k")][..],
        &[("AZURE_STORAGE_ACCOUNT", "acc"), ("AZURE_STORAGE_KEY", "k")],
        &[("AZURE_STORAGE_CONNECTION_STRING", "AccountName=acc;AccountKey=k")],
    ] {
        assert_eq!(four(&read(&[], variables).unwrap()), [Some("acc"), Some("k"), None, None], "{variables:?}");
    }
    for settings in [
        &[("storage_account", "acc"), ("storage_key", "k")][..],
        &[("connection_string", "AccountName=acc;AccountKey=k")],
    ] {
        assert_eq!(four(&read(settings, &[]).unwrap()), [Some("acc"), Some("k"), None, None], "{settings:?}");
    }
    let found = read(&[], &[("AZURE_STORAGE_CONNECTION_STRING", STRING)]).unwrap();
    assert_eq!(four(&found), [Some("acc"), Some("a2V5"), None, Some("https://acc.blob.example.net")]);
    assert!(refused(&[("azure_storage_acount", "x")], &[]).contains("azure_storage_acount"));
    assert_eq!(read(&[], &[("AZURE_UNKNOWN", "x"), ("OTHER", "x")]).unwrap(), []);
}

#[test]
fn a_connection_string_is_whole_and_does_not_mix() {
    let found = read(&[], &[("AZURE_STORAGE_CONNECTION_STRING", STRING), ("AZURE_STORAGE_KEY", "other")]).unwrap();
    assert_eq!(get(&found, Key::AccessKey), Some("a2V5"));
    let why = refused(&[], &[("AZURE_STORAGE_CONNECTION_STRING", STRING), ("AZURE_STORAGE_ACCOUNT", "other")]);
    assert!(why.contains("account acc") && why.contains("other") && !why.contains("a2V5"), "{why}");
    let why = refused(&[("connection_string", "SECRET")], &[]);
    assert!(why.contains("[az]") && !why.contains("SECRET"), "{why}");
}

#[test]
fn settings_win_and_variables_of_another_account_do_not_count() {
    let theirs = [("AZURE_STORAGE_CONNECTION_STRING", STRING), ("AZURE_CLIENT_ID", "app")];
    let found = read(&[("storage_account_name", "mine")], &theirs).unwrap();
    assert_eq!(four(&found), [Some("mine"), None, None, None]);
    assert_eq!(get(&found, Key::ClientId), Some("app"));
    // The account in the file, its key in the environment.
    let found = read(&[("storage_account_name", "acc")], &theirs).unwrap();
    assert_eq!(get(&found, Key::AccessKey), Some("a2V5"));
    // A credential in the file is the one, also where another kind of the environment would be
    // asked first.
    let theirs =
        [("AZURE_STORAGE_KEY", "k"), ("AZURE_CLIENT_SECRET", "s"), ("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")];
    let found = read(&[("storage_account", "acc"), ("storage_sas_token", "sv=1")], &theirs).unwrap();
    assert_eq!(
        (choose(&found).0, get(&found, Key::AccessKey), get(&found, Key::ClientSecret)),
        (Source::Given, None, None)
    );
}

#[test]
fn the_first_source_in_the_documented_order_is_told() {
    let application = [("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", "t")];
    let with = |more: &[(&'static str, &'static str)]| {
        let found = read(&[], &[&application[..], more].concat()).unwrap();
        let (source, looked) = choose(&found);
        (source, looked.len())
    };
    assert_eq!(with(&[]), (Source::ManagedIdentity, 6));
    assert_eq!(with(&[("AZURE_USE_AZURE_CLI", "true")]), (Source::AzCommand, 5));
    assert_eq!(
        with(&[("AZURE_STORAGE_AUTH_MODE", "login"), ("AZURE_STORAGE_SAS_TOKEN", "sv=1")]),
        (Source::AzCommand, 5)
    );
    assert_eq!(with(&[("AZURE_USE_AZURE_CLI", "true"), ("AZURE_STORAGE_SAS_TOKEN", "sv=1")]), (Source::Given, 4));
    assert_eq!(with(&[("AZURE_CLIENT_SECRET", "s"), ("AZURE_STORAGE_SAS_TOKEN", "sv=1")]), (Source::ClientSecret, 3));
    assert_eq!(
        with(&[("AZURE_FEDERATED_TOKEN_FILE", "/t"), ("AZURE_CLIENT_SECRET", "s")]),
        (Source::WorkloadIdentity, 2)
    );
    assert_eq!(with(&[("AZURE_STORAGE_KEY", "k"), ("AZURE_FEDERATED_TOKEN_FILE", "/t")]), (Source::Given, 1));
}

#[test]
fn services_of_functions_and_webhooks_are_understood() {
    let found = read(
        &[],
        &[("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi"), ("AZURE_AUTHORITY_HOST", "https://login.example/")],
    )
    .unwrap();
    assert_eq!(
        (identity_endpoint(&found), get(&found, Key::AuthorityHost)),
        ("http://127.0.0.1:1/msi", Some("https://login.example"))
    );
}

#[test]
fn a_sas_that_has_ended_is_refused_before_anything_is_sent() {
    let with = |sas| read(&[("storage_account", "acc"), ("storage_sas_token", sas)], &[]);
    for sas in ["?sv=1&se=2020-01-01T00%3A00%3A00Z&sig=SECRET", "se=2020-01-01T00:00Z&sig=SECRET"] {
        let why = with(sas).unwrap_err().to_string();
        assert!(why.contains("2020-01-01") && !why.contains("SECRET"), "{why}");
    }
    for sas in ["sv=1&se=2099-01-01T00:00:00Z&sig=x", "sv=1&si=policy&sig=x", "se=2020-01-01"] {
        with(sas).unwrap();
    }
}
