//! What a store's refusal means: read from its error code, then from its status, never from the variant of a client.
//!
//! A 409 may be a taken name, a race that should be tried again, or data in an archive; a 403 may be a wrong key, a retention
//! lock, or an archive too. Only the code in the body tells them apart.

use super::line::{Heard, heard};
use crate::ObjectName;
use crate::availability::ADVICE_RETRIEVE;
use crate::class::ADVICE_CLASS;
use base::error::{Error, Kind};
use std::borrow::Cow;

/// What was asked when the refusal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Put,
    Get,
    Head,
    List,
    Delete,
    Lock,
    Retrieve,
}

/// The refusal as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    pub(super) text: String,
    /// What the answer said beside this, or why there was none.
    pub(super) heard: Heard,
}

impl Answer {
    /// Reads the text of an error of the client: the status, and the code in the body that it quotes.
    pub(super) fn read(text: &str) -> Self {
        let status = text.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)).and_then(|s| s.parse().ok());
        Answer { status, code: find_code(text), text: text.to_owned(), heard: heard() }
    }

    /// Reads a response that we asked for ourselves.
    pub(super) fn of(status: u16, header_code: Option<&str>, body: &str) -> Self {
        let code = find_code(body).or_else(|| header_code.map(str::to_owned));
        Answer { status: Some(status), code, text: body.to_owned(), heard: Heard::default() }
    }

    /// The error for an object.
    pub(super) fn error(&self, verb: Operation, name: &ObjectName) -> Error {
        self.error_on(verb, name.as_str())
    }

    /// The error for whatever `subject` names.
    pub(super) fn error_on(&self, verb: Operation, subject: &str) -> Error {
        if let Some(error) = self.by_what_was_heard(verb) {
            return error.on(subject).retry_after(self.heard.retry_after);
        }
        let (kind, advice) = self.kind(verb);
        let mut message = match kind {
            Kind::Absent => "no such object".to_owned(),
            Kind::Exists => "an object of this name exists already".to_owned(),
            Kind::Archived => "the object rests in an archive class".to_owned(),
            Kind::Immutable => "retention forbids the change".to_owned(),
            Kind::Denied => "the store refuses permission".to_owned(),
            Kind::NoSpace => "the store has no space left".to_owned(),
            Kind::NoRepository => "the bucket or container does not exist".to_owned(),
            _ => format!("the store did not {}", verb.as_str()),
        };
        match (&self.code, self.status) {
            (Some(code), Some(status)) => message.push_str(&format!(" ({status} {code})")),
            (None, Some(status)) => message.push_str(&format!(" ({status})")),
            _ => message.push_str(&format!(": {}", shorten(&without_request(&self.text)))),
        }
        let error = Error::new(kind, message).on(subject).retry_after(self.heard.retry_after);
        if let (Kind::Denied, Some(advice)) = (kind, self.wrong_clock()) {
            return error.advise(advice);
        }
        match advice {
            Some(advice) => error.advise(advice),
            None => error,
        }
    }

    /// What needs no word of the store's own: that there was no answer, or one that leads elsewhere.
    fn by_what_was_heard(&self, verb: Operation) -> Option<Error> {
        let Heard { trouble, region, elsewhere, has_answered, .. } = &self.heard;
        let what = verb.as_str();
        if let Some(trouble) = trouble {
            let (kind, advice) = trouble.verdict(*has_answered);
            return Some(Error::new(kind, format!("the store did not {what}: {trouble}")).advise(advice));
        }
        if self.heard.nothing_sent && self.status.is_none() {
            // Credentials come from files that are renewed while the work goes on.
            let kind = if *has_answered { Kind::Transient } else { Kind::Input };
            let error =
                Error::new(kind, format!("no request could be made: {}", shorten(&without_request(&self.text))));
            return Some(error.advise("check the settings of the store, and the files that its credentials come from"));
        }
        let status = self.status.or(self.heard.status)?;
        if let (Some(region), 300..=400) = (region, status) {
            let error = Error::new(Kind::Input, format!("the bucket is in another region: {region} ({status})"));
            return Some(
                error.advise(format!("set AWS_REGION={region} (`region = \"{region}\"` in [s3] of the config file)")),
            );
        }
        if (200..=299).contains(&status)
            && self.status.is_none()
            && !self.ignores_ranges()
            && self.other_range().is_none()
        {
            let kind = if *has_answered { Kind::Transient } else { Kind::Input };
            let text = shorten(&without_request(&self.text));
            let what = format!("the store did not {what}: the answer is not one of a store: {text}");
            return Some(Error::new(kind, what).advise(ADVICE_KIND));
        }
        if !(300..=399).contains(&status) {
            return None;
        }
        // Later it is a portal in between, and the store is behind it again soon.
        let kind = if *has_answered { Kind::Transient } else { Kind::Input };
        let place = elsewhere.as_deref().unwrap_or("an address that it does not name");
        let error = Error::new(kind, format!("the store did not {what}: it sends us to {place} ({status})"));
        Some(error.advise(match elsewhere {
            Some(place) => format!(
                "a signature holds for one address: name {place} as the endpoint if the store is there, or wait if the bucket is young"
            ),
            None => "check endpoint, region and bucket: the bucket is perhaps in another region".to_owned(),
        }))
    }

    /// What to do where a refusal has no code (to a head request) and the clocks are apart.
    fn wrong_clock(&self) -> Option<String> {
        let ahead = self.heard.clock_ahead.filter(|ahead| ahead.abs() > CLOCK_SECONDS_APART)?;
        let (minutes, word) = (ahead.abs() / 60, if ahead > 0 { "behind" } else { "ahead of" });
        Some(format!("set the clock of this machine: it is {minutes} minutes {word} that of the store"))
    }

    /// What a caller can do, and what to tell the user.
    pub(super) fn kind(&self, verb: Operation) -> (Kind, Option<&'static str>) {
        self.kind_by_code(verb).or_else(|| self.kind_by_status(verb)).unwrap_or_else(|| self.kind_by_text())
    }

    fn kind_by_code(&self, verb: Operation) -> Option<(Kind, Option<&'static str>)> {
        let text = self.text.to_ascii_lowercase();
        let locked =
            text.contains("object lock") || text.contains("worm protected") || text.contains("object is locked");
        Some(match self.code.as_deref()? {
            "NoSuchKey" | "NoSuchVersion" | "BlobNotFound" => (Kind::Absent, None),
            "NoSuchBucket" | "ContainerNotFound" => (Kind::NoRepository, Some(ADVICE_BUCKET)),
            // A name that is taken is taken, wherever its object rests.
            "BlobArchived" | "BlobBeingRehydrated" if verb == Operation::Put => (Kind::Exists, None),
            "InvalidObjectState" | "BlobArchived" | "BlobBeingRehydrated" => (Kind::Archived, Some(ADVICE_RETRIEVE)),
            "BlobImmutableDueToPolicy" | "ObjectLocked" => (Kind::Immutable, None),
            "AccessDenied" if locked => (Kind::Immutable, None),
            "ConditionalRequestConflict" | "OperationAborted" => (Kind::Transient, None),
            "PreconditionFailed" | "BlobAlreadyExists" | "ConditionNotMet" if verb == Operation::Put => {
                (Kind::Exists, None)
            }
            "RequestTimeTooSkewed" => (Kind::Denied, Some("set the clock of this machine")),
            "AccessDenied"
            | "SignatureDoesNotMatch"
            | "InvalidAccessKeyId"
            | "AuthenticationFailed"
            | "AuthorizationFailure"
            | "AuthorizationPermissionMismatch"
            | "InvalidToken"
            | "InvalidAuthenticationInfo"
            | "AllAccessDisabled"
            | "AccountIsDisabled" => (Kind::Denied, Some(ADVICE_KEYS)),
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => (Kind::Denied, Some(ADVICE_EXPIRED)),
            "QuotaExceeded" | "XMinioStorageFull" | "StorageFull" | "InsufficientStorage" => {
                (Kind::NoSpace, Some("raise the quota or free some space, then run again"))
            }
            "InvalidStorageClass"
            | "AccessTierNotSupportedForBlobType"
            | "BlobAccessTierNotSupportedForAccountType" => (Kind::Unsupported, Some(ADVICE_CLASS)),
            "GlacierExpeditedRetrievalNotAvailable" => (Kind::Transient, Some(ADVICE_EXPEDITED)),
            "NotImplemented" | "MethodNotAllowed" | "UnsupportedHeader" => (Kind::Unsupported, None),
            "InvalidRange" => (Kind::Damaged, Some("the object is shorter than expected: run `cairn check`")),
            // The bytes changed on their way, or the connection was too slow: nothing was stored.
            "BadDigest"
            | "InvalidDigest"
            | "XAmzContentChecksumMismatch"
            | "Md5Mismatch"
            | "Crc64Mismatch"
            | "SlowDown"
            | "ServerBusy"
            | "InternalError"
            | "ServiceUnavailable"
            | "OperationTimedOut"
            | "RequestTimeout" => (Kind::Transient, Some(ADVICE_AGAIN)),
            _ => return None,
        })
    }

    fn kind_by_status(&self, verb: Operation) -> Option<(Kind, Option<&'static str>)> {
        Some(match (self.status?, verb) {
            (404, Operation::Put | Operation::List) => (Kind::NoRepository, Some(ADVICE_BUCKET)),
            (404, _) => (Kind::Absent, None),
            (401 | 403, _) => (Kind::Denied, Some(ADVICE_KEYS)),
            (409 | 412, Operation::Put) => (Kind::Exists, None),
            (416, _) => (Kind::Damaged, Some("the object is shorter than expected: run `cairn check`")),
            (405 | 501, _) => (Kind::Unsupported, None),
            (507, _) => (Kind::NoSpace, Some("raise the quota or free some space, then run again")),
            (408 | 409 | 412 | 429 | 500..=599, _) => (Kind::Transient, Some(ADVICE_AGAIN)),
            (300..=399, _) => (Kind::Input, Some("the endpoint or the region is wrong")),
            (400..=499, _) => (Kind::Input, Some(ADVICE_KIND)),
            _ => return None,
        })
    }

    /// Whether a range was asked for, and everything came, or another one. What is only less was cut on its way.
    fn ignores_ranges(&self) -> bool {
        let says = |words: &str| self.text.contains(words);
        says("non-partial response")
            || says("Content-Range")
            || self.other_range().is_some_and(|(wanted, came)| came.0 != wanted.0 || wanted.1 <= came.1)
    }

    /// The range that was asked for, and the one that came in its place, as the client words it.
    fn other_range(&self) -> Option<((u64, u64), (u64, u64))> {
        let (wanted, came) = self.text.split_once("Requested ")?.1.split_once(", got ")?;
        let range = |text: &str| {
            let (start, end) = text.split_once("..")?;
            let end = end.split(|c: char| !c.is_ascii_digit()).next()?;
            Some((start.parse().ok()?, end.parse().ok()?))
        };
        Some((range(wanted)?, range(came)?))
    }

    /// No answer at all, or one that the client could not make sense of.
    fn kind_by_text(&self) -> (Kind, Option<&'static str>) {
        if self.ignores_ranges() {
            (Kind::Unsupported, Some("this server does not honour ranged reads: use another one"))
        } else {
            (Kind::Transient, Some("check the endpoint and the network, then try again"))
        }
    }
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Operation::Put => "create the object",
            Operation::Get => "give the object",
            Operation::Head => "describe the object",
            Operation::List => "list",
            Operation::Delete => "delete the object",
            Operation::Lock => "lock the object",
            Operation::Retrieve => "retrieve the object from its archive",
        }
    }
}

