//! Creating a repository: a key slot, then the config, put if absent.

use super::config::has_remains;
use super::open::Repository;
use super::unlock::{Unwatched, Watch, derived, shown};
use crate::env::SharedEnv;
use crate::error::{Error, Kind, Result};
use crate::immutability::{LockPolicy, Locks, ObjectLockLayer};
use crate::limits::{BLOCK_TARGET, CUT_AVERAGE, CUT_LEAST, CUT_MOST, ZSTD_LEVEL};
use crate::store::{ObjectName, StorageClass, Store, StoreExt};
use bytes::Bytes;
use format_spec::config::{Class, Config, Cutting, Immutability, Retention};
use format_spec::key_slot::{Cost, KeySlot, NewSlot};
use format_spec::keys::{Secret, Secrets};
use format_spec::{RepositoryId, names};
use std::collections::BTreeMap;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a new repository shall be.
#[derive(Clone)]
pub struct NewRepository {
    /// What it is for.
    pub class: Class,
    /// The first password; `None` makes an unencrypted repository.
    pub password: Option<Vec<u8>>,
    /// Cost of trying a password.
    pub cost: Cost,
    /// What the first key slot is called.
    pub label: String,
    /// What the store was seen to do, as lines `name=value`.
    pub probed: String,
    /// Where content is cut; the default when `None`.
    pub cutting: Option<Cutting>,
    /// Plaintext of a block of small chunks.
    pub block_target: Option<u32>,
    /// zstd level.
    pub level: Option<i32>,
    /// Parity of its packs in percent of their length, 0 to 50.
    pub parity_percent: u8,
    /// What leaves it, and when.
    pub retention: Retention,
    /// How its objects are locked, if they are; [`crate::immutability::LockPolicy`] says what goes together.
    pub immutability: Option<Immutability>,
    /// The dedup key of another repository, so that ids mean the same in both; a new one when `None`.
    pub dedup: Option<Secret>,
    /// Where its data packs rest, in the store's own word; empty where the store decides.
    pub storage_class: String,
    /// The repository that it copies from; in class copy only.
    pub origin: Option<RepositoryId>,
}

impl NewRepository {
    /// Unencrypted and unlocked, with the cutting, the blocks and the level that are usual; it keeps everything, and its data rests
    /// where the store decides.
    pub fn new(class: Class) -> Self {
        NewRepository {
            class,
            password: None,
            cost: Cost::DEFAULT,
            label: String::new(),
            probed: String::new(),
            cutting: None,
            block_target: None,
            level: None,
            parity_percent: 0,
            retention: Retention::default(),
            immutability: None,
            dedup: None,
            storage_class: String::new(),
            origin: None,
        }
    }
}

impl std::fmt::Debug for NewRepository {
    /// All but the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewRepository").field("class", &self.class).field("label", &self.label).finish_non_exhaustive()
    }
}

impl Repository {
    /// Creates a repository in `store`.
    ///
    /// # Errors
    /// `Exists` when there is one; `Input` for an empty password; the store's errors.
    pub fn create(store: &dyn Store, new: &NewRepository, env: &SharedEnv) -> Result<RepositoryId> {
        if new.password.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::new(Kind::Input, "an empty password protects nothing")
                .advise("give a password, or --no-encryption"));
        }
        expect_class(new)?;
        let config_name = ObjectName::new(names::CONFIG)?;
        match store.head_of(&config_name) {
            Ok(_) => return Err(exists(store)),
            Err(e) if e.kind() == Kind::Absent => {}
            Err(e) => return Err(e),
        }
        if has_remains(store)? {
            return Err(Error::new(Kind::Exists, "there is a repository whose config is missing")
                .on(store.location())
                .advise("`cairn repair plan` gives the config back; for a new repository, choose another place"));
        }
        let fresh = |bytes: &mut [u8]| env.random(bytes);
        let (mut id, mut master, mut dedup, mut salt) = ([0; 16], [0; 32], [0; 32], [0; 32]);
        fresh(&mut id)?;
        fresh(&mut master)?;
        fresh(&mut dedup)?;
        let dedup = new.dedup.clone().unwrap_or_else(|| Secret::new(dedup));
        fresh(&mut salt)?;
        let master = new.password.as_ref().map(|_| Secret::new(master));
        let secrets = Secrets { master, dedup };
        let repository = RepositoryId(id);
        let config = Config {
            repository,
            class: new.class,
            suite: secrets.suite(),
            cutting: new.cutting.unwrap_or(Cutting { least: CUT_LEAST, average: CUT_AVERAGE, most: CUT_MOST }),
            block_target: new.block_target.unwrap_or(BLOCK_TARGET),
            pack_bytes_max: new.class.pack_bytes_max(),
            created: env.now(),
            creator: concat!("cairn ", env!("CARGO_PKG_VERSION")).to_owned(),
            probed: new.probed.clone(),
            level: new.level.unwrap_or(ZSTD_LEVEL),
            parity_percent: new.parity_percent,
            retention: new.retention,
            immutability: new.immutability,
            storage_class: new.storage_class.clone(),
            origin: new.origin,
        };
        let wrong =
            |e: Error| Error::new(Kind::Input, "these settings of immutability make no sense together").because(e);
        match LockPolicy::of(&config, &BTreeMap::new()).map_err(wrong)? {
            None => put_all(store, env, new, &config, &secrets, salt),
            Some(policy) => {
                let locked = ObjectLockLayer::new(store, Arc::new(Locks::new(policy, env.clone())));
                put_all(&locked, env, new, &config, &secrets, salt)
            }
        }
    }
}

