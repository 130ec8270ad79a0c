//! Where the stores of these tests are: a fresh prefix in a server's bucket for each test.

use bytes::Bytes;
use engine::env::Machine;
use engine::store::{Location, Options};
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};

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

/// A bucket of it with object lock.
pub(crate) fn s3_locked() -> Option<Target> {
    bucket("CAIRN_TEST_S3_ENDPOINT", "CAIRN_TEST_S3_LOCKED_BUCKET")
}

/// An S3 whose restores from an archive take two seconds.
pub(crate) fn archive() -> Option<Target> {
    bucket("CAIRN_TEST_ARCHIVE_ENDPOINT", "CAIRN_TEST_ARCHIVE_BUCKET")
}

/// An S3 that ignores conditions.
pub(crate) fn liar() -> Option<Target> {
    bucket("CAIRN_TEST_LIAR_ENDPOINT", "CAIRN_TEST_LIAR_BUCKET")
}

/// Servers that only the probe is held against.
pub(crate) fn moto() -> Option<Target> {
    with_our_key("CAIRN_TEST_MOTO_ENDPOINT", "cairn")
}

pub(crate) fn juicefs() -> Option<Target> {
    with_our_key("CAIRN_TEST_JUICEFS_ENDPOINT", "cairn")
}

pub(crate) fn localstack() -> Option<Target> {
    with_our_key("CAIRN_TEST_LOCALSTACK_ENDPOINT", "cairn")
}

pub(crate) fn ceph() -> Option<Target> {
    with_our_key("CAIRN_TEST_CEPH_ENDPOINT", "cairn")
}

/// A bucket of it that keeps versions.
pub(crate) fn ceph_versioned() -> Option<Target> {
    bucket("CAIRN_TEST_CEPH_ENDPOINT", "CAIRN_TEST_S3_VERSIONED_BUCKET")
}

/// Its key cannot be chosen.
pub(crate) fn s3rver() -> Option<Target> {
    bucket_of("CAIRN_TEST_S3RVER_ENDPOINT", "cairn", "S3RVER", "S3RVER")
}

/// Azure Blob Storage whose data lies on disk, reached by a shared access signature.
pub(crate) fn azure_by_signature() -> Option<Target> {
    let settings = [
        ("azure_storage_endpoint", variable("CAIRN_TEST_SAS_ENDPOINT")?),
        ("azure_storage_account_name", variable("CAIRN_TEST_AZURE_ACCOUNT")?),
        ("azure_storage_sas_token", variable("CAIRN_TEST_SAS_TOKEN")?),
        ("azure_allow_http", "true".to_owned()),
    ];
    Some(target("az://cairn", settings))
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
    with_our_key(endpoint, &variable(bucket)?)
}

fn with_our_key(endpoint: &str, bucket: &str) -> Option<Target> {
    bucket_of(endpoint, bucket, &variable("CAIRN_TEST_S3_KEY")?, &variable("CAIRN_TEST_S3_SECRET")?)
}

fn bucket_of(endpoint: &str, bucket: &str, key: &str, secret: &str) -> Option<Target> {
    let settings = [
        ("aws_endpoint", variable(endpoint)?),
        ("aws_access_key_id", key.to_owned()),
        ("aws_secret_access_key", secret.to_owned()),
        ("aws_allow_http", "true".to_owned()),
    ];
    Some(target(&format!("s3://{bucket}"), settings))
}

fn target<const N: usize>(url: &str, settings: [(&str, String); N]) -> Target {
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut random = [0; 8];
    Machine::shared().random(&mut random).unwrap();
    let location = Location::parse(url).unwrap().below(&format!("t{:016x}", u64::from_le_bytes(random)));
    Target { location, options: Options { environment: false, settings, ..Options::default() } }
}

/// Puts an object whose key, percent-encoded as given, need be no name of ours. False when the server has refused it.
pub(crate) fn put_raw(target: &Target, key: &str, body: &'static [u8]) -> bool {
    let Location::S3 { bucket, prefix } = &target.location else { panic!("a bucket is needed") };
    let setting = |name: &str| target.options.settings.get(name).unwrap().clone();
    let credential = AwsCredential {
        key_id: setting("aws_access_key_id"),
        secret_key: setting("aws_secret_access_key"),
        token: None,
    };
    let mut request = HttpRequest::new(HttpRequestBody::from(Bytes::from_static(body)));
    *request.method_mut() = reqwest::Method::PUT;
    *request.uri_mut() = format!("{}/{bucket}/{prefix}/{key}", setting("aws_endpoint")).parse().unwrap();
    request.headers_mut().insert("content-length", body.len().into());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    AwsAuthorizer::new(&credential, "s3", "us-east-1").try_authorize(&mut request, Some(digest.as_ref())).unwrap();
    let options = ClientOptions::new().with_allow_http(true);
    let http = ReqwestConnector::default().connect(&options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(http.execute(request)).unwrap().status().is_success()
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
