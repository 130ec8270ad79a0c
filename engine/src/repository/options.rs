//! How a repository is opened.

use super::as_of::AsOf;
use crate::blob::{CacheBudgets, CachePlace};
use crate::env::SharedEnv;
use std::path::PathBuf;

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
