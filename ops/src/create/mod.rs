//! Creating a repository, after the store has shown what it really does.
//!
//! ```text
//! request makes sense -> store -> no repository yet -> password -> probe [-> locks] [-> class] -> config written
//! ```
//! Promises: a place that holds a repository is refused before anybody is asked for a password and before anything is tried; what
//! was proven stands in the config as `probed`; the password is taken by value and wiped. Refuses a store that lacks what is
//! needed, and a request whose parts contradict each other.

mod report;
mod try_out;

pub use report::{CreateReport, Proven};

use crate::face::Face;
use crate::open_store::{OpenStore, StoreSettings};
use crate::recognise::{Memory, remember_new};
use crate::{Reason, Refusal, Result, Secret};
use engine::env::SharedEnv;
use engine::immutability::{Cover, LockPolicy, LockSettings, Provider};
use engine::repository::{Found, NewRepository, Repository};
use engine::store::{Location, Mode, StorageClass};
use engine::{Error, Kind};
use format_spec::config::{Class, Retention, RetentionKind};
use format_spec::container::Suite;
use format_spec::period::Period;
use std::path::PathBuf;
use std::sync::Arc;
use try_out::try_out;
use zeroize::Zeroize;

/// What a new repository shall be.
#[derive(Debug, Clone, Copy)]
pub struct CreateRequest<'a> {
    /// What it is for.
    pub class: Class,
    /// Whether what it holds can be read with a password alone.
    pub encrypted: bool,
    /// What the first key slot is called.
    pub label: &'a str,
    /// What a period is held against; `None` takes what `like` has, else whole restore points.
    pub retention_kind: Option<RetentionKind>,
    /// How long things are kept.
    pub keep: Period,
    /// How its objects are locked in the store, if they are.
    pub lock: Option<LockRequest<'a>>,
    /// Parity of packs in percent of their length.
    pub parity_percent: u8,
    /// The repository whose dedup key and way of cutting it shares.
    pub like: Option<&'a Repository>,
    /// Where its data packs rest.
    pub storage_class: Option<StorageClass>,
    /// Whether its folder's group shares it.
    pub shared: bool,
}

impl Default for CreateRequest<'_> {
    /// A repository of backups, encrypted, that keeps everything.
    fn default() -> Self {
        CreateRequest {
            class: Class::Backup,
            encrypted: true,
            label: "first password",
            retention_kind: None,
            keep: Retention::default().period,
            lock: None,
            parity_percent: 0,
            like: None,
            storage_class: None,
            shared: false,
        }
    }
}

/// How objects are locked.
#[derive(Debug, Clone, Copy)]
pub struct LockRequest<'a> {
    /// Who may lift a lock.
    pub mode: Mode,
    /// For how long.
    pub cover: Cover,
    /// The S3 endpoint where the settings of the store name none: it says whose locks these are.
    pub endpoint: Option<&'a str>,
}

/// The first password of a repository.
pub struct FirstKey {
    /// The password.
    pub secret: Secret,
    /// The file that it was read from or generated into, if that holds the only key.
    pub file: Option<PathBuf>,
}

/// Creates a repository, and writes down in `memory` that this machine knows it. `password` is asked for the first one where the
/// request wants encryption; `probing` hears what is tried out.
///
/// # Errors
/// `Exists`; `Unsupported` for a store that lacks something; the store's; `password`'s. [`Reason::Request`] for a request that
/// contradicts itself.
pub fn create<F>(
    settings: &StoreSettings,
    request: &CreateRequest<'_>,
    (env, memory): (&SharedEnv, &Memory),
    face: &dyn Face,
    probing: &dyn Fn(&str),
    password: impl FnOnce() -> std::result::Result<FirstKey, F>,
) -> Result<CreateReport, F> {
    let retention = request.retention(settings)?;
    let policy = request.policy(settings, retention)?;
    let mut place = OpenStore::make(settings)?;
    refuse_existing(&place)?;
    if request.shared {
        place = OpenStore::share(settings)?;
    }
    let key = match request.encrypted {
        true => Some(password().map_err(crate::Error::Face)?),
        false => None,
    };
    let (secret, key_file) = key.map_or((None, None), |key| (Some(key.secret), key.file));
    let (probed, lines) = try_out(&*place.store, request, policy.is_some(), env, probing)?;
    let mut new = request.new_repository(retention, policy, secret, lines);
    let created = Repository::create(&*place.store, &new, env);
    new.password.zeroize();
    let repository = created?;
    let suite = if request.encrypted { Suite::Aes256Gcm } else { Suite::Clear };
    remember_new(memory, settings, env, (repository, suite), face);
    Ok(CreateReport::of(repository, &place, request, (retention, policy), (&probed, key_file))?)
}

