//! Connection strings of Azure:
//! `DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...;EndpointSuffix=core.windows.net`.
//!
//! Promises: no value of it stands in a message. Refuses: a string that names neither an account
//! nor an endpoint, one without credentials, and a part that is not `NAME=VALUE`. Endpoints of
//! other services than blobs are none of ours.

use super::secret::Secret;

/// What one string says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) account: String,
    pub(super) key: Option<Secret>,
    pub(super) sas: Option<Secret>,
    /// `None` means the endpoint that an account has by its name.
    pub(crate) endpoint: Option<String>,
}

#[derive(Default)]
struct Parts<'a> {
    account: Option<&'a str>,
    key: Option<&'a str>,
    sas: Option<&'a str>,
    blobs: Option<&'a str>,
    suffix: Option<&'a str>,
    protocol: Option<&'a str>,
    is_development: bool,
}

impl Connection {
    /// Reads a string.
    ///
    /// # Errors
    /// What is wrong, without a word of it.
    pub(crate) fn parse(text: &str) -> Result<Connection, String> {
        let parts = Parts::split(text)?;
        if parts.is_development {
            let endpoint = Some(format!("http://127.0.0.1:10000/{DEVELOPMENT_ACCOUNT}"));
            return Ok(Connection {
                account: DEVELOPMENT_ACCOUNT.to_owned(),
                key: Some(Secret::new(DEVELOPMENT_KEY)),
                sas: None,
                endpoint,
            });
        }
        let blobs = parts.blobs.map(|text| text.trim_end_matches('/'));
        let account = match (parts.account, blobs) {
            (Some(account), _) => account.to_owned(),
            (None, Some(endpoint)) => {
                account_of(endpoint).ok_or("its BlobEndpoint names no account, and it has no AccountName")?
            }
            (None, None) => return Err("it has neither AccountName nor BlobEndpoint".to_owned()),
        };
        if account.is_empty() || !account.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err("its AccountName is none".to_owned());
        }
        if parts.key.is_none() && parts.sas.is_none() {
            return Err("it has neither AccountKey nor SharedAccessSignature".to_owned());
        }
        if blobs.is_some_and(|endpoint| endpoint.contains(['?', '#', '@'])) {
            return Err("its BlobEndpoint has more than an address".to_owned());
        }
        // It ends the name of a host, and perhaps names a port; what else stands there would lead elsewhere.
        let is_of_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':');
        if parts.suffix.is_some_and(|suffix| !suffix.bytes().all(is_of_host)) {
            return Err("its EndpointSuffix is none".to_owned());
        }
        let protocol = parts.protocol.unwrap_or("https").to_ascii_lowercase();
        if !matches!(protocol.as_str(), "http" | "https") {
            return Err("its DefaultEndpointsProtocol is neither http nor https".to_owned());
        }
        let named = blobs.map(str::to_owned);
        let made = || {
            let is_plain = parts.suffix.is_none() && protocol == "https";
            (!is_plain).then(|| format!("{protocol}://{account}.blob.{}", parts.suffix.unwrap_or(PUBLIC_SUFFIX)))
        };
        let endpoint = named.or_else(made);
        Ok(Connection { account, key: parts.key.map(Secret::new), sas: parts.sas.map(Secret::new), endpoint })
    }
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Parts<'a>, String> {
        let mut parts = Parts::default();
        for (number, part) in text.split(';').map(str::trim).filter(|part| !part.is_empty()).enumerate() {
            // A key is base64 and may hold `=` itself.
            let (name, value) = part.split_once('=').ok_or_else(|| format!("part {} is not NAME=VALUE", number + 1))?;
            let value = Some(value.trim()).filter(|value| !value.is_empty());
            match name.trim().to_ascii_lowercase().as_str() {
                "accountname" => parts.account = value,
                "accountkey" => parts.key = value,
                "sharedaccesssignature" => parts.sas = value,
                "blobendpoint" => parts.blobs = value,
                "endpointsuffix" => parts.suffix = value,
                "defaultendpointsprotocol" => parts.protocol = value,
                "usedevelopmentstorage" => {
                    parts.is_development = value.is_some_and(|text| text.eq_ignore_ascii_case("true"));
                }
                _ => {}
            }
        }
        Ok(parts)
    }
}

