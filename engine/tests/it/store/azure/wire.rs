//! Requests and answers of the layer's own, over the HTTP of [`crate::store::thaw`].

use super::layer::now;
pub(super) use crate::store::thaw::http::{Answer, Request, http_date};
use std::collections::BTreeMap;

/// An answer of the layer's own.
pub(super) fn answer(status: u16, headers: Vec<(&str, String)>, body: Vec<u8>) -> Answer {
    let mut answer = Answer::new(status);
    answer.set("content-length", &body.len().to_string());
    answer.set("date", &http_date(now()));
    answer.headers.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Answer { body, ..answer }
}

/// A refusal, as Azure words it.
pub(super) fn refuse(status: u16, code: &str) -> Answer {
    let body = format!("\u{feff}<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
    answer(status, vec![("x-ms-error-code", code.to_owned())], body.into_bytes())
}

/// A plain request about the same blob.
pub(super) fn plain(request: &Request, method: &str, headers: Vec<(String, String)>) -> Request {
    let (path, target) = (request.path.clone(), request.path.clone());
    Request { method: method.to_owned(), path, target, query: BTreeMap::new(), headers, body: Vec::new() }
}
