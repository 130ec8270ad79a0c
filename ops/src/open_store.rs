//! A place where a repository is or shall be: its store, open, with every request counted.
//!
//! Promises: a far store in which the probe has seen that checksums are enforced is opened with that knowledge; every request is
//! counted. Refuses to look for a repository: that is [`crate::open`]'s.

use engine::store::{
    self, Counts, Limits, Location, ObjectName, OpenedStore, Outage, Patience, RequestKind, Say, Store, StoreExt,
};
use engine::{Kind, Result};
use format_spec::config::Config;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a store is, and how it is reached.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Where it is.
    pub location: Location,
    /// Its own settings, by the names of their environment variables in lower case.
    pub settings: BTreeMap<String, String>,
    /// The way to it.
    pub network: Network,
    /// How fast it may be used.
    pub limits: Limits,
    /// For how long it is asked again when it does not answer.
    pub patience: Patience,
    /// Who hears of outages meanwhile.
    pub say: Option<Say>,
}

/// What the connections to stores need to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The proxy.
    pub proxy: Option<String>,
    /// Whom it does not serve.
    pub no_proxy: Option<String>,
    /// Further root certificates, PEM.
    pub ca_file: Option<PathBuf>,
}

impl StoreSettings {
    /// The folder, of a store in the file system.
    pub fn folder(&self) -> Option<&PathBuf> {
        match &self.location {
            Location::Folder(folder) => Some(folder),
            _ => None,
        }
    }

    /// The place in the one form in which this machine remembers it.
    ///
    /// # Errors
    /// The store's, for settings that make no sense and folders that are not there.
    pub fn explicit(&self) -> Result<String> {
        let options = store::Options { settings: self.settings.clone(), ..store::Options::default() };
        store::explicit(&self.location, &options)
    }

    fn options(&self) -> store::Options {
        store::Options {
            settings: self.settings.clone(),
            limits: self.limits,
            proxy: self.network.proxy.clone(),
            proxy_excludes: self.network.no_proxy.clone(),
            root_certificate: self.network.ca_file.clone(),
            patience: self.patience,
            outage: Arc::new(Outage::new(self.say.clone())),
            ..store::Options::default()
        }
    }
}

/// A store that is open, and what was asked of it.
#[derive(Debug, Clone)]
pub struct OpenStore {
    /// The store, counted.
    pub store: Arc<dyn Store>,
    /// Requests and bytes so far.
    pub counts: Arc<Counts>,
    location: Location,
    /// How it was opened.
    options: store::Options,
}

impl OpenStore {
    /// Opens a store.
    ///
    /// # Errors
    /// `NoRepository` for a folder that is not there; the store's.
    pub fn open(settings: &StoreSettings) -> Result<OpenStore> {
        OpenStore::open_with(settings, |_| {})
    }

    /// Opens a store in another way than the usual.
    ///
    /// # Errors
    /// As [`OpenStore::open`].
    pub fn open_with(settings: &StoreSettings, adjust: impl FnOnce(&mut store::Options)) -> Result<OpenStore> {
        let mut options = settings.options();
        adjust(&mut options);
        OpenStore::of(settings.location.clone(), options)
    }

    /// Opens a store for a new repository; a folder that is not there is made.
    ///
    /// # Errors
    /// The store's.
    pub fn make(settings: &StoreSettings) -> Result<OpenStore> {
        OpenStore::open_with(settings, |options| options.create = true)
    }

    /// The same, for a folder that its group shares from now on.
    ///
    /// # Errors
    /// The store's.
    pub fn share(settings: &StoreSettings) -> Result<OpenStore> {
        OpenStore::open_with(settings, |options| (options.create, options.shared) = (true, true))
    }

    /// The same store over another connection, counted apart.
    ///
    /// # Errors
    /// As [`OpenStore::open`].
    pub fn again(&self) -> Result<OpenStore> {
        OpenStore::of(self.location.clone(), self.options.clone())
    }