impl CreateRequest<'_> {
    /// Refuses what contradicts itself, and answers what leaves the repository and when.
    fn retention(&self, settings: &StoreSettings) -> std::result::Result<Retention, Refusal> {
        if !self.encrypted && self.like.is_some_and(|like| like.config().suite != Suite::Clear) {
            let what = "without encryption the dedup key of the other repository would lie open in this one";
            return Err(Refusal::new(Reason::Request, what).advise("leave --no-encryption out"));
        }
        // A copy must have its source's kind.
        let of_like = || self.like.map_or(RetentionKind::Snapshot, |like| like.config().retention.kind);
        let kind = self.retention_kind.unwrap_or_else(of_like);
        if kind == RetentionKind::Item && self.keep.is_for_ever() {
            return Err(Refusal::new(Reason::Request, "items that are kept for ever never leave")
                .advise("say how long: --keep 3y"));
        }
        if self.shared && settings.folder().is_none() {
            return Err(Refusal::new(Reason::Request, "--shared is for repositories in folders")
                .advise("leave it out: who may use a bucket or container is said there"));
        }
        Ok(Retention { kind, period: self.keep })
    }

    /// What is locked, and for how long: refused where it makes no sense together, before anything is asked of the store.
    fn policy(&self, settings: &StoreSettings, retention: Retention) -> engine::Result<Option<LockPolicy>> {
        let Some(lock) = self.lock else { return Ok(None) };
        let wish = LockSettings {
            class: self.class,
            retention_kind: retention.kind,
            period: Some(retention.period),
            mode: lock.mode,
            cover: lock.cover,
            generation_days: provider(settings, lock.endpoint).generation_days(),
        };
        Ok(Some(LockPolicy::new(wish)?))
    }

    fn new_repository(
        &self,
        retention: Retention,
        policy: Option<LockPolicy>,
        secret: Option<Secret>,
        probed: String,
    ) -> NewRepository {
        let like = self.like.map(Repository::config);
        NewRepository {
            password: secret.map(|mut secret| std::mem::take(&mut *secret)),
            label: self.label.to_owned(),
            probed,
            cutting: like.map(|config| config.cutting),
            block_target: like.map(|config| config.block_target),
            level: like.map(|config| config.level),
            parity_percent: self.parity_percent,
            retention,
            immutability: policy.map(|policy| policy.field()),
            dedup: self.like.map(|like| like.sealed_store().secrets.dedup.clone()),
            storage_class: self.storage_class.map_or_else(String::new, |class| class.as_str().to_owned()),
            origin: self.like.filter(|_| self.class == Class::Copy).map(Repository::id),
            ..NewRepository::new(self.class)
        }
    }
}

/// Whose storage it is: by the endpoint that the store's settings name, else by the one that is given.
fn provider(settings: &StoreSettings, endpoint: Option<&str>) -> Provider {
    if !matches!(settings.location, Location::S3 { .. }) {
        return Provider::Other;
    }
    let named = |name: &&str| settings.settings.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let of_settings = ENDPOINTS.iter().find_map(named).map(|(_, endpoint)| endpoint.as_str());
    Provider::of_s3(of_settings.or(endpoint))
}

/// Before anybody is asked for a password and anything is tried.
fn refuse_existing(place: &OpenStore) -> engine::Result<()> {
    if !place.has_config()? {
        return Ok(());
    }
    // A server that has an answer to everything has not shown that it has a repository.
    Found::look(Arc::clone(&place.store)).map(drop).or_else(|e| match e.kind() {
        Kind::Input => Err(e),
        _ => Ok(()),
    })?;
    Err(Error::new(Kind::Exists, "there is a repository already")
        .on(place.store.location())
        .advise("use it as it is, or choose another place"))
}

/// The settings of an S3 store that name its endpoint, the stronger one first.
pub const ENDPOINTS: [&str; 4] = ["aws_endpoint", "aws_endpoint_url", "endpoint", "endpoint_url"];
