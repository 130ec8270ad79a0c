//! Where the stores of these tests are: a fresh prefix in a server's bucket for each test.

use engine::env::Machine;
use engine::store::{Location, Options};

/// A place on a server, and how to open it.
pub(crate) struct Target {
    pub(crate) location: Location,
    pub(crate) options: Options,
}

/// The honest S3.
pub(crate) fn s3() -> Option<Target> {
    bucket("CAIRN_TEST_S3_ENDPOINT", "CAIRN_TEST_S3_BUCKET")
}

/// A bucket of it that keeps versions.
pub(crate) fn s3_versioned() -> Option<Target> {
    bucket("CAIRN_TEST_S3_ENDPOINT", "CAIRN_TEST_S3_VERSIONED_BUCKET")
}

/// An S3 that ignores conditions.
pub(crate) fn liar() -> Option<Target> {
    bucket("CAIRN_TEST_LIAR_ENDPOINT", "CAIRN_TEST_LIAR_BUCKET")
}

/// Azure Blob Storage.
pub(crate) fn azure() -> Option<Target> {
    let settings = [
        ("azure_storage_endpoint", variable("CAIRN_TEST_AZURE_ENDPOINT")?),
        ("azure_storage_account_name", variable("CAIRN_TEST_AZURE_ACCOUNT")?),
        ("azure_storage_account_key", variable("CAIRN_TEST_AZURE_KEY")?),
        ("azure_allow_http", "true".to_owned()),
    ];
    Some(target(&format!("az://{}", variable("CAIRN_TEST_AZURE_CONTAINER")?), settings))
}

fn bucket(endpoint: &str, bucket: &str) -> Option<Target> {
    let settings = [
        ("aws_endpoint", variable(endpoint)?),
        ("aws_access_key_id", variable("CAIRN_TEST_S3_KEY")?),
        ("aws_secret_access_key", variable("CAIRN_TEST_S3_SECRET")?),
        ("aws_allow_http", "true".to_owned()),
    ];
    Some(target(&format!("s3://{}", variable(bucket)?), settings))
}

fn target<const N: usize>(url: &str, settings: [(&str, String); N]) -> Target {
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut random = [0; 8];
    Machine::shared().random(&mut random).unwrap();
    let location = Location::parse(url).unwrap().below(&format!("t{:016x}", u64::from_le_bytes(random)));
    Target { location, options: Options { environment: false, settings, ..Options::default() } }
}

fn variable(name: &str) -> Option<String> {
    match std::env::var(name) {
        Ok(value) => Some(value),
        Err(_) if std::env::var("CAIRN_TEST_SERVERS").is_ok_and(|v| v == "required") => {
            panic!("{name} is not set: run the tests through scripts/with-servers")
        }
        Err(_) => {
            eprintln!("skipped: {name} is not set (scripts/with-servers sets it)");
            None
        }
    }
}
