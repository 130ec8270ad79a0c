//! The line: the one way by which HTTP goes out, for the requests of `object_store`, for our own, and for those that fetch credentials.
//!
//! ```text
//! object_store, wire, credentials --> Caller: ask, watch, listen --> reqwest
//!                                        |       |       `- Heard: what the answer says beside itself (Retry-After, region, clock)
//!                                        |       `- Pulse: silence, drips, a stop
//!                                        `- Trouble: why nothing usable came
//! ```
//!
//! Promises: an answer is whole when it leaves here, and at most as large as the largest object; one that stays silent or drips is given up; a stop
//! ends what is under way. What came is remembered beside the request ([`heard`]), because the errors of `object_store` keep neither headers nor the
//! body of a redirection. Only an answer that no web server gives says that there is a store ([`Outage::is_a_store`]). Refuses to follow a redirection (its signature is of another host), to try again ([`crate::retry`] does), and to
//! take a web page for an answer of a store.

mod client;
mod heard;
mod knock;
mod pulse;
mod trouble;

pub(super) use heard::{Heard, heard, listening, note};
#[cfg(test)]
pub(super) use trouble::Flaw;
pub(super) use trouble::{Trouble, causes};

use crate::outage::Outage;
use crate::{OBJECT_BYTES_MAX, Options};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use pulse::Pulse;
use reqwest::{Certificate, Method};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use trouble::Asked;

/// Makes the connections to one store.
#[derive(Debug, Clone)]
pub(super) struct Line(Arc<Terms>);

/// What all requests over one line have in common.
#[derive(Debug)]
struct Terms {
    /// Where the store's own answers come from; everything else is about credentials.
    host: Option<String>,
    roots: Vec<Certificate>,
    silence: Duration,
    drip_window: Duration,
    outage: Arc<Outage>,
    /// Bytes that went over this line so far, both ways.
    moved: Arc<AtomicU64>,
}

impl Line {
    /// A line to the store at `endpoint`, as the options have it.
    ///
    /// # Errors
    /// `Input` for root certificates that cannot be used.
    pub(super) fn new(endpoint: &str, options: &Options) -> Result<Line> {
        options.outage.prove_elsewhere();
        let host = url::Url::parse(endpoint).ok().and_then(|url| url.host_str().map(str::to_owned));
        Ok(Line(Arc::new(Terms {
            host,
            roots: client::roots(options.root_certificate.as_deref())?,
            silence: options.read_timeout,
            drip_window: options.drip_window,
            outage: Arc::clone(&options.outage),
            moved: Arc::default(),
        })))
    }

    /// Connections for our own requests.
    ///
    /// # Errors
    /// `Input` for settings that make no sense.
    pub(super) fn client(&self, options: &ClientOptions) -> Result<HttpClient> {
        self.connect(options).map_err(|e| Error::new(Kind::Input, format!("cannot set up connections: {e}")))
    }
}

impl Line {
    /// Connections past every proxy, to services of this machine.
    pub(super) fn direct(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        self.over(client::direct(options, &self.0.roots))
    }

    fn over(&self, client: std::result::Result<reqwest::Client, String>) -> object_store::Result<HttpClient> {
        let client = client.map_err(|e| object_store::Error::Generic { store: "HTTP client", source: e.into() })?;
        Ok(HttpClient::new(Caller { client, terms: Arc::clone(&self.0) }))
    }
}

impl HttpConnector for Line {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        self.over(client::build(options, &self.0.roots))
    }
}

/// Sends requests, and watches them.
#[derive(Debug)]
struct Caller {
    client: reqwest::Client,
    terms: Arc<Terms>,
}

type Called<'a> = Pin<Box<dyn Future<Output = std::result::Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Caller {
    fn call<'life0, 'async_trait>(&'life0 self, request: HttpRequest) -> Called<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let question = Question::of(&request, &self.terms);
            let heard = Heard { has_answered: self.terms.outage.has_answered(), ..Heard::default() };
            let pulse = Arc::new(Pulse::new(Arc::clone(&self.terms.moved)));
            let answered = tokio::select! {
                biased;
                trouble = pulse.watch(&self.terms) => Err(trouble),
                answered = self.exchange(request, &question, &pulse) => answered,
            };
            let answered = match answered {
                Err(Trouble::Lost(causes)) if question.may_want_tls(&heard) && knock::hung_up(&causes) => {
                    let wants_tls = knock::answers_over_tls(&question.authority).await;
                    Err(if wants_tls { Trouble::TlsServer } else { Trouble::Lost(causes) })
                }
                other => other,
            };
            match answered {
                Ok((response, body)) => {
                    let heard = heard.of(response.status(), response.headers(), &body);
                    let refuses_credentials = heard.refuses_credentials && question.is_of_store;
                    if question.is_of_store && heard::is_a_store(response.status(), response.headers(), &body) {
                        self.terms.outage.is_a_store();
                    }
                    note(Heard { refuses_credentials, ..heard });
                    Ok(response)
                }
                Err(trouble) => {
                    note(Heard { trouble: Some(trouble.clone()), ..heard });
                    Err(HttpError::new(HttpErrorKind::Unknown, trouble))
                }
            }
        })
    }
}