/// The account in an endpoint: the first label of a name, or the first part of the path where the
/// host is an address.
fn account_of(endpoint: &str) -> Option<String> {
    let url = url::Url::parse(endpoint).ok()?;
    let first = match url.host()? {
        url::Host::Domain(name) if name.contains('.') => name.split('.').next()?.to_owned(),
        _ => url.path_segments()?.next()?.to_owned(),
    };
    Some(first).filter(|account| !account.is_empty())
}

const PUBLIC_SUFFIX: &str = "core.windows.net";
/// The account and key of the emulator, which Microsoft documents.
const DEVELOPMENT_ACCOUNT: &str = "devstoreaccount1";
const DEVELOPMENT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        let found = Connection::parse(text).unwrap();
        let shown = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
        (found.account, shown(found.key), shown(found.sas), found.endpoint)
    }

    #[test]
    fn strings_are_read_as_the_portal_writes_them() {
        let some = |text: &str| Some(text.to_owned());
        let portal = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5==;EndpointSuffix=core.windows.net";
        assert_eq!(parsed(portal), ("acc".into(), some("a2V5=="), None, some("https://acc.blob.core.windows.net")));
        assert_eq!(parsed("accountname=acc; accountkey=k ;"), ("acc".into(), some("k"), None, None));
        let sas = "BlobEndpoint=https://acc.blob.core.windows.net/;QueueEndpoint=https://q;SharedAccessSignature=sv=1&sig=a%3D";
        assert_eq!(parsed(sas), ("acc".into(), None, some("sv=1&sig=a%3D"), some("https://acc.blob.core.windows.net")));
        let local = "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;AccountKey=k";
        assert_eq!(
            parsed(local),
            ("devstoreaccount1".into(), some("k"), None, some("http://127.0.0.1:10000/devstoreaccount1"))
        );
        assert_eq!(parsed("UseDevelopmentStorage=true").3, some("http://127.0.0.1:10000/devstoreaccount1"));
    }

    #[test]
    fn what_is_wrong_is_said_without_a_word_of_it() {
        for (text, why) in [
            ("", "neither AccountName"),
            ("SECRET", "part 1"),
            ("AccountName=acc;SECRET", "part 2"),
            ("AccountName=acc", "neither AccountKey"),
            ("AccountKey=SECRET", "neither AccountName"),
            ("AccountName=a/b;AccountKey=SECRET", "AccountName is none"),
            ("AccountName=a;AccountKey=SECRET;DefaultEndpointsProtocol=ftp", "DefaultEndpointsProtocol"),
            ("BlobEndpoint=https://acc.x/?SECRET;AccountKey=SECRET", "more than an address"),
            ("BlobEndpoint=https://SECRET@acc.x/;AccountKey=SECRET", "more than an address"),
            ("AccountName=a;AccountKey=SECRET;EndpointSuffix=x?SECRET", "EndpointSuffix is none"),
            ("AccountName=a;AccountKey=SECRET;EndpointSuffix=x@SECRET", "EndpointSuffix is none"),
            ("AccountName=a;AccountKey=SECRET;EndpointSuffix=x/SECRET", "EndpointSuffix is none"),
            ("BlobEndpoint=SECRET;AccountKey=SECRET", "names no account"),
        ] {
            let said = Connection::parse(text).unwrap_err();
            assert!(said.contains(why) && !said.contains("SECRET"), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn any_key_is_kept_whole(account in "[a-z0-9]{3,24}", key in "[A-Za-z0-9+/]{4,20}={0,2}") {
            let found = Connection::parse(&format!("AccountName={account};AccountKey={key}")).unwrap();
            prop_assert_eq!(found.account, account);
            prop_assert_eq!(found.key, Some(Secret::new(key)));
        }

        #[test]
        fn any_text_is_answered(text in "((AccountName|BlobEndpoint|SharedAccessSignature|[;=?:/])|\\PC){0,60}") {
            let _ = Connection::parse(&text);
        }
    }
}
