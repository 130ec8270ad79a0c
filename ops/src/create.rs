//! Creating a repository, after the store has shown what it really does.
//!
//! ```text
//! request makes sense -> store -> no repository yet -> password -> probe [-> locks] [-> class] -> config written
//! ```
//! Promises: a place that holds a repository is refused before anybody is asked for a password and before anything is tried; what
//! was proven stands in the config as `probed`; the password is taken by value and wiped. Refuses a store that lacks what is
//! needed, and a request whose parts contradict each other.

use crate::face::Face;
use crate::place::{CHECKSUM_ENFORCED, Place, StoreSettings, Traffic};
use crate::recognise::{Memory, remember_new};
use crate::{Reason, Refusal, Result, Secret};
use engine::env::SharedEnv;
use engine::immutability::{Cover, Policy, Provider, Wish};
use engine::repository::{Found, NewRepository, Repository};
use engine::store::{Location, Mode, Probed, StorageClass, Store, probe, probe_class, probe_lock};
use engine::{Error, Kind};
use format_spec::RepositoryId;
use format_spec::config::{Class, Retention, RetentionKind};
use format_spec::container::Suite;
use format_spec::key_slot::Cost;
use format_spec::period::Period;
use serde::Serialize;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
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

/// A repository that was just made.
#[derive(Debug, Clone, Serialize)]
pub struct CreateReport {
    /// Its id.
    #[serde(serialize_with = "crate::report::text")]
    pub repository: RepositoryId,
    /// Where it is.
    pub location: String,
    /// What it is for.
    pub class: &'static str,
    /// Where its data packs rest.
    pub storage_class: Option<&'static str>,
    /// The repository whose dedup key it shares.
    pub keys_from: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Parity of packs.
    pub parity_percent: u8,
    /// What its period is held against: `snapshot` or `item`.
    pub retention_type: &'static str,
    /// Its period.
    pub keep: String,
    /// Who may lift its locks.
    pub immutable: Option<&'static str>,
    /// The days that were asked for.
    pub immutable_days: Option<u32>,
    /// The days that a lock lasts at least.
    pub locked_days_least: Option<u32>,
    /// And at most.
    pub locked_days_most: Option<u32>,
    /// The file with the only key.
    pub key_file: Option<String>,
    /// What the store has shown.
    pub probed: Proven,
    /// What that took.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// How its objects are locked.
    #[serde(skip)]
    pub policy: Option<Policy>,
}

