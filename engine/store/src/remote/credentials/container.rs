//! The service beside a container, as ECS and EKS have it.
//!
//! `object_store` has one too, but without a token that is not in a file, and without an address of
//! one's own. Promises: a token goes to a host of this machine or over TLS only; a file with a
//! token is read again each time. Refuses a proxy: this service is of this machine.

use super::lack::{Lack, said};
use super::renew::Fetch;
use super::reply::{self, Fresh};
use super::secret::Secret;
use super::source::Container;
use crate::remote::line::heard;
use crate::remote::provider::Pending;
use object_store::HeaderValue;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use std::net::IpAddr;

/// Credentials of a container.
pub(super) struct OfContainer {
    pub(super) container: Container,
    pub(super) http: HttpClient,
}

impl Container {
    /// Whether the address may be asked.
    pub(super) fn check(&self) -> Result<(), Lack> {
        let wrong = |why: &str| {
            Lack::settings(
                format!("AWS_CONTAINER_CREDENTIALS_FULL_URI: {why}"),
                "it may be https://, or http:// of this machine (localhost, 127.0.0.1, 169.254.170.2, 169.254.170.23, [fd00:ec2::23])",
            )
        };
        let url = url::Url::parse(&self.url).map_err(|_| wrong("it is no address"))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_near = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) || NEAR.contains(&host);
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_near => Ok(()),
            "http" => Err(wrong("without TLS it must be of this machine")),
            _ => Err(wrong("it is no http or https address")),
        }
    }
}

impl OfContainer {
    async fn ask(&self) -> Result<Fresh, Lack> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let place = &self.container.url;
        let address = place.parse();
        *request.uri_mut() = address.map_err(|e| Lack::settings(format!("{place} is no address: {e}"), ADVICE))?;
        request.headers_mut().insert("accept", HeaderValue::from_static("application/json"));
        if let Some(token) = self.token()? {
            let value = HeaderValue::from_str(token.expose().trim_end());
            let mut value =
                value.map_err(|_| Lack::settings("the token of the container cannot be sent: it has lines", ADVICE))?;
            value.set_sensitive(true);
            request.headers_mut().insert("authorization", value);
        }
        let away = |e: &dyn std::fmt::Display| {
            Lack::away(format!("the container's service at {place} does not answer: {e}"), ADVICE)
        };
        let response = self.http.execute(request).await.map_err(|e| match heard().trouble {
            Some(trouble) => away(&trouble),
            None => away(&said(&e.to_string())),
        })?;
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        if !parts.status.is_success() {
            let why = format!("the container's service at {place} gives no credentials ({status})");
            return Err(if status >= 500 || status == 429 {
                Lack::away(why, ADVICE)
            } else {
                Lack::refused(why, ADVICE)
            });
        }
        let bytes = zeroize::Zeroizing::new(body.bytes().await.map_err(|e| away(&e))?.to_vec());
        reply::read(&bytes, false)
            .map_err(|why| Lack::refused(format!("the container's service at {place} answered {why}"), ADVICE))
    }

    fn token(&self) -> Result<Option<Secret>, Lack> {
        let Some(file) = &self.container.token_file else { return Ok(self.container.token.clone()) };
        let read = std::fs::read_to_string(file);
        let token = read.map_err(|e| {
            Lack::settings(format!("{file} (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) cannot be read: {e}"), ADVICE)
                .may_pass()
        })?;
        Ok(Some(Secret::new(token)))
    }
}

impl Fetch for OfContainer {
    fn fetch(&self) -> Pending<'_, Result<Fresh, Lack>> {
        Box::pin(self.ask())
    }

    fn name(&self) -> String {
        format!("the container's service at {}", self.container.url)
    }
}

/// Hosts that are of this machine, beside those of the loopback.
const NEAR: [&str; 4] = ["localhost", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
const ADVICE: &str = "check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI, its token, and the role of the task or pod";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_this_machine_or_over_tls_only() {
        let check = |url: &str| Container { url: url.into(), token: None, token_file: None }.check();
        for url in [
            "https://example.com/x",
            "http://localhost:1/x",
            "http://127.9.9.9/x",
            "http://[::1]/x",
            "http://169.254.170.23/v1",
            "http://[fd00:ec2::23]/v1",
        ] {
            check(url).unwrap_or_else(|e| panic!("{url}: {e}"));
        }
        for url in [
            "http://example.com/x",
            "http://169.254.169.254/x",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "ftp://localhost/",
            "x",
        ] {
            check(url).unwrap_err();
        }
    }
}
