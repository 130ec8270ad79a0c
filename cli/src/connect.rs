//! From settings to an open repository.
//!
//! Promises: requests are counted as the verbs wished them; a password is asked for only when the repository needs one and a
//! terminal is there; the default repository is opened with its key file.

use crate::context::Context;
use crate::damaged;
use crate::exit::{Exit, Failure, Result};
use crate::recognise::Acquaintance;
use crate::say::{Row, human};
use crate::settings::password::{self, Password};
use crate::settings::{Repo, Settings};
use engine::Kind;
use engine::blob::{CacheBudgets, CachePlace};
use engine::env::on_host;
use engine::repository::{Found, OpenOptions, Repository, SlotId, Trying, Watch};
use engine::store::{self, Counts, Limits, Location, ObjectName, OpenedStore, Outage, RequestKind, Store};
use format_spec::config::Config;
use std::cell::OnceCell;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

/// An open store and what is asked of it.
pub(crate) struct Place {
    /// The store, counted.
    pub(crate) store: Arc<dyn Store>,
    /// Requests and bytes so far.
    pub(crate) counts: Arc<Counts>,
    /// How it was opened.
    options: store::Options,
    /// Whether a command that writes only reads here.
    is_beside: bool,
}

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
        let settings = self.settings()?;
        let place = open_store(&settings, false)?;
        self.open(place, settings)
    }

    /// The same for a command that writes, and writes elsewhere.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn connect_to_source(&self) -> Result<Connection> {
        let settings = self.settings()?;
        let place = Place { is_beside: true, ..open_store(&settings, false)? };
        self.open(place, settings)
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
        let mut of_store = store_options(&settings, false);
        patience(&mut of_store);
        let place = open_store_with(&settings, of_store)?;
        let far = !matches!(location(&settings)?, Location::Folder(_));
        let ranges = (far && disk_cache > 0).then(|| (settings.cache_dir.join(RANGES), disk_cache));
        let options = OpenOptions { budgets, ranges, ..self.open_options(&settings) };
        let connection = self.open_with(&options, place, settings)?;
        Ok(connection)
    }

    /// Opens the repository that the options name, with what this machine's disk cache has kept of it.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn connect_to_repair(&self) -> Result<Connection> {
        let settings = self.settings()?;
        let place = open_store(&settings, false)?;
        let kept = settings.cache_dir.join(RANGES);
        // Without a limit: what is there shall be read, and nothing of it go.
        let ranges = kept.is_dir().then_some((kept, u64::MAX));
        let options = OpenOptions { ranges, ..self.open_options(&settings) };
        self.open_with(&options, place, settings)
    }

    /// Opens another repository to read from, with a cache of its own that goes away: a plain copy has the same id.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn connect_to_copy(&self, repo: &OsStr, password_file: Option<&Path>) -> Result<Connection> {
        let settings = self.settings_of(repo, password_file)?;
        let place = Place { is_beside: true, ..open_store(&settings, false)? };
        let options = OpenOptions { cache: CachePlace::Temporary, ..self.open_options(&settings) };
        self.open_with(&options, place, settings)
    }

    /// Opens another repository to write into, beside the one that the options name.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn connect_to_target(&self, repo: &OsStr, password_file: Option<&Path>) -> Result<Connection> {
        let settings = self.settings_of(repo, password_file)?;
        let place = open_store(&settings, false)?;
        self.open(place, settings)
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

    /// Opens the repository in a store that is open already.
    ///
    /// # Errors
    /// As [`Context::connect`].
    pub(crate) fn open(&self, place: Place, settings: Settings) -> Result<Connection> {
        self.open_with(&self.open_options(&settings), place, settings)
    }

    /// How repositories are opened in this run.
    pub(crate) fn open_options(&self, settings: &Settings) -> OpenOptions {
        OpenOptions {
            env: on_host(Arc::clone(&self.env), settings.host.clone()),
            cache: CachePlace::Folder(settings.cache_dir.clone()),
            budgets: CacheBudgets::default(),
            ranges: None,
            as_of: self.as_of(),
        }
    }

    /// How passwords are tried on key slots in this run.
    pub(crate) fn trying(&self, settings: &Settings, first: Option<SlotId>) -> Trying {
        Trying { bounds: settings.slot_bounds, first, watch: Arc::new(Waiting(self.clone())) }
    }

    fn open_with(&self, options: &OpenOptions, place: Place, settings: Settings) -> Result<Connection> {
        let given = settings.password.read()?;
        let asked = OnceCell::new();
        let source = settings.password.clone();
        self.open_by(place, settings, &|found| match found
            .open(asked.get().or(given.as_ref()).map(|password| password.as_slice()), options)
        {
            Err(e) if e.kind() == Kind::WrongPassword && given.is_none() && asked.get().is_none() => {
                if let Password::KeyFile(path) = &source {
                    return Err(no_key_file(path));
                }
                let typed = password::ask("Password of the repository", false)?;
                Ok(found.open(Some(asked.get_or_init(|| typed)), options)?)
            }
            other => Ok(other?),
        })
    }

    /// Opens what a store holds in a way of the caller's own, through what this machine remembers of the place.
    ///
    /// # Errors
    /// `Unrecognised` where it is not what this machine remembers; what `open` says.
    pub(crate) fn open_by(
        &self,
        place: Place,
        settings: Settings,
        open: &dyn Fn(&Found) -> Result<Arc<Repository>>,
    ) -> Result<Connection> {
        let found = Found::look(Arc::clone(&place.store))?;
        let is_written = self.writes() && !place.is_beside;
        let recognised = self.recognise(&settings, &*place.store, &found, is_written)?;
        let trying = self.trying(&settings, recognised.key());
        let found = found.trying(trying.clone());
        let again = |shows: &dyn Fn(&dyn Store) -> Result<bool>| {
            let place = open_store_with(&settings, place.options.clone())?;
            if !shows(&*place.store)? {
                return Ok(None);
            }
            let repo = open(&Found::look(Arc::clone(&place.store))?.trying(trying.clone()))?;
            Ok(Some((repo, place.counts)))
        };
        let opened = (open(&found)?, Arc::clone(&place.counts));
        let ((repo, counts), known) = recognised.admit(self, opened, |(repo, _)| repo, again)?;
        damaged::keep_config(&settings, &repo);
        Ok(Connection { repo, counts, settings, known })
    }
}

