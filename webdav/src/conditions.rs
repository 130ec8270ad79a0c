//! What a request's conditions and ranges mean (RFC 9110), where the protocol crate reads them otherwise.
//!
//! ```text
//! If-None-Match   compared weakly: W/"x" is "x" (13.1.2); beside it If-Modified-Since says nothing
//! If-Match        compared strongly: W/"x" is never anything (13.1.1); the crate does so
//! If-Range        compared strongly (13.1.5); a date only for a path that stands for one file for ever
//! Range           only of a GET; one beyond the file is answered by 416 (14.2); several at once by the whole file
//! ```
//!
//! Promises: headers in, headers out; nothing is looked at but the file's version and length. Refuses to answer: that is the
//! crate's, who is told the same in words that it understands.

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// A file as conditions ask about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Its version, the tag without quotes.
    pub(crate) version: Option<&'a str>,
    /// Its length.
    pub(crate) bytes: u64,
    /// Whether the path may stand for another file tomorrow.
    pub(crate) moves: bool,
}

/// Writes the conditions of a request for a file so that the protocol crate answers them as RFC 9110 wants it.
pub(crate) fn settle(method: &Method, headers: &mut HeaderMap, file: Asked<'_>) {
    if headers.contains_key(header::IF_NONE_MATCH) {
        settle_none_match(headers, file.version);
    }
    if headers.contains_key(header::IF_MATCH) {
        headers.remove(header::IF_UNMODIFIED_SINCE);
    }
    if *method != Method::GET || has_passing_date(headers, file.moves) {
        headers.remove(header::RANGE);
    }
    settle_range(headers, file.bytes);
}

fn settle_none_match(headers: &mut HeaderMap, version: Option<&str>) {
    headers.remove(header::IF_MODIFIED_SINCE);
    let sent: Vec<HeaderValue> = headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    headers.remove(header::IF_NONE_MATCH);
    let sent = || sent.iter().filter_map(|value| value.to_str().ok());
    let is_known = version.is_some_and(|version| sent().flat_map(tags).any(|tag| tag == version));
    let settled = match version {
        _ if sent().any(|value| value.trim() == "*") => Some("*".to_owned()),
        Some(version) if is_known => Some(format!("\"{version}\"")),
        _ => None,
    };
    set(headers, header::IF_NONE_MATCH, settled);
}

/// Whether `If-Range` names a date, of a path that may have stood for another file within the same second.
fn has_passing_date(headers: &HeaderMap, moves: bool) -> bool {
    let sent = headers.get(header::IF_RANGE).map(HeaderValue::as_bytes);
    moves && sent.is_some_and(|sent| !sent.starts_with(b"\"") && !sent.starts_with(b"W/"))
}

fn settle_range(headers: &mut HeaderMap, bytes: u64) {
    let Some(sent) = headers.get(header::RANGE) else { return };
    let Some((first, last)) = sent.to_str().ok().and_then(one_range) else {
        // Several at once, of another unit, or none: a client may be sent everything instead.
        headers.remove(header::RANGE);
        return;
    };
    let is_beyond = match (first, last) {
        (Some(first), _) => first >= bytes,
        (None, Some(suffix)) => suffix == 0 || bytes == 0,
        (None, None) => true,
    };
    if is_beyond {
        // The one that the crate refuses.
        set(headers, header::RANGE, Some(format!("bytes={bytes}-")));
    }
}

/// First and last byte of `bytes=..`, or the length of a suffix; `None` for anything but one well-formed range.
fn one_range(sent: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = sent.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') || (first.is_empty() && last.is_empty()) {
        return None;
    }
    let (first, last) = (number(first)?, number(last)?);
    let is_backward = matches!((first, last), (Some(first), Some(last)) if last < first);
    (!is_backward).then_some((first, last))
}

