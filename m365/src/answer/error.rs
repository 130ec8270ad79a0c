//! What an answer that is not a success means, by the deepest code that is known; by its status only
//! where no code is.
//!
//! A status says little: a mail that can never be converted answers 500 for ever, a full mailbox
//! answers 403, and a change feed that has forgotten its past answers 400, 404 or 410.

use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// What there is to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Wait, and let everything of its pool wait.
    Throttled,
    /// Try again.
    Transient,
    /// The token is not taken (any more): get another one.
    Token,
    /// The change feed has forgotten: enumerate afresh.
    Resync,
    /// It lives elsewhere now.
    Moved,
    /// It is not there.
    NotFound,
    /// The object has no such service: no licence, no mailbox, no drive.
    NotEnabled,
    /// The application may not.
    Denied,
    /// Somebody holds it: a locked site, a file that is checked out.
    Locked,
    /// The service says that it is malware, and does not give it.
    Malware,
    /// The mailbox or drive is over its quota.
    OverQuota,
    /// This item can never be had so.
    Unreadable,
    /// The request makes no sense to the service.
    Refused,
}

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// What there is to do.
    pub fault: Fault,
    /// The status.
    pub status: u16,
    /// The deepest code that is known, else the outermost that there is.
    pub code: String,
    /// What the service says to people, one line.
    pub message: String,
    /// The service's name of the request, for its support.
    pub request_id: String,
    /// How long to wait.
    pub after: Option<Duration>,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        let parts = [(" ", &self.code), (": ", &self.message), (", request ", &self.request_id)];
        parts.iter().filter(|(_, text)| !text.is_empty()).try_for_each(|(before, text)| write!(f, "{before}{text}"))
    }
}

impl std::error::Error for ServiceError {}

/// Reads an answer that is not a success. Any body will do, and none.
pub fn service_error(status: u16, retry_after: Option<&str>, body: &[u8]) -> ServiceError {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let error = value.get("error").unwrap_or(&Value::Null);
    let codes = codes(error);
    let known = codes.iter().rev().find_map(|code| fault_of(code).map(|fault| (code, fault)));
    let code = known.map(|(code, _)| code).or_else(|| codes.iter().find(|code| !code.is_empty()));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let inner = INNER.iter().find_map(|name| error.get(name));
    ServiceError {
        fault: known.map_or_else(|| by_status(status), |(_, fault)| fault),
        status,
        code: code.map(|code| word(code)).unwrap_or_default(),
        message: text(error.get("message"))
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(MESSAGE_CHARS_MAX)
            .collect(),
        request_id: word(&text(inner.and_then(|inner| inner.get("request-id")))),
        after: retry_after.and_then(seconds),
    }
}

/// A word of the service's, for a line.
fn word(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORD_CHARS_MAX).collect()
}

/// Codes and ids of requests are shorter.
const WORD_CHARS_MAX: usize = 128;
/// The service spells it in two ways.
const INNER: [&str; 2] = ["innerError", "innererror"];
/// A message is for a line of the ledger.
const MESSAGE_CHARS_MAX: usize = 300;
/// Errors in each other: what is deeper is not looked at.
const DEPTH_MAX: usize = 16;

/// The codes of an error, the outermost first.
fn codes(error: &Value) -> Vec<String> {
    let (mut codes, mut at) = (Vec::new(), error);
    for _ in 0..DEPTH_MAX {
        codes.extend(at.get("code").and_then(Value::as_str).map(str::to_owned));
        let details = at.get("details").and_then(Value::as_array);
        codes.extend(details.into_iter().flatten().filter_map(|d| d.get("code")?.as_str().map(str::to_owned)));
        match INNER.iter().find_map(|name| at.get(name)) {
            Some(inner) => at = inner,
            None => break,
        }
    }
    codes
}

/// What a code means. The service does not always write one the same way, so case does not count.
fn fault_of(code: &str) -> Option<Fault> {
    let code = code.to_ascii_lowercase();
    CODES.iter().find(|(_, codes)| codes.contains(&&*code)).map(|(fault, _)| *fault)
}

