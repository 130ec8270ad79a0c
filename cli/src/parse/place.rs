//! `POINT[:PATH]`: a restore point and a place in it.
//!
//! The first `:/` ends the point, so `latest:HOST/JOB:/srv/a` and `2026-02-27T09:15:/srv` mean what they seem to. The path is raw
//! bytes; doubled and trailing slashes and `.` fall away, `..` is refused, as a restore point has no working directory.

use std::ffi::{OsStr, OsString};

/// How a restore point is named, wherever one is: below the options of each command that takes one.
pub(crate) const POINT_FORMS: &str = "\
A restore point is named by its id or a unique beginning of it, by `latest`, or by a time, which means the newest point of that time or before.
Of one job it is `latest:JOB` or `TIME:JOB`. JOB is this host's job, or the only other host's of that name; HOST/JOB names one.";
use std::os::unix::ffi::OsStrExt;

/// A restore point, and a path in it without a leading `/`; the empty path is all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PointPath {
    /// What `find_point` takes.
    pub(crate) point: String,
    /// Raw bytes, without leading, doubled and trailing slashes.
    pub(crate) path: Vec<u8>,
}

impl PointPath {
    /// Reads `POINT[:PATH]`.
    ///
    /// # Errors
    /// What is wrong, for clap to print.
    pub(crate) fn parse(text: &OsStr) -> Result<PointPath, String> {
        let bytes = text.as_bytes();
        let end = bytes.windows(2).position(|pair| pair == b":/");
        let (point, rest) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 1..]),
            None => (bytes, &b"/"[..]),
        };
        let point = std::str::from_utf8(point).map_err(|_| "the restore point is no UTF-8".to_owned())?;
        if point.is_empty() {
            return Err("a restore point is missing before the path: write latest:/path".to_owned());
        }
        if point.starts_with('/') {
            return Err(format!("{point:?} names no restore point: write latest:{point}"));
        }
        Ok(PointPath { point: point.to_owned(), path: path(rest)? })
    }
}

/// An absolute path in a restore point, as raw bytes without its leading slash.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn absolute(text: &OsStr) -> Result<Vec<u8>, String> {
    match text.as_bytes() {
        [b'/', rest @ ..] => path(rest),
        _ => Err("a path in a restore point begins with `/`".to_owned()),
    }
}

fn path(raw: &[u8]) -> Result<Vec<u8>, String> {
    let parts: Vec<&[u8]> = raw.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.contains(&&b".."[..]) {
        return Err("`..` has no meaning in a restore point".to_owned());
    }
    Ok(parts.join(&b'/'))
}

/// For clap: [`PointPath::parse`] over raw arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaceParser;

/// For clap: [`absolute`] over raw arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathParser;

/// An absolute path in a restore point, without its leading slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InnerPath(pub(crate) Vec<u8>);

impl clap::builder::TypedValueParser for PlaceParser {
    type Value = PointPath;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<PointPath, clap::Error> {
        PointPath::parse(value).map_err(|why| refuse(command, arg, value, &why))
    }
}

impl clap::builder::TypedValueParser for PathParser {
    type Value = InnerPath;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<InnerPath, clap::Error> {
        absolute(value).map(InnerPath).map_err(|why| refuse(command, arg, value, &why))
    }
}

fn refuse(command: &clap::Command, arg: Option<&clap::Arg>, value: &OsStr, why: &str) -> clap::Error {
    let name = arg.map(ToString::to_string).unwrap_or_default();
    let value: OsString = value.to_owned();
    let message = format!("invalid value '{}' for '{name}': {why}\n", value.display());
    clap::Error::raw(clap::error::ErrorKind::ValueValidation, message).with_cmd(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<(String, Vec<u8>), String> {
        PointPath::parse(OsStr::from_bytes(text)).map(|place| (place.point, place.path))
    }

    #[test]
    fn the_first_colon_slash_ends_the_point() {
        let cases: [(&[u8], &str, &[u8]); 9] = [
            (b"latest", "latest", b""),
            (b"latest:/", "latest", b""),
            (b"latest:/srv/a", "latest", b"srv/a"),
            (b"latest:job", "latest:job", b""),
            (b"latest:job:/srv/a:/b", "latest:job", b"srv/a:/b"),
            (b"latest:fe80%3A%3A1/job:/srv/a", "latest:fe80%3A%3A1/job", b"srv/a"),
            (b"2026-02-27T09:15:/srv", "2026-02-27T09:15", b"srv"),
            (b"3f://srv//./a/", "3f", b"srv/a"),
            (b"3f:/\xff\n", "3f", b"\xff\n"),
        ];
        for (text, point, path) in cases {
            assert_eq!(parse(text), Ok((point.to_owned(), path.to_vec())), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn what_names_no_point_is_refused() {
        for text in [&b""[..], b":/srv", b"/srv/a", b"latest:/a/../b", b"\xff:/a"] {
            assert!(parse(text).is_err(), "{}", text.escape_ascii());
        }
    }
}
