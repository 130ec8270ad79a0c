//! From options to connections.
//!
//! `object_store` builds its client from the same options, but that one follows redirections, and tells nobody. The wishes are read back by their
//! names; what cannot be read is refused by its name.

use base::error::{Error, Kind, Result};
use object_store::{ClientConfigKey, ClientOptions};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};
use std::net::ToSocketAddrs;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The certificates of a file that are trusted beside the system's.
///
/// # Errors
/// `Input` when the file cannot be used.
pub(super) fn roots(file: Option<&Path>) -> Result<Vec<Certificate>> {
    let Some(path) = file else { return Ok(Vec::new()) };
    let wrong = |e: &dyn std::fmt::Display| {
        Error::new(Kind::Input, format!("cannot use the root certificates: {e}")).on(path.display())
    };
    let pem = std::fs::read(path).map_err(|e| wrong(&e))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|e| wrong(&e))?;
    if certificates.is_empty() {
        return Err(wrong(&"the file holds none").advise("name a file of certificates in PEM (BEGIN CERTIFICATE)"));
    }
    Ok(certificates)
}

/// A client as the options have it, that follows no redirection.
pub(super) fn build(options: &ClientOptions, roots: &[Certificate]) -> std::result::Result<Client, String> {
    builder(options, roots)?.build().map_err(said)
}

/// The same past every proxy: what is of this machine, a proxy would ask of its own.
pub(super) fn direct(options: &ClientOptions, roots: &[Certificate]) -> std::result::Result<Client, String> {
    builder(options, roots)?.no_proxy().build().map_err(said)
}

fn builder(options: &ClientOptions, roots: &[Certificate]) -> std::result::Result<ClientBuilder, String> {
    use ClientConfigKey as Key;
    let wishes = Wishes(options);
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .user_agent(wishes.text(Key::UserAgent).unwrap_or_else(|| USER_AGENT.to_owned()))
        .https_only(!wishes.flag(Key::AllowHttp)?)
        .danger_accept_invalid_certs(wishes.flag(Key::AllowInvalidCertificates)?)
        .dns_resolver(Names);
    let roots = roots.iter().cloned();
    builder = match wishes.flag(Key::NoSystemCertificates)? {
        true => builder.tls_certs_only(roots),
        false => builder.tls_certs_merge(roots),
    };
    if let Some(proxy) = wishes.text(Key::ProxyUrl) {
        let mut proxy = Proxy::all(proxy).map_err(said)?;
        if let Some(excludes) = wishes.text(Key::ProxyExcludes) {
            proxy = proxy.no_proxy(NoProxy::from_string(&excludes));
        }
        if let Some(pem) = wishes.text(Key::ProxyCaCertificate) {
            builder = builder.tls_certs_merge([Certificate::from_pem(pem.as_bytes()).map_err(said)?]);
        }
        builder = builder.proxy(proxy);
    }
    if let Some(time) = wishes.time(Key::Timeout)? {
        builder = builder.timeout(time);
    }
    if let Some(time) = wishes.time(Key::ConnectTimeout)? {
        builder = builder.connect_timeout(time);
    }
    if let Some(time) = wishes.time(Key::PoolIdleTimeout)? {
        builder = builder.pool_idle_timeout(time);
    }
    if let Some(most) = wishes.number(Key::PoolMaxIdlePerHost)? {
        builder = builder.pool_max_idle_per_host(most);
    }
    // Many connections are faster than many streams on one: without a wish it is HTTP/1.
    if wishes.flag(Key::Http2Only)? {
        builder = builder.http2_prior_knowledge();
    } else if wishes.flag(Key::Http1Only)? {
        builder = builder.http1_only();
    }
    Ok(builder)
}

/// The options, read back by their names.
struct Wishes<'a>(&'a ClientOptions);

impl Wishes<'_> {
    fn text(&self, key: ClientConfigKey) -> Option<String> {
        self.0.get_config_value(&key)
    }

    fn read<T: FromStr>(&self, key: ClientConfigKey) -> std::result::Result<Option<T>, String> {
        let wrong = |text: String| format!("{} cannot be {text:?}", key.as_ref());
        self.text(key).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    fn number(&self, key: ClientConfigKey) -> std::result::Result<Option<usize>, String> {
        self.read(key)
    }

    fn flag(&self, key: ClientConfigKey) -> std::result::Result<bool, String> {
        let text = self.text(key).unwrap_or_default().to_ascii_lowercase();
        match text.as_str() {
            "1" | "true" | "on" | "yes" | "y" => Ok(true),
            "" | "0" | "false" | "off" | "no" | "n" => Ok(false),
            _ => Err(format!("{} cannot be {text:?}: write true or false", key.as_ref())),
        }
    }

    fn time(&self, key: ClientConfigKey) -> std::result::Result<Option<Duration>, String> {
        let time: Option<jiff::SignedDuration> = self.read(key)?;
        time.map(|time| time.try_into().map_err(|_| format!("{} cannot be negative", key.as_ref()))).transpose()
    }
}

fn said(e: reqwest::Error) -> String {
    super::trouble::causes(&e.without_url())
}

/// Looks names up, tries the addresses of a name in turn, and tells a name that does not exist from a name server that is away.
struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = tokio::task::spawn_blocking(move || look_up(name.as_str())).await??;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn look_up(name: &str) -> std::io::Result<Vec<std::net::SocketAddr>> {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let mut addresses: Vec<_> = (name, 0).to_socket_addrs()?.collect();
    // A store of many addresses shall not get everything at the first one.
    let turn = CALLS.fetch_add(1, Ordering::Relaxed).checked_rem(addresses.len()).unwrap_or(0);
    addresses.rotate_left(turn);
    Ok(addresses)
}

const USER_AGENT: &str = concat!("cairn/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_back_as_they_were_given() {
        let options = ClientOptions::new()
            .with_connect_timeout(Duration::from_millis(1500))
            .with_config(ClientConfigKey::Timeout, "2 minutes")
            .with_config(ClientConfigKey::AllowHttp, "True");
        let wishes = Wishes(&options);
        assert_eq!(wishes.time(ClientConfigKey::ConnectTimeout), Ok(Some(Duration::from_millis(1500))));
        assert_eq!(wishes.time(ClientConfigKey::Timeout), Ok(Some(Duration::from_secs(120))));
        assert_eq!(wishes.flag(ClientConfigKey::AllowHttp), Ok(true));
        assert_eq!(wishes.flag(ClientConfigKey::NoSystemCertificates), Ok(false));
        build(&options, &[]).unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_name() {
        let why = |key, value: &str| build(&ClientOptions::new().with_config(key, value), &[]).unwrap_err();
        assert!(why(ClientConfigKey::ConnectTimeout, "soon").contains("connect_timeout"));
        assert!(why(ClientConfigKey::PoolMaxIdlePerHost, "-1").contains("pool_max_idle_per_host"));
        assert!(why(ClientConfigKey::AllowHttp, "perhaps").contains("allow_http"));
    }
}
