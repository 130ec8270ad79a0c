//! The requests that `object_store` does not know, signed and sent by its own parts: everything about versions and locks, Azure's
//! puts with a checksum and single deletes, and a put whose checksum is wrong on purpose.

use super::answer::{Answer, Operation};
use super::dates;
use super::line::{Heard, Line, heard};
use crate::ObjectName;
use base::error::{Error, Kind, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use format_spec::Time;
use object_store::aws::AmazonS3;
use object_store::azure::{AzureAuthorizer, MicrosoftAzure};
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{ClientOptions, HeaderMap, HeaderValue};
use reqwest::Method;
use reqwest::header::HeaderName;
use std::borrow::Cow;
use std::time::Duration;

/// A connection pool for own requests.
#[derive(Debug)]
pub(super) struct Wire {
    http: HttpClient,
}

/// What came back, the body read.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    heard: Heard,
}

impl Wire {
    pub(super) fn connect(line: &Line, options: &ClientOptions) -> Result<Self> {
        Ok(Wire { http: line.client(options)? })
    }

    /// A request to S3, signed in its address.
    pub(super) async fn s3(&self, store: &AmazonS3, ask: Ask<'_>) -> Result<Response> {
        let query = ask.query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let mut options = SignedUrlOptions::default().with_query(query);
        for (name, value) in pairs(&ask.headers)? {
            options = options.with_signed_header(name, value);
        }
        let url = store
            .signed_url_opts(ask.method.clone(), &ask.path, SIGNATURE_LIFE, &options)
            .await
            .map_err(|e| Answer::read(&e.to_string()).error(ask.verb, ask.name))?;
        self.send(ask, url.as_str(), |_| Ok(())).await
    }

    /// A request to Azure, signed in its headers.
    pub(super) async fn azure(
        &self,
        store: &MicrosoftAzure,
        account: &str,
        address: &str,
        ask: Ask<'_>,
    ) -> Result<Response> {
        let failed = |e: object_store::Error| Answer::read(&e.to_string()).error(ask.verb, ask.name);
        let credential = store.credentials().get_credential().await.map_err(failed)?;
        let path = ask.path.as_ref();
        let text = if path.is_empty() { address.to_owned() } else { format!("{address}/{path}") };
        let mut url = url::Url::parse(&text)
            .map_err(|e| Error::new(Kind::Input, format!("the endpoint {address:?} is no address: {e}")))?;
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let (verb, name) = (ask.verb, ask.name);
        self.send(ask, url.as_str(), |request| {
            AzureAuthorizer::new(&credential, account)
                .try_authorize(request)
                .map_err(|e| Answer::read(&e.to_string()).error(verb, name))
        })
        .await
    }

    async fn send(
        &self,
        ask: Ask<'_>,
        url: &str,
        sign: impl FnOnce(&mut HttpRequest) -> Result<()>,
    ) -> Result<Response> {
        let length = ask.body.len();
        let mut request = HttpRequest::new(HttpRequestBody::from(ask.body));
        *request.method_mut() = ask.method;
        *request.uri_mut() =
            url.parse().map_err(|e| Error::new(Kind::Bug, format!("a signed address is none: {e}")))?;
        request.headers_mut().extend(pairs(&ask.headers)?);
        request.headers_mut().insert(reqwest::header::CONTENT_LENGTH, HeaderValue::from(length));
        sign(&mut request)?;
        let lost = |e: HttpError| Answer::read(&e.to_string()).error(ask.verb, ask.name);
        let response = self.http.execute(request).await.map_err(lost)?;
        let (parts, body) = response.into_parts();
        let body = body.bytes().await.map_err(lost)?;
        Ok(Response { status: parts.status.as_u16(), headers: parts.headers, body, heard: heard() })
    }
}

/// One request.
pub(super) struct Ask<'a> {
    pub(super) verb: Operation,
    pub(super) method: Method,
    pub(super) name: &'a ObjectName,
    pub(super) path: Path,
    pub(super) query: &'a [(&'static str, &'a str)],
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl Response {
    /// Whether it was done, or the refusal as an error.
    pub(super) fn done(&self, verb: Operation, name: &ObjectName) -> Result<()> {
        if (200..300).contains(&self.status) { Ok(()) } else { Err(self.answer().error(verb, name)) }
    }

    /// The refusal.
    pub(super) fn answer(&self) -> Answer {
        let answer = Answer::of(self.status, self.header("x-ms-error-code").as_deref(), &self.text());
        Answer { heard: self.heard.clone(), ..answer }
    }

    /// The body as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The version that the answer is about, where the store names one.
    pub(super) fn version(&self) -> Option<String> {
        self.header("x-amz-version-id").or_else(|| self.header("x-ms-version-id")).filter(|v| v != "null")
    }

    /// The store's clock when it answered.
    pub(super) fn time(&self) -> Option<Time> {
        self.header("date").and_then(|text| dates::read(&text))
    }

    /// A header, if it is text.
    pub(super) fn header(&self, name: &'static str) -> Option<String> {
        self.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
    }
}

/// Azure's CRC-64 (the polynomial of NVMe), least significant byte first.
pub(super) fn azure_crc64(bytes: &[u8]) -> String {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
    BASE64_STANDARD.encode(crc.to_le_bytes())
}

/// The SHA-256 of an object's bytes.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

/// Thirty-two bytes as S3 writes a SHA-256.
pub(super) fn base64_sha256(digest: &[u8; 32]) -> String {
    BASE64_STANDARD.encode(digest)
}

fn pairs(headers: &[(&'static str, String)]) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let pair = |(name, value): &(&'static str, String)| {
        let value = HeaderValue::from_str(value)
            .map_err(|e| Error::new(Kind::Bug, format!("header {name} cannot be written: {e}")))?;
        Ok((HeaderName::from_static(name), value))
    };
    headers.iter().map(pair).collect()
}

/// A signature must outlive the longest upload of one object, and stay below what stores allow (7 days).
const SIGNATURE_LIFE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc64_has_the_check_value_of_its_catalogue() {
        assert_eq!(azure_crc64(b"123456789"), BASE64_STANDARD.encode(0xae8b_1486_0a79_9888_u64.to_le_bytes()));
    }
}