/// The error of the client, classified.
pub(super) fn classify(error: &object_store::Error, verb: Operation, name: &ObjectName) -> Error {
    of_client(error, verb, name.as_str())
}

/// The same of whatever `subject` names.
pub(super) fn of_client(error: &object_store::Error, verb: Operation, subject: &str) -> Error {
    Answer::read(&whole(error)).error_on(verb, subject)
}

/// What an answer from the network means, for its fuzz target: nothing that a client has judged before.
///
/// # Errors
/// As whoever asked would be told.
pub(crate) fn judge(lists: bool, status: u16, headers: &[(&str, &str)], body: &[u8]) -> base::error::Result<()> {
    let read = |(name, value): &(&str, &str)| Some((name.parse().ok()?, value.parse().ok()?));
    let headers = headers.iter().filter_map(read).collect();
    let status = reqwest::StatusCode::from_u16(status).unwrap_or(reqwest::StatusCode::IM_A_TEAPOT);
    let heard = super::line::listen(lists, status, &headers, body);
    if status.is_success() && heard.trouble.is_none() {
        return Ok(());
    }
    let answer = Answer::of(status.as_u16(), None, &String::from_utf8_lossy(body));
    Err(Answer { heard, ..answer }.error_on(if lists { Operation::List } else { Operation::Get }, "config"))
}

