//! The room's one tokio runtime: two threads that carry all sockets, for any number of calling threads.

use base::ending;
use base::error::{Error, Kind, Result};
use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Waits on the calling thread for `work`, which is polled here while the runtime's own threads move the bytes.
///
/// # Errors
/// What `work` returns; `Transient` when the machine has no threads left; `Interrupted` when the process was told to end and waits no longer.
pub(super) fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    runtime()?.handle().block_on(async {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(LOOK_AGAIN, work.as_mut()).await {
                Ok(done) => return done,
                Err(_) if ending::is_over() => return Err(ending::given_up()),
                Err(_) => {}
            }
        }
    })
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
/// How often a request that waits looks whether the process was told to end.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
