//! How a store is opened and used: what the layers and the places are given.

use super::Wallet;
use super::outage::{Outage, Patience};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a store is opened and used.
#[derive(Debug, Clone)]
pub struct Options {
    /// Create a folder that is not there (only folders; buckets and containers are never created).
    pub create: bool,
    /// Let the folder's group use what is kept in it; only where it is created.
    pub shared: bool,
    /// Read credentials and endpoints from the environment (`AWS_*`, `AZURE_*`) and from the files of the aws command too.
    pub environment: bool,
    /// Settings by the names of those variables (`aws_endpoint`, in any case); they win over the environment.
    pub settings: BTreeMap<String, String>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest silence of a server while bytes are due. There is no limit for a whole request: large objects on slow lines.
    pub read_timeout: Duration,
    /// Requests in flight at once.
    pub requests_max: usize,
    /// Keep connections open between requests. Without, each request opens its own.
    pub keep_connections: bool,
    /// A request that moves less than 2,000 bytes a second over this time, on a line that moves little else, is given up and tried again.
    pub drip_window: Duration,
    /// For how long a store that does not answer is asked again.
    pub patience: Patience,
    /// What all who ask this store share about its outages: whom to tell, and what ends the waiting.
    pub outage: Arc<Outage>,
    /// Credentials that were fetched, for whoever opens this store again.
    pub wallet: Arc<Wallet>,
    /// Rates.
    pub limits: Limits,
    /// The probe has proven that the store refuses a wrong checksum, so a put may rely on it.
    pub checksum_enforced: bool,
    /// An HTTP proxy, as a URL; without one, the environment's (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub proxy: Option<String>,
    /// What that proxy does not serve: host names, domains and networks, parted by commas.
    pub proxy_excludes: Option<String>,
    /// A file with further root certificates (PEM), for a private CA.
    pub root_certificate: Option<PathBuf>,
}

/// Rates in bytes a second; `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// To the store.
    pub upload_bytes_per_second: Option<u64>,
    /// From the store.
    pub download_bytes_per_second: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            create: false,
            shared: false,
            environment: true,
            settings: BTreeMap::new(),
            connect_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(60),
            requests_max: 32,
            keep_connections: true,
            drip_window: Duration::from_secs(30),
            patience: Patience::default(),
            outage: Arc::default(),
            wallet: Arc::default(),
            limits: Limits::default(),
            checksum_enforced: false,
            proxy: None,
            proxy_excludes: None,
            root_certificate: None,
        }
    }
}
