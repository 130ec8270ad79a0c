//! AWS Signature Version 4 for requests to other services than the store, with the credentials that the store is asked with.
//!
//! Promises: what is signed is the method, the whole address, every header that is given, the host, the time, and the body by its
//! SHA-256; the headers that come back make the request a signed one. Refuses to send anything, and to repeat a secret in a message.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use super::answer::{Answer, Operation};
use super::line;
use super::runtime::wait;
use super::settings;
use crate::Options;
use aws_lc_rs::hmac;
use base::env::Machine;
use base::error::{Error, Kind, Result};
use format_spec::Time;
use object_store::aws::AwsCredential;
use std::collections::BTreeMap;
use url::Url;

/// A request that is to be signed.
#[derive(Debug, Clone)]
pub struct Unsigned<'a> {
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// The whole address, as it will be asked for.
    pub url: &'a str,
    /// The headers that shall be signed beside the host and the time.
    pub headers: &'a [(&'a str, &'a str)],
    /// The SHA-256 of the body; that of nothing where there is none.
    pub body_sha256: [u8; 32],
}

/// Signs a request to `service` in `region`: returns the headers that are to be sent beside those that were given. Credentials
/// are looked for where those of an S3 store with these options are, and may be fetched for it.
///
/// # Errors
/// `Input` for an address or header that is none; what [`crate::open`] and a first request say where no credentials are found.
pub fn sign(request: &Unsigned<'_>, service: &str, region: &str, options: &Options) -> Result<Vec<(String, String)>> {
    // The name of a bucket is asked for where a client is made, and nothing is asked of the bucket.
    let (store, ..) = settings::s3("unused", options)?;
    let credential = wait(line::listening(options.outage.has_answered(), async {
        store.credentials().get_credential().await.map_err(|e| match line::heard().lack {
            Some(lack) => lack.error(options.outage.has_answered()).on(request.url),
            None => Answer::read(&e.to_string()).error_on(Operation::Get, request.url),
        })
    }))?;
    signed(request, service, region, &credential, Machine::shared().now())
}

/// The same with these credentials, at this time.
fn signed(
    request: &Unsigned<'_>,
    service: &str,
    region: &str,
    credential: &AwsCredential,
    now: Time,
) -> Result<Vec<(String, String)>> {
    let url = Url::parse(request.url).map_err(|e| refuse(request.url, &format!("is no address: {e}")))?;
    let instant = jiff::Timestamp::from_second(now.seconds)
        .map_err(|e| Error::new(Kind::Input, format!("the clock of this machine shows no time to sign by: {e}")))?;
    let (time, day) = (instant.strftime("%Y%m%dT%H%M%SZ").to_string(), instant.strftime("%Y%m%d").to_string());
    let body = hex(&request.body_sha256);
    let mut added = vec![("x-amz-date".to_owned(), time.clone())];
    if service == "s3" {
        added.push(("x-amz-content-sha256".to_owned(), body.clone()));
    }
    if let Some(token) = &credential.token {
        added.push(("x-amz-security-token".to_owned(), token.clone()));
    }
    let (headers, names) = canonical_headers(request, &url, &added)?;
    // Amazon's own store takes a path as it stands; every other service wants what is escaped in it escaped once more.
    let path = if service == "s3" { url.path().to_owned() } else { escaped(url.path().as_bytes(), b"/") };
    let query = canonical_query(url.query().unwrap_or_default());
    let canonical = [request.method, &path, &query, &headers, &names, &body].join("\n");
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&super::wire::sha256(canonical.as_bytes())));
    let secret = format!("AWS4{}", credential.secret_key);
    let key = [day.as_str(), region, service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
    let signature = hex(&mac(&key, text.as_bytes()));
    let id = &credential.key_id;
    let value = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    added.push(("authorization".to_owned(), value));
    Ok(added)
}

/// Each header as `name:value\n`, by name; and the names.
fn canonical_headers(request: &Unsigned<'_>, url: &Url, added: &[(String, String)]) -> Result<(String, String)> {
    let host = url.host_str().ok_or_else(|| refuse(request.url, "names no host"))?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut headers = BTreeMap::from([("host".to_owned(), host)]);
    let given = request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value));
    let added = added.iter().map(|(name, value)| (name.clone(), value.as_str()));
    for (name, value) in given.chain(added) {
        if name.is_empty() || value.contains(['\r', '\n']) {
            return Err(refuse(request.url, &format!("has a header {name:?} that cannot be sent")));
        }
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        headers.entry(name).and_modify(|held| *held = format!("{held},{value}")).or_insert(value);
    }
    let lines = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names: Vec<_> = headers.into_keys().collect();
    Ok((lines, names.join(";")))
}

