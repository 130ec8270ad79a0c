//! Opening a repository: through what this machine remembers of the place, with a password that is asked for only when it is
//! needed.
//!
//! ```text
//! place -> config -> recognised? -> password, log -> the log that is remembered? -> config kept -> Opened
//!                    refused: nothing more is read    refused: nothing is written
//! ```
//! Promises: requests are counted; whoever asks for a password is called at most once, and only when none lay ready and the
//! repository needs one. Refuses to read the password's source itself.

use crate::face::{Face, Note};
use crate::known::{Folder, Trouble};
use crate::open_store::{OpenStore, StoreSettings};
use crate::recognise::Acquaintance;
use crate::{Error, Result, Secret, recognise};
use engine::Kind;
use engine::blob::{CacheBudgets, CachePlace};
use engine::env::{SharedEnv, on_host};
use engine::repository::{AsOf, Found, OpenOptions, Repository, SlotBounds, SlotId, Trying, Watch};
use engine::store::{Counts, Store};
use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

/// How a repository is opened.
#[derive(Clone)]
pub struct OpenRequest {
    /// Where it is.
    pub store: StoreSettings,
    /// What it is opened for.
    pub usage: Use,
    /// How its password comes.
    pub offer: Offer,
    /// The world outside.
    pub env: SharedEnv,
    /// The host whose jobs are meant.
    pub host: String,
    /// How much trying a password on key slots may cost.
    pub slot_bounds: SlotBounds,
    /// Where the index cache lies.
    pub cache: CachePlace,
    /// Memory for what was read.
    pub budgets: CacheBudgets,
    /// The disk cache of a far store's records, and its bytes at most.
    pub ranges: Option<(PathBuf, u64)>,
    /// An earlier position of the log.
    pub as_of: Option<AsOf>,
    /// Where this machine writes down what it remembers, or why it cannot.
    pub memory: std::result::Result<Folder, Trouble>,
    /// The folder in which the configs of repositories are kept that were opened.
    pub configs: PathBuf,
}

/// What a repository is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To read, by a command that changes nothing.
    Read,
    /// To read, by a command that writes elsewhere.
    Beside,
    /// To write.
    Write,
}

/// How the password of a repository comes; each with its source, as people would say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Somebody gave one for this repository.
    ForThis(String),
    /// One lies ready for all repositories.
    ForAll(String),
    /// One was generated for this place, and lies ready.
    Generated(String),
    /// None lies ready.
    Nothing,
}

/// Where the password is.
pub trait Passwords<F> {
    /// The password, if it stands somewhere; `None` means that somebody must be asked.
    ///
    /// # Errors
    /// The face's, when it stands somewhere and cannot be read.
    fn ready(&self) -> std::result::Result<Option<Secret>, F>;

    /// Asks somebody; called once at most.
    ///
    /// # Errors
    /// The face's, when nobody can be asked.
    fn ask(&self) -> std::result::Result<Secret, F>;
}

/// A repository that is open.
pub struct Opened {
    /// The repository.
    pub repo: Arc<Repository>,
    /// What was asked of its store.
    pub counts: Arc<Counts>,
    /// What this machine knows of it beyond itself.
    pub known: Acquaintance,
}

/// Opens the repository in a store that is open.
///
/// # Errors
/// The engine's; `passwords`'; a [`crate::Refusal`] where it is not what this machine remembers.
pub fn open<F>(
    place: OpenStore,
    request: &OpenRequest,
    face: &Arc<dyn Face>,
    passwords: &dyn Passwords<F>,
) -> Result<Opened, F> {
    let (keys, options) = (Keys::of(passwords)?, request.options());
    open_by(place, request, face, &|found| keys.with(|password| found.open(password, &options)))
}

/// Opens what a store holds in a way of the caller's own, through what this machine remembers of the place.
///
/// # Errors
/// The engine's; what `open` says; a [`crate::Refusal`] where it is not what this machine remembers.
pub fn open_by<F>(
    place: OpenStore,
    request: &OpenRequest,
    face: &Arc<dyn Face>,
    open: &dyn Fn(&Found) -> Result<Arc<Repository>, F>,
) -> Result<Opened, F> {
    let found = Found::look(Arc::clone(&place.store))?;
    let recognised = recognise::recognise(request, &*place.store, &found, &**face)?;
    let trying = request.trying(recognised.key(), face);
    let found = found.trying(trying.clone());
    let again = |shows: &dyn Fn(&dyn Store) -> engine::Result<bool>| {
        let place = place.again()?;
        if !shows(&*place.store)? {
            return Ok(None);
        }
        let repo = open(&Found::look(Arc::clone(&place.store))?.trying(trying.clone()))?;
        Ok(Some((repo, place.counts)))
    };
    let opened = (open(&found)?, Arc::clone(&place.counts));
    let ((repo, counts), known) = recognised.admit(face, opened, |(repo, _)| repo, again)?;
    crate::as_far::keep_config(request, &repo);
    Ok(Opened { repo, counts, known })
}

impl OpenRequest {
    /// For the engine.
    pub fn options(&self) -> OpenOptions {
        OpenOptions {
            env: on_host(Arc::clone(&self.env), self.host.clone()),
            cache: self.cache.clone(),
            budgets: self.budgets,
            ranges: self.ranges.clone(),
            as_of: self.as_of,
        }
    }

    pub(crate) fn trying(&self, first: Option<SlotId>, face: &Arc<dyn Face>) -> Trying {
        Trying { bounds: self.slot_bounds, first, watch: Arc::new(Waiting(Arc::clone(face))) }
    }
}

/// A password, once it is known.
pub(crate) struct Keys<'p, F> {
    passwords: &'p dyn Passwords<F>,
    ready: Option<Secret>,
    asked: OnceCell<Secret>,
}

impl<'p, F> Keys<'p, F> {
    pub(crate) fn of(passwords: &'p dyn Passwords<F>) -> Result<Self, F> {
        let ready = passwords.ready().map_err(Error::Face)?;
        Ok(Keys { passwords, ready, asked: OnceCell::new() })
    }

    /// Opens something; where that needs a password and none lay ready, once more with one that is asked for.
    pub(crate) fn with<T>(&self, open: impl Fn(Option<&[u8]>) -> engine::Result<T>) -> Result<T, F> {
        let known = self.asked.get().or(self.ready.as_ref());
        match open(known.map(|password| password.as_slice())) {
            Err(e) if e.kind() == Kind::WrongPassword && known.is_none() => {
                let typed = self.passwords.ask().map_err(Error::Face)?;
                Ok(open(Some(self.asked.get_or_init(|| typed)))?)
            }
            other => Ok(other?),
        }
    }
}

/// Who waits for a key: the face gives it up.
struct Waiting(Arc<dyn Face>);

impl Watch for Waiting {
    fn check(&self) -> engine::Result<()> {
        self.0.check()
    }

    fn slow(&self, what: &str) {
        self.0.hear(&Note::SlowKey(what));
    }
}
