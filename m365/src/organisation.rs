//! An organisation and how its services are reached.

use std::fmt;
use std::path::PathBuf;

/// Which cloud a tenant lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The public one; GCC, too.
    #[default]
    Global,
    /// GCC High.
    GccHigh,
    /// DoD.
    Dod,
    /// China, by 21Vianet.
    China,
}

impl Cloud {
    /// Where tokens are given.
    pub fn login(self) -> &'static str {
        match self {
            Cloud::Global => "https://login.microsoftonline.com",
            Cloud::GccHigh | Cloud::Dod => "https://login.microsoftonline.us",
            Cloud::China => "https://login.partner.microsoftonline.cn",
        }
    }

    /// Where Graph is.
    pub fn graph(self) -> &'static str {
        match self {
            Cloud::Global => "https://graph.microsoft.com",
            Cloud::GccHigh => "https://graph.microsoft.us",
            Cloud::Dod => "https://dod-graph.microsoft.us",
            Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Whether it has the feeds of `admin/exchange/mailboxes`, which tell of every item of a mailbox.
    pub fn has_mailbox_feeds(self) -> bool {
        self == Cloud::Global
    }
}

/// How the application proves itself. Neither a secret nor a key stands here, only where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A client secret, the content of a file.
    SecretFile(PathBuf),
    /// A client secret, the value of a variable of the environment.
    SecretVariable(String),
    /// A certificate and its key, each a PEM file.
    Certificate {
        /// The certificate.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// An organisation as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// What it is called here.
    pub name: String,
    /// The tenant: its id, or one of its domains.
    pub tenant: String,
    /// The application's id.
    pub client_id: String,
    /// How the application proves itself.
    pub credential: Credential,
    /// The cloud.
    pub cloud: Cloud,
    /// Where Graph is.
    pub graph: Base,
    /// Where tokens are given.
    pub login: Base,
}

/// The beginning of the addresses of a service: a scheme, a host and perhaps a port and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// An address to which secrets may go.
    ///
    /// # Errors
    /// Why not: plain HTTP is for this machine alone.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| format!("{text:?} is not an address with a scheme"))?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() || authority.contains('@') || rest.contains(['?', '#']) {
            return Err(format!(
                "{text:?} is not the beginning of an address: a scheme, a host, perhaps a port and a path"
            ));
        }
        match scheme {
            "https" => Ok(Base(text.to_owned())),
            "http" if is_loopback(authority) => Ok(Base(text.to_owned())),
            "http" => Err(format!("{text:?} is not encrypted: plain http is taken to this machine (127.0.0.1) alone")),
            _ => Err(format!("{text:?} is neither https nor http")),
        }
    }

    /// A full address.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether a link leads to this service: only then may a token go along. Links are data, so what
    /// they look like is not enough.
    pub fn owns(&self, link: &str) -> bool {
        let origin = |address: &str| {
            let (scheme, rest) = address.split_once("://")?;
            let authority = rest.split(['/', '?', '#', '\\']).next()?;
            (!authority.contains('@')).then(|| (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase()))
        };
        let ours = origin(&self.0);
        ours.is_some() && origin(link) == ours
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_loopback(authority: &str) -> bool {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let is_ours =
        host == "localhost" || host == "[::1]" || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
    is_ours && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_encrypted_or_stay_on_this_machine() {
        for good in ["https://graph.microsoft.com", "http://127.0.0.1:8911/", "http://localhost:1/x", "http://[::1]:80"]
        {
            assert!(Base::new(good).is_ok(), "{good}");
        }
        for bad in [
            "graph.microsoft.com",
            "http://graph.microsoft.com",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "https://",
            "https://a?b",
            "ftp://127.0.0.1",
        ] {
            assert!(Base::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_goes_to_its_own_host_alone() {
        let graph = Base::new("https://graph.microsoft.com").expect("a base");
        assert!(graph.owns("https://graph.microsoft.com/v1.0/users?$skiptoken=x"));
        assert!(graph.owns("HTTPS://Graph.Microsoft.com/v1.0"));
        for other in [
            "https://graph.microsoft.com.evil.example/v1.0",
            "https://graph.microsoft.com@evil.example/v1.0",
            "https://graph.microsoft.com:444/v1.0",
            "http://graph.microsoft.com/v1.0",
            "https://evil.example/https://graph.microsoft.com",
            "https://evil.example\\@graph.microsoft.com/",
            "/v1.0/users",
        ] {
            assert!(!graph.owns(other), "{other}");
        }
    }

    #[test]
    fn every_cloud_has_its_hosts() {
        for cloud in [Cloud::Global, Cloud::GccHigh, Cloud::Dod, Cloud::China] {
            assert!(Base::new(cloud.login()).is_ok() && Base::new(cloud.graph()).is_ok());
        }
    }
}
