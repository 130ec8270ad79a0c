//! A folder for browsers: names, sizes and times. No scripts, nothing from elsewhere.

use crate::exchange::Exchange;
use crate::resource::{Named, Page};
use bytes::Bytes;
use format_spec::Time;
use futures_util::{Stream, stream};
use std::fmt::Write;
use std::io;

/// The page of the request's folder, whose path is given as clients wrote it.
pub(crate) fn pieces(session: Exchange, path: &[Vec<u8>]) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let base = path.iter().fold("/".to_owned(), |base, name| format!("{base}{}/", in_url(name)));
    let first = head(path);
    stream::unfold(Some((first, 0)), move |state| {
        let (session, base) = (session.clone(), base.clone());
        async move {
            let (mut text, from) = state?;
            match session.list(from).await {
                Ok(Page { names, next }) => {
                    names.iter().for_each(|named| line(&base, named, &mut text));
                    if next.is_none() {
                        text.push_str(TAIL);
                    }
                    Some((Ok(text.into()), next.map(|next| (String::new(), next))))
                }
                Err(trouble) => Some((Err(io::Error::other(trouble.text)), None)),
            }
        }
    })
}

fn head(path: &[Vec<u8>]) -> String {
    let mut way = "<a href=\"/\">Cairn</a>".to_owned();
    let mut href = "/".to_owned();
    for name in path {
        href = format!("{href}{}/", in_url(name));
        let _ = write!(way, " / <a href=\"{href}\">{}</a>", in_text(&String::from_utf8_lossy(name)));
    }
    let title = path.last().map_or("Cairn".into(), |name| String::from_utf8_lossy(name));
    format!("{HEAD_BEFORE}{}{HEAD_BETWEEN}{way}{HEAD_AFTER}", in_text(&title))
}

fn line(base: &str, named: &Named, out: &mut String) {
    let Named { name, place } = named;
    let (slash, size) = match place.is_folder() {
        true => ("/", String::new()),
        false => ("", place.bytes().to_string()),
    };
    let (href, text, time) = (in_url(name.as_bytes()), in_text(name), moment(place.attributes.mtime));
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<tr><td><a href=\"{base}{href}{slash}\">{text}{slash}</a></td><td>{size}</td><td>{time}</td></tr>"
    );
}

/// UTC to the second; nothing for times that no calendar has.
fn moment(time: Time) -> String {
    let stamp = jiff::Timestamp::from_second(time.seconds).ok();
    stamp.map(|stamp| stamp.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}

fn in_url(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            // Writing to a String cannot fail.
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}

fn in_text(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
        out
    })
}

const HEAD_BEFORE: &str = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>";
const HEAD_BETWEEN: &str = "</title><style>body{font-family:sans-serif}td{padding:0 1em}td:nth-child(2){text-align:right}</style></head>\n<body><h1>";
const HEAD_AFTER: &str = "</h1>\n<table><tr><th>Name</th><th>Bytes</th><th>Changed (UTC)</th></tr>\n";
const TAIL: &str = "</table></body></html>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(in_text("<a href=\"'&"), "&lt;a href=&quot;&#39;&amp;");
        assert_eq!(in_url(b"a b/\"\xff?#%"), "a%20b%2F%22%FF%3F%23%25");
    }
}
