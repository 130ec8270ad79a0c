//! One call and its answer.

use super::pools::{Permit, Pool};
use crate::answer::{ServiceError, TokenRefusal, Unexpected};
use std::collections::BTreeMap;
use std::fmt;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Get, or post.
    pub method: reqwest::Method,
    /// The whole address: a link of the service's, as it came, or one of ours.
    pub address: &'a str,
    /// Whose limits it counts for.
    pub pool: Pool<'a>,
    /// How much it counts.
    pub units: u64,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Option<Vec<u8>>,
    /// Whether a redirect is an answer.
    pub expects_redirect: bool,
    /// Whether no token goes along, whatever the host: a download link carries its own.
    pub is_anonymous: bool,
    /// What an answer may be long.
    pub answer_bytes_max: usize,
}

impl<'a> Call<'a> {
    /// A get of one unit.
    pub fn get(address: &'a str, pool: Pool<'a>) -> Self {
        Call {
            method: reqwest::Method::GET,
            address,
            pool,
            units: 1,
            headers: Vec::new(),
            body: None,
            expects_redirect: false,
            is_anonymous: false,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }

    /// A post of JSON.
    pub fn post(address: &'a str, pool: Pool<'a>, body: Vec<u8>) -> Self {
        Call { method: reqwest::Method::POST, body: Some(body), ..Call::get(address, pool) }
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A page of a thousand entries has some megabytes, a batch of exported items tens of them.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A success, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers by name, in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The service refuses, or fails.
    Service(ServiceError),
    /// It lives elsewhere: the address, as the service gives it.
    Moved(String),
    /// The login service gives no token.
    NoToken(TokenRefusal),
    /// Nobody answers.
    Unreachable(String),
    /// The answer is not what the service promises.
    Unexpected(Unexpected),
    /// The session ends.
    Ended(base::Error),
}

impl Failure {
    pub(super) fn unreachable(e: &reqwest::Error) -> Self {
        // The address is left out: a link is as good as a key. What is behind it says what happened.
        let mut cause: &dyn std::error::Error = e;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let what = if e.is_timeout() { "no answer in time" } else { "the connection failed" };
        Failure::Unreachable(format!("{what}: {cause}"))
    }

    pub(super) fn of(error: ServiceError, location: Option<String>) -> Self {
        match location {
            Some(location) if matches!(error.status, 301 | 308) => Failure::Moved(location),
            _ => Failure::Service(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Service(e) => write!(f, "{e}"),
            Failure::Moved(_) => f.write_str("it has moved"),
            Failure::NoToken(e) => write!(f, "no token: {}: {}", e.error, e.description),
            Failure::Unreachable(what) => f.write_str(what),
            Failure::Unexpected(e) => write!(f, "{e}"),
            Failure::Ended(e) => write!(f, "{e}"),
        }
    }
}

impl From<Unexpected> for Failure {
    fn from(e: Unexpected) -> Self {
        Failure::Unexpected(e)
    }
}

impl From<base::Error> for Failure {
    fn from(e: base::Error) -> Self {
        Failure::Ended(e)
    }
}

/// An answer whose head has come. Its pool is held until it is read.
pub(super) struct Sent<'c> {
    response: reqwest::Response,
    _permit: Permit<'c>,
}

impl<'c> Sent<'c> {
    pub(super) fn new(response: reqwest::Response, permit: Permit<'c>) -> Self {
        Sent { response, _permit: permit }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next bytes.
    pub(super) async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, reqwest::Error> {
        self.response.chunk().await
    }

    /// All of it.
    pub(super) async fn whole(mut self, bytes_max: usize) -> Result<Answer, Failure> {
        let status = self.status();
        let text = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = self.response.headers().iter().filter_map(text).collect();
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await.map_err(|e| Failure::unreachable(&e))? {
            if body.len() + chunk.len() > bytes_max {
                return Err(Failure::Unexpected(Unexpected::new(format!("an answer of more than {bytes_max} bytes"))));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }
}
