//! An open repository: its parts, and how they are put together once the key is known.

use super::collected::Since;
use super::layers;
use super::options::OpenOptions;
use super::read_only::Why;
use super::unlock::{SlotId, Trying};
use crate::blob::{Blobs, CachePlace, DiskCache, LiveIndex, SealedStore};
use crate::env::SharedEnv;
use crate::error::{Error, Kind, Result};
use crate::immutability::{LockPolicy, Locks};
use crate::log::Log;
use crate::monitor::NOTE;
use crate::restore_point::Point;
use crate::store::Store;
use crate::tree::NodeSource;
use bytes::Bytes;
use format_spec::config::Config;
use format_spec::container::Version;
use format_spec::keys::Secrets;
use format_spec::tree::Node;
use format_spec::{ChunkId, RepositoryId, names};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// An open repository; shared by threads.
pub struct Repository {
    config: Config,
    config_object: Bytes,
    env: SharedEnv,
    sealed_store: Arc<SealedStore>,
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
            LockPolicy::of(&config, &BTreeMap::new())?.map(|policy| Arc::new(Locks::new(policy, options.env.clone())));
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
        let sealed_store =
            Arc::new(SealedStore { store, repository, secrets, ids, ranges: disk_cache(options, repository)? });
        // The cache of today knows what was not yet, and not what has gone since.
        let cache = if options.as_of.is_some() { &CachePlace::Temporary } else { &options.cache };
        let live_index = Arc::new(LiveIndex::open(sealed_store.clone(), log.clone(), cache)?);
        let blobs = Arc::new(Blobs::new(sealed_store.clone(), live_index, options.budgets));
        let opened = Arc::new(Repository {
            config,
            config_object: object.clone(),
            env: options.env.clone(),
            sealed_store,
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
        self.blobs.live_index().sync()?;
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
        self.sealed_store.store.location()
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
    pub fn sealed_store(&self) -> &Arc<SealedStore> {
        &self.sealed_store
    }

    /// The log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The blob store.
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
        let live_index = self.blobs.live_index();
        let (cache, head) = (live_index.cache(), self.log.view().head);
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
        self.blobs.live_index().rebuild()
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

/// The disk cache, if one is wanted and can be had: a run goes on without.
///
/// # Errors
/// `Input` for a size that makes no sense.
fn disk_cache(options: &OpenOptions, repository: RepositoryId) -> Result<Option<DiskCache>> {
    let Some((folder, limit)) = &options.ranges else { return Ok(None) };
    match DiskCache::open(&folder.join(repository.to_string()), *limit) {
        Ok(Some(ranges)) => return Ok(Some(ranges)),
        Ok(None) => tracing::warn!(
            target: NOTE,
            "{}: another process uses the disk cache; this one goes without",
            folder.display()
        ),
        Err(e) if e.kind() == Kind::Input => return Err(e),
        Err(e) => tracing::warn!(target: NOTE, "the disk cache cannot be used: {e}; this run goes without"),
    }
    Ok(None)
}
