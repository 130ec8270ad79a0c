//! Rows of the state: what a session writes down for the next one.
//!
//! ```text
//! c/OBJECT/STREAM        a cursor: where the stream goes on
//! i/OBJECT/ITEM          an item: where it stands in the point, and what it was like
//! o/OBJECT               an object: its folder, and how its sessions went
//! r/OBJECT/ITEM          an item that could not be had, to be tried again
//! ```
//!
//! The rows of an object's cursors stand beside each other, so an object in which nothing changed
//! costs the nodes of a few rows. Ids are the service's: they hold `=` and `/`, so each part of a key
//! is written with its `/` and `%` escaped.

use crate::answer::Unexpected;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A row and the letter that its keys begin with.
pub trait Row: Serialize + DeserializeOwned {
    /// The letter.
    const LETTER: char;

    /// The row as it is written down.
    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The row from its bytes.
    ///
    /// # Errors
    /// Bytes that no release has written.
    fn decode(bytes: &[u8]) -> Result<Self, Unexpected> {
        serde_json::from_slice(bytes)
            .map_err(|e| Unexpected::new(format!("a row of the state that cannot be read ({e})")))
    }
}

/// Where a stream goes on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CursorRow {
    /// The link, which is as good as a key.
    #[serde(rename = "l")]
    pub link: String,
    /// Seconds since 1970: what changed until then is in the point.
    #[serde(rename = "t")]
    pub as_of: i64,
    /// How often in a row it could not be followed.
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    pub failures: u32,
}

impl std::fmt::Debug for CursorRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CursorRow(.., as of {}, {} failures)", self.as_of, self.failures)
    }
}

/// Where an item stands, and what it was like when it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemRow {
    /// The id of the folder that it is in.
    #[serde(rename = "p")]
    pub parent: String,
    /// Its name in the point.
    #[serde(rename = "n")]
    pub name: String,
    /// The change key or tag.
    #[serde(rename = "k", default, skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// The hash that the service gave, of a file.
    #[serde(rename = "h", default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// The length that the service gave, of a file.
    #[serde(rename = "s", default, skip_serializing_if = "is_none")]
    pub size: Option<u64>,
    /// Whether it is a folder.
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_folder: bool,
}

/// An object and how its sessions went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRow {
    /// The name of its folder.
    #[serde(rename = "n")]
    pub folder: String,
    /// Sessions since all of it was enumerated.
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    pub sessions: u32,
    /// Seconds since 1970 of an enumeration that would have emptied more than half of it.
    #[serde(rename = "w", default, skip_serializing_if = "is_none")]
    pub shrunk: Option<i64>,
    /// The parts and options that it was backed up with.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// An item that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryRow {
    /// How often it was tried.
    #[serde(rename = "a")]
    pub attempts: u32,
    /// Seconds since 1970, when it failed first.
    #[serde(rename = "t")]
    pub first: i64,
    /// Why, in one line.
    #[serde(rename = "r")]
    pub reason: String,
}

impl Row for CursorRow {
    const LETTER: char = 'c';
}
impl Row for ItemRow {
    const LETTER: char = 'i';
}
impl Row for ObjectRow {
    const LETTER: char = 'o';
}
impl Row for RetryRow {
    const LETTER: char = 'r';
}

/// The key of a row.
pub fn key<R: Row>(object: &str, part: &str) -> Vec<u8> {
    let mut key = prefix::<R>(object);
    if part.is_empty() {
        key.pop();
    }
    escape(part, &mut key);
    key
}

/// What the keys of an object's rows of one kind begin with.
pub fn prefix<R: Row>(object: &str) -> Vec<u8> {
    let mut key = vec![R::LETTER as u8, b'/'];
    escape(object, &mut key);
    key.push(b'/');
    key
}

/// The object and the part that a key names.
pub fn parts(key: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(key.get(2..)?).ok()?;
    let (object, part) = text.split_once('/').unwrap_or((text, ""));
    Some((unescape(object)?, unescape(part)?))
}

fn escape(part: &str, key: &mut Vec<u8>) {
    for byte in part.bytes() {
        match byte {
            b'/' => key.extend(b"%2F"),
            b'%' => key.extend(b"%25"),
            _ => key.push(byte),
        }
    }
}

fn unescape(part: &str) -> Option<String> {
    let mut text = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find('%') {
        text.push_str(rest.get(..at)?);
        text.push(match rest.get(at..at + 3)? {
            "%2F" => '/',
            "%25" => '%',
            _ => return None,
        });
        rest = rest.get(at + 3..)?;
    }
    (!rest.contains('/')).then(|| text + rest)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_none<T>(value: &Option<T>) -> bool {
    value.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_read_back() {
        let cursor = CursorRow { link: "https://graph/delta?token=secret".into(), as_of: 7, failures: 0 };
        assert_eq!(CursorRow::decode(&cursor.encode()), Ok(cursor.clone()));
        assert!(!format!("{cursor:?}").contains("secret"));
        let item = ItemRow {
            parent: "root".into(),
            name: "a.txt".into(),
            tag: String::new(),
            hash: "x".into(),
            size: Some(0),
            is_folder: false,
        };
        assert_eq!(ItemRow::decode(&item.encode()), Ok(item.clone()));
        assert_eq!(String::from_utf8(item.encode()).as_deref(), Ok(r#"{"p":"root","n":"a.txt","h":"x","s":0}"#));
        for bytes in [&b""[..], b"{}", b"null", br#"{"l":"x","t":1,"new":2}"#, br#"{"l":7,"t":1}"#] {
            assert!(CursorRow::decode(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn keys_of_any_ids_are_taken_apart_again(object in "[a-zA-Z0-9=/%@._-]{1,40}", part in "[a-zA-Z0-9=/%+-]{0,40}") {
            let key = key::<ItemRow>(&object, &part);
            prop_assert_eq!(parts(&key), Some((object.clone(), part.clone())));
            prop_assert!(part.is_empty() || key.starts_with(&prefix::<ItemRow>(&object)));
        }
    }
}
