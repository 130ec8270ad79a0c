//! Why the providers of `object_store` gave nothing, in words that help.
//!
//! Their errors are text; what the service answered was heard beside it.

use super::lack::{Lack, said};
use super::renew;
use crate::remote::line::{Heard, causes, heard};
use crate::remote::provider::{Source, provider};
use std::fmt;
use std::sync::Arc;

/// A provider of `object_store`, whose errors are made ours: `explain` turns the text of an error,
/// and what was heard last, into words that help.
pub(super) fn explained<T: fmt::Debug + Send + Sync + 'static>(
    inner: Source<T>,
    explain: impl Fn(&str, &Heard) -> Lack + Send + Sync + 'static,
) -> Source<T> {
    let explain = Arc::new(explain);
    provider(move || {
        let (inner, explain) = (Arc::clone(&inner), Arc::clone(&explain));
        async move { inner.get_credential().await.map_err(|e| renew::told(explain(&causes(&e), &heard()))) }
    })
}

/// A service of this machine gave nothing: there is none, it has nothing for us, or it fails.
pub(super) fn of_machine(
    looked: &[String],
    what: &str,
    endpoint: &str,
    advice: &str,
    text: &str,
    heard: &Heard,
) -> Lack {
    let why = match (&heard.trouble, heard.status) {
        (Some(trouble), _) => trouble.to_string(),
        (None, Some(status @ (429 | 500..=599))) => {
            return Lack::away(format!("{what} at {endpoint} is busy ({status})"), "run again later");
        }
        (None, Some(404)) => "it has no role".to_owned(),
        (None, Some(status @ 400..=499)) => format!("it refuses: {status}"),
        (None, _) => said(text),
    };
    let looked = [looked, &[format!("{what} at {endpoint} ({why})")]].concat();
    nothing(&looked, advice).may_pass()
}

/// A service that gives credentials refuses, or is away.
pub(super) fn of_service(what: &str, advice: &str, text: &str, heard: &Heard) -> Lack {
    match (&heard.trouble, heard.status) {
        (Some(trouble), _) => {
            Lack::away(format!("{what} could not be asked for: {trouble}"), "check the network, then run again")
        }
        (None, Some(status @ (429 | 500..=599))) => {
            Lack::away(format!("{what} could not be asked for: the service is busy ({status})"), "run again later")
        }
        // Nothing was sent: a file that is not there, and may be again.
        (None, None) => Lack::settings(format!("{what} could not be asked for: {}", said(text)), advice).may_pass(),
        (None, Some(_)) => Lack::refused(format!("{what} was not accepted: {}", said(text)), advice),
    }
}

/// Nothing is configured anywhere.
pub(super) fn nothing(looked: &[String], advice: &str) -> Lack {
    Lack::settings(format!("no credentials were found, looked in: {}", looked.join("; ")), advice)
}

pub(super) const ADVICE_S3: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of the aws command with AWS_PROFILE; docs/stores.md lists every variable";
pub(super) const ADVICE_AZURE: &str = "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY; docs/stores.md lists every variable";
