//! Who may ask: whoever knows the password, if there is one; and on loopback nobody who was led here under another name.
//!
//! A web page of a stranger can make its own name point to 127.0.0.1 and then read what is served there as its own
//! (DNS rebinding). The browser still says the stranger's name in `Host`, so that is refused. A stranger's page can also load
//! what is served here as its scripts and images, with the password that the browser remembers: browsers say so in `Sec-Fetch-Site` or
//! `Origin`, and what another site asks for is refused, on loopback and elsewhere. Other clients send neither.

use crate::trouble::Trouble;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{StatusCode, Uri};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A user and a password. Only hashes are kept, and they are compared in constant time.
#[derive(Clone)]
pub struct Login(blake3::Hash);

impl Login {
    /// From a name without `:`, which ends the name in what clients send, and a password.
    ///
    /// # Errors
    /// `Input` for such a name.
    pub fn new(user: &str, password: &[u8]) -> engine::Result<Self> {
        if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
            let message = format!("{user:?} cannot be a user's name over HTTP");
            return Err(engine::Error::new(engine::Kind::Input, message).advise("choose one without ':'"));
        }
        Ok(Login(blake3::hash(&[user.as_bytes(), b":", password].concat())))
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, sent)) = sent.and_then(|sent| sent.split_once(' ')) else { return false };
        let sent = BASE64_STANDARD.decode(sent.trim());
        scheme.eq_ignore_ascii_case("basic") && sent.is_ok_and(|sent| blake3::hash(&sent) == self.0)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

/// Refuses whoever may not ask.
pub(crate) fn check(listen: SocketAddr, login: Option<&Login>, uri: &Uri, headers: &HeaderMap) -> Result<(), Trouble> {
    if listen.ip().is_loopback() {
        let host = match uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => headers.get(HOST).and_then(|host| host.to_str().ok()),
        };
        if !host.is_some_and(is_here) {
            let message = "this server answers to localhost only; ask for it by that name, or by its address";
            return Err(Trouble::new(StatusCode::MISDIRECTED_REQUEST, message));
        }
    }
    if is_from_elsewhere(uri, headers) {
        let message = "a page of another site asked for this; open the address in a tab of its own";
        return Err(Trouble::new(StatusCode::FORBIDDEN, message));
    }
    match login {
        Some(login) if !login.admits(headers) => {
            Err(Trouble::new(StatusCode::UNAUTHORIZED, "a user and a password are needed here, and these are not they"))
        }
        _ => Ok(()),
    }
}

/// Whether a page of another site made the request. The same site on another port, or under another name of it, is another one.
fn is_from_elsewhere(uri: &Uri, headers: &HeaderMap) -> bool {
    let said = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // What a person typed or had as a bookmark is from nowhere.
    let is_ours = |site: &str| site.eq_ignore_ascii_case("same-origin") || site.eq_ignore_ascii_case("none");
    if said(HeaderName::from_static("sec-fetch-site")).is_some_and(|site| !is_ours(site)) {
        return true;
    }
    let host = uri.authority().map(Authority::as_str).or_else(|| said(HOST)).unwrap_or_default();
    // A proxy in front of this server may speak TLS: the scheme says nothing. `null` is a page that hides where it is from.
    let is_host = |origin: &str| origin.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host));
    said(ORIGIN).is_some_and(|origin| !is_host(origin))
}

/// Whether a `Host` can only mean this machine.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_here() {
        for host in ["localhost", "LocalHost:8080", "127.0.0.1", "127.3.2.1:80", "[::1]:8080", "[::1]"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "::"]
        {
            assert!(!is_here(host), "{host}");
        }
    }

    #[test]
    fn what_a_page_of_another_site_asks_for_is_from_elsewhere() {
        let from = |sent: &[(&'static str, &str)]| {
            let sent = sent.iter().chain(&[("host", "localhost:8080")]);
            let headers = sent.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            is_from_elsewhere(&Uri::from_static("/"), &headers.collect())
        };
        for site in ["cross-site", "same-site", "CROSS-SITE", "later words", ""] {
            assert!(from(&[("sec-fetch-site", site)]), "{site}");
        }
        for origin in
            ["https://evil.example", "null", "http://localhost:3000", "http://localhost", "localhost:8080", ""]
        {
            assert!(from(&[("origin", origin)]), "{origin}");
        }
        for ours in [&[][..], &[("sec-fetch-site", "none")], &[("sec-fetch-site", "same-origin")]] {
            assert!(!from(ours));
        }
        assert!(!from(&[("origin", "http://localhost:8080")]) && !from(&[("origin", "https://LOCALHOST:8080")]));
        assert!(from(&[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8080")]));
    }

    #[test]
    fn only_the_password_admits() {
        let login = Login::new("me", b"se:cret").unwrap();
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            login.admits(&headers)
        };
        assert!(with(&format!("Basic {}", BASE64_STANDARD.encode("me:se:cret"))));
        assert!(!with(&format!("Basic {}", BASE64_STANDARD.encode("me:se"))));
        assert!(!with("Basic !") && !with("Basic") && !with("Bearer x"));
        assert!(!login.admits(&HeaderMap::new()));
        assert!(Login::new("a:b", b"x").is_err() && Login::new("", b"x").is_err());
    }
}
