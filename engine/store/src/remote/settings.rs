//! From settings, the environment and the aws command's files to a client of S3 or Azure.
//!
//! Names are those that `object_store` documents (`AWS_ENDPOINT`, `AZURE_STORAGE_ACCOUNT_NAME`, ...), in any case, and those of the aws and az
//! commands. Settings win over the environment, and that over the files. Unknown names in the environment are other programs' affair; in the
//! settings they are an error.

use super::credentials::{self, Ground, Profiles, Way, World};
use super::line::Line;
use super::renewal::{Renewal, Renewing};
use crate::Options;
use base::error::{Error, Kind, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::{ClientConfigKey, ClientOptions, RetryConfig};
use std::str::FromStr;
use std::sync::Arc;

/// A client for a bucket, its connections, and whether it is one of Amazon's own.
pub(super) fn s3(bucket: &str, options: &Options) -> Result<(AmazonS3, Connections, bool)> {
    let (builder, line, client, amazon) = s3_builder(bucket, options)?;
    let store = builder.clone().build().map_err(|e| refuse(&e))?;
    let (bucket, options) = (bucket.to_owned(), options.clone());
    let renewal = Renewing::new(Arc::clone(store.credentials()), move || {
        let store = s3_builder(&bucket, &anew(&options))?.0.build().map_err(|e| refuse(&e))?;
        Ok(Arc::clone(store.credentials()))
    });
    let store = builder.with_credentials(renewal.provider()).build().map_err(|e| refuse(&e))?;
    Ok((store, Connections { line, client, renewal }, amazon))
}

/// The same options with nothing fetched yet.
fn anew(options: &Options) -> Options {
    Options { wallet: Arc::default(), ..options.clone() }
}

fn s3_builder(bucket: &str, options: &Options) -> Result<(AmazonS3Builder, Line, ClientOptions, bool)> {
    let world = World::of(options, "aws_");
    let profiles = Profiles::read(&world)?;
    let bundle = || profiles.word("ca_bundle").map(|path| world.path(path));
    let options = &Options { root_certificate: options.root_certificate.clone().or_else(bundle), ..options.clone() };
    let mut client = connections(options)?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_disable_bulk_delete(true)
        .with_retry(no_retry());
    for (key, value) in merged("AWS_", options, known::<AmazonS3ConfigKey>)? {
        use AmazonS3ConfigKey::{Client, DefaultRegion, Endpoint, Region, S3Endpoint};
        match key {
            Client(key) => client = client.with_config(key, value),
            Endpoint | S3Endpoint | Region | DefaultRegion => {}
            key => builder = builder.with_config(key, value),
        }
    }
    let Place { endpoint, region } = Place::of(&world, &profiles);
    if let Some(endpoint) = &endpoint {
        builder = builder.with_endpoint(address(endpoint)?);
    }
    let endpoint = endpoint.unwrap_or_else(|| amazon(&region));
    refuse_plain(&endpoint, &client, "AWS_ALLOW_HTTP", "s3")?;
    let line = Line::new(&endpoint, options)?;
    let is_signed = builder.get_config_value(&AmazonS3ConfigKey::SkipSignature).is_none_or(|text| text != "true");
    if is_signed {
        let ground = Ground { line: line.clone(), client: client.clone(), retry: no_retry() };
        let find = || Ok(credentials::aws(&world, &profiles, &region, ground)?);
        builder = builder.with_credentials(options.wallet.s3(&options.settings, find)?);
    }
    let builder = builder.with_region(region).with_client_options(client.clone()).with_http_connector(line.clone());
    Ok((builder, line, client, is_amazon(&endpoint)))
}

/// A client for a container, its connections, the account's name and the address of the container.
pub(super) fn azure(container: &str, options: &Options) -> Result<(MicrosoftAzure, Connections, String, String)> {
    let (builder, line, client, account, address) = azure_builder(container, options)?;
    let store = builder.clone().build().map_err(|e| refuse(&e))?;
    let (container, options) = (container.to_owned(), options.clone());
    let renewal = Renewing::new(Arc::clone(store.credentials()), move || {
        let store = azure_builder(&container, &anew(&options))?.0.build().map_err(|e| refuse(&e))?;
        Ok(Arc::clone(store.credentials()))
    });
    let store = builder.with_credentials(renewal.provider()).build().map_err(|e| refuse(&e))?;
    Ok((store, Connections { line, client, renewal }, account, address))
}

type AzureParts = (MicrosoftAzureBuilder, Line, ClientOptions, String, String);

fn azure_builder(container: &str, options: &Options) -> Result<AzureParts> {
    let world = World::of(options, "azure_");
    let pairs = credentials::azure_pairs(&world)?;
    let mut client = connections(options)?;
    let mut builder = MicrosoftAzureBuilder::new().with_container_name(container).with_retry(no_retry());
    for (key, value) in pairs.clone() {
        match key {
            AzureConfigKey::Client(key) => client = client.with_config(key, value),
            AzureConfigKey::UseEmulator => {
                return Err(Error::new(Kind::Input, "the emulator's switch is not supported")
                    .advise("name the emulator by AZURE_STORAGE_ENDPOINT, account and key"));
            }
            key => builder = builder.with_config(key, value),
        }
    }
    let missing = || {
        Error::new(Kind::Input, "no storage account is named")
            .advise("set AZURE_STORAGE_ACCOUNT_NAME and its credentials, or AZURE_STORAGE_CONNECTION_STRING")
    };
    let account = builder.get_config_value(&AzureConfigKey::AccountName).ok_or_else(missing)?;
    let endpoint = builder
        .get_config_value(&AzureConfigKey::Endpoint)
        .unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
    refuse_plain(address(&endpoint)?, &client, "AZURE_ALLOW_HTTP", "az")?;
    let line = Line::new(&endpoint, options)?;
    let container_url = format!("{}/{container}", endpoint.trim_end_matches('/'));
    let builder = builder.with_client_options(client.clone());
    let find = || {
        let is_direct = credentials::is_of_this_machine(&pairs);
        let allows_http = is_direct || world.is_on(&["azure_allow_http"]);
        let way = Way { line: line.clone(), is_direct, allows_http };
        let store = builder.clone().with_http_connector(way).build().map_err(|e| refuse(&e))?;
        Ok(credentials::azure(Arc::clone(store.credentials()), &pairs))
    };
    let provider = options.wallet.azure(&options.settings, find)?;
    let builder = builder.with_credentials(provider).with_http_connector(line.clone());
    Ok((builder, line, client, account, container_url))
}

/// How requests of our own go out: as those of the client do, with the same credentials.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) line: Line,
    pub(super) client: ClientOptions,
    pub(super) renewal: Arc<dyn Renewal>,
}