    fn of(location: Location, mut options: store::Options) -> Result<OpenStore> {
        let mut opened = store::open_versioned(&location, &options)?;
        if !matches!(location, Location::Folder(_)) && !options.create {
            if checksum_enforced(&*opened.store) {
                options.checksum_enforced = true;
                opened = store::open_versioned(&location, &options)?;
            }
            // The look at the config is no command's.
            opened.counts.start_over();
        }
        let OpenedStore { store, counts } = opened;
        Ok(OpenStore { store, counts, location, options })
    }

    /// Whether there is a config: what a repository cannot be without.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn has_config(&self) -> Result<bool> {
        match self.store.head_of(&ObjectName::new(format_spec::names::CONFIG)?) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == Kind::Absent => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// What the probe has proven at `create` and wrote into the config. Whoever opens the repository verifies the config under the
/// key afterwards, so a forged line ends there.
fn checksum_enforced(store: &dyn Store) -> bool {
    let Ok(name) = ObjectName::new(format_spec::names::CONFIG) else { return false };
    let config = store::reread(store, |look| Ok(Config::decode(&look.get(&name)?)?));
    config.is_ok_and(|(config, _)| config.probed.lines().any(|line| line == CHECKSUM_ENFORCED))
}

/// Requests and the bytes that went over the line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Traffic {
    /// By verb.
    pub requests: Requests,
    /// Sent.
    pub bytes_uploaded: u64,
    /// Received.
    pub bytes_downloaded: u64,
}

/// Requests to two repositories: together, and to each.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TrafficOfTwo {
    /// Together.
    #[serde(flatten)]
    pub both: Traffic,
    /// To the one that was read.
    pub requests_source: Requests,
    /// To the one that was written.
    pub requests_target: Requests,
}

/// Requests by verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Requests {
    /// Objects put.
    pub put: u64,
    /// Objects or ranges read.
    pub get: u64,
    /// Listings.
    pub list: u64,
    /// Objects deleted.
    pub delete: u64,
    /// Objects asked about.
    pub head: u64,
    /// Locks set or read.
    pub lock: u64,
    /// Objects asked of an archive.
    pub retrieve: u64,
}

impl Requests {
    fn of(counts: &Counts) -> Requests {
        Requests {
            put: counts.requests(RequestKind::Put),
            get: counts.requests(RequestKind::Get),
            list: counts.requests(RequestKind::List),
            delete: counts.requests(RequestKind::Delete),
            head: counts.requests(RequestKind::Head),
            lock: counts.requests(RequestKind::Lock),
            retrieve: counts.requests(RequestKind::Retrieve),
        }
    }

    fn and(self, other: Requests) -> Requests {
        Requests {
            put: self.put + other.put,
            get: self.get + other.get,
            list: self.list + other.list,
            delete: self.delete + other.delete,
            head: self.head + other.head,
            lock: self.lock + other.lock,
            retrieve: self.retrieve + other.retrieve,
        }
    }
}

impl Traffic {
    /// What was counted so far.
    pub fn of(counts: &Counts) -> Traffic {
        Traffic {
            requests: Requests::of(counts),
            bytes_uploaded: counts.bytes_up(),
            bytes_downloaded: counts.bytes_down(),
        }
    }
}

impl TrafficOfTwo {
    /// What was counted so far at both.
    pub fn of(source: &Counts, target: &Counts) -> TrafficOfTwo {
        let (from, to) = (Traffic::of(source), Traffic::of(target));
        let both = Traffic {
            requests: from.requests.and(to.requests),
            bytes_uploaded: from.bytes_uploaded + to.bytes_uploaded,
            bytes_downloaded: from.bytes_downloaded + to.bytes_downloaded,
        };
        TrafficOfTwo { both, requests_source: from.requests, requests_target: to.requests }
    }
}

/// A line of the config's `probed`.
pub(crate) const CHECKSUM_ENFORCED: &str = "checksum_enforced=yes";
