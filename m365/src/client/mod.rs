//! The one client of the service: every call goes through here.
//!
//! ```text
//! call   an address, a pool, what it costs      -> an answer, or why there is none
//! pools  who may call when: [`crate::pace`] for each mailbox, for the drives, for the directory
//! tokens the bearer, renewed before it ends; it goes to the configured host and nowhere else
//! body   a content that is read while it arrives
//! ```
//!
//! Promises: a link is followed as it came; a call waits for its pool and for what the service has
//! asked for, and holds no other pool; what is worth another try gets some, what is not gets none.
//! Refuses redirects: whoever expects one reads where it leads.

mod body;
mod call;
mod pools;
mod tokens;

pub use body::Content;
pub use call::{Answer, Call, Failure};
pub use pools::{Pool, Pools};
pub use tokens::{Proof, Tokens};

use crate::answer::{Fault, service_error};
use crate::organisation::Organisation;
use base::env::SharedEnv;
use base::monitor::Monitor;
use call::Sent;
use std::path::PathBuf;
use std::time::Duration;

/// How the network is reached.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// A proxy for everything; without one, the environment says.
    pub proxy: Option<String>,
    /// Further root certificates, a PEM file.
    pub ca_file: Option<PathBuf>,
}

/// The client of one organisation; shared by all threads of a session.
pub struct Client {
    organisation: Organisation,
    http: reqwest::Client,
    /// Runs what waits for the network; threads of a session wait for it.
    runtime: tokio::runtime::Runtime,
    tokens: Tokens,
    pools: Pools,
}

impl Client {
    /// A client that has not called yet.
    ///
    /// # Errors
    /// What is wrong with the network's settings, in words.
    pub fn new(organisation: Organisation, proof: Proof, network: &Network, env: SharedEnv) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .enable_all()
            .build()
            .map_err(|e| format!("threads for the network cannot be made: {e}"))?;
        let tokens = Tokens::new(&organisation, proof, env);
        Ok(Client { organisation, http: http(network)?, runtime, tokens, pools: Pools::default() })
    }

    /// The organisation.
    pub fn organisation(&self) -> &Organisation {
        &self.organisation
    }

    /// Who may call when.
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// Calls, as often as it takes and is worth.
    ///
    /// # Errors
    /// What the service answers in the end; that it cannot be reached; a stop.
    pub fn call(&self, call: &Call<'_>, monitor: &Monitor) -> Result<Answer, Failure> {
        let sent = self.send(call, monitor)?;
        self.runtime.block_on(sent.whole(call.answer_bytes_max))
    }

    /// Calls for a content, which is read while it arrives.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn content(&self, call: &Call<'_>, monitor: &Monitor) -> Result<Content<'_>, Failure> {
        let sent = self.send(call, monitor)?;
        Ok(Content::new(sent, self.runtime.handle().clone()))
    }

    /// Sends until there is an answer that is a success, or a redirect.
    fn send(&self, call: &Call<'_>, monitor: &Monitor) -> Result<Sent<'_>, Failure> {
        let (mut tries, mut tokens, mut waits) = (0, 0, 0);
        loop {
            let permit = self.pools.enter(call.pool, call.units, monitor)?;
            let failure = match self.once(call, permit, monitor) {
                Ok(sent) => return Ok(sent),
                Err(failure) => failure,
            };
            match &failure {
                Failure::Service(e) if e.fault == Fault::Throttled && waits < THROTTLES_MAX => {
                    waits += 1;
                    self.pools.fence(call.pool, e.after.unwrap_or_else(|| pause(waits)));
                }
                // A token that the service does not take is renewed; where it takes none, that is an outage.
                Failure::Service(e) if e.fault == Fault::Token && tokens < TOKENS_MAX => {
                    tokens += 1;
                    self.tokens.forget();
                }
                Failure::Service(e) if e.fault == Fault::Transient && tries < TRIES_MAX => {
                    tries += 1;
                    match e.after {
                        Some(after) => self.pools.fence(call.pool, after),
                        None => self.pools.rest(pause(tries), monitor)?,
                    }
                }
                Failure::Unreachable(_) if tries < TRIES_MAX => {
                    tries += 1;
                    self.pools.rest(pause(tries), monitor)?;
                }
                _ => return Err(failure),
            }
        }
    }

    fn once<'c>(&'c self, call: &Call<'_>, permit: pools::Permit<'c>, monitor: &Monitor) -> Result<Sent<'c>, Failure> {
        let mut request = self.http.request(call.method.clone(), call.address);
        if self.organisation.graph.owns(call.address) && !call.is_anonymous {
            let token = self.tokens.get(&self.http, self.runtime.handle(), monitor)?;
            request = request.bearer_auth(token.bearer());
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &call.body {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        // A request is begun where the runtime is, not before.
        let response = self.runtime.block_on(async { request.send().await }).map_err(|e| Failure::unreachable(&e))?;
        let status = response.status().as_u16();
        if response.status().is_success() || (call.expects_redirect && response.status().is_redirection()) {
            return Ok(Sent::new(response, permit));
        }
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let sent = Sent::new(response, permit);
        let location = sent.header("location").map(str::to_owned);
        let answer = self.runtime.block_on(sent.whole(ERROR_BYTES_MAX));
        let body = answer.map(|answer| answer.body).unwrap_or_default();
        Err(Failure::of(service_error(status, after.as_deref(), &body), location))
    }
}

fn http(network: &Network) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .user_agent(concat!("ISV|Cairn|Cairn/", env!("CARGO_PKG_VERSION")));
    if let Some(proxy) = &network.proxy {
        let proxy = reqwest::Proxy::all(proxy).map_err(|e| format!("the proxy {proxy:?} makes no sense: {e}"))?;
        builder = builder.proxy(proxy);
    }
    if let Some(path) = &network.ca_file {
        let of_file = |what: String| format!("{}: {what}", path.display());
        let pem = std::fs::read(path).map_err(|e| of_file(e.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| of_file(e.to_string()))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|e| format!("the network cannot be used: {e}"))
}

/// How long before another try: doubles, and is not the same for all who wait.
fn pause(tries: u32) -> Duration {
    let most = 500u64.saturating_mul(1 << tries.min(7));
    let chance = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), tries);
    Duration::from_millis(most / 2 + chance % (most / 2).max(1))
}

/// Threads that move bytes: what is done with them is done elsewhere.
const RUNTIME_THREADS: usize = 2;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long nothing may arrive: large mails are converted while one waits.
const READ_TIMEOUT: Duration = Duration::from_secs(180);
/// Tries of one call that failed for a while.
const TRIES_MAX: u32 = 6;
/// Waits of one call that the service has asked for.
const THROTTLES_MAX: u32 = 100;
/// Tokens that one call gets renewed.
const TOKENS_MAX: u32 = 3;
/// What is read of an answer that is an error.
const ERROR_BYTES_MAX: usize = 64 * 1024;