/// Refuses an endpoint without TLS where nobody has allowed it, before anything is sent.
fn refuse_plain(endpoint: &str, client: &ClientOptions, variable: &str, table: &str) -> Result<()> {
    let allowed = client.get_config_value(&ClientConfigKey::AllowHttp).unwrap_or_default();
    let is_plain = url::Url::parse(endpoint).is_ok_and(|url| url.scheme() == "http");
    // What is neither yes nor no is refused by its name when connections are made.
    if !is_plain || !matches!(&*allowed.to_ascii_lowercase(), "" | "false" | "0" | "no" | "n" | "off") {
        return Ok(());
    }
    Err(Error::new(Kind::Input, "the endpoint is http: requests would go over the network without TLS").on(endpoint).advise(
        format!("name an https:// endpoint; or, where the network is yours, allow it: {variable}=true (`allow_http = true` in [{table}] of the config file)"),
    ))
}

/// Where a bucket is.
struct Place {
    /// As it was named; else it is Amazon's.
    endpoint: Option<String>,
    region: String,
}

impl Place {
    /// Settings, then variables, then the profile of the aws command.
    fn of(world: &World, profiles: &Profiles) -> Place {
        let region = world.word(&["aws_region", "aws_default_region"]).or_else(|| profiles.word("region"));
        let set = world.setting(&["aws_endpoint_url_s3", "aws_endpoint", "aws_endpoint_url"]);
        let is_ignored = world.is_on(&["aws_ignore_configured_endpoint_urls"]);
        let configured = |name| world.variable(name).filter(|_| !is_ignored);
        let endpoint = set
            .or_else(|| configured("AWS_ENDPOINT_URL_S3"))
            .or_else(|| world.variable("AWS_ENDPOINT"))
            .or_else(|| configured("AWS_ENDPOINT_URL"))
            .or_else(|| profiles.endpoint("s3").filter(|_| !is_ignored));
        Place { endpoint: endpoint.map(str::to_owned), region: region.unwrap_or("us-east-1").to_owned() }
    }
}

