//! Credentials that end, and are fetched again before they do.
//!
//! ```text
//!  fetched ------- good -------|- due: the next request fetches others -|- expired
//!                              end - min(5 minutes, a quarter of their life)
//! ```
//!
//! Promises: one request fetches while the others wait for it; where that fails, those that still
//! hold are used, and nobody asks again for a second. What came too late is refused: the store
//! would refuse it too. Refuses to keep anything on disk.

use super::lack::Lack;
use super::reply::Fresh;
use crate::remote::line::{Heard, heard, note};
use crate::remote::provider::{Pending, provider};
use base::env::Machine;
use format_spec::Time;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Where credentials are fetched.
pub(super) trait Fetch: Send + Sync {
    /// Those that hold now.
    fn fetch(&self) -> Pending<'_, Result<Fresh, Lack>>;

    /// What it is, in a message.
    fn name(&self) -> String;
}

/// Credentials of a source, kept as long as they hold.
pub(super) struct Renewed<S> {
    source: S,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failed: Option<(Instant, Lack)>,
}

struct Held {
    keys: Arc<AwsCredential>,
    /// From when on others are fetched, and when these end; seconds of this machine's clock.
    times: Option<(i64, i64)>,
}

impl<S: Fetch + 'static> Renewed<S> {
    /// Those of `source`, as the client asks for them. Nothing is fetched yet.
    pub(super) fn provider(source: S) -> AwsCredentialProvider {
        let of = Arc::new(Renewed::new(source));
        provider(move || {
            let of = Arc::clone(&of);
            async move { of.get().await.map_err(told) }
        })
    }

    fn new(source: S) -> Self {
        Renewed { source, state: Mutex::default() }
    }

    async fn get(&self) -> Result<Arc<AwsCredential>, Lack> {
        let mut state = self.state.lock().await;
        let now = Machine::shared().now().seconds;
        if let Some(held) = state.held.as_ref().filter(|held| held.times.is_none_or(|(due, _)| now < due)) {
            return Ok(Arc::clone(&held.keys));
        }
        let rests =
            state.failed.as_ref().filter(|(at, _)| at.elapsed() < ASK_AGAIN_AFTER).map(|(_, lack)| lack.clone());
        let fetched = match rests {
            Some(lack) => Err(lack),
            None => self.source.fetch().await.and_then(|fresh| self.hold(fresh, Machine::shared().now())),
        };
        match fetched {
            Ok(held) => {
                let keys = Arc::clone(&held.keys);
                *state = State { held: Some(held), failed: None };
                Ok(keys)
            }
            Err(lack) => {
                let still = state.held.as_ref().filter(|held| held.times.is_none_or(|(_, end)| now < end));
                let keys = still.map(|held| Arc::clone(&held.keys));
                if state.failed.as_ref().is_none_or(|(at, _)| at.elapsed() >= ASK_AGAIN_AFTER) {
                    tracing::warn!(lack = %lack, "credentials could not be fetched again");
                    state.failed = Some((Instant::now(), lack.clone()));
                }
                keys.ok_or(lack)
            }
        }
    }

    fn hold(&self, fresh: Fresh, now: Time) -> Result<Held, Lack> {
        let times = match fresh.expires {
            None => None,
            Some(end) if end.seconds <= now.seconds => {
                let why = format!("{} gave credentials that have expired already", self.source.name());
                return Err(Lack::refused(why, "set the clock of this machine, or look at what gives the credentials")
                    .may_pass());
            }
            Some(end) => {
                let life = end.seconds.saturating_sub(now.seconds);
                Some((end.seconds - (life / 4).min(DUE_SECONDS_BEFORE), end.seconds))
            }
        };
        let keys = fresh.keys;
        let token = keys.token.map(|token| token.expose().to_owned());
        let keys = AwsCredential { key_id: keys.id, secret_key: keys.secret.expose().to_owned(), token };
        Ok(Held { keys: Arc::new(keys), times })
    }
}

/// What the client passes on, the reason kept beside it.
pub(super) fn told(lack: Lack) -> object_store::Error {
    note(Heard { lack: Some(Box::new(lack.clone())), ..heard() });
    lack.into()
}

/// Many requests that start at once shall not all meet the end.
const DUE_SECONDS_BEFORE: i64 = 300;
/// Whoever gives credentials is not asked by each of a hundred waiting requests.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "renew_tests.rs"]
mod tests;
