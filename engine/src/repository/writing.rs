//! The writer of one session of a repository.

use super::open::Repository;
use crate::blob::{Ordinals, Writer, WriterOptions, WriterParts};
use crate::error::Result;
use crate::monitor::Monitor;
use std::sync::Arc;

impl Repository {
    /// Starts what stores blobs under these names; without any it only counts, for a dry run.
    ///
    /// # Errors
    /// As [`Writer::start`].
    pub fn writer(
        &self,
        ordinals: Option<Arc<Ordinals>>,
        options: WriterOptions,
        monitor: &Arc<Monitor>,
    ) -> Result<Writer> {
        let WriterOptions { threads, spool, regroup } = options;
        let mut config = self.config().clone();
        if let Some((level, block_target)) = regroup {
            (config.level, config.block_target) = (level, block_target);
        }
        Writer::start(WriterParts {
            sealed_store: self.sealed_store().clone(),
            live_index: self.blobs().live_index().clone(),
            log: self.log().clone(),
            env: self.env().clone(),
            config,
            monitor: monitor.clone(),
            ordinals,
            threads,
            spool,
        })
    }
}
