//! What holds for this run: command line, environment and config file brought together, in this order of rank.

pub(crate) mod cache_dir;
pub(crate) mod keyfile;
mod network;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod xdg;

use crate::exit::Result;
use crate::globals::Globals;
use engine::repository::SlotBounds;
use engine::store::{Limits, Location, Patience, Say};
use ops::{Network, StoreSettings};
use password::Password;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The settings of this run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where the repository is.
    pub(crate) repo: Repo,
    /// Where the password comes from.
    pub(crate) password: Password,
    /// How much trying a password on key slots may cost.
    pub(crate) slot_bounds: SlotBounds,
    /// Where the local cache lies.
    pub(crate) cache_dir: PathBuf,
    /// The host whose jobs are meant.
    pub(crate) host: String,
    /// Threads at work.
    pub(crate) threads: usize,
    /// As many as somebody named: then no more ask the store beside each other, either.
    pub(crate) threads_max: Option<usize>,
    /// Bytes a second.
    pub(crate) limit_upload: Option<u64>,
    /// Bytes a second.
    pub(crate) limit_download: Option<u64>,
    /// For how long stores that do not answer are asked again.
    pub(crate) patience: Patience,
    /// Who hears of outages meanwhile.
    pub(crate) say: Option<Say>,
    /// How stores are reached.
    pub(crate) network: Network,
    /// Settings of stores, by the names of their environment variables in lower case.
    pub(crate) store: BTreeMap<String, String>,
}

/// Which repository is meant.
#[derive(Debug, Clone)]
pub(crate) enum Repo {
    /// The user named it.
    Given(OsString),
    /// Nobody named one: the folder of the default repository.
    Default(PathBuf),
}

impl Settings {
    /// Brings everything together.
    ///
    /// # Errors
    /// Wrong usage when the config file cannot be read, or the environment names no home.
    pub(crate) fn resolve(globals: &Globals) -> Result<Settings> {
        let file = profile::load(globals.config.as_deref(), globals.profile.as_deref())?;
        let is_of_file = globals.repo.as_ref().is_none_or(|repo| repo.is_empty()) && file.repo.is_some();
        let repo = match globals.repo.clone().filter(|repo| !repo.is_empty()).or(file.repo) {
            Some(repo) => Repo::Given(repo),
            None => Repo::Default(keyfile::repository()?),
        };
        // A password file that stands outside of profiles is meant for one repository if that stands there as well.
        let is_common = file.password_is_base && !(is_of_file && file.repo_is_base);
        let configured = file.password_file.map(|path| match is_common {
            true => Password::Common(path),
            false => Password::File(path),
        });
        let is_default = matches!(repo, Repo::Default(_));
        let usual = Patience::default();
        let processors = || std::thread::available_parallelism().map_or(1, Into::into);
        Ok(Settings {
            password: Password::choose(globals.password_file.clone(), configured, is_default)?,
            slot_bounds: globals.key_cost_max.or(file.key_cost_max).unwrap_or_default(),
            cache_dir: match globals.cache_dir.clone().or(file.cache_dir) {
                // Absolute, as a mount in the background leaves the working folder.
                Some(dir) => std::path::absolute(&dir).unwrap_or(dir),
                None => cache_dir::usual()?,
            },
            host: globals
                .host
                .clone()
                .filter(|host| !host.is_empty())
                .or(file.host)
                .unwrap_or_else(engine::source::host_name),
            threads: globals.threads.or(file.threads).map_or_else(processors, Into::into),
            threads_max: globals.threads.or(file.threads).map(Into::into),
            limit_upload: globals.limit_upload.or(file.limit_upload),
            limit_download: globals.limit_download.or(file.limit_download),
            patience: Patience {
                start: globals.retry_start.or(file.retry_start).unwrap_or(usual.start),
                work: globals.retry_for.or(file.retry_for).unwrap_or(usual.work),
            },
            say: None,
            network: network::choose(file.proxy, file.no_proxy, file.ca_file),
            store: file.store,
            repo,
        })
    }

    /// The store of the repository, and how it is reached.
    ///
    /// # Errors
    /// `Input` when what was named is no place.
    pub(crate) fn of_store(&self) -> Result<StoreSettings> {
        Ok(StoreSettings {
            location: match &self.repo {
                Repo::Given(text) => Location::parse(text)?,
                Repo::Default(path) => Location::Folder(path.clone()),
            },
            settings: self.store.clone(),
            network: self.network.clone(),
            limits: Limits {
                upload_bytes_per_second: self.limit_upload,
                download_bytes_per_second: self.limit_download,
            },
            patience: self.patience,
            say: self.say.clone(),
        })
    }
}
