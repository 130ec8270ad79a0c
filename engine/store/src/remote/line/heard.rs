//! What an answer says beside itself: how long to stay away, which region, which other address, what time it is there.
//!
//! It is kept beside the request that is under way, because the errors of `object_store` drop it.

use super::trouble::Trouble;
use crate::remote::credentials::Lack;
use crate::remote::dates;
use base::env::Machine;
use format_spec::Time;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use std::cell::RefCell;
use std::time::Duration;

/// What the last answer of a request said, or why there was none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::remote) struct Heard {
    pub(in crate::remote) status: Option<u16>,
    pub(in crate::remote) retry_after: Option<Duration>,
    /// Where a bucket is that is not here.
    pub(in crate::remote) region: Option<String>,
    /// Where a redirection leads.
    pub(in crate::remote) elsewhere: Option<String>,
    /// How far the store's clock is ahead of this machine's, in seconds.
    pub(in crate::remote) clock_ahead: Option<i64>,
    /// The credentials are the fault, or may be.
    pub(in crate::remote) refuses_credentials: bool,
    pub(in crate::remote) trouble: Option<Trouble>,
    /// Why there are no credentials to ask with.
    pub(in crate::remote) lack: Option<Box<Lack>>,
    /// Nothing went out: what fails before that fails on this machine.
    pub(in crate::remote) nothing_sent: bool,
    /// Whether this store has answered as a store before.
    pub(in crate::remote) has_answered: bool,
}

tokio::task_local! {
    static HEARD: RefCell<Heard>;
}

/// Runs the requests of `work`, of which the last one can be asked for by [`heard`].
pub(in crate::remote) async fn listening<T>(has_answered: bool, work: impl Future<Output = T>) -> T {
    HEARD.scope(RefCell::new(Heard { nothing_sent: true, has_answered, ..Heard::default() }), work).await
}

/// What was heard last in the work that calls; nothing outside of [`listening`].
pub(in crate::remote) fn heard() -> Heard {
    HEARD.try_with(|heard| heard.borrow().clone()).unwrap_or_default()
}

/// Keeps what was heard.
pub(in crate::remote) fn note(what: Heard) {
    // Nobody listens where a test asks without a store.
    let _ = HEARD.try_with(|heard| heard.replace(what));
}

impl Heard {
    /// With what an answer says.
    pub(super) fn of(mut self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Heard {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.status = Some(status.as_u16());
        let date = header("date").and_then(dates::read);
        self.clock_ahead = date.map(|there| there.seconds - now().seconds);
        self.retry_after = header("x-ms-retry-after-ms")
            .and_then(|text| text.parse().ok().map(Duration::from_millis))
            .or_else(|| header("retry-after").and_then(|text| seconds(text, date)))
            .map(|pause| pause.min(PAUSE_MAX));
        let text = String::from_utf8_lossy(body.get(..BODY_BYTES).unwrap_or(body));
        if status.is_redirection() || status == StatusCode::BAD_REQUEST {
            self.elsewhere = header("location").and_then(place).or_else(|| field(&text, "Endpoint"));
            let named = header("x-amz-bucket-region").and_then(word).or_else(|| field(&text, "Region"));
            self.region = named.or_else(|| self.elsewhere.as_deref().and_then(region_of));
        }
        if status.is_client_error() {
            let code = field(&text, "Code").or_else(|| header("x-ms-error-code").and_then(word));
            // To a head request the status is all that is said, and it is 400 or 403 for many reasons.
            let is_silent = code.is_none() && body.is_empty() && matches!(status.as_u16(), 400 | 403);
            let is_named = code.is_some_and(|code| NO_CREDENTIALS.contains(&&*code));
            self.refuses_credentials = is_named || is_silent || status == StatusCode::UNAUTHORIZED;
        }
        self
    }
}

/// Whether this came from a store that does its work: a word of S3 or Azure in the head, a listing, an error with a code, an object of Cairn. A server
/// that says 200 to everything has none of these, and one that is busy or sends us elsewhere shows nothing yet.
pub(super) fn is_a_store(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    if status.is_redirection() || status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
        return false;
    }
    let is_ours =
        |name: &reqwest::header::HeaderName| ["x-amz-", "x-ms-"].iter().any(|of| name.as_str().starts_with(of));
    let text = String::from_utf8_lossy(body.get(..BODY_BYTES).unwrap_or(body));
    headers.keys().any(is_ours)
        || format_spec::has_magic(body)
        || super::trouble::is_listing(&text)
        || text.contains("<Error>") && field(&text, "Code").is_some()
}

/// Seconds, or the time of a clock that shows `date`.
fn seconds(text: &str, date: Option<Time>) -> Option<Duration> {
    let until = || {
        let there = date.unwrap_or_else(now);
        u64::try_from(dates::read(text)?.seconds - there.seconds).ok()
    };
    text.trim().parse().ok().or_else(until).map(Duration::from_secs)
}

fn now() -> Time {
    Machine::shared().now()
}

/// The value of an XML field, if it is a plain word.
fn field(text: &str, tag: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    word(rest.split_once("</")?.0)
}

/// A word that can be shown: regions and hosts have no other letters.
fn word(text: &str) -> Option<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
    (!text.is_empty() && text.len() <= 200 && text.bytes().all(good)).then(|| text.to_owned())
}