/// Who waits for a key: a signal gives it up.
struct Waiting(Context);

impl Watch for Waiting {
    fn check(&self) -> engine::Result<()> {
        self.0.interrupt.monitor().check()
    }

    fn slow(&self, what: &str) {
        self.0.out.note(&format!("cairn: {what}"));
    }
}

fn no_key_file(path: &Path) -> Failure {
    let message = format!("{}: the key file of the default repository is not there", human::path(path));
    Failure::new(Exit::WrongPassword, "wrong_password", message)
        .advise("put it back, name a password with --password-file, or use the recovery sheet: cairn key import")
}

/// Opens something with the password that the settings name, or that a person gives.
pub(crate) fn with_password<T>(settings: &Settings, open: impl Fn(Option<&[u8]>) -> engine::Result<T>) -> Result<T> {
    let given = settings.password.read()?;
    match open(given.as_ref().map(|password| password.as_slice())) {
        Err(e) if e.kind() == Kind::WrongPassword && given.is_none() => {
            if let Password::KeyFile(path) = &settings.password {
                return Err(no_key_file(path));
            }
            let asked = password::ask("Password of the repository", false)?;
            Ok(open(Some(&asked))?)
        }
        other => Ok(other?),
    }
}

/// Opens the store that the settings name; `create` makes a folder that is not there.
///
/// # Errors
/// As the engine says: `NoRepository` for a folder that is not there, `Input` for a URL that is none.
pub(crate) fn open_store(settings: &Settings, create: bool) -> Result<Place> {
    open_store_with(settings, store_options(settings, create))
}