/// The error's text and that of each cause that it does not repeat: why a connection failed stands at the very end.
pub(super) fn whole(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
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

/// The first `<Code>` of an XML body, which S3 and Azure share.
fn find_code(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let good = !code.is_empty() && code.len() <= 80 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    good.then(|| code.to_owned())
}

/// What the client says, without the request: the message names verb and object already.
fn without_request(text: &str) -> Cow<'_, str> {
    let found =
        text.split_once("Error performing ").and_then(|(before, rest)| Some((before, rest.split_once(" - ")?.1)));
    found.map_or(Cow::Borrowed(text), |(before, after)| Cow::Owned(format!("{before}{after}")))
}

/// One line of bounded length: bodies may be whole web pages.
fn shorten(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

/// Stores refuse signatures that are older or younger than this.
const CLOCK_SECONDS_APART: i64 = 900;
const ADVICE_AGAIN: &str = "try again";
const ADVICE_BUCKET: &str = "create the bucket or container first, or check its name and the endpoint";
const ADVICE_EXPEDITED: &str =
    "the store has no capacity for expedited retrievals now: choose standard, or try again later";
const ADVICE_KIND: &str = "check endpoint, region and bucket; is this a store of this kind?";
const ADVICE_EXPIRED: &str = "the credentials have expired: get others, then run again";
const ADVICE_KEYS: &str = "check the credentials and what they are allowed to do";

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
