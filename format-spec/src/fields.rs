//! Fields: the tagged rows of [CONT-19], the growing part of manifests, log entries, config and key slots.

use crate::bytes::Cursor;
use crate::{FormatError, Result, Time};
use std::fmt;

/// Bit 15: who does not know this tag must refuse.
pub const CRITICAL: u16 = 0x8000;

/// Writes fields in rising order of their tags.
#[derive(Default)]
pub struct FieldsWriter {
    bytes: Vec<u8>,
    last: u16,
}

impl FieldsWriter {
    /// No fields yet.
    pub fn new() -> Self {
        FieldsWriter::default()
    }

    /// Appends one field. Tags are constants of our own code, so a falling tag is a bug and not data.
    pub fn put(&mut self, tag: u16, bytes: &[u8]) -> &mut Self {
        debug_assert!(tag & !CRITICAL >= self.last, "tags rise");
        self.last = tag & !CRITICAL;
        self.bytes.extend_from_slice(&tag.to_le_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        let length = u32::try_from(bytes.len()).expect("a field is far below 4 GiB: records hold 4 MiB");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The plaintext so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The finished plaintext.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// One field as it stands in the bytes.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The tag with its critical bit.
    pub tag: u16,
    /// The field's bytes.
    pub bytes: &'a [u8],
    /// Where the field (its tag) starts in the row.
    pub start: usize,
}

// Fields may carry secrets (CONF-1, 9c): Debug tells tags and lengths, never bytes.
impl fmt::Debug for FieldsWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldsWriter({} bytes)", self.bytes.len())
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({}, {} bytes at {})", self.tag & !CRITICAL, self.bytes.len(), self.start)
    }
}

/// All fields of a row, checked for order, known tags and repetition.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    fields: Vec<Field<'a>>,
}

impl<'a> Fields<'a> {
    /// Parses a row. `known` lists the tags that the caller understands, with `true` for those that may repeat.
    ///
    /// # Errors
    /// Broken rows, repeated or falling tags, and unknown critical tags (`Unsupported`).
    pub fn parse(bytes: &'a [u8], known: &[(u16, bool)]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "CONT-19");
        let mut fields: Vec<Field<'a>> = Vec::new();
        while cursor.remaining() > 0 {
            let start = bytes.len() - cursor.remaining();
            let tag = cursor.u16()?;
            cursor.zero(2, "zero bytes of a field")?;
            let length = cursor.u32()?;
            let field = Field { tag, bytes: cursor.take(length as usize)?, start };
            let previous = fields.last().map(|f| f.tag & !CRITICAL);
            if previous.is_some_and(|p| p > tag & !CRITICAL) {
                return Err(FormatError::broken("CONT-19", "order of tags", "rising", tag));
            }
            match known.iter().find(|(t, _)| *t == tag) {
                Some((_, repeats)) if !repeats && previous == Some(tag & !CRITICAL) => {
                    return Err(FormatError::broken("CONT-19", "repeated tag", "once", tag & !CRITICAL));
                }
                None if tag & CRITICAL != 0 => {
                    return Err(FormatError::unsupported("CONT-19", "a critical field", tag & !CRITICAL));
                }
                _ => fields.push(field),
            }
        }
        Ok(Fields { fields })
    }

    /// The first field of this tag.
    pub fn get(&self, tag: u16) -> Option<Field<'a>> {
        self.fields.iter().find(|f| f.tag == tag).copied()
    }

    /// A field that has to be there.
    pub fn need(&self, tag: u16) -> Result<&'a [u8]> {
        let missing = || FormatError::broken("CONT-19", "a required field", tag & !CRITICAL, "none");
        self.get(tag).map(|f| f.bytes).ok_or_else(missing)
    }

    /// A cursor over a field that has to be there; failures cite `rule`.
    pub fn cursor(&self, tag: u16, rule: &'static str) -> Result<Cursor<'a>> {
        Ok(Cursor::new(self.need(tag)?, rule))
    }

    /// A field that has to be exactly `N` bytes.
    pub fn array<const N: usize>(&self, tag: u16, rule: &'static str) -> Result<[u8; N]> {
        let mut cursor = self.cursor(tag, rule)?;
        let out = cursor.array()?;
        cursor.end()?;
        Ok(out)
    }

    /// A time, when the field is there: exactly 12 bytes ([CONT-19]).
    pub fn time(&self, tag: u16) -> Result<Option<Time>> {
        let whole = |field: Field<'a>| {
            let mut cursor = Cursor::new(field.bytes, "CONT-19");
            let time = cursor.time()?;
            cursor.end()?;
            Ok(time)
        };
        self.get(tag).map(whole).transpose()
    }

    /// Text of a field, empty when it is absent.
    pub fn text(&self, tag: u16, rule: &'static str) -> Result<String> {
        let bytes = self.get(tag).map_or(&[][..], |f| f.bytes);
        text(bytes, rule)
    }

    /// Every field of a tag that may repeat.
    pub fn all(&self, tag: u16) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.fields.iter().filter(move |f| f.tag == tag).map(|f| f.bytes)
    }
}

/// UTF-8 or a refusal.
pub fn text(bytes: &[u8], rule: &'static str) -> Result<String> {
    let text = std::str::from_utf8(bytes).map_err(|e| FormatError::broken(rule, "text", "UTF-8", e))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_twelve_bytes_and_not_one_more() {
        for (length, fits) in [(0, false), (11, false), (12, true), (13, false)] {
            let mut row = FieldsWriter::new();
            row.put(6, &vec![0; length]);
            let fields = Fields::parse(row.as_bytes(), &[(6, false)]).expect("a row");
            assert_eq!(fields.time(6).is_ok(), fits, "{length}");
            assert_eq!(fields.time(7), Ok(None));
        }
    }
}