fn amazon(region: &str) -> String {
    format!("https://s3.{region}.amazonaws.com")
}

/// The endpoint and the region of a bucket, with what holds where neither is named.
pub(crate) fn s3_place(options: &Options) -> Result<(String, String)> {
    let world = World::of(options, "aws_");
    let Place { endpoint, region } = Place::of(&world, &Profiles::read(&world)?);
    Ok((endpoint.unwrap_or_else(|| amazon(&region)), region))
}

/// The endpoint and the account of a container, with the endpoint that holds where none is named.
pub(crate) fn azure_place(options: &Options) -> Result<(String, String)> {
    let pairs = credentials::azure_pairs(&World::of(options, "azure_"))?;
    let value = |wanted| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.clone());
    let account = value(AzureConfigKey::AccountName).unwrap_or_default();
    let endpoint = value(AzureConfigKey::Endpoint);
    Ok((endpoint.unwrap_or_else(|| format!("https://{account}.blob.core.windows.net")), account))
}

/// An endpoint that is a URL; the client would panic over another one.
fn address(text: &str) -> Result<&str> {
    let good = url::Url::parse(text).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    if good {
        return Ok(text);
    }
    Err(Error::new(Kind::Input, "the endpoint is no http or https URL")
        .on(text)
        .advise("for example https://s3.example.com"))
}

/// Whether an endpoint is one of Amazon's.
fn is_amazon(endpoint: &str) -> bool {
    let host = url::Url::parse(endpoint).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default();
    let host = host.trim_end_matches('.');
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// A proxy's address; credentials in it are not repeated in a message.
fn proxy_address(text: &str) -> Result<&str> {
    let known = |u: &url::Url| matches!(u.scheme(), "http" | "https") && u.has_host();
    if url::Url::parse(text).is_ok_and(|u| known(&u)) {
        return Ok(text);
    }
    Err(Error::new(Kind::Input, "the proxy is no http or https URL")
        .advise("for example http://proxy.example.com:3128"))
}

fn connections(options: &Options) -> Result<ClientOptions> {
    let mut client = ClientOptions::new().with_timeout_disabled().with_connect_timeout(options.connect_timeout);
    if !options.keep_connections {
        client = client.with_pool_max_idle_per_host(0).with_http1_only();
    }
    if let Some(proxy) = &options.proxy {
        client = client.with_proxy_url(proxy_address(proxy)?);
    }
    if let Some(excludes) = &options.proxy_excludes {
        client = client.with_proxy_excludes(excludes);
    }
    Ok(client)
}

/// The client's own retry is off: one bounded policy, [`crate::retry`], covers every request alike.
fn no_retry() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn known<K: FromStr>(name: &str) -> Option<K> {
    name.to_ascii_lowercase().parse().ok()
}

/// The environment's settings, then the profile's; those that only say where credentials are belong to [`credentials`].
fn merged<K>(prefix: &str, options: &Options, known: impl Fn(&str) -> Option<K>) -> Result<Vec<(K, String)>> {
    let mut pairs = Vec::new();
    if options.environment {
        for (name, value) in std::env::vars_os() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
                && name.starts_with(prefix)
                && !value.is_empty()
                && let Some(key) = known(name)
            {
                pairs.push((key, value.to_owned()));
            }
        }
    }
    for (name, value) in &options.settings {
        match known(name) {
            Some(key) => pairs.push((key, value.clone())),
            None if credentials::is_own(name) => {}
            None => return Err(credentials::unknown(name, prefix).into()),
        }
    }
    Ok(pairs)
}

