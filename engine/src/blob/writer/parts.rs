//! What a writer is made of, and how it works.

use super::spool::Spool;
use crate::blob::live_index::LiveIndex;
use crate::blob::ordinals::Ordinals;
use crate::blob::sealed_store::SealedStore;
use crate::env::SharedEnv;
use crate::log::Log;
use crate::monitor::Monitor;
use format_spec::config::Config;
use std::sync::Arc;

/// What a writer is made of.
pub struct WriterParts {
    /// Store, identity, secrets.
    pub sealed_store: Arc<SealedStore>,
    /// The index.
    pub live_index: Arc<LiveIndex>,
    /// The log.
    pub log: Arc<Log>,
    /// Clock and dice.
    pub env: SharedEnv,
    /// The repository's parameters.
    pub config: Config,
    /// Progress and the stop button.
    pub monitor: Arc<Monitor>,
    /// The names of the session's objects; `None` for a dry run.
    pub ordinals: Option<Arc<Ordinals>>,
    /// Encoding threads. 0: no thread is started, each put does what it causes, so that a
    /// simulation repeats itself.
    pub threads: usize,
    /// Where packs are filled, if not in memory.
    pub spool: Option<Spool>,
}

/// How a writer works, beyond what the repository says.
#[derive(Debug, Default)]
pub struct WriterOptions {
    /// Encoding threads. 0: no thread is started, each put does what it causes, so that a
    /// simulation repeats itself.
    pub threads: usize,
    /// Where packs are filled, if not in memory.
    pub spool: Option<Spool>,
    /// Another compression level and block size than the repository's.
    pub regroup: Option<(i32, u32)>,
}
