//! A repository that was found at a place and is not open yet: its config was read, and nothing else.
//!
//! Promises: what is opened is what was looked at, as the config is read once. So whoever opens can ask which
//! repository this is before a password is tried or the log is read.

use super::config::{decode_config, read_config};
use super::open::{Key, Repository};
use super::options::OpenOptions;
use super::recovery_sheet;
use super::unlock::{Trying, unlock};
use crate::error::{Error, Kind, Result};
use crate::store::Store;
use bytes::Bytes;
use format_spec::RepositoryId;
use format_spec::config::Config;
use format_spec::container::Suite;
use std::sync::Arc;

/// A repository at a place.
#[derive(Debug)]
pub struct Found {
    store: Arc<dyn Store>,
    config: Config,
    object: Bytes,
    trying: Trying,
}

impl Found {
    /// Reads the config.
    ///
    /// # Errors
    /// `NoRepository`; `Unsupported` for newer formats; `Damaged`; the store's.
    pub fn look(store: Arc<dyn Store>) -> Result<Found> {
        let (config, object) = read_config(&*store)?;
        Ok(Found { store, config, object, trying: Trying::default() })
    }

    /// The same by a copy of the config, in the place of the store's own, which cannot be read. It is believed as far as keys and log confirm it
    /// ([`Repository::expect_own_config`]).
    ///
    /// # Errors
    /// `Damaged` where the copy is.
    pub fn by_copy(store: Arc<dyn Store>, copy: &Bytes) -> Result<Found> {
        let (config, object) = decode_config(copy.clone())?;
        Ok(Found { store, config, object, trying: Trying::default() })
    }

    /// The same, whose key slots are tried in another way.
    #[must_use]
    pub fn trying(self, trying: Trying) -> Found {
        Found { trying, ..self }
    }

    /// The repository's identity, as its config says; it is verified when the repository is opened.
    pub fn id(&self) -> RepositoryId {
        self.config.repository
    }

    /// How its objects are sealed, as its config says.
    pub fn suite(&self) -> Suite {
        self.config.suite
    }

    /// Opens it.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn open(&self, password: Option<&[u8]>, options: &OpenOptions) -> Result<Arc<Repository>> {
        let (config, secrets) = Config::decode(&self.object)?;
        let (secrets, slot) = match secrets {
            Some(secrets) => (secrets, None),
            None => {
                let (secrets, slot) = unlock(&*self.store, config.repository, password, &self.trying)?;
                (secrets, Some(slot))
            }
        };
        let key = Key { secrets, slot, trying: self.trying.clone() };
        Repository::with_secrets(Arc::clone(&self.store), config, &self.object, key, options)
    }

    /// Opens it with the text of a recovery sheet.
    ///
    /// # Errors
    /// As [`Repository::open_with_paper`].
    pub fn open_with_paper(&self, sheet: &str, options: &OpenOptions) -> Result<Arc<Repository>> {
        let secrets = recovery_sheet::secrets(sheet)?;
        Config::verify(&self.object, &secrets).map_err(|_| {
            Error::new(Kind::WrongPassword, "the recovery sheet is of another repository").on(self.store.location())
        })?;
        let (config, _) = Config::decode(&self.object)?;
        let key = Key { secrets, slot: None, trying: self.trying.clone() };
        Repository::with_secrets(Arc::clone(&self.store), config, &self.object, key, options)
    }
}

impl Repository {
    /// Opens the repository in `store`.
    ///
    /// # Errors
    /// `NoRepository`, `WrongPassword` (also when one is needed and none was given), `Unsupported` for newer formats, `Damaged`.
    pub fn open(store: Arc<dyn Store>, password: Option<&[u8]>, options: &OpenOptions) -> Result<Arc<Self>> {
        Found::look(store)?.open(password, options)
    }
}
