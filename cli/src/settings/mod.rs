//! What holds for this run: command line, environment and config file brought together, in this order of rank.

pub(crate) mod keyfile;
mod network;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod xdg;

use crate::exit::Result;
use crate::globals::Globals;
use engine::monitor::Monitor;
use engine::store::{Patience, Say};
pub(crate) use network::Network;
use password::Password;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// The settings of this run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where the repository is.
    pub(crate) repo: Repo,
    /// Where the password comes from.
    pub(crate) password: Password,
    /// Where the local cache lies.
    pub(crate) cache_dir: PathBuf,
    /// The host whose jobs are meant.
    pub(crate) host: String,
    /// Threads at work.
    pub(crate) threads: usize,
    /// Bytes a second.
    pub(crate) limit_upload: Option<u64>,
    /// Bytes a second.
    pub(crate) limit_download: Option<u64>,
    /// For how long stores that do not answer are asked again.
    pub(crate) patience: Patience,
    /// Who hears of outages meanwhile, and whose stop ends the waiting.
    pub(crate) told: (Option<Say>, Option<Arc<Monitor>>),
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
        let repo = match globals.repo.clone().filter(|repo| !repo.is_empty()).or(file.repo) {
            Some(repo) => Repo::Given(repo),
            None => Repo::Default(xdg::data()?.join("cairn").join("default")),
        };
        let is_default = matches!(repo, Repo::Default(_));
        let usual = Patience::default();
        let processors = || std::thread::available_parallelism().map_or(1, Into::into);
        Ok(Settings {
            password: Password::choose(globals.password_file.clone(), file.password_file, is_default)?,
            cache_dir: match globals.cache_dir.clone().or(file.cache_dir) {
                // Absolute, as a mount in the background leaves the working folder.
                Some(dir) => std::path::absolute(&dir).unwrap_or(dir),
                None => xdg::cache()?.join("cairn"),
            },
            host: globals
                .host
                .clone()
                .filter(|host| !host.is_empty())
                .or(file.host)
                .unwrap_or_else(engine::source::host_name),
            threads: globals.threads.or(file.threads).map_or_else(processors, Into::into),
            limit_upload: globals.limit_upload.or(file.limit_upload),
            limit_download: globals.limit_download.or(file.limit_download),
            patience: Patience {
                start: globals.retry_start.or(file.retry_start).unwrap_or(usual.start),
                work: globals.retry_for.or(file.retry_for).unwrap_or(usual.work),
            },
            told: (None, None),
            network: Network::choose(file.proxy, file.no_proxy, file.ca_file),
            store: file.store,
            repo,
        })
    }
}