/// The outer `None` is no number. One that no file is long enough for stays beyond every file.
fn number(digits: &str) -> Option<Option<u64>> {
    match digits.bytes().all(|b| b.is_ascii_digit()) {
        true if digits.is_empty() => Some(None),
        true => Some(Some(digits.parse().unwrap_or(u64::MAX))),
        false => None,
    }
}

/// The tags of a list, weak or not, without their quotes.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    // Between quotes everything is a tag, commas too; outside stand commas, spaces and `W/`.
    list.split('"').skip(1).step_by(2)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<String>) {
    match value.and_then(|value| HeaderValue::from_str(&value).ok()) {
        Some(value) => _ = headers.insert(name, value),
        None => _ = headers.remove(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Asked<'static> = Asked { version: Some("v1"), bytes: 100, moves: false };

    fn settled(method: &Method, file: Asked<'_>, sent: &[(HeaderName, &str)], asked: HeaderName) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(name, value.parse().unwrap());
        }
        settle(method, &mut headers, file);
        headers.get(asked).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn tags_of_what_a_client_has_are_compared_weakly() {
        let none_match =
            |sent: &str| settled(&Method::GET, FILE, &[(header::IF_NONE_MATCH, sent)], header::IF_NONE_MATCH);
        for sent in ["\"v1\"", "W/\"v1\"", "\"a,b\", W/\"v1\"", "\"x\",\"v1\""] {
            assert_eq!(none_match(sent).as_deref(), Some("\"v1\""), "{sent}");
        }
        assert_eq!(none_match("*").as_deref(), Some("*"));
        for sent in ["\"v2\"", "W/\"v2\"", "v1", "\"a, v1\""] {
            assert_eq!(none_match(sent), None, "{sent}");
        }
        let both = [(header::IF_NONE_MATCH, "\"v2\""), (header::IF_MODIFIED_SINCE, "Sun, 06 Nov 2094 08:49:37 GMT")];
        assert_eq!(settled(&Method::GET, FILE, &both, header::IF_MODIFIED_SINCE), None);
        let lines = [(header::IF_NONE_MATCH, "\"v2\""), (header::IF_NONE_MATCH, "W/\"v1\"")];
        assert_eq!(settled(&Method::GET, FILE, &lines, header::IF_NONE_MATCH).as_deref(), Some("\"v1\""));
    }

    #[test]
    fn one_range_stays_and_one_beyond_the_file_is_the_one_that_is_refused() {
        let range = |bytes: u64, sent: &str| {
            settled(&Method::GET, Asked { bytes, ..FILE }, &[(header::RANGE, sent)], header::RANGE)
        };
        for sent in ["bytes=0-0", "bytes=99-", "bytes=-5", "bytes=50-5000", "Bytes=1-2"] {
            assert_eq!(range(100, sent).as_deref(), Some(sent));
        }
        for sent in ["bytes=100-", "bytes=101-", "bytes=4000000-4000001", "bytes=99999999999999999999999-", "bytes=-0"]
        {
            assert_eq!(range(100, sent).as_deref(), Some("bytes=100-"), "{sent}");
        }
        assert_eq!(
            (range(0, "bytes=0-").as_deref(), range(0, "bytes=-1").as_deref()),
            (Some("bytes=0-"), Some("bytes=0-"))
        );
        for sent in ["bytes=0-1,5-6", "items=0-1", "bytes=5-1", "bytes=-", "bytes=a-", "bytes"] {
            assert_eq!(range(100, sent), None, "{sent}");
        }
        assert_eq!(settled(&Method::HEAD, FILE, &[(header::RANGE, "bytes=0-0")], header::RANGE), None);
    }

    #[test]
    fn a_date_says_nothing_about_a_path_that_moves() {
        let sent = [(header::RANGE, "bytes=0-0"), (header::IF_RANGE, "Sun, 06 Nov 1994 08:49:37 GMT")];
        let of = |moves| settled(&Method::GET, Asked { moves, ..FILE }, &sent, header::RANGE);
        assert_eq!((of(false).is_some(), of(true).is_some()), (true, false));
    }
}
