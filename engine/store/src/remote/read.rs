//! Reads: whole objects, ranges, ends.
//!
//! Promises: exactly what was asked comes, or an error. A range that reaches over the end is damage only when a second request says that the object ends
//! there.

use super::answer::{Verb, classify};
use super::{Cloud, Remote};
use crate::{OBJECT_BYTES_MAX, ObjectName, Store, outside, too_large};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use object_store::{GetOptions, GetRange};
use std::ops::Range;

impl Remote {
    /// Reads an object or a part of it; also its whole length.
    pub(super) fn read(
        &self,
        name: &ObjectName,
        range: Option<GetRange>,
        version: Option<&str>,
    ) -> Result<(Bytes, u64)> {
        self.ask(async {
            let failed = |e: object_store::Error| classify(&e, Verb::Get, name);
            let options = GetOptions { range, version: version.map(str::to_owned), ..GetOptions::default() };
            let result = self.cloud.objects().get_opts(&self.path(name), options).await.map_err(failed)?;
            let (length, expected) = (result.meta.size, result.range.end.saturating_sub(result.range.start));
            if expected > OBJECT_BYTES_MAX {
                return Err(too_large(name, expected));
            }
            let bytes = result.bytes().await.map_err(failed)?;
            if bytes.len() as u64 == expected {
                Ok((bytes, length))
            } else {
                let got = bytes.len();
                Err(Error::new(Kind::Transient, format!("{got} bytes came of {expected}")).on(name).advise("try again"))
            }
        })
    }

    /// Reads a range that must lie inside the object, or inside one version of it.
    pub(super) fn read_range(&self, name: &ObjectName, range: Range<u64>, version: Option<&str>) -> Result<Bytes> {
        if range.start >= range.end {
            // No server can be asked for nothing; the length still decides whether the place exists.
            let length = self.length(name, version)?;
            let inside = range.start == range.end && range.end <= length;
            return if inside { Ok(Bytes::new()) } else { Err(outside(name, &range, length)) };
        }
        let read = self.read(name, Some(GetRange::Bounded(range.clone())), version);
        let (bytes, length) = match read {
            // Servers and the client word a range beyond the end in many ways; the length decides.
            Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Transient | Kind::Unsupported) => {
                return match self.length(name, version) {
                    Ok(length) if range.end > length => Err(outside(name, &range, length)),
                    Err(gone) if gone.kind() == Kind::Absent => Err(gone),
                    _ => Err(e),
                };
            }
            other => other?,
        };
        if bytes.len() as u64 == range.end - range.start {
            return Ok(bytes);
        }
        // A range that reaches over the end is cut by the server without a word. That the object ends there is asked once more before it is damage.
        let again = self.length(name, version)?;
        if again == length && range.end > length {
            return Err(outside(name, &range, length));
        }
        let what = format!(
            "{} bytes came of {}..{} of {length} bytes, and the object has {again}",
            bytes.len(),
            range.start,
            range.end
        );
        Err(Error::new(Kind::Transient, what)
            .on(name)
            .advise("look at proxies on the way to the store, then run again"))
    }

    /// The length of an object, or of one version of it.
    fn length(&self, name: &ObjectName, version: Option<&str>) -> Result<u64> {
        if version.is_none() {
            return Ok(self.head(name)?.bytes);
        }
        let head = self.head_of(name, version)?;
        let length = head.header("content-length").and_then(|text| text.parse().ok());
        length.ok_or_else(|| Error::new(Kind::Unsupported, "the store does not tell the length of a version").on(name))
    }

    /// The end of an object of at most so many bytes, and its whole length.
    pub(super) fn read_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)> {
        if matches!(self.cloud, Cloud::S3(_)) && bytes_max > 0 {
            match self.read(name, Some(GetRange::Suffix(bytes_max)), None) {
                // An empty object has no range at all; the other way below finds out.
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Unsupported) => {}
                other => return other,
            }
        }
        let length = self.head(name)?.bytes;
        let tail = self.get_range(name, length.saturating_sub(bytes_max)..length)?;
        Ok((tail, length))
    }
}