/// The region in a host of Amazon's: `bucket.s3.eu-west-1.amazonaws.com`, `bucket.s3-eu-west-1.amazonaws.com`.
fn region_of(place: &str) -> Option<String> {
    let host = place.split_once("://").map_or(place, |(_, rest)| rest);
    let labels: Vec<&str> = host.split_once(".amazonaws.com")?.0.split('.').collect();
    let region = match *labels.as_slice() {
        [.., "s3" | "dualstack", region] => region,
        [.., last] => last.strip_prefix("s3-")?,
        [] => return None,
    };
    // Two words and a number; others are names of services.
    let is_region = region.matches('-').count() >= 2 && region.ends_with(|last: char| last.is_ascii_digit());
    is_region.then(|| region.to_owned())
}

/// Scheme, host and port of an address; what follows may hold a signature.
fn place(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{}://{}{port}", url.scheme(), url.host_str()?))
}

/// Nobody waits longer for a store because it says so; the patience for it is shorter anyway.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// The codes of S3 and Azure that say that the credentials are the fault, and not what they allow.
const NO_CREDENTIALS: [&str; 8] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "TokenRefreshRequired",
    "InvalidToken",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
];
/// Fields of an error stand in its first bytes.
const BODY_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> Heard {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
        Heard::default().of(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn the_wish_to_be_left_alone_is_read_in_its_three_forms() {
        let wish = |headers: &[(&'static str, &str)]| of(503, headers, "").retry_after.map(|pause| pause.as_millis());
        assert_eq!(wish(&[("retry-after", "30")]), Some(30_000));
        assert_eq!(wish(&[("x-ms-retry-after-ms", "1500"), ("retry-after", "2")]), Some(1500));
        let date = ("date", "Fri, 21 Dec 2012 00:00:00 GMT");
        assert_eq!(wish(&[date, ("retry-after", "Fri, 21 Dec 2012 00:00:07 GMT")]), Some(7000));
        assert_eq!(wish(&[date, ("retry-after", "Thu, 20 Dec 2012 00:00:00 GMT")]), None);
        assert_eq!((wish(&[("retry-after", "soon")]), wish(&[("retry-after", "-1")]), wish(&[])), (None, None, None));
        assert_eq!(wish(&[("retry-after", "18446744073709551615")]), Some(3_600_000));
    }

    #[test]
    fn the_right_region_and_another_address_are_read_from_header_and_body() {
        let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        assert_eq!(of(400, &[], body).region.as_deref(), Some("eu-west-1"));
        assert_eq!(of(301, &[("x-amz-bucket-region", "eu-north-1")], body).region.as_deref(), Some("eu-north-1"));
        let moved = of(301, &[], "<Error><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>");
        assert_eq!(moved.elsewhere.as_deref(), Some("b.s3.eu-west-1.amazonaws.com"));
        let moved = of(307, &[("location", "https://other.example:9000/b/k?X-Amz-Signature=secret")], "");
        assert_eq!(moved.elsewhere.as_deref(), Some("https://other.example:9000"));
        for (host, region) in [
            ("b.s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("b.s3-us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("b.c.s3.dualstack.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("b.s3.amazonaws.com", None),
            ("b.s3.eu-west-1.example.com", None),
        ] {
            let moved = of(307, &[("location", &format!("https://{host}/k"))], "");
            assert_eq!(moved.region.as_deref(), region, "{host}");
        }
        // What could not be shown is not kept, and other answers are none of this.
        assert_eq!(of(400, &[], "<Region>\u{1b}[31m</Region>").region, None);
        assert_eq!(of(403, &[("x-amz-bucket-region", "eu-west-1")], "").region, None);
    }

    #[test]
    fn a_store_is_known_by_what_no_web_server_says() {
        let is = |status, headers: &[(&'static str, &str)], body: &str| {
            let headers =
                headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
            is_a_store(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
        };
        let error = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>";
        assert!(is(200, &[("x-amz-request-id", "1")], "") && is(404, &[("x-ms-request-id", "1")], ""));
        assert!(is(404, &[], error) && is(200, &[], "<ListBucketResult>"));
        let page = "<!DOCTYPE html><p>Code";
        assert!(!is(200, &[("content-type", "text/html")], page) && !is(200, &[], "") && !is(404, &[], page));
        for status in [301, 307, 429, 500, 503] {
            assert!(!is(status, &[("x-amz-request-id", "1")], error), "{status}");
        }
    }

    #[test]
    fn refused_credentials_are_told_from_refused_permission() {
        let refused =
            |status, headers: &[(&'static str, &str)], body: &str| of(status, headers, body).refuses_credentials;
        let code = |code: &str| format!("<Error><Code>{code}</Code></Error>");
        for (status, body) in [(400, "ExpiredToken"), (403, "InvalidAccessKeyId"), (403, "SignatureDoesNotMatch")] {
            assert!(refused(status, &[], &code(body)), "{body}");
        }
        assert!(refused(401, &[], "") && refused(400, &[], "") && refused(403, &[], ""));
        assert!(refused(403, &[("x-ms-error-code", "AuthenticationFailed")], ""));
        for (status, body) in [(403, "AccessDenied"), (403, "InvalidObjectState"), (400, "BadDigest"), (404, "")] {
            assert!(!refused(status, &[], &code(body)), "{status} {body}");
        }
        assert!(!refused(403, &[("x-ms-error-code", "AuthorizationPermissionMismatch")], "") && !refused(200, &[], ""));
    }
}