/// Refuses to share what is not a folder.
///
/// # Errors
/// Wrong usage.
pub(crate) fn expect_folder(settings: &Settings) -> Result<()> {
    if !matches!(location(settings)?, Location::Folder(_)) {
        return Err(Failure::usage("--shared is for repositories in folders")
            .advise("leave it out: who may use a bucket or container is said there"));
    }
    Ok(())
}

/// Says of the folder that the settings name that its group shares it, and opens it so.
///
/// # Errors
/// The system's.
pub(crate) fn share_store(settings: &Settings) -> Result<Place> {
    open_store_with(settings, store::Options { shared: true, ..store_options(settings, true) })
}

fn store_options(settings: &Settings, create: bool) -> store::Options {
    store::Options {
        create,
        settings: settings.store.clone(),
        limits: Limits {
            upload_bytes_per_second: settings.limit_upload,
            download_bytes_per_second: settings.limit_download,
        },
        proxy: settings.network.proxy.clone(),
        proxy_excludes: settings.network.no_proxy.clone(),
        root_certificate: settings.network.ca_file.clone(),
        patience: settings.patience,
        outage: Arc::new(Outage::new(settings.say.clone())),
        ..store::Options::default()
    }
}

fn open_store_with(settings: &Settings, mut options: store::Options) -> Result<Place> {
    let location = location(settings)?;
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
    Ok(Place { store, counts, options, is_beside: false })
}

/// The place that the settings name.
///
/// # Errors
/// `Input` when it is none.
pub(crate) fn location(settings: &Settings) -> Result<Location> {
    match &settings.repo {
        Repo::Given(text) => Ok(Location::parse(text)?),
        Repo::Default(path) => Ok(Location::Folder(path.clone())),
    }
}

/// What the probe has proven at `init` and wrote into the config. Whoever opens the repository verifies the config under the
/// key afterwards, so a forged line ends there.
fn checksum_enforced(store: &dyn Store) -> bool {
    let Ok(name) = ObjectName::new(format_spec::names::CONFIG) else { return false };
    let config = store::reread(store, |look| Ok(Config::decode(&look.get(&name)?)?));
    config.is_ok_and(|(config, _)| config.probed.lines().any(|line| line == CHECKSUM_ENFORCED))
}

/// Requests as summaries tell them.
pub(crate) fn requests(counts: &Counts) -> serde_json::Value {
    let count = |verb| counts.requests(verb);
    serde_json::json!({
        "put": count(RequestKind::Put),
        "get": count(RequestKind::Get),
        "list": count(RequestKind::List),
        "delete": count(RequestKind::Delete),
        "head": count(RequestKind::Head),
        "lock": count(RequestKind::Lock),
        "retrieve": count(RequestKind::Retrieve),
    })
}

impl Row {
    /// Adds `requests`, and the bytes that went over the line.
    #[must_use]
    pub(crate) fn requests(self, counts: &Counts) -> Row {
        self.set("requests", requests(counts))
            .set("bytes_uploaded", counts.bytes_up())
            .set("bytes_downloaded", counts.bytes_down())
    }
}

impl Row {
    /// Adds the requests to two repositories: together, and of each.
    #[must_use]
    pub(crate) fn requests_of_two(self, source: &Counts, target: &Counts) -> Row {
        let (from, to) = (requests(source), requests(target));
        let mut sum = from.clone();
        if let Some(sum) = sum.as_object_mut() {
            for (verb, count) in sum {
                let other = to.get(verb).and_then(serde_json::Value::as_u64).unwrap_or(0);
                *count = (count.as_u64().unwrap_or(0) + other).into();
            }
        }
        self.set("requests", sum)
            .set("requests_source", from)
            .set("requests_target", to)
            .set("bytes_uploaded", source.bytes_up() + target.bytes_up())
            .set("bytes_downloaded", source.bytes_down() + target.bytes_down())
    }
}

/// The folder of the disk caches, below that of the index caches.
const RANGES: &str = "ranges";

/// The folder of packs that copies are filling, below that of the index caches.
pub(crate) const SPOOL: &str = "spool";

/// A line of the config's `probed`.
pub(crate) const CHECKSUM_ENFORCED: &str = "checksum_enforced=yes";