fn refuse(error: &object_store::Error) -> Error {
    Error::new(Kind::Input, format!("the settings of the store make no sense: {error}"))
        .advise("check the environment variables or the profile of this store")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        let settings = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Options { environment: false, settings, ..Options::default() }
    }

    #[test]
    fn settings_are_named_like_the_environment_variables() {
        s3("b", &options(&[("AWS_ENDPOINT", "http://127.0.0.1:1"), ("aws_allow_http", "true")])).unwrap();
        let error = s3("b", &options(&[("aws_endpiont", "x")])).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        assert!(error.to_string().contains("aws_endpiont"), "{error}");
    }

    #[test]
    fn an_endpoint_without_tls_is_refused_with_the_setting_that_allows_it() {
        let refused = |outcome: Result<()>, variable: &str| {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), Kind::Input);
            assert!(error.to_string().contains("http://store.lan:9000"), "{error}");
            assert!(error.advice().unwrap().contains(variable), "{error}");
        };
        for name in ["aws_endpoint", "aws_endpoint_url_s3"] {
            let asked = |more: &[(&str, &str)]| {
                s3("b", &options(&[&[(name, "http://store.lan:9000")], more].concat())).map(drop)
            };
            refused(asked(&[]), "AWS_ALLOW_HTTP=true");
            refused(asked(&[("aws_allow_http", "false")]), "AWS_ALLOW_HTTP=true");
            asked(&[("aws_allow_http", "true")]).unwrap();
        }
        let account = [("azure_storage_account_name", "acc"), ("azure_storage_account_key", "a2V5")];
        let asked = |more: &[(&str, &str)]| {
            let all = [&account[..], &[("azure_storage_endpoint", "http://store.lan:9000")], more].concat();
            azure("c", &options(&all)).map(drop)
        };
        refused(asked(&[]), "AZURE_ALLOW_HTTP=true");
        asked(&[("azure_allow_http", "true")]).unwrap();
    }

    #[test]
    fn only_amazon_is_taken_for_amazon() {
        let amazon = |endpoint: &str| s3("b", &options(&[("aws_endpoint", endpoint)])).unwrap().2;
        assert!(s3("b", &options(&[])).unwrap().2);
        assert!(amazon("https://s3.eu-central-1.amazonaws.com") && amazon("https://S3.cn-north-1.amazonaws.com.cn"));
        assert!(!amazon("https://amazonaws.com.example.org") && !amazon("https://s3.example.com/.amazonaws.com"));
    }

    #[test]
    fn an_azure_account_must_be_named() {
        assert_eq!(azure("c", &options(&[])).unwrap_err().kind(), Kind::Input);
        let pairs = [("AZURE_STORAGE_ACCOUNT_NAME", "acc"), ("azure_storage_account_key", "a2V5")];
        let (_, _, account, address) = azure("c", &options(&pairs)).unwrap();
        assert_eq!((account.as_str(), address.as_str()), ("acc", "https://acc.blob.core.windows.net/c"));
    }

    #[test]
    fn a_root_certificate_that_cannot_be_read_is_an_input_error() {
        let options = Options { root_certificate: Some("/nonexistent/ca.pem".into()), ..options(&[]) };
        assert_eq!(s3("b", &options).unwrap_err().kind(), Kind::Input);
    }

    #[test]
    fn a_file_without_certificates_and_a_proxy_that_is_no_url_are_refused() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let none = Options { root_certificate: Some(empty.path().into()), ..options(&[]) };
        assert!(s3("b", &none).unwrap_err().to_string().contains("holds none"));
        let proxy = Options { proxy: Some("user:secret@proxy".into()), ..options(&[]) };
        let error = s3("b", &proxy).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
