//! The config file: TOML whose keys are the long names of the global options.
//!
//! ```toml
//! repo = "s3://bucket/prefix"          # holds always
//! password-file = "/etc/cairn/password"
//! proxy = "http://proxy.example.com:3128"   # for S3 and Azure; no-proxy = "host,.domain" names exceptions
//! ca-file = "/etc/cairn/ca.pem"        # further root certificates, for stores with a private CA
//!
//! [s3]                                 # aws_* settings of the store; `endpoint` means `aws_endpoint`
//! endpoint = "https://s3.example.com"
//!
//! [profile.office]                     # holds with --profile office, over what holds always
//! repo = "az://container/prefix"
//! limit-upload = "2MiB/s"
//! retry-for = "1h"
//! az = { storage_account_name = "office" }
//! ```
//!
//! Promises: an unknown key, a wrong type and an unknown profile are refused with their place; relative paths are of the
//! file's folder. Refuses to: hold a password itself.

use super::xdg;
use crate::exit::{Failure, Result};
use crate::output::human;
use crate::parse::{duration::duration, job, key_cost, quantity};
use engine::repository::SlotBounds;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the config file says, with the profile laid over it.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    pub(crate) repo: Option<OsString>,
    /// Whether it stands outside of profiles.
    pub(crate) repo_is_base: bool,
    pub(crate) password_file: Option<PathBuf>,
    /// Whether it stands outside of profiles.
    pub(crate) password_is_base: bool,
    pub(crate) key_cost_max: Option<SlotBounds>,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) host: Option<String>,
    pub(crate) threads: Option<NonZeroUsize>,
    pub(crate) limit_upload: Option<u64>,
    pub(crate) limit_download: Option<u64>,
    pub(crate) retry_for: Option<Duration>,
    pub(crate) retry_start: Option<Duration>,
    pub(crate) proxy: Option<String>,
    pub(crate) no_proxy: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) store: BTreeMap<String, String>,
}

/// A table of the file: the file itself, whose `profile` has the profiles, or one of these, which has none.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table<P> {
    repo: Option<String>,
    password_file: Option<PathBuf>,
    key_cost_max: Option<String>,
    cache_dir: Option<PathBuf>,
    host: Option<String>,
    threads: Option<NonZeroUsize>,
    limit_upload: Option<Rate>,
    limit_download: Option<Rate>,
    retry_for: Option<String>,
    retry_start: Option<String>,
    proxy: Option<String>,
    no_proxy: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    s3: BTreeMap<String, Value>,
    #[serde(default)]
    az: BTreeMap<String, Value>,
    #[serde(default)]
    profile: P,
}

type File = Table<BTreeMap<String, Table<NoProfiles>>>;

/// What a profile has in the place of profiles of its own: whatever stands there is refused.
#[derive(Debug, Default)]
struct NoProfiles;

impl<'de> Deserialize<'de> for NoProfiles {
    fn deserialize<D: Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Err(D::Error::custom("a profile has no profiles of its own"))
    }
}

/// `"10M"` or a plain number of bytes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Rate {
    Bytes(u64),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Flag(bool),
    Number(i64),
}

/// Reads the config file; without one everything is unset.
///
/// # Errors
/// Wrong usage when a named file is not there, cannot be read, or has no such profile.
pub(super) fn load(file: Option<&Path>, profile: Option<&str>) -> Result<Profile> {
    let path = match file {
        Some(file) => file.to_owned(),
        None => match xdg::config() {
            Ok(config) => config.join("cairn").join("config.toml"),
            // Without a home there is no config file; what else needs one will say so.
            Err(_) => return missing_profile(profile, "no config file"),
        },
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path, profile),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && file.is_none() => {
            missing_profile(profile, &human::path(&path))
        }
        Err(e) => Err(Failure::usage(format!("{}: the config file cannot be read: {e}", human::path(&path)))),
    }
}

fn missing_profile(profile: Option<&str>, place: &str) -> Result<Profile> {
    match profile {
        None => Ok(Profile::default()),
        Some(name) => Err(Failure::usage(format!("{place}: there is no profile {name:?}, as there is no such file"))
            .advise("name the config file with --config")),
    }
}

/// What the text of a config file at `path` says; as [`load`].
pub(crate) fn parse(text: &str, path: &Path, profile: Option<&str>) -> Result<Profile> {
    let refuse = |why: &str| Failure::usage(format!("{}: {}", human::path(path), why.trim_end()));
    let mut file: File = toml::from_str(text).map_err(|e| refuse(&e.to_string()))?;
    let chosen = match profile {
        None => None,
        Some(name) => match file.profile.remove(name) {
            Some(table) => Some(table),
            None => {
                let known: Vec<_> = file.profile.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "it has none".to_owned() } else { known.join(", ") };
                return Err(refuse(&format!("there is no profile {name:?}")).advise(format!("profiles: {known}")));
            }
        },
    };
    let (mut result, folder) = (Profile::default(), path.parent().unwrap_or(Path::new("")));
    lay(&mut result, file, true, folder).map_err(|why| refuse(&why))?;
    if let Some(table) = chosen {
        lay(&mut result, table, false, folder).map_err(|why| refuse(&why))?;
    }
    Ok(result)
}

