//! From settings to an open repository: what the options say, as a request.
//!
//! Promises: a password is asked for only when the repository needs one and a terminal is there; the default repository is opened
//! with its key file.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::face::memory;
use crate::output::human;
use crate::settings::password::{self, Password};
use crate::settings::{Repo, Settings};
use engine::blob::{CacheBudgets, CachePlace};
use engine::env::with_threads;
use engine::repository::{Found, OpenOptions, Repository};
use engine::store::{self, Counts, Location};
use ops::as_far::AsFar;
use ops::backup::{self, Ears};
use ops::copy::End;
use ops::create::FirstKey;
use ops::open::{OpenRequest, Opened, Passwords, Use};
use ops::recognise::Acquaintance;
use ops::{OpenStore, Secret};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

/// An open repository.
pub(crate) struct Connection {
    pub(crate) repo: Arc<Repository>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) settings: Settings,
    /// What this machine knows of it beyond itself.
    pub(crate) known: Acquaintance,
}

impl Context {
    /// Opens the repository that the options name.
    ///
    /// # Errors
    /// As the engine says; `no_password` when one is needed and nobody can be asked; `Unrecognised` where it is not what this machine remembers.
    pub(crate) fn connect(&self) -> Result<Connection> {
        self.connect_as(self.settings()?, self.usage(), |_| {})
    }

    /// The same for a command that writes, and writes elsewhere.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn connect_to_source(&self) -> Result<Connection> {
        self.connect_as(self.settings()?, self.usage_beside(), |_| {})
    }

    /// The same for long reading: with budgets of its own, other patience for the store, and if that is far away `disk_cache` bytes of its
    /// records kept on disk.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn connect_to_read(
        &self,
        budgets: CacheBudgets,
        disk_cache: u64,
        patience: impl FnOnce(&mut store::Options),
    ) -> Result<Connection> {
        let settings = self.settings()?;
        let request = self.request(&settings, self.usage())?;
        let place = OpenStore::open_with(&request.store, patience)?;
        let far = request.store.folder().is_none();
        let ranges = (far && disk_cache > 0).then(|| (settings.cache_dir.join(RANGES), disk_cache));
        self.open_as(place, &OpenRequest { budgets, ranges, ..request }, settings)
    }

    /// Opens the repository that the options name, with what this machine's disk cache has kept of it.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn connect_to_repair(&self) -> Result<Connection> {
        let settings = self.settings()?;
        let kept = settings.cache_dir.join(RANGES);
        // Without a limit: what is there shall be read, and nothing of it go.
        let ranges = kept.is_dir().then_some((kept, u64::MAX));
        self.connect_as(settings, self.usage(), |request| request.ranges = ranges)
    }

    /// Opens another repository to read from, with a cache of its own that goes away: a plain copy has the same id.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn open_other_readonly(&self, repo: &OsStr, password_file: Option<&Path>) -> Result<Connection> {
        let settings = self.settings_of(repo, password_file)?;
        self.connect_as(settings, self.usage_beside(), |request| request.cache = CachePlace::Temporary)
    }

    /// Opens another repository to write into, beside the one that the options name.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn connect_to_target(&self, repo: &OsStr, password_file: Option<&Path>) -> Result<Connection> {
        self.connect_as(self.settings_of(repo, password_file)?, self.usage(), |_| {})
    }

    /// The settings of this run, for another repository.
    fn settings_of(&self, repo: &OsStr, password_file: Option<&Path>) -> Result<Settings> {
        let mut settings = self.settings()?;
        settings.repo = Repo::Given(repo.to_owned());
        if let Some(file) = password_file {
            settings.password = Password::File(file.to_owned());
        }
        Ok(settings)
    }

    fn connect_as(&self, settings: Settings, usage: Use, adjust: impl FnOnce(&mut OpenRequest)) -> Result<Connection> {
        let mut request = self.request(&settings, usage)?;
        adjust(&mut request);
        self.open_as(OpenStore::open(&request.store)?, &request, settings)
    }

    /// Opens the repository that the settings name, which is created where there is none.
    ///
    /// # Errors
    /// As [`Context::connect`]; those of creating it.
    pub(crate) fn connect_or_create(
        &self,
        settings: Settings,
        first_key: impl FnOnce() -> Result<FirstKey>,
        ears: &Ears<'_>,
    ) -> Result<Connection> {
        let request = self.request(&settings, self.usage())?;
        let opened = backup::open_or_create(&request, &self.face(), &settings.password, first_key, ears);
        Ok(Connection::of(opened.map_err(|e| self.stopped(e))?, settings))
    }

    /// Opens the repository in a store that is open already.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn open(&self, place: OpenStore, settings: Settings) -> Result<Connection> {
        self.open_as(place, &self.request(&settings, self.usage())?, settings)
    }

    fn open_as(&self, place: OpenStore, request: &OpenRequest, settings: Settings) -> Result<Connection> {
        let opened = ops::open::open(place, request, &self.face(), &settings.password);
        Ok(Connection::of(opened.map_err(|e| self.stopped(e))?, settings))
    }

    /// Opens the repository that the settings name in a way of the caller's own, through what this machine remembers of the place.
    ///
    /// # Errors
    /// `Unrecognised` where it is not what this machine remembers; what `open` says.
    pub(crate) fn connect_by(
        &self,
        settings: Settings,
        open: impl Fn(&Found, &OpenOptions) -> engine::Result<Arc<Repository>>,
    ) -> Result<Connection> {
        let request = self.request(&settings, self.usage())?;
        let (place, options) = (OpenStore::open(&request.store)?, request.options());
        let opened = ops::open::open_by(place, &request, &self.face(), &|found| Ok(open(found, &options)?));
        Ok(Connection::of(opened.map_err(|e| self.stopped(e))?, settings))
    }

    /// Opens the repository that the options name as far as it can be read. `copies` of the config are tried before those that this machine has kept.
    ///
    /// # Errors
    /// As [`Context::connect`], but for damage of the config and the log.
    pub(crate) fn connect_as_far(&self, copies: Vec<bytes::Bytes>) -> Result<(AsFar, Settings)> {
        let settings = self.settings()?;
        let request = self.request(&settings, self.usage())?;
        let as_far = ops::as_far::open_as_far(&request, &self.face(), &settings.password, copies);
        Ok((as_far.map_err(|e| self.stopped(e))?, settings))
    }

    /// Refuses a repository that is not what this machine remembers, where only its stored bytes are looked at.
    ///
    /// # Errors
    /// `Unrecognised`.
    pub(crate) fn expect_recognised(&self, settings: &Settings, place: &OpenStore, found: &Found) -> Result<()> {
        let request = self.request(settings, self.usage_beside())?;
        let recognised = ops::recognise::recognise(&request, &*place.store, found, self);
        recognised.map(drop).map_err(|e| self.stopped(e))
    }

    /// How the repository of these settings is opened in this run.
    fn request(&self, settings: &Settings, usage: Use) -> Result<OpenRequest> {
        Ok(OpenRequest {
            store: settings.of_store()?,
            usage,
            offer: settings.password.offer(),
            env: match settings.threads_max {
                Some(most) => with_threads(Arc::clone(&self.env), most),
                None => Arc::clone(&self.env),
            },
            host: settings.host.clone(),
            slot_bounds: settings.slot_bounds,
            cache: CachePlace::Folder(settings.cache_dir.clone()),
            budgets: CacheBudgets::default(),
            ranges: None,
            as_of: self.as_of(),
            memory: memory(),
            configs: settings.cache_dir.join(CONFIGS),
        })
    }

    fn usage(&self) -> Use {
        if self.writes() { Use::Write } else { Use::Read }
    }

    fn usage_beside(&self) -> Use {
        if self.writes() { Use::Beside } else { Use::Read }
    }
}

