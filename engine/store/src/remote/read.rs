//! Reads: whole objects, ranges, ends.
//!
//! Promises: exactly what was asked comes, or an error. A range that reaches over the end is damage only when a second request says that the object ends
//! there.

use super::answer::{Operation, classify};
use super::{Cloud, Remote};
use crate::{OBJECT_BYTES_MAX, ObjectRef, Read, StoreExt, outside, too_large};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use object_store::{GetOptions, GetRange};
use std::ops::Range;

impl Remote {
    /// Reads an object or a part of it.
    pub(super) fn fetch(&self, object: ObjectRef<'_>, range: Option<GetRange>) -> Result<Read> {
        let name = object.name;
        self.ask(async {
            let failed = |e: object_store::Error| classify(&e, Operation::Get, name);
            let options = GetOptions { range, version: object.version.map(str::to_owned), ..GetOptions::default() };
            let result = self.cloud.objects().get_opts(&self.path(name), options).await.map_err(failed)?;
            let (whole, expected) = (result.meta.size, result.range.end.saturating_sub(result.range.start));
            if expected > OBJECT_BYTES_MAX {
                return Err(too_large(name, expected));
            }
            let bytes = result.bytes().await.map_err(failed)?;
            if bytes.len() as u64 == expected {
                Ok(Read { bytes, whole })
            } else {
                let got = bytes.len();
                Err(Error::new(Kind::Transient, format!("{got} bytes came of {expected}")).on(name).advise("try again"))
            }
        })
    }

    /// Reads a range that must lie inside the object.
    pub(super) fn read_range(&self, object: ObjectRef<'_>, range: Range<u64>) -> Result<Read> {
        let name = object.name;
        if range.start >= range.end {
            // No server can be asked for nothing; the length still decides whether the place exists.
            let whole = self.head_of(object)?.bytes;
            let inside = range.start == range.end && range.end <= whole;
            return if inside { Ok(Read { bytes: Bytes::new(), whole }) } else { Err(outside(name, &range, whole)) };
        }
        let read = match self.fetch(object, Some(GetRange::Bounded(range.clone()))) {
            // Servers and the client word a range beyond the end in many ways; the length decides.
            Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Transient | Kind::Unsupported) => {
                return match self.head_of(object) {
                    Ok(info) if range.end > info.bytes => Err(outside(name, &range, info.bytes)),
                    Err(gone) if gone.kind() == Kind::Absent => Err(gone),
                    _ => Err(e),
                };
            }
            other => other?,
        };
        if read.bytes.len() as u64 == range.end - range.start {
            return Ok(read);
        }
        // A range that reaches over the end is cut by the server without a word. That the object ends there is asked once more before it is damage.
        let again = self.head_of(object)?.bytes;
        if again == read.whole && range.end > read.whole {
            return Err(outside(name, &range, read.whole));
        }
        let what = format!(
            "{} bytes came of {}..{} of {} bytes, and the object has {again}",
            read.bytes.len(),
            range.start,
            range.end,
            read.whole
        );
        Err(Error::new(Kind::Transient, what)
            .on(name)
            .advise("look at proxies on the way to the store, then run again"))
    }

    /// The end of an object of at most so many bytes.
    pub(super) fn read_tail(&self, object: ObjectRef<'_>, bytes_max: u64) -> Result<Read> {
        if matches!(self.cloud, Cloud::S3(_)) && bytes_max > 0 {
            match self.fetch(object, Some(GetRange::Suffix(bytes_max))) {
                // An empty object has no range at all; the other way below finds out.
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Unsupported) => {}
                other => return other,
            }
        }
        let whole = self.head_of(object)?.bytes;
        let tail = self.read_range(object, whole.saturating_sub(bytes_max)..whole)?;
        Ok(Read { whole, ..tail })
    }
}
