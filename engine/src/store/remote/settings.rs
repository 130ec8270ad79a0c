//! From the environment and a profile to a client of S3 or Azure.
//!
//! Names are those that `object_store` documents (`AWS_ENDPOINT`, `AZURE_STORAGE_ACCOUNT_NAME`, ...), in any case. A profile
//! wins over the environment. Unknown names in the environment are other programs' affair; in a profile they are an error.

use super::line::Line;
use crate::error::{Error, Kind, Result};
use crate::store::Options;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::{ClientConfigKey, ClientOptions, RetryConfig};
use std::str::FromStr;

/// A client for a bucket, its connections, and whether it is one of Amazon's own.
pub(super) fn s3(bucket: &str, options: &Options) -> Result<(AmazonS3, Connections, bool)> {
    let mut client = connections(options)?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_disable_bulk_delete(true)
        .with_retry(no_retry());
    for (key, value) in merged("AWS_", options, known::<AmazonS3ConfigKey>)? {
        match key {
            AmazonS3ConfigKey::Client(key) => client = client.with_config(key, value),
            AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint => {
                builder = builder.with_config(key, address(&value)?);
            }
            key => builder = builder.with_config(key, value),
        }
    }
    let (endpoint, _) = s3_place(bucket, options)?;
    refuse_plain(&endpoint, &client, "AWS_ALLOW_HTTP", "s3")?;
    let line = Line::new(&endpoint, options)?;
    let builder = builder.with_client_options(client.clone()).with_http_connector(line.clone());
    let store = builder.build().map_err(|e| refuse(&e))?;
    Ok((store, Connections { line, client }, is_amazon(&endpoint)))
}

/// A client for a container, its connections, the account's name and the address of the container.
pub(super) fn azure(container: &str, options: &Options) -> Result<(MicrosoftAzure, Connections, String, String)> {
    let mut client = connections(options)?;
    let mut builder = MicrosoftAzureBuilder::new().with_container_name(container).with_retry(no_retry());
    for (key, value) in merged("AZURE_", options, known::<AzureConfigKey>)? {
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
            .advise("set AZURE_STORAGE_ACCOUNT_NAME and its credentials")
    };
    let account = builder.get_config_value(&AzureConfigKey::AccountName).ok_or_else(missing)?;
    let endpoint = builder
        .get_config_value(&AzureConfigKey::Endpoint)
        .unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
    refuse_plain(address(&endpoint)?, &client, "AZURE_ALLOW_HTTP", "az")?;
    let line = Line::new(&endpoint, options)?;
    let container_url = format!("{}/{container}", endpoint.trim_end_matches('/'));
    let builder = builder.with_client_options(client.clone()).with_http_connector(line.clone());
    let store = builder.build().map_err(|e| refuse(&e))?;
    Ok((store, Connections { line, client }, account, container_url))
}

/// How requests of our own go out: as those of the client do.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) line: Line,
    pub(super) client: ClientOptions,
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

/// The endpoint and the region of a bucket, with what holds where neither is named.
pub(in crate::store) fn s3_place(bucket: &str, options: &Options) -> Result<(String, String)> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    for (key, value) in merged("AWS_", options, known::<AmazonS3ConfigKey>)? {
        use AmazonS3ConfigKey::{DefaultRegion, Endpoint, Region, S3Endpoint};
        if matches!(key, Endpoint | S3Endpoint | Region | DefaultRegion) {
            builder = builder.with_config(key, value);
        }
    }
    let said = |key: AmazonS3ConfigKey| builder.get_config_value(&key).filter(|text| !text.is_empty());
    let region = said(AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
    let endpoint = said(AmazonS3ConfigKey::S3Endpoint).or_else(|| said(AmazonS3ConfigKey::Endpoint));
    let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
    Ok((endpoint, region))
}

/// The endpoint and the account of a container, with the endpoint that holds where none is named.
pub(in crate::store) fn azure_place(options: &Options) -> Result<(String, String)> {
    let mut builder = MicrosoftAzureBuilder::new();
    for (key, value) in merged("AZURE_", options, known::<AzureConfigKey>)? {
        if matches!(key, AzureConfigKey::AccountName | AzureConfigKey::Endpoint) {
            builder = builder.with_config(key, value);
        }
    }
    let account = builder.get_config_value(&AzureConfigKey::AccountName).unwrap_or_default();
    let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
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

/// The client's own retry is off: one bounded policy, [`crate::store::retry`], covers every request alike.
fn no_retry() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn known<K: FromStr>(name: &str) -> Option<K> {
    name.to_ascii_lowercase().parse().ok()
}

/// The environment's settings, then the profile's.
fn merged<K>(prefix: &str, options: &Options, known: impl Fn(&str) -> Option<K>) -> Result<Vec<(K, String)>> {
    let mut pairs = Vec::new();
    if options.environment {
        for (name, value) in std::env::vars_os() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
                && name.starts_with(prefix)
                && let Some(key) = known(name)
            {
                pairs.push((key, value.to_owned()));
            }
        }
    }
    for (name, value) in &options.settings {
        let key = known(name).ok_or_else(|| {
            Error::new(Kind::Input, format!("{name:?} is no setting of this kind of store"))
                .advise(format!("settings are named like the environment variables: {prefix}..."))
        })?;
        pairs.push((key, value.clone()));
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
