//! Listings of versions: S3's `ListObjectVersions`, Azure's listing with `include=versions`.
//!
//! S3 names the versions of one key newest first, and some servers put all markers of a page after all versions; Azure's version ids
//! are the times of their making. Names that are not ours (whatever bytes are in them) are skipped, never an error: anybody who may
//! write could end every listing otherwise.

use super::answer::Verb;
use super::wire::Ask;
use super::{Cloud, Remote};
use crate::error::{Error, Kind, Result};
use crate::store::{Listed, Name, Version};
use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::Event;
use reqwest::Method;

/// One version in a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    key: String,
    id: Option<String>,
    bytes: u64,
    marker: bool,
    modified: String,
}

/// One answer of a listing, and where the next one starts.
#[derive(Debug, Default)]
struct Page {
    entries: Vec<Entry>,
    truncated: bool,
    encoded: bool,
    next_key: Option<String>,
    next_version: Option<String>,
}

impl Remote {
    /// See [`crate::store::Store::versions`].
    pub(super) fn versions_of(&self, name: &Name) -> Result<Vec<Version>> {
        let key = format!("{}{name}", self.prefix);
        let mut found = Vec::new();
        self.pages(&key, None, &mut |page| {
            // A key sorts before those that it is the beginning of.
            let more = page.last().is_none_or(|last| last.key == key);
            found.extend(page.into_iter().filter(|entry| entry.key == key));
            more
        })?;
        Ok(match &self.cloud {
            Cloud::S3(_) => order_s3(found),
            Cloud::Azure { .. } => order_azure(found),
        })
    }

    /// See [`crate::store::Store::list_oldest`].
    pub(super) fn list_by_oldest(
        &self,
        prefix: &str,
        after: Option<&Name>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        let mut full = format!("{}{prefix}", self.prefix);
        if !prefix.is_empty() {
            full.push('/');
        }
        let azure = matches!(self.cloud, Cloud::Azure { .. });
        let mut show = |entry: Entry| {
            let name = entry.key.strip_prefix(&self.prefix).and_then(|n| Name::new(n).ok());
            match name.filter(|n| n.is_below(prefix) && after.is_none_or(|after| n > after)) {
                Some(name) => visit(Listed { name, bytes: entry.bytes }),
                None => true,
            }
        };
        // The versions of a key stand together; the oldest seen so far of the key at hand.
        let mut oldest: Option<Entry> = None;
        let mut more = true;
        // Azure's marker is no name; there the beginning is listed and left out.
        let start = after.filter(|_| !azure).map(|after| format!("{}{after}", self.prefix));
        self.pages(&full, start, &mut |page| {
            for entry in page.into_iter().filter(|entry| !entry.marker) {
                match &mut oldest {
                    Some(held) if held.key == entry.key => {
                        // S3 goes back in time; Azure tells the time.
                        if !azure || entry.id < held.id {
                            *held = entry;
                        }
                    }
                    _ => {
                        if let Some(done) = oldest.replace(entry) {
                            more = more && show(done);
                        }
                    }
                }
            }
            more
        })?;
        if more && let Some(last) = oldest {
            show(last);
        }
        Ok(())
    }

    /// Every page of a listing of versions whose keys begin with `prefix`, until `visit` has had enough.
    fn pages(&self, prefix: &str, start: Option<String>, visit: &mut dyn FnMut(Vec<Entry>) -> bool) -> Result<()> {
        let (mut key, mut version) = (start.unwrap_or_default(), String::new());
        loop {
            let page = self.page(prefix, &key, &version)?;
            let next = (page.next_key.unwrap_or_default(), page.next_version.unwrap_or_default());
            // A server that repeats its place would keep us for ever.
            let last = !page.truncated || next.0.is_empty() || next == (key.clone(), version.clone());
            if !visit(page.entries) || last {
                return Ok(());
            }
            (key, version) = next;
        }
    }

    fn page(&self, prefix: &str, key: &str, version: &str) -> Result<Page> {
        let mut query = match &self.cloud {
            // Encoded, as a key may hold what no XML can.
            Cloud::S3(_) => {
                vec![("versions", ""), ("encoding-type", "url"), ("key-marker", key), ("version-id-marker", version)]
            }
            Cloud::Azure { .. } => {
                vec![("restype", "container"), ("comp", "list"), ("include", "versions"), ("marker", key)]
            }
        };
        query.push(("prefix", prefix));
        query.retain(|(name, value)| *name == "versions" || !value.is_empty());
        let (path, verb) = (object_store::path::Path::default(), Verb::List);
        // The name is for messages only, which speak of the place here.
        let name = Name::new(format_spec::names::CONFIG)?;
        let (headers, body) = (Vec::new(), Bytes::new());
        let response =
            self.ask(self.send(Ask { verb, method: Method::GET, name: &name, path, query: &query, headers, body }))?;
        if !(200..300).contains(&response.status) {
            return Err(response.answer().error_on(verb, &format!("{}/{prefix}", self.location)));
        }
        read(&response.text()).map_err(|what| {
            Error::new(Kind::Transient, format!("a listing of versions cannot be read: {what}"))
                .on(format!("{}/{prefix}", self.location))
                .advise("try again; if it stays, this server does not list versions as S3 or Azure do")
        })
    }
}

