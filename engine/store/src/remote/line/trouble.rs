//! Why nothing usable came of a request, and what whoever asked can do.
//!
//! | trouble | passes by itself | what it is |
//! |---|---|---|
//! | the connection was lost, silent, too slow | yes | `Transient` |
//! | no such host, TLS against plain, a web page | not at the start; later perhaps | `Input`, once the store has answered `Transient` |
//! | a certificate that is not good | no | `Denied` |
//! | a stop | - | `Interrupted` |
//!
//! What cannot pass is known from the first answer on: a command that never reached its store has a wrong setting, and one that did has a network
//! that fails (a portal of a hotel, a name server that restarts).

use base::error::Kind;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Why nothing usable came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::remote) enum Trouble {
    /// The connection could not be made, or ended; with the causes.
    Lost(String),
    /// Nothing came for so long.
    Silent(Duration),
    /// So few bytes came in a second.
    Drips(u64),
    /// The name server says that there is no such host.
    NoSuchHost(String),
    /// TLS was spoken to a server that speaks none here.
    PlainServer,
    /// A server that wants TLS was asked without.
    TlsServer,
    /// The certificate is not good; with the causes.
    Certificate(Flaw, String),
    /// The answer is not that of a store; what it is.
    Foreign(&'static str),
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::remote) enum Flaw {
    Expired,
    NotYetValid,
    OtherName,
    UnknownIssuer,
    Other,
}

impl Trouble {
    /// From an error of the client.
    pub(super) fn of(e: reqwest::Error, is_tls: bool, host: &str) -> Trouble {
        Trouble::read(causes(&e.without_url()), is_tls, host)
    }

    fn read(text: String, is_tls: bool, host: &str) -> Trouble {
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&NO_SUCH_HOST) {
            Trouble::NoSuchHost(host.to_owned())
        } else if says(&["invalid peer certificate"]) {
            Trouble::Certificate(Flaw::read(&text), text)
        } else if is_tls && says(&["InvalidContentType", "InvalidMessage", "corrupt message", "wrong version number"]) {
            Trouble::PlainServer
        } else if !is_tls && says(&["invalid HTTP version"]) {
            Trouble::TlsServer
        } else {
            Trouble::Lost(text)
        }
    }

    /// What a caller can do, and what helps.
    pub(in crate::remote) fn verdict(&self, has_answered: bool) -> (Kind, Cow<'static, str>) {
        let by_itself = |kind| if has_answered { Kind::Transient } else { kind };
        let (kind, advice) = match self {
            Trouble::Lost(_) | Trouble::Silent(_) => {
                (Kind::Transient, "check the endpoint and the network, then run again")
            }
            Trouble::Drips(_) => {
                (Kind::Transient, "look at the line to the store and at the store itself, then run again")
            }
            Trouble::NoSuchHost(_) => (by_itself(Kind::Input), "check the endpoint; is its name spelled right?"),
            Trouble::PlainServer => (
                by_itself(Kind::Input),
                "ask another port if the server has one for TLS; or name an http:// endpoint and allow it (AWS_ALLOW_HTTP=true, AZURE_ALLOW_HTTP=true)",
            ),
            Trouble::TlsServer => (by_itself(Kind::Input), "name an https:// endpoint"),
            Trouble::Foreign(_) => (
                by_itself(Kind::Input),
                "check the endpoint: it is perhaps that of a console, a proxy or a login page, and the store has another address or port",
            ),
            Trouble::Certificate(flaw, _) => (Kind::Denied, flaw.advice()),
        };
        (kind, advice.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Lost(causes) => write!(f, "{causes}"),
            Trouble::Silent(time) => write!(f, "nothing came for {} s", time.as_secs_f32().round()),
            Trouble::Drips(rate) => write!(f, "only {rate} bytes came or went in a second"),
            Trouble::NoSuchHost(host) => write!(f, "there is no host {host}"),
            Trouble::PlainServer => f.write_str("the server does not speak TLS on this port"),
            Trouble::TlsServer => f.write_str("the server wants TLS on this port"),
            Trouble::Certificate(flaw, causes) => write!(f, "{} ({causes})", flaw.said()),
            Trouble::Foreign(what) => write!(f, "the answer is {what}: this is not an S3 or Azure endpoint"),
        }
    }
}

