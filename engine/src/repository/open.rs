//! Opening: config, key, log, index.

use super::as_of::AsOf;
use super::collected::Since;
use super::found::Found;
use super::layers;
use super::read_only::Why;
use super::unlock::{SlotId, Trying};
use crate::blob::{Blobs, CacheBudgets, CachePlace, Catalog, RangeCache, Vault};
use crate::env::SharedEnv;
use crate::error::{Error, Kind, Result};
use crate::immutability::{Locks, Policy};
use crate::limits::SMALL_OBJECT_BYTES_MAX;
use crate::log::Log;
use crate::monitor::NOTE;
use crate::restore_point::Point;
use crate::store::{ListOptions, Look, ObjectName, Store, StoreExt, reread};
use crate::tree::NodeSource;
use bytes::Bytes;
use format_spec::config::Config;
use format_spec::container::Version;
use format_spec::key_slot::KeySlot;
use format_spec::keys::Secrets;
use format_spec::tree::Node;
use format_spec::{ChunkId, RepositoryId, names};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// How to open.
#[derive(Clone)]
pub struct OpenOptions {
    /// Clock and dice.
    pub env: SharedEnv,
    /// Where the PersistentCache lives.
    pub cache: CachePlace,
    /// What readers may keep in memory.
    pub budgets: CacheBudgets,
    /// A folder for stored records, and how many bytes it may take. Without one, what is read twice is fetched twice.
    pub ranges: Option<(PathBuf, u64)>,
    /// As of an earlier log position; the repository is then only read.
    pub as_of: Option<AsOf>,
}

impl OpenOptions {
    /// The repository as it is now, with the usual budgets and without a folder for stored records.
    pub fn new(env: SharedEnv, cache: CachePlace) -> Self {
        OpenOptions { env, cache, budgets: CacheBudgets::default(), ranges: None, as_of: None }
    }
}

/// An open repository; shared by threads.
pub struct Repository {
    config: Config,
    config_object: Bytes,
    env: SharedEnv,
    vault: Arc<Vault>,
    log: Arc<Log>,
    blobs: Arc<Blobs>,
    pub(super) points: Mutex<HashMap<u32, Arc<Point>>>,
    /// Slots of commits whose manifests could not be read although the log, read on since, has them.
    pub(super) losses: Mutex<HashSet<u32>>,
    /// What the log says behind the position that it is read at.
    pub(super) since: OnceLock<Option<Since>>,
    /// Where objects are locked.
    pub(super) locks: Option<Arc<Locks>>,
    /// How passwords are tried on its key slots.
    pub(super) trying: Trying,
    /// The key slot that the password in use opened.
    opened_by: Option<SlotId>,
}

/// What opens a repository: its secrets, the key slot that they come from, and how passwords are tried.
pub(super) struct Key {
    pub(super) secrets: Secrets,
    pub(super) slot: Option<SlotId>,
    pub(super) trying: Trying,
}