const CODES: &[(Fault, &[&str])] = &[
    (
        Fault::Throttled,
        &["applicationthrottled", "toomanyrequests", "activitylimitreached", "errorservertoobusy", "errorserverbusy"],
    ),
    (
        Fault::Transient,
        &[
            "servicenotavailable",
            "serviceunavailable",
            "generalexception",
            "errorinternalservertransienterror",
            "errormailboxstoreunavailable",
            "errortimeoutexpired",
            "mailboxinfostale",
            "timeout",
        ],
    ),
    (Fault::Token, &["invalidauthenticationtoken", "unauthenticated", "authenticationerror"]),
    (
        Fault::Resync,
        &[
            "resyncrequired",
            "resyncchangesapplydifferences",
            "resyncchangesuploaddifferences",
            "syncstatenotfound",
            "syncstateinvalid",
            "errorsyncstatenotfound",
            "errorinvalidsyncstatedata",
            "errorsyncfoldernotfound",
        ],
    ),
    (Fault::Moved, &["errorarchivefoldermovedpermanently"]),
    (
        Fault::NotFound,
        &["itemnotfound", "erroritemnotfound", "errorfoldernotfound", "request_resourcenotfound", "resourcenotfound"],
    ),
    (
        Fault::NotEnabled,
        &[
            "mailboxnotenabledforrestapi",
            "mailboxnotsupportedforrestapi",
            "errornonexistentmailbox",
            "errorinvaliduser",
        ],
    ),
    (Fault::Denied, &["erroraccessdenied", "accessdenied", "authorization_requestdenied", "forbidden"]),
    (Fault::Locked, &["resourcelocked", "notallowed", "lockmismatch", "lockedfilecheckedout"]),
    (Fault::Malware, &["malwaredetected", "virussuspicious"]),
    (Fault::OverQuota, &["errorquotaexceeded", "quotalimitreached"]),
    (
        Fault::Unreadable,
        &[
            "errormimecontentconversionfailed",
            "errorcontentconversionfailed",
            "errorcorruptdata",
            "errorinvalidrecipients",
            "errorcannotopenfileattachment",
            "errormessagesizeexceeded",
        ],
    ),
];

fn by_status(status: u16) -> Fault {
    match status {
        401 => Fault::Token,
        403 => Fault::Denied,
        404 => Fault::NotFound,
        410 => Fault::Resync,
        301 | 308 => Fault::Moved,
        423 => Fault::Locked,
        429 => Fault::Throttled,
        507 => Fault::OverQuota,
        408 | 500..=599 => Fault::Transient,
        _ => Fault::Refused,
    }
}

/// Seconds of a header. A date, which the service does not send, is no wait.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (0.0..=WAIT_SECONDS_MAX).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// A service that asks for more than a day has lost its mind; it is asked again before that.
const WAIT_SECONDS_MAX: f64 = 86_400.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> Fault {
        service_error(status, None, body.as_bytes()).fault
    }

    #[test]
    fn the_deepest_known_code_decides_and_not_the_status() {
        for (status, body, expected) in [
            (500, r#"{"error":{"code":"ErrorMimeContentConversionFailed"}}"#, Fault::Unreadable),
            (
                500,
                r#"{"error":{"code":"InternalServerError","innerError":{"code":"ErrorCorruptData"}}}"#,
                Fault::Unreadable,
            ),
            (400, r#"{"error":{"code":"badRequest","innererror":{"code":"SyncStateNotFound"}}}"#, Fault::Resync),
            (
                410,
                r#"{"error":{"code":"resyncRequired","innerError":{"code":"resyncChangesApplyDifferences"}}}"#,
                Fault::Resync,
            ),
            (403, r#"{"error":{"code":"accessDenied","innerError":{"code":"ErrorQuotaExceeded"}}}"#, Fault::OverQuota),
            (403, r#"{"error":{"code":"accessDenied","innerError":{"code":"somethingNew"}}}"#, Fault::Denied),
            (404, r#"{"error":{"code":"MailboxNotEnabledForRESTAPI"}}"#, Fault::NotEnabled),
            (429, r#"{"error":{"code":"ApplicationThrottled"}}"#, Fault::Throttled),
            (401, r#"{"error":{"code":"unauthenticated","message":"Unable to initialize RPS"}}"#, Fault::Token),
            (400, r#"{"error":{"code":"","details":[{"code":"resourceLocked"}]}}"#, Fault::Locked),
        ] {
            assert_eq!(fault(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn without_a_code_the_status_decides() {
        for (status, expected) in [
            (401, Fault::Token),
            (404, Fault::NotFound),
            (408, Fault::Transient),
            (410, Fault::Resync),
            (308, Fault::Moved),
            (429, Fault::Throttled),
            (503, Fault::Transient),
            (504, Fault::Transient),
            (400, Fault::Refused),
        ] {
            for body in ["", "<html>", "{}", r#"{"error":null}"#, r#"{"error":"text"}"#, r#"{"error":{"code":7}}"#] {
                assert_eq!(fault(status, body), expected, "{status} {body}");
            }
        }
    }

    #[test]
    fn a_wait_is_seconds_and_bounded() {
        let after = |text| service_error(429, Some(text), b"").after.map(|after| after.as_secs());
        assert_eq!([after("7"), after(" 30 "), after("1.5"), after("0")], [Some(7), Some(30), Some(1), Some(0)]);
        for text in ["", "soon", "-1", "NaN", "inf", "1e9", "Tue, 01 Dec 2026 10:00:00 GMT"] {
            assert_eq!(after(text), None, "{text}");
        }
    }

    #[test]
    fn it_is_told_in_one_line() {
        let body = r#"{"error":{"code":"itemNotFound","message":"The resource\r\ncould not be found.","innerError":{"request-id":"r-1"}}}"#;
        let told = service_error(404, None, body.as_bytes()).to_string();
        assert_eq!(told, "status 404 itemNotFound: The resource, request r-1");
    }
}
