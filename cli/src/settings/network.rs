//! The way to stores that are far away: an HTTP proxy, and whom to trust.
//!
//! `proxy`, `no-proxy` and `ca-file` stand in the config file. Without `proxy`, the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` hold,
//! as for other programs; with it, `no-proxy` (else `NO_PROXY`) names what is reached directly. `CAIRN_CA_FILE` wins over `ca-file`; without either,
//! `AWS_CA_BUNDLE` holds, as for the aws command.
//! Certificates of a private CA are trusted besides those of the system, never instead.

use ops::Network;
use std::path::PathBuf;

/// The config file and the environment brought together.
pub(super) fn choose(proxy: Option<String>, no_proxy: Option<String>, ca_file: Option<PathBuf>) -> Network {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let excluded = || set("NO_PROXY").or_else(|| set("no_proxy")).and_then(|list| list.into_string().ok());
    Network {
        no_proxy: proxy.as_ref().and_then(|_| no_proxy.or_else(excluded)),
        proxy,
        ca_file: set(CA_FILE).map(PathBuf::from).or(ca_file).or_else(|| set("AWS_CA_BUNDLE").map(PathBuf::from)),
    }
}

const CA_FILE: &str = "CAIRN_CA_FILE";