/// What the local cache holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStatus {
    /// Its folder.
    pub folder: std::path::PathBuf,
    /// Log slot up to which it is complete.
    pub position: u32,
    /// The log's head.
    pub head: u32,
    /// Local segments.
    pub segments: u64,
    /// Ids.
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Repository {
    /// Opens the repository in `store`.
    ///
    /// # Errors
    /// `NoRepository`, `WrongPassword` (also when one is needed and none was given), `Unsupported` for newer formats, `Damaged`.
    pub fn open(store: Arc<dyn Store>, password: Option<&[u8]>, options: &OpenOptions) -> Result<Arc<Self>> {
        Found::look(store)?.open(password, options)
    }

    /// Opens with the secrets themselves.
    pub(super) fn with_secrets(
        store: Arc<dyn Store>,
        config: Config,
        object: &Bytes,
        key: Key,
        options: &OpenOptions,
    ) -> Result<Arc<Self>> {
        let Key { secrets, slot, trying } = key;
        Config::verify(object, &secrets).map_err(|e| Error::from(e).on(names::CONFIG))?;
        let (ids, repository) = (secrets.ids(), config.repository);
        let locks =
            Policy::of(&config, &BTreeMap::new())?.map(|policy| Arc::new(Locks::new(policy, options.env.clone())));
        let version = Version::of(object).map_err(|e| Error::from(e).on(names::CONFIG))?;
        let read_only = match options.as_of {
            Some(_) => Some(Why::AsOf),
            None => (!version.is_writable()).then_some(Why::Newer(version)),
        };
        let store = layers::over(store, &config, read_only, locks.as_ref())?;
        let mut log = Log::new(store.clone(), repository, secrets.clone(), *blake3::hash(object).as_bytes());
        if let Some(locks) = &locks {
            log = log.with_voids().raising(locks.policy().raises()?);
        }
        let log = Arc::new(match options.as_of {
            Some(as_of) => as_of.limit(log)?,
            None => log,
        });
        let ranges = match &options.ranges {
            None => None,
            Some((folder, limit)) => match RangeCache::open(&folder.join(repository.to_string()), *limit) {
                Ok(Some(ranges)) => Some(ranges),
                Ok(None) => {
                    tracing::warn!(
                        target: NOTE,
                        "{}: another process uses the disk cache; this one goes without",
                        folder.display()
                    );
                    None
                }
                Err(e) if e.kind() == Kind::Input => return Err(e),
                Err(e) => {
                    tracing::warn!(target: NOTE, "the disk cache cannot be used: {e}; this run goes without");
                    None
                }
            },
        };
        let vault = Arc::new(Vault { store, repository, secrets, ids, ranges });
        // The cache of today knows what was not yet, and not what has gone since.
        let cache = if options.as_of.is_some() { &CachePlace::Temporary } else { &options.cache };
        let catalog = Arc::new(Catalog::open(vault.clone(), log.clone(), cache)?);
        let blobs = Arc::new(Blobs::new(vault.clone(), catalog, options.budgets));
        let opened = Arc::new(Repository {
            config,
            config_object: object.clone(),
            env: options.env.clone(),
            vault,
            log,
            blobs,
            points: Mutex::new(HashMap::new()),
            losses: Mutex::default(),
            since: OnceLock::new(),
            locks,
            trying,
            opened_by: slot,
        });
        opened.refresh()?;
        Ok(opened)
    }

    /// Reads the log to its head and brings the index up to it; true when something is new.
    pub fn refresh(&self) -> Result<bool> {
        let before = self.log.view().head;
        self.log.refresh()?;
        let view = self.log.view();
        self.follow_locks(&view)?;
        self.blobs.catalog().sync()?;
        Ok(view.head != before)
    }

    /// The repository's identity.
    pub fn id(&self) -> RepositoryId {
        self.config.repository
    }

    /// The bytes of its config, which never change: a copy of them gives a damaged one back.
    pub fn config_object(&self) -> &Bytes {
        &self.config_object
    }

    /// Its parameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where it is, without secrets.
    pub fn location(&self) -> String {
        self.vault.store.location()
    }

    /// The key slot that the password in use opened; none of a repository without encryption, or that a recovery sheet opened.
    pub fn opened_by(&self) -> Option<SlotId> {
        self.opened_by
    }

    /// Clock and dice.
    pub fn env(&self) -> &SharedEnv {
        &self.env
    }

    /// Store, identity, secrets.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// The log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The hall.
    pub fn blobs(&self) -> &Arc<Blobs> {
        &self.blobs
    }

    /// A tree node, verified and cached.
    pub fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        self.blobs.node(id)
    }

    /// A data chunk, verified.
    pub fn chunk(&self, id: &ChunkId) -> Result<Bytes> {
        self.blobs.chunk(id)
    }

    /// Where tree nodes come from.
    pub fn nodes(&self) -> &dyn NodeSource {
        &*self.blobs
    }

    /// What the local cache holds.
    pub fn cache_status(&self) -> CacheStatus {
        let catalog = self.blobs.catalog();
        let (cache, head) = (catalog.cache(), self.log.view().head);
        let s = cache.statistics();
        CacheStatus {
            folder: cache.folder().to_owned(),
            position: cache.position(),
            head,
            segments: s.segments as u64,
            entries: s.entries,
            bytes: s.bytes_on_disk,
        }
    }

    /// Makes the local index anew from the published segments.
    pub fn rebuild_index(&self) -> Result<()> {
        self.log.refresh()?;
        self.blobs.catalog().rebuild()
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository")
            .field("id", &self.config.repository)
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}

impl NodeSource for Blobs {
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        Blobs::node(self, id)
    }
}

pub(super) fn read_config(store: &dyn Store) -> Result<(Config, Bytes)> {
    let name = ObjectName::new(names::CONFIG)?;
    match reread(store, |look| look_at_config(look, store, &name)) {
        Err(e) if e.kind() == Kind::Damaged && is_of_others(store, &name)? => Err(Error::new(
            Kind::Input,
            "what stands here is not an object of Cairn, and nothing else of a repository is there",
        )
        .on(&name)
        .advise("check the URL and the endpoint: this is another program's place, or not a store")),
        Err(e) if e.kind() == Kind::Damaged => Err(e.advise_instead(NO_CONFIG)),
        other => other,
    }
}

