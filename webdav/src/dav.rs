//! The view as the protocol crate wants to see it: a file system of one request that can only be read.

use crate::exchange::Exchange;
use crate::resource::{Bytes, Named, Page, Resource};
use crate::trouble::Trouble;
use bytes::Buf;
use dav_server::davpath::DavPath;
use dav_server::fs::{
    DavDirEntry, DavFile, DavFileSystem, DavMetaData, FsError, FsFuture, FsResult, FsStream, OpenOptions, ReadDirMeta,
};
use format_spec::Time;
use futures_util::{StreamExt, stream};
use hyper::StatusCode;
use std::fmt;
use std::future::ready;
use std::io::SeekFrom;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

impl DavFileSystem for Exchange {
    fn open<'a>(&'a self, _: &'a DavPath, options: OpenOptions) -> FsFuture<'a, Box<dyn DavFile>> {
        Box::pin(async move {
            if options.write || options.append || options.create || options.create_new || options.truncate {
                return Err(FsError::Forbidden);
            }
            let bytes = Exchange::open(self).await.map_err(error)?;
            Ok(Box::new(Opened { session: self.clone(), bytes, at: 0 }) as Box<dyn DavFile>)
        })
    }

    fn read_dir<'a>(&'a self, _: &'a DavPath, _: ReadDirMeta) -> FsFuture<'a, FsStream<Box<dyn DavDirEntry>>> {
        let session = self.clone();
        Box::pin(async move {
            let first = session.list(0).await.map_err(error)?;
            let pages = stream::unfold(Some(Ok(first)), move |page| {
                let session = session.clone();
                async move {
                    match page? {
                        Ok(Page { names, next: Some(next) }) => {
                            Some((Ok(names), Some(session.list(next).await.map_err(error))))
                        }
                        Ok(Page { names, next: None }) => Some((Ok(names), None)),
                        Err(e) => Some((Err(e), None)),
                    }
                }
            });
            let names = pages.flat_map(|page| {
                let each: Vec<FsResult<Box<dyn DavDirEntry>>> = match page {
                    Ok(names) => names.into_iter().map(|name| Ok(Box::new(name) as Box<dyn DavDirEntry>)).collect(),
                    Err(e) => vec![Err(e)],
                };
                stream::iter(each)
            });
            Ok(Box::pin(names) as FsStream<Box<dyn DavDirEntry>>)
        })
    }

    fn metadata<'a>(&'a self, path: &'a DavPath) -> FsFuture<'a, Box<dyn DavMetaData>> {
        Box::pin(async move {
            let place = self.find(names_of(path.as_bytes())).await.map_err(error)?;
            Ok(Box::new(Meta { place, quoted: true }) as Box<dyn DavMetaData>)
        })
    }
}

/// The names of a path whose bytes are decoded.
pub(crate) fn names_of(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|b| *b == b'/').filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The nearest that the crate knows; what is answered in the end comes from the session.
fn error(trouble: Trouble) -> FsError {
    match trouble.status {
        StatusCode::NOT_FOUND => FsError::NotFound,
        StatusCode::FORBIDDEN => FsError::Forbidden,
        _ => FsError::GeneralFailure,
    }
}

impl DavDirEntry for Named {
    fn name(&self) -> Vec<u8> {
        self.name.clone().into_bytes()
    }

    fn metadata(&'_ self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        let meta = Meta { place: self.place.clone(), quoted: true };
        Box::pin(ready(Ok(Box::new(meta) as Box<dyn DavMetaData>)))
    }
}

/// What the protocol crate asks about a place.
#[derive(Debug, Clone)]
struct Meta {
    place: Resource,
    /// The crate puts `ETag` in quotes by itself, but not `getetag`, where RFC 4918 (section 15.6) wants them as well.
    quoted: bool,
}

impl DavMetaData for Meta {
    fn len(&self) -> u64 {
        self.place.bytes()
    }

    fn modified(&self) -> FsResult<SystemTime> {
        Ok(time(self.place.attributes.mtime))
    }

    fn status_changed(&self) -> FsResult<SystemTime> {
        Ok(time(self.place.attributes.ctime))
    }

    fn is_dir(&self) -> bool {
        self.place.is_folder()
    }

    fn executable(&self) -> FsResult<bool> {
        Ok(self.place.attributes.mode & 0o111 != 0)
    }

    fn etag(&self) -> Option<String> {
        let version = self.place.version.as_ref()?;
        Some(if self.quoted { format!("\"{version}\"") } else { version.clone() })
    }
}

/// A time that HTTP can write: its years have four digits and start in 1970.
pub(crate) fn time(time: Time) -> SystemTime {
    let seconds = u64::try_from(time.seconds).unwrap_or(0).min(LAST_SECOND);
    let nanos = if time.seconds < 0 { 0 } else { time.nanos.min(999_999_999) };
    UNIX_EPOCH + Duration::new(seconds, nanos)
}

/// As `Last-Modified` says it.
pub(crate) fn date(at: Time) -> String {
    let seconds = time(at).duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let stamp = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    stamp.map(|stamp| stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).unwrap_or_default()
}

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// An open file.
struct Opened {
    session: Exchange,
    bytes: Arc<Bytes>,
    at: u64,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("at", &self.at).finish_non_exhaustive()
    }
}

impl DavFile for Opened {
    fn metadata(&'_ mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        let meta = Meta { place: self.session.resource().clone(), quoted: false };
        Box::pin(ready(Ok(Box::new(meta) as Box<dyn DavMetaData>)))
    }

    fn write_buf(&'_ mut self, _: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        Box::pin(ready(Err(FsError::Forbidden)))
    }

    fn write_bytes(&'_ mut self, _: bytes::Bytes) -> FsFuture<'_, ()> {
        Box::pin(ready(Err(FsError::Forbidden)))
    }

    fn read_bytes(&'_ mut self, count: usize) -> FsFuture<'_, bytes::Bytes> {
        Box::pin(async move {
            let read = self.session.read(&self.bytes, self.at, count).await.map_err(error)?;
            self.at = self.at.saturating_add(read.len() as u64);
            Ok(read)
        })
    }

    fn seek(&'_ mut self, to: SeekFrom) -> FsFuture<'_, u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.session.resource().bytes().checked_add_signed(by),
        };
        self.at = at.unwrap_or(self.at);
        Box::pin(ready(at.ok_or(FsError::GeneralFailure)))
    }

    fn flush(&'_ mut self) -> FsFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_http_cannot_write_are_shown_as_the_nearest() {
        let seconds = |t: Time| time(t).duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap();
        assert_eq!(seconds(Time { seconds: -5, nanos: 7 }), 0);
        assert_eq!(seconds(Time { seconds: i64::MAX, nanos: 7 }), LAST_SECOND);
        assert_eq!(seconds(Time { seconds: 1_795_307_869, nanos: u32::MAX }), 1_795_307_869);
    }
}