/// Refuses a class in which a repository of this kind cannot keep its data: backups build on what can be read at once, and are copied from.
fn expect_class(new: &NewRepository) -> Result<()> {
    if new.storage_class.is_empty() {
        return Ok(());
    }
    let class = StorageClass::parse(&new.storage_class)?;
    if new.class == Class::Backup && !class.may_be_source() {
        return Err(Error::new(Kind::Input, format!("{class} is for copies only: backups must be readable at once, to be built and copied upon"))
            .advise("choose STANDARD, STANDARD_IA or ONEZONE_IA (Azure: Hot, Cool, Cold), and copy into an archive: cairn init --class copy --storage-class"));
    }
    Ok(())
}

/// A key slot, where there is a password, and the config.
fn put_all(
    store: &dyn Store,
    env: &SharedEnv,
    new: &NewRepository,
    config: &Config,
    secrets: &Secrets,
    salt: [u8; 32],
) -> Result<RepositoryId> {
    let object = Bytes::from(config.encode(secrets, salt));
    let (again, _) = Config::decode(&object)?;
    if again != *config {
        return Err(Error::new(Kind::Input, "these parameters make no valid config").on(names::CONFIG));
    }
    let (repository, name) = (config.repository, ObjectName::new(names::CONFIG)?);
    if let Some(password) = &new.password {
        let slot = NewPassword { password, label: &new.label, cost: new.cost };
        put_slot(store, env, repository, secrets, &slot, &Unwatched)?;
    }
    store.keep_reserve();
    match store.put_new(&name, object.clone()) {
        Ok(_) => Ok(repository),
        Err(e) if e.kind() == Kind::Exists && store.get(&name)? == object => Ok(repository),
        Err(e) if e.kind() == Kind::Exists => Err(exists(store)),
        Err(e) => Err(e),
    }
}

fn exists(store: &dyn Store) -> Error {
    Error::new(Kind::Exists, "there is a repository already")
        .on(store.location())
        .advise("use it, or choose another place")
}

/// A password that a slot is made for.
pub(super) struct NewPassword<'a> {
    pub(super) password: &'a [u8],
    pub(super) label: &'a str,
    pub(super) cost: Cost,
}

/// Makes a slot for one password and stores it; returns its id as hex.
pub(super) fn put_slot(
    store: &dyn Store,
    env: &SharedEnv,
    repository: RepositoryId,
    secrets: &Secrets,
    new: &NewPassword<'_>,
    watch: &dyn Watch,
) -> Result<String> {
    let (mut id, mut header_salt, mut salt) = ([0; 8], [0; 32], [0; 16]);
    env.random(&mut id)?;
    env.random(&mut header_salt)?;
    env.random(&mut salt)?;
    let (cost, created) = (new.cost, env.now());
    let (label, password) = (new.label.to_owned(), Zeroizing::new(new.password.to_vec()));
    let secrets = secrets.clone();
    let what = format!("deriving the key of a new slot, which takes {}", shown(cost));
    let object = derived(watch, &what, move || {
        let slot = NewSlot { repository, id, label: &label, created, cost, header_salt, salt };
        let object = Bytes::from(KeySlot::encode(&slot, &password, &secrets)?);
        match KeySlot::decode(&object, repository)?.unwrap_secrets(&password)? {
            Some(_) => Ok(object),
            None => Err(Error::new(Kind::Bug, "a new key slot does not open with its own password")),
        }
    })?;
    crate::blob::put_durable(store, &ObjectName::new(names::key_slot(id))?, &object)?;
    Ok(format!("{:016x}", u64::from_be_bytes(id)))
}
