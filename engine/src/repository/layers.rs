//! What a repository adds over the store that [`crate::store::open_versioned`] has built.
//!
//! ```text
//!   ReadOnly             refuses each change before anything is asked or reckoned for it; or
//!   ObjectLockLayer      puts everything with its lock; it stands above the class, so that one put carries lock and class
//!   StorageClassLayer    lets data packs rest in the class of the config
//!   the store
//! ```
//!
//! This is the one place in which an open repository puts layers together. (A repository that is being created has no config yet, and puts
//! nothing that rests: `create` takes the locks alone.)

use super::read_only::{ReadOnly, Why};
use crate::error::Result;
use crate::immutability::{Locks, ObjectLockLayer};
use crate::store::{StorageClass, StorageClassLayer, Store};
use format_spec::config::Config;
use format_spec::names;
use std::sync::Arc;

/// The store as a repository with this config is read and written.
///
/// # Errors
/// `Input`, for a class that nobody knows.
pub(super) fn over(
    store: Arc<dyn Store>,
    config: &Config,
    read_only: Option<Why>,
    locks: Option<&Arc<Locks>>,
) -> Result<Arc<dyn Store>> {
    let store: Arc<dyn Store> = match &*config.storage_class {
        "" => store,
        class => Arc::new(StorageClassLayer::new(store, StorageClass::parse(class).map_err(|e| e.on(names::CONFIG))?)),
    };
    Ok(match (read_only, locks) {
        (Some(why), _) => Arc::new(ReadOnly::new(store, why)),
        (None, Some(locks)) => Arc::new(ObjectLockLayer::new(store, Arc::clone(locks))),
        (None, None) => store,
    })
}
