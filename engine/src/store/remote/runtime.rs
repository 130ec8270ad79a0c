//! The room's one tokio runtime: two threads that carry all sockets, for any number of calling threads.

use crate::error::{Error, Kind, Result};
use std::future::Future;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Runtime};

/// Waits on the calling thread for `work`, which is polled here while the runtime's own threads move the bytes.
///
/// # Errors
/// What `work` returns, or `Transient` when the machine has no threads left.
pub(super) fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    runtime()?.handle().block_on(work)
}

fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let build = || Builder::new_multi_thread().worker_threads(WORKERS).thread_name("store").enable_all().build();
    RUNTIME.get_or_init(build).as_ref().map_err(|e| {
        Error::new(Kind::Transient, format!("cannot start the threads of the network: {e}"))
            .advise("raise the limits on threads and open files, then try again")
    })
}

const WORKERS: usize = 2;