/// Lays a table over what is there.
fn lay<P>(over: &mut Profile, table: Table<P>, is_base: bool, folder: &Path) -> Result<(), String> {
    if table.repo.is_some() {
        over.repo_is_base = is_base;
    }
    if table.password_file.is_some() {
        over.password_is_base = is_base;
    }
    let rate = |rate: Option<Rate>| match rate {
        None => Ok(None),
        Some(Rate::Bytes(0)) => Err("a rate of zero would wait for ever".to_owned()),
        Some(Rate::Bytes(bytes)) => Ok(Some(bytes)),
        Some(Rate::Text(text)) => quantity::rate(&text).map(Some),
    };
    let (up, down) = (rate(table.limit_upload)?, rate(table.limit_download)?);
    let repo = table.repo.map(|repo| if is_relative_path(&repo) { folder.join(repo).into() } else { repo.into() });
    over.repo = repo.or(over.repo.take());
    over.password_file = table.password_file.map(|p| folder.join(p)).or(over.password_file.take());
    over.key_cost_max = table.key_cost_max.map(|text| key_cost::bounds(&text)).transpose()?.or(over.key_cost_max);
    over.cache_dir = table.cache_dir.map(|p| folder.join(p)).or(over.cache_dir.take());
    let host = table.host.map(|host| job::host(&host)).transpose()?;
    over.host = host.or(over.host.take());
    over.threads = table.threads.map(quantity::sensible_threads).transpose()?.or(over.threads);
    over.limit_upload = up.or(over.limit_upload);
    over.limit_download = down.or(over.limit_download);
    let time = |time: Option<String>| time.map(|text| duration(&text)).transpose();
    over.retry_for = time(table.retry_for)?.or(over.retry_for);
    over.retry_start = time(table.retry_start)?.or(over.retry_start);
    over.proxy = table.proxy.or(over.proxy.take());
    over.no_proxy = table.no_proxy.or(over.no_proxy.take());
    over.ca_file = table.ca_file.map(|p| folder.join(p)).or(over.ca_file.take());
    for (prefix, settings) in [("aws_", table.s3), ("azure_", table.az)] {
        for (key, value) in settings {
            let key = key.to_ascii_lowercase();
            let key = if key.starts_with(prefix) { key } else { format!("{prefix}{key}") };
            over.store.insert(key, value.text());
        }
    }
    Ok(())
}

fn is_relative_path(repo: &str) -> bool {
    !repo.starts_with('/') && !repo.contains("://")
}

impl Value {
    fn text(self) -> String {
        match self {
            Value::Text(text) => text,
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        repo = "store"
        limit-upload = 1000
        ca-file = "ca.pem"
        host = "web-1"
        proxy = "http://a:1"
        no-proxy = ".local"
        retry-for = "1h"
        [s3]
        endpoint = "http://a"
        allow_http = true
        [profile.office]
        repo = "az://box/p"
        host = "office"
        limit-download = "2MiB/s"
        retry-start = "5s"
        proxy = "http://b:2"
        s3 = { AWS_ENDPOINT = "http://b" }
        az = { storage_account_name = "n" }
    "#;

    fn read(text: &str, profile: Option<&str>) -> Result<Profile> {
        parse(text, Path::new("/etc/cairn/config.toml"), profile)
    }

    #[test]
    fn top_level_keys_hold_always() {
        let found = read(TEXT, None).unwrap();
        assert_eq!(found.repo.unwrap(), "/etc/cairn/store");
        assert_eq!((found.limit_upload, found.limit_download), (Some(1000), None));
        assert_eq!(found.store["aws_endpoint"], "http://a");
        assert_eq!(found.store["aws_allow_http"], "true");
        assert_eq!(found.ca_file.unwrap(), Path::new("/etc/cairn/ca.pem"));
        assert_eq!((found.proxy.as_deref(), found.host.as_deref()), (Some("http://a:1"), Some("web-1")));
    }

    #[test]
    fn a_profile_lies_over_them() {
        let found = read(TEXT, Some("office")).unwrap();
        assert_eq!(found.repo.unwrap(), "az://box/p");
        assert_eq!((found.limit_upload, found.limit_download), (Some(1000), Some(2 << 20)));
        assert_eq!(found.store["aws_endpoint"], "http://b");
        let times = (Some(Duration::from_secs(3600)), Some(Duration::from_secs(5)));
        assert_eq!((found.retry_for, found.retry_start), times);
        assert_eq!((found.proxy.as_deref(), found.no_proxy.as_deref()), (Some("http://b:2"), Some(".local")));
        assert_eq!(found.host.as_deref(), Some("office"));
        assert_eq!(found.store["azure_storage_account_name"], "n");
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        let why = |text: &str, profile| read(text, profile).unwrap_err().message;
        assert!(why("pasword-file = 'x'", None).contains("pasword-file"));
        assert!(why(TEXT, Some("home")).contains("home"));
        assert!(why("threads = 0", None).contains("threads"));
        assert!(why("threads = 100000", None).contains("1024"));
        assert!(why("host = \"a\\nb\"", None).contains("host"));
        assert!(why("limit-upload = '10 apples'", None).contains("apples"));
        assert!(why("retry-for = '3 parsecs'", None).contains("parsecs"));
        assert!(why("[profile.a]\npassword = 'secret'", None).contains("password"));
        assert!(why("\n[profile.a]\npassword = 'secret'", None).contains("line 3"));
        let nested = why("[profile.a]\nrepo = 'b'\n[profile.a.profile.c]\nrepo = 'd'", None);
        assert!(nested.contains("line 3") && nested.contains("no profiles of its own"), "{nested}");
    }
}
