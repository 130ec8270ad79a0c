//! Other credentials in the place of those that the store no longer takes.
//!
//! The client fetches those of a role again before the end that it was told. But a machine that slept has missed that end, a role is revoked, a file is
//! written again. Then an answer says so first.
//!
//! ```text
//! 401, ExpiredToken, ... --> ask again where they came from --> others: the request is tried again (`Transient`)
//!                                                          \--> the same: the refusal stands
//! ```
//!
//! Promises: whoever notices first asks, and all who wait use what came; nobody asks more often than once a minute. Refuses to judge a permission: a
//! refusal that names no credentials stands.

use super::provider::{Pending, Source, provider};
use base::error::{Error, Kind, Result};
use parking_lot::RwLock;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a store can ask of its credentials, whatever they are.
pub(super) trait Renewal: fmt::Debug + Send + Sync {
    /// How often others came.
    fn count(&self) -> u64;

    /// Asks for others, on behalf of a request that was refused, and that began when [`Renewal::count`] was `seen`. Whether there are others now.
    fn renew(&self, seen: u64) -> Pending<'_, Result<bool, object_store::Error>>;
}

/// Credentials that can be asked for again.
pub(super) struct Renewing<T> {
    open: Box<dyn Fn() -> Result<Source<T>> + Send + Sync>,
    source: RwLock<Source<T>>,
    used: RwLock<Option<Arc<T>>>,
    count: AtomicU64,
    asked: tokio::sync::Mutex<Option<Instant>>,
}

impl<T> Renewing<T> {
    /// Those of `source`; `open` makes another one that remembers nothing.
    pub(super) fn new(source: Source<T>, open: impl Fn() -> Result<Source<T>> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Renewing {
            open: Box::new(open),
            source: RwLock::new(source),
            used: RwLock::default(),
            count: AtomicU64::new(0),
            asked: tokio::sync::Mutex::default(),
        })
    }

    async fn get(&self) -> object_store::Result<Arc<T>> {
        let source = Arc::clone(&self.source.read());
        let credential = source.get_credential().await?;
        *self.used.write() = Some(Arc::clone(&credential));
        Ok(credential)
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> Renewing<T> {
    /// Those that hold now, as the client asks for them.
    pub(super) fn provider(self: &Arc<Self>) -> Source<T> {
        let of = Arc::clone(self);
        provider(move || {
            let of = Arc::clone(&of);
            async move { of.get().await }
        })
    }
}

impl<T> fmt::Debug for Renewing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").field("count", &self.count).finish_non_exhaustive()
    }
}

impl<T: fmt::Debug + PartialEq + Send + Sync + 'static> Renewal for Renewing<T> {
    fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    fn renew(&self, seen: u64) -> Pending<'_, Result<bool, object_store::Error>> {
        Box::pin(async move {
            let mut asked = self.asked.lock().await;
            if self.count() > seen {
                return Ok(true);
            }
            if asked.is_some_and(|at| at.elapsed() < ASK_AGAIN_AFTER) {
                return Ok(false);
            }
            // Settings that make no sense any more are told by whoever opens the store next.
            let Ok(source) = (self.open)() else { return Ok(false) };
            let credential = source.get_credential().await?;
            *asked = Some(Instant::now());
            if self.used.read().as_ref() == Some(&credential) {
                return Ok(false);
            }
            *self.source.write() = source;
            self.count.fetch_add(1, Ordering::SeqCst);
            Ok(true)
        })
    }
}

/// What a request ends with whose credentials were refused while others have come.
pub(super) fn renewed() -> Error {
    Error::new(Kind::Transient, "the store no longer takes the credentials, and others have come").advise("run again")
}

/// A store that refuses what is right is not answered by a storm of questions to whoever gives credentials.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
#[path = "renewal_tests.rs"]
mod tests;