/// Whether what stands in the place of a config was never Cairn's. It is only damage if it begins as our objects do, or if other objects say that a
/// repository is here.
fn is_of_others(store: &dyn Store, name: &ObjectName) -> Result<bool> {
    match store.get(name) {
        Ok(object) => Ok(!format_spec::container::has_magic(&object) && !has_remains(store)?),
        Err(e) if e.kind() == Kind::Absent => Ok(false),
        Err(e) => Err(e),
    }
}

fn look_at_config(look: &Look<'_>, store: &dyn Store, name: &ObjectName) -> Result<(Config, Bytes)> {
    let object = match look.get(name) {
        Err(e) if e.kind() == Kind::Absent && has_remains(store)? => {
            let what = "the config is missing, though there are other objects of a repository";
            return Err(Error::new(Kind::Damaged, what).on(names::CONFIG).advise(NO_CONFIG));
        }
        Err(e) if e.kind() == Kind::Absent => {
            return Err(Error::new(Kind::NoRepository, "there is no Cairn repository here")
                .on(store.location())
                .advise("check the URL, or create one with `cairn init --repo URL`"));
        }
        other => other?,
    };
    decode_config(object)
}

pub(super) fn decode_config(object: Bytes) -> Result<(Config, Bytes)> {
    if object.len() as u64 > SMALL_OBJECT_BYTES_MAX {
        return Err(Error::new(Kind::Damaged, "it is longer than any config").on(names::CONFIG));
    }
    let (config, _) = Config::decode(&object).map_err(|e| Error::from(e).on(names::CONFIG))?;
    Ok((config, object))
}

/// Whether a place without a config was a repository: nothing but one has key slots or a log.
pub(crate) fn has_remains(store: &dyn Store) -> Result<bool> {
    let mut found = false;
    for folder in ["keys", "log", "checkpoint"] {
        if !found {
            let listed = store.list(&ListOptions::below(folder), &mut |listed| {
                found |= names::parse(listed.name.as_str()).is_some();
                !found
            });
            // Something that answers so to a listing holds nothing.
            listed.or_else(|e| if e.kind() == Kind::Absent { Ok(()) } else { Err(e) })?;
        }
    }
    Ok(found)
}

const NO_CONFIG: &str = "`cairn repair plan` gives it back from what a machine that used the repository has kept of it, or from a copy of the repository: --from COPY";

/// Key slots as they were read.
pub(super) struct SlotsRead {
    /// Those that were read; of a damaged one, why.
    pub(super) slots: Vec<(ObjectName, Result<KeySlot>)>,
    /// Whether there are more than were asked for.
    pub(super) more: bool,
}

/// Reads at most `most` key slots; damaged ones are returned as errors beside the good ones.
pub(super) fn read_slots(store: &dyn Store, repository: RepositoryId, most: usize) -> Result<SlotsRead> {
    for _ in 1..LISTINGS_MAX {
        let read = listed_slots(store, repository, most)?;
        if !read.slots.iter().any(is_gone) {
            return Ok(read);
        }
    }
    let mut read = listed_slots(store, repository, most)?;
    read.slots.retain(|slot| !is_gone(slot));
    Ok(read)
}

/// Slots that go while they are read are listed again: a rotation adds one and takes the others away, and the first listing may have none but those.
const LISTINGS_MAX: u32 = 3;

fn is_gone((_, slot): &(ObjectName, Result<KeySlot>)) -> bool {
    slot.as_ref().is_err_and(|e| e.kind() == Kind::Absent)
}

fn listed_slots(store: &dyn Store, repository: RepositoryId, most: usize) -> Result<SlotsRead> {
    let mut listed = Vec::new();
    store.list(&ListOptions::below("keys"), &mut |l| {
        if names::parse(l.name.as_str()).is_some() {
            listed.push(l.name);
        }
        listed.len() <= most
    })?;
    let more = listed.len() > most;
    listed.truncate(most);
    let read = |name: ObjectName| {
        let slot = read_slot(store, repository, &name);
        (name, slot)
    };
    Ok(SlotsRead { slots: listed.into_iter().map(read).collect(), more })
}

/// Reads one key slot, whose id must be the one of its name.
pub(super) fn read_slot(store: &dyn Store, repository: RepositoryId, name: &ObjectName) -> Result<KeySlot> {
    reread(store, |look| {
        let object = look.get(name)?;
        let slot = KeySlot::decode(&object, repository).map_err(|e| Error::from(e).on(name))?;
        if names::key_slot(slot.id) != name.as_str() {
            return Err(Error::new(Kind::Damaged, "KEY-2: the slot's id is not the one of its name").on(name));
        }
        Ok(slot)
    })
}