/// The parts of a query by name and then by value, each escaped in the one way that is signed.
fn canonical_query(query: &str) -> String {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let mut parts: Vec<_> = parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (escaped(&plain(name), b""), escaped(&plain(value), b""))
        })
        .collect();
    parts.sort();
    parts.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Bytes in which only what needs no escape stands as it is, and what is in `keep`.
fn escaped(bytes: &[u8], keep: &[u8]) -> String {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') || keep.contains(b);
    bytes.iter().map(|b| if is_plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Text without its escapes.
fn plain(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refuse(url: &str, what: &str) -> Error {
    // What stands in the query may be a secret.
    let place = url.split(['?', '#']).next().unwrap_or_default();
    Error::new(Kind::Input, format!("a request that is to be signed {what}")).on(place)
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

#[cfg(test)]
mod tests {
    use super::*;

    /// The credentials and the time of the vectors that Amazon publishes (aws-sig-v4-test-suite).
    fn authorization(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned();
        let credential = AwsCredential { key_id: "AKIDEXAMPLE".to_owned(), secret_key, token: None };
        let request = Unsigned { method, url, headers, body_sha256: super::super::wire::sha256(body) };
        // 20150830T123600Z
        let added = signed(&request, "service", "us-east-1", &credential, Time::new(1_440_938_160, 0)).unwrap();
        assert_eq!(added[0], ("x-amz-date".to_owned(), "20150830T123600Z".to_owned()));
        added.into_iter().find(|(name, _)| name == "authorization").unwrap().1
    }

    #[test]
    fn published_requests_get_their_published_signatures() {
        let cases = [
            (
                "GET",
                "https://example.amazonaws.com/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "https://example.amazonaws.com/",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ];
        for (method, url, signature) in cases {
            let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                            SignedHeaders=host;x-amz-date, Signature=";
            assert_eq!(authorization(method, url, &[], b""), format!("{expected}{signature}"), "{method} {url}");
        }
    }

    #[test]
    fn each_part_of_a_request_counts_and_its_spelling_does_not() {
        let url = "https://example.amazonaws.com/a%20b?x=%7E1&y=2";
        let plain = authorization("GET", url, &[("My-Header", "a  b")], b"");
        assert_eq!(
            plain,
            authorization("GET", "https://example.amazonaws.com/a%20b?y=2&x=~1", &[("my-header", " a b ")], b"")
        );
        assert!(plain.contains("SignedHeaders=host;my-header;x-amz-date,"), "{plain}");
        for other in [
            authorization("PUT", url, &[("My-Header", "a b")], b""),
            authorization("GET", url, &[("My-Header", "a c")], b""),
            authorization("GET", url, &[("My-Header", "a b")], b"body"),
            authorization("GET", "https://example.amazonaws.com:444/a%20b?x=~1&y=2", &[("My-Header", "a b")], b""),
        ] {
            assert_ne!(plain, other);
        }
    }

    #[test]
    fn the_credentials_of_the_options_sign_and_a_token_goes_along() {
        let pairs = [("aws_access_key_id", "AKIDEXAMPLE"), ("aws_secret_access_key", "s"), ("aws_session_token", "t")];
        let settings = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let options = Options { environment: false, settings, ..Options::default() };
        let request = Unsigned {
            method: "GET",
            url: "https://sqs.eu-central-1.amazonaws.com/",
            headers: &[],
            body_sha256: [0; 32],
        };
        let added = sign(&request, "sqs", "eu-central-1", &options).unwrap();
        assert!(added.contains(&("x-amz-security-token".to_owned(), "t".to_owned())));
        let (_, value) = added.last().unwrap();
        assert!(value.contains("AKIDEXAMPLE/") && value.contains("/eu-central-1/sqs/aws4_request"), "{value}");
        assert!(value.contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"), "{value}");
    }

    #[test]
    fn what_cannot_be_sent_is_not_signed() {
        let options = Options { environment: false, ..Options::default() };
        let credential = AwsCredential { key_id: "k".to_owned(), secret_key: "s".to_owned(), token: None };
        for (url, header) in [("nowhere?secret", "v"), ("data:,x", "v"), ("https://a.example/?secret", "v\r\nx: y")] {
            let request = Unsigned { method: "GET", url, headers: &[("h", header)], body_sha256: [0; 32] };
            let error = signed(&request, "service", "region", &credential, Time::new(0, 0)).unwrap_err();
            assert_eq!(error.kind(), Kind::Input, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        // Without credentials nothing is signed either.
        let settings = [("aws_ec2_metadata_disabled".to_owned(), "true".to_owned())].into();
        let request = Unsigned { method: "GET", url: "https://a.example/", headers: &[], body_sha256: [0; 32] };
        let error = sign(&request, "service", "region", &Options { settings, ..options }).unwrap_err();
        assert_eq!(error.kind(), Kind::Input, "{error}");
        assert!(error.to_string().starts_with("no credentials were found"), "{error}");
    }
}