impl Connection {
    /// For work between two repositories.
    pub(crate) fn end(&self) -> End<'_> {
        End { repo: &self.repo, counts: &self.counts }
    }

    /// With the settings that it was opened by.
    pub(crate) fn of(opened: Opened, settings: Settings) -> Connection {
        let Opened { repo, counts, known } = opened;
        Connection { repo, counts, settings, known }
    }
}

impl Passwords<Failure> for Password {
    fn ready(&self) -> Result<Option<Secret>> {
        self.read()
    }

    fn ask(&self) -> Result<Secret> {
        match self {
            Password::KeyFile(path) => Err(no_key_file(path)),
            _ => password::ask("Password of the repository", false),
        }
    }
}

fn no_key_file(path: &Path) -> Failure {
    let message = format!("{}: the key file of the default repository is not there", human::path(path));
    Failure::new(Exit::WrongPassword, "wrong_password", message)
        .advise("put it back, name a password with --password-file, or use the recovery sheet: cairn key import")
}

/// Opens the store that the settings name.
///
/// # Errors
/// As the engine says: `NoRepository` for a folder that is not there, `Input` for a URL that is none.
pub(crate) fn open_store(settings: &Settings) -> Result<OpenStore> {
    Ok(OpenStore::open(&settings.of_store()?)?)
}

/// The place that the settings name.
///
/// # Errors
/// `Input` when it is none.
pub(crate) fn location(settings: &Settings) -> Result<Location> {
    Ok(settings.of_store()?.location)
}

/// The folder of the disk caches, below that of the index caches.
const RANGES: &str = "ranges";

/// The folder of kept configs, below that of the index caches.
const CONFIGS: &str = "configs";

/// The folder of packs that copies are filling, below that of the index caches.
pub(crate) const SPOOL: &str = "spool";
