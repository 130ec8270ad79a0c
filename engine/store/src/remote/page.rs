//! Listings as S3 and Azure write them: `ListObjectsV2`, `ListObjectVersions`, Azure's list of blobs, read by one reader.
//!
//! Pure. Refuses to guess: what is no listing is an error, never an empty page.

use format_spec::Time;
use quick_xml::Reader;
use quick_xml::events::Event;

/// One object in a listing, or one version of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) id: Option<String>,
    pub(super) bytes: u64,
    pub(super) marker: bool,
    pub(super) modified: String,
    /// The storage class or access tier, as it stands there.
    pub(super) class: String,
    /// S3: whether a restore goes on, and until when its copy stays.
    pub(super) ongoing: Option<bool>,
    pub(super) until: Option<Time>,
    /// Azure: a move out of the archive.
    pub(super) status: Option<String>,
}

/// One answer of a listing, and where the next one starts.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    pub(super) truncated: bool,
    encoded: bool,
    pub(super) next_key: Option<String>,
    pub(super) next_version: Option<String>,
    pub(super) next_token: Option<String>,
    /// The store's clock when it answered.
    pub(super) now: Option<Time>,
}

/// Reads one page of either kind.
pub(super) fn read(text: &str) -> std::result::Result<Page, String> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut page, mut entry, mut value) = (Page::default(), None::<Entry>, String::new());
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(tag) => {
                value.clear();
                match tag.local_name().as_ref() {
                    b"Version" | b"Contents" | b"Blob" => entry = Some(Entry::default()),
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
                (b"Version" | b"Contents" | b"DeleteMarker" | b"Blob", _) => page.entries.extend(entry.take()),
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

/// A field of one object.
fn set(entry: &mut Entry, field: &[u8], value: &str) -> std::result::Result<(), String> {
    match field {
        b"Key" | b"Name" => entry.key = value.to_owned(),
        // A version from before there were any is called `null` and is named so.
        b"VersionId" if !value.is_empty() => entry.id = Some(value.to_owned()),
        b"LastModified" | b"Last-Modified" => entry.modified = value.to_owned(),
        b"Size" | b"Content-Length" => entry.bytes = value.trim().parse().map_err(|_| format!("length {value:?}"))?,
        b"StorageClass" | b"AccessTier" => entry.class = value.trim().to_owned(),
        b"IsRestoreInProgress" => entry.ongoing = Some(value.trim().eq_ignore_ascii_case("true")),
        b"RestoreExpiryDate" => entry.until = stamp(value.trim()),
        b"ArchiveStatus" => entry.status = Some(value.trim().to_owned()),
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
            b"NextContinuationToken" => self.next_token = some(),
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

/// A time as S3 (`2012-12-21T00:00:00.000Z`) or Azure (`Fri, 21 Dec 2012 00:00:00 GMT`) writes it in listings.
pub(super) fn time(text: &str) -> Option<Time> {
    stamp(text).or_else(|| {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Time::new(zoned.timestamp().as_second(), 0))
    })
}

/// A time as S3 writes it in listings, `2012-12-21T00:00:00.000Z`.
fn stamp(text: &str) -> Option<Time> {
    text.parse::<jiff::Timestamp>().ok().map(|t| Time::new(t.as_second(), 0))
}