/// The oldest first. Versions keep the order in which the store names them; markers find their place by their time.
fn order_s3(found: Vec<Entry>) -> Vec<Version> {
    let (markers, versions): (Vec<_>, Vec<_>) = found.into_iter().rev().partition(|entry| entry.marker);
    let mut markers = markers.into_iter().peekable();
    let mut ordered = Vec::new();
    for version in versions {
        while let Some(marker) = markers.next_if(|marker| marker.modified < version.modified) {
            ordered.push(marker.into());
        }
        ordered.push(version.into());
    }
    ordered.extend(markers.map(Version::from));
    ordered
}

fn order_azure(mut found: Vec<Entry>) -> Vec<Version> {
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.into_iter().map(Version::from).collect()
}

impl From<Entry> for Version {
    fn from(entry: Entry) -> Self {
        Version { id: entry.id, bytes: entry.bytes, marker: entry.marker }
    }
}

/// Reads one page of either kind.
fn read(text: &str) -> std::result::Result<Page, String> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut page, mut entry, mut value) = (Page::default(), None::<Entry>, String::new());
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(tag) => {
                value.clear();
                match tag.local_name().as_ref() {
                    b"Version" | b"Blob" => entry = Some(Entry::default()),
                    b"DeleteMarker" => entry = Some(Entry { marker: true, ..Entry::default() }),
                    _ => {}
                }
            }
            Event::Text(part) => value.push_str(&part.decode().map_err(|e| e.to_string())?),
            Event::CData(part) => value.push_str(&part.decode().map_err(|e| e.to_string())?),
            Event::GeneralRef(part) => {
                let number = part.resolve_char_ref().map_err(|e| e.to_string())?;
                let name = part.decode().map_err(|e| e.to_string())?;
                match (number, quick_xml::escape::resolve_predefined_entity(&name)) {
                    (Some(character), _) => value.push(character),
                    (None, Some(text)) => value.push_str(text),
                    (None, None) => return Err(format!("&{name};")),
                }
            }
            Event::End(tag) => match (tag.local_name().as_ref(), &mut entry) {
                (b"Version" | b"DeleteMarker" | b"Blob", _) => page.entries.extend(entry.take()),
                (field, Some(entry)) => set(entry, field, &value)?,
                (field, None) => page.set(field, &value),
            },
            Event::Eof => break,
            _ => {}
        }
    }
    page.decode();
    Ok(page)
}

/// A field of one version.
fn set(entry: &mut Entry, field: &[u8], value: &str) -> std::result::Result<(), String> {
    match field {
        b"Key" | b"Name" => entry.key = value.to_owned(),
        // A version from before there were any is called `null` and is named so.
        b"VersionId" if !value.is_empty() => entry.id = Some(value.to_owned()),
        b"LastModified" | b"Last-Modified" => entry.modified = value.to_owned(),
        b"Size" | b"Content-Length" => entry.bytes = value.trim().parse().map_err(|_| format!("length {value:?}"))?,
        _ => {}
    }
    Ok(())
}

impl Page {
    fn set(&mut self, field: &[u8], value: &str) {
        let some = || Some(value.to_owned()).filter(|v| !v.is_empty());
        match field {
            b"IsTruncated" => self.truncated = value == "true",
            b"EncodingType" => self.encoded = value == "url",
            b"NextKeyMarker" => self.next_key = some(),
            b"NextVersionIdMarker" => self.next_version = some(),
            b"NextMarker" => {
                self.next_key = some();
                self.truncated = self.next_key.is_some();
            }
            _ => {}
        }
    }

    /// Undoes the encoding of keys. What is no text afterwards is no name of ours, and stays as it came.
    fn decode(&mut self) {
        if !self.encoded {
            return;
        }
        let keys = self.entries.iter_mut().map(|entry| &mut entry.key);
        for key in keys.chain(&mut self.next_key) {
            if let Some(plain) = unescape(key) {
                *key = plain;
            }
        }
    }
}

/// Percent-decoding, with `+` for a space as S3 writes it.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[path = "versions_tests.rs"]
mod tests;