impl std::error::Error for Trouble {}

impl Flaw {
    /// From the words of the TLS library, of which some have a form with numbers and one without.
    fn read(text: &str) -> Flaw {
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["NotValidYet", "not valid yet"]) {
            Flaw::NotYetValid
        } else if says(&["Expired", "expired"]) {
            Flaw::Expired
        } else if says(&["NotValidForName", "not valid for name"]) {
            Flaw::OtherName
        } else if says(&["UnknownIssuer", "CaUsedAsEndEntity"]) {
            Flaw::UnknownIssuer
        } else {
            Flaw::Other
        }
    }

    fn said(self) -> &'static str {
        match self {
            Flaw::Expired => "the certificate of the server has expired",
            Flaw::NotYetValid => "the certificate of the server is not valid yet",
            Flaw::OtherName => "the certificate of the server is for another name",
            Flaw::UnknownIssuer => {
                "the certificate of the server (or of the proxy) comes from a CA that is not trusted"
            }
            Flaw::Other => "the certificate of the server (or of the proxy) is not trusted",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Flaw::Expired => "renew the certificate on the server; is the clock of this machine right?",
            Flaw::NotYetValid => "set the clock of this machine, or wait until the certificate is valid",
            Flaw::OtherName => {
                "name the endpoint as the certificate does, or give the server a certificate for the name that you use"
            }
            Flaw::UnknownIssuer | Flaw::Other => {
                "if the store has a private CA, name its certificate: `ca-file` in the config file, or CAIRN_CA_FILE"
            }
        }
    }
}

/// What was asked, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Head,
    List,
    Other,
}

/// Whether an answer can be one of a store: pages for people, and listings that are none, come from something else.
pub(super) fn expect_store(asked: Asked, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), Trouble> {
    let text = String::from_utf8_lossy(body.get(..BODY_BYTES).unwrap_or(body));
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |mark: &str| text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    if status == StatusCode::BAD_REQUEST && TLS_WANTED.iter().any(|words| text.contains(words)) {
        return Err(Trouble::TlsServer);
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_page = begins("<!doctype html") || begins("<html") || asked == Asked::Head && kind.starts_with("text/html");
    match status {
        _ if status.is_success() && is_page => Err(Trouble::Foreign("a web page")),
        StatusCode::NOT_FOUND if is_page && asked != Asked::Head => Err(Trouble::Foreign("a web page")),
        _ if status.is_success() && asked == Asked::List && !is_listing(text) => Err(Trouble::Foreign("not a listing")),
        _ => Ok(()),
    }
}

/// Whether this is the beginning of a listing.
pub(super) fn is_listing(text: &str) -> bool {
    LISTINGS.iter().any(|tag| text.contains(tag))
}

/// The error's text and that of each cause that it does not repeat: why a connection failed
/// stands at the very end.
pub(in crate::remote) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let said = e.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = e.source();
    }
    text
}

/// How the system's libraries say that a name does not exist, and not that nobody could be asked.
const NO_SUCH_HOST: [&str; 3] =
    ["Name or service not known", "No address associated with hostname", "Name does not resolve"];
/// How servers that want TLS answer without, where they answer at all.
const TLS_WANTED: [&str; 3] =
    ["plain HTTP request was sent to HTTPS port", "HTTP request to an HTTPS server", "speaking plain HTTP to an SSL"];
/// The outermost tags of listings: of S3, of its versions, of Azure.
const LISTINGS: [&str; 3] = ["<ListBucketResult", "<ListVersionsResult", "<EnumerationResults"];
/// Enough to know a page or a listing.
const BODY_BYTES: usize = 1024;

#[cfg(test)]
#[path = "trouble_tests.rs"]
mod tests;