/// What a store has shown.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as `engine::store::Probed` has it")]
pub struct Proven {
    pub create_is_atomic: bool,
    pub ranges: bool,
    pub listing_complete: bool,
    pub delete: bool,
    pub checksum_enforced: bool,
    pub versioned: Option<bool>,
    pub observed: Vec<String>,
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
    let mut place = Place::make(settings)?;
    refuse_existing(&place)?;
    if request.shared {
        place = Place::share(settings)?;
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
    let locked = policy.map(|policy| policy.days_locked()).transpose()?;
    Ok(CreateReport {
        repository,
        location: place.store.location(),
        class: request.class.as_str(),
        storage_class: request.storage_class.map(StorageClass::as_str),
        keys_from: request.like.map(|like| like.id().to_string()),
        encrypted: request.encrypted,
        parity_percent: request.parity_percent,
        retention_type: retention_word(retention.kind),
        keep: retention.period.to_string(),
        immutable: policy.map(|policy| policy.wish().mode.as_str()),
        immutable_days: policy.and_then(|policy| policy.field().days).map(NonZeroU32::get),
        locked_days_least: locked.map(|(least, _)| least),
        locked_days_most: locked.map(|(_, most)| most),
        key_file: key_file.map(|path| path.display().to_string()),
        probed: Proven::of(&probed),
        traffic: Traffic::of(&place.counts),
        policy,
    })
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
    fn policy(&self, settings: &StoreSettings, retention: Retention) -> engine::Result<Option<Policy>> {
        let Some(lock) = self.lock else { return Ok(None) };
        let wish = Wish {
            class: self.class,
            retention_kind: retention.kind,
            period: Some(retention.period),
            mode: lock.mode,
            cover: lock.cover,
            generation_days: provider(settings, lock.endpoint).generation_days(),
        };
        Ok(Some(Policy::new(wish)?))
    }

    fn new_repository(
        &self,
        retention: Retention,
        policy: Option<Policy>,
        secret: Option<Secret>,
        probed: String,
    ) -> NewRepository {
        let like = self.like.map(Repository::config);
        NewRepository {
            class: self.class,
            password: secret.map(|mut secret| std::mem::take(&mut *secret)),
            cost: Cost::DEFAULT,
            label: self.label.to_owned(),
            probed,
            cutting: like.map(|config| config.cutting),
            block_target: like.map(|config| config.block_target),
            level: like.map(|config| config.level),
            parity_percent: self.parity_percent,
            retention,
            immutability: policy.map(|policy| policy.field()),
            dedup: self.like.map(|like| like.vault().secrets.dedup.clone()),
            storage_class: self.storage_class.map_or_else(String::new, |class| class.as_str().to_owned()),
            origin: self.like.filter(|_| self.class == Class::Copy).map(Repository::id),
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
fn refuse_existing(place: &Place) -> engine::Result<()> {
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

/// Tries out what the request needs, and gives back what was proven, also as the config keeps it.
fn try_out(
    store: &dyn Store,
    request: &CreateRequest<'_>,
    is_locked: bool,
    env: &SharedEnv,
    probing: &dyn Fn(&str),
) -> engine::Result<(Probed, String)> {
    let probed = probe(store, &**env, probing)?;
    probed.require()?;
    let mut lines = written(&probed);
    if is_locked {
        let locks = probe_lock(store, &**env, probing)?;
        locks.require().map_err(|e| e.on(store.location()))?;
        lines = [lines, locks.lines().join("\n")].join("\n");
    }
    if let Some(class) = request.storage_class {
        let classes = probe_class(store, &**env, class, probing)?;
        classes.require().map_err(|e| e.on(store.location()))?;
        if class.is_archive() && !probed.checksum_enforced {
            let message = format!("the store verifies no checksums, and what rests in {class} cannot be read back");
            return Err(Error::new(Kind::Unsupported, message)
                .on(store.location())
                .advise("choose a class that can be read at once, or a store that verifies what it is sent"));
        }
        lines = [lines, classes.lines().join("\n")].join("\n");
    }
    Ok((probed, lines))
}

/// What was proven, as the config keeps it: lines `name=value`.
fn written(probed: &Probed) -> String {
    let word = |proven: bool| if proven { "yes" } else { "no" };
    let versioned = probed.versioned.map_or("unknown", word);
    let mut lines = vec![
        format!("create_is_atomic={}", word(probed.create_is_atomic)),
        format!("ranges={}", word(probed.ranges)),
        format!("listing_complete={}", word(probed.listing_complete)),
        format!("delete={}", word(probed.delete)),
        format!("versioned={versioned}"),
        format!("rounds={}", probed.rounds),
    ];
    if probed.checksum_enforced {
        lines.push(CHECKSUM_ENFORCED.to_owned());
    }
    lines.extend(probed.observed.iter().map(|seen| format!("observed={}", seen.replace('\n', " "))));
    lines.join("\n")
}

impl Proven {
    fn of(probed: &Probed) -> Proven {
        Proven {
            create_is_atomic: probed.create_is_atomic,
            ranges: probed.ranges,
            listing_complete: probed.listing_complete,
            delete: probed.delete,
            checksum_enforced: probed.checksum_enforced,
            versioned: probed.versioned,
            observed: probed.observed.clone(),
        }
    }
}

/// What a period is held against, in a word.
pub fn retention_word(kind: RetentionKind) -> &'static str {
    match kind {
        RetentionKind::Snapshot => "snapshot",
        RetentionKind::Item => "item",
    }
}

/// The settings of an S3 store that name its endpoint, the stronger one first.
pub const ENDPOINTS: [&str; 4] = ["aws_endpoint", "aws_endpoint_url", "endpoint", "endpoint_url"];