impl Caller {
    /// One request and its whole answer.
    async fn exchange(
        &self,
        request: HttpRequest,
        question: &Question,
        pulse: &Arc<Pulse>,
    ) -> std::result::Result<(HttpResponse, Bytes), Trouble> {
        let (parts, body) = request.into_parts();
        let no_address = |e: url::ParseError| Trouble::Lost(format!("an address is not one: {e}"));
        let url = parts.uri.to_string().parse::<reqwest::Url>().map_err(no_address)?;
        let mut sent = reqwest::Request::new(parts.method, url);
        *sent.headers_mut() = parts.headers;
        // The bodies are in memory; to collect one copies nothing and cannot fail.
        let body = body.collect().await.map_err(|e| Trouble::Lost(e.to_string()))?.to_bytes();
        *sent.body_mut() = Some(paced(body, sent.headers_mut(), pulse));

        let lost = |e: reqwest::Error| Trouble::of(e, question.is_tls, &question.host);
        let mut response = self.client.execute(sent).await.map_err(lost)?;
        pulse.receives();
        let (status, headers) = (response.status(), response.headers().clone());
        let length = response.content_length().unwrap_or(0);
        let mut body = Vec::new();
        // What is larger than any object is refused by its length, unread.
        if question.asked != Asked::Head && length <= OBJECT_BYTES_MAX {
            body.reserve(usize::try_from(length).unwrap_or(0).min(RESERVE_MAX));
            while let Some(piece) = response.chunk().await.map_err(lost)? {
                pulse.beat(piece.len());
                body.extend_from_slice(&piece);
                if body.len() as u64 > OBJECT_BYTES_MAX {
                    return Err(Trouble::Lost("an answer does not end".to_owned()));
                }
            }
        }
        if question.is_of_store {
            trouble::expect_store(question.asked, status, &headers, &body)?;
        }
        let body = Bytes::from(body);
        let mut answer = HttpResponse::new(HttpResponseBody::from(body.clone()));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok((answer, body))
    }
}

/// What an answer with these headers is to somebody who listed, or asked for something else: what is heard of it, or why it comes from no store.
pub(super) fn listen(
    lists: bool,
    status: reqwest::StatusCode,
    headers: &reqwest::header::HeaderMap,
    body: &[u8],
) -> Heard {
    let asked = if lists { Asked::List } else { Asked::Other };
    let heard = Heard::default().of(status, headers, body);
    Heard { trouble: trouble::expect_store(asked, status, headers, body).err(), ..heard }
}

/// A body whose pieces beat the pulse when the socket takes them.
fn paced(body: Bytes, headers: &mut reqwest::header::HeaderMap, pulse: &Arc<Pulse>) -> reqwest::Body {
    if body.len() <= PIECE_BYTES {
        return body.into();
    }
    headers.entry(reqwest::header::CONTENT_LENGTH).or_insert_with(|| body.len().into());
    pulse.sends();
    let (pulse, mut rest) = (Arc::clone(pulse), body);
    reqwest::Body::wrap_stream(stream::iter(std::iter::from_fn(move || {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        pulse.beat(piece.len());
        // Who knows the length does not ask for the end.
        if rest.is_empty() {
            pulse.waits();
        }
        (!piece.is_empty()).then_some(Ok::<_, Infallible>(piece))
    })))
}

/// What matters of a request when its answer is judged.
struct Question {
    asked: Asked,
    host: String,
    authority: String,
    is_tls: bool,
    is_of_store: bool,
}

impl Question {
    fn of(request: &HttpRequest, terms: &Terms) -> Question {
        let (uri, method) = (request.uri(), request.method());
        let host = uri.host().unwrap_or_default().to_owned();
        let is_below = |of: &String| host == *of || host.strip_suffix(of.as_str()).is_some_and(|b| b.ends_with('.'));
        let asks = |what: &str| uri.query().unwrap_or_default().split('&').any(|pair| pair == what);
        let lists = ["list-type=2", "versions", "versions=", "comp=list"].into_iter().any(asks);
        Question {
            authority: uri.authority().map(ToString::to_string).unwrap_or_default(),
            is_tls: uri.scheme_str() == Some("https"),
            is_of_store: terms.host.as_ref().is_none_or(is_below),
            asked: match *method {
                Method::HEAD => Asked::Head,
                Method::GET if lists => Asked::List,
                _ => Asked::Other,
            },
            host,
        }
    }

    /// Whether a server that hangs up may have expected TLS.
    fn may_want_tls(&self, heard: &Heard) -> bool {
        self.is_of_store && !self.is_tls && !heard.has_answered
    }
}

/// An upload is watched in pieces of this size; smaller bodies go in one.
const PIECE_BYTES: usize = 64 << 10;
/// What is set aside for an answer before it comes; a server may claim any length.
const RESERVE_MAX: usize = 16 << 20;
