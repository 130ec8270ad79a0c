//! Repository URLs: a path, `file:///path`, `s3://bucket/prefix` or `az://container/prefix`, parsed once and then trusted.
//!
//! Refuses everything else, credentials inside a URL included: they would end in logs, shell histories and messages.

use base::error::{Error, Kind, Result};
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

/// Where a repository is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of a store that speaks S3; the prefix is empty or `a/b`, without slashes at its ends.
    S3 {
        /// The bucket.
        bucket: String,
        /// Where in the bucket.
        prefix: String,
    },
    /// A container of Azure Blob Storage; the prefix is empty or `a/b`, without slashes at its ends.
    Azure {
        /// The container.
        container: String,
        /// Where in the container.
        prefix: String,
    },
}

impl Location {
    /// Reads what the user wrote.
    ///
    /// # Errors
    /// `Input`, with what would be right, for everything that is no path and no URL of a known kind.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Self> {
        let raw = text.as_ref();
        if raw.is_empty() {
            return Err(refuse("", "an empty repository URL"));
        }
        let Some(text) = raw.to_str() else { return Ok(Location::Folder(PathBuf::from(raw))) };
        let Some((scheme, rest)) = split_scheme(text) else { return Ok(Location::Folder(PathBuf::from(raw))) };
        match (scheme, rest.strip_prefix("//")) {
            ("file", Some(_)) => parse_file(text),
            ("s3", Some(rest)) => {
                let (bucket, prefix) = parse_bucket(text, rest, "bucket")?;
                Ok(Location::S3 { bucket, prefix })
            }
            ("az", Some(rest)) => {
                let (container, prefix) = parse_bucket(text, rest, "container")?;
                Ok(Location::Azure { container, prefix })
            }
            ("file" | "s3" | "az", None) => Err(refuse(text, "a repository URL has `//` after its scheme")
                .advise(format!("write {scheme}://..., or ./{text} for a folder of that name"))),
            (_, Some(_)) => Err(refuse(text, "a repository URL of an unknown kind")),
            // `C:` or `host:path`: a folder may be called so.
            (_, None) => Ok(Location::Folder(PathBuf::from(raw))),
        }
    }

    /// A place below this one.
    #[must_use]
    pub fn below(&self, segment: &str) -> Self {
        let join = |prefix: &str| if prefix.is_empty() { segment.to_owned() } else { format!("{prefix}/{segment}") };
        match self {
            Location::Folder(path) => Location::Folder(path.join(segment)),
            Location::S3 { bucket, prefix } => Location::S3 { bucket: bucket.clone(), prefix: join(prefix) },
            Location::Azure { container, prefix } => {
                Location::Azure { container: container.clone(), prefix: join(prefix) }
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, first, prefix) = match self {
            Location::Folder(path) => return write!(f, "{}", path.display()),
            Location::S3 { bucket, prefix } => ("s3", bucket, prefix),
            Location::Azure { container, prefix } => ("az", container, prefix),
        };
        write!(f, "{scheme}://{first}")?;
        if prefix.is_empty() { Ok(()) } else { write!(f, "/{prefix}") }
    }
}

fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let first = scheme.bytes().next()?;
    (first.is_ascii_alphabetic() && scheme.bytes().all(good)).then_some((scheme, rest))
}

fn parse_file(text: &str) -> Result<Location> {
    let url = url::Url::parse(text).map_err(|e| refuse(text, "a file URL that cannot be read").because(e))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(text, "a file URL has no `?` and no `#` (write %3F and %23)"));
    }
    match url.to_file_path() {
        Ok(path) => Ok(Location::Folder(path)),
        Err(()) => Err(refuse(text, "a file URL names a path of this machine: file:///path")),
    }
}

fn parse_bucket(text: &str, rest: &str, noun: &str) -> Result<(String, String)> {
    let (first, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if first.contains('@') {
        return Err(Error::new(Kind::Input, "credentials do not belong in a repository URL")
            .advise("set the environment variables of the store, or use a profile"));
    }
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if first.is_empty() || !first.bytes().all(good) || first == "." || first == ".." {
        return Err(refuse(text, &format!("{first:?} is no {noun} name")));
    }
    let prefix = prefix.trim_end_matches('/');
    let segment = |s: &str| !s.is_empty() && s != "." && s != ".." && s.bytes().all(good);
    if !prefix.is_empty() && !prefix.split('/').all(segment) {
        let what = format!("{prefix:?} is not a prefix (letters, digits, `_`, `.`, `-`, parted by `/`)");
        return Err(Error::new(Kind::Input, what)
            .on(text)
            .advise("choose another prefix, beside what is there: a repository needs one of its own"));
    }
    Ok((first.to_owned(), prefix.to_owned()))
}

fn refuse(text: &str, why: &str) -> Error {
    let error = Error::new(Kind::Input, why.to_owned())
        .advise("a repository is a path, file:///path, s3://bucket/prefix or az://container/prefix");
    if text.is_empty() { error } else { error.on(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(bucket: &str, prefix: &str) -> Location {
        Location::S3 { bucket: bucket.into(), prefix: prefix.into() }
    }

    #[test]
    fn paths_and_urls_are_told_apart() {
        let folder = |p: &str| Location::Folder(PathBuf::from(p));
        let cases = [
            ("/srv/backup", folder("/srv/backup")),
            ("relative/folder", folder("relative/folder")),
            ("host:folder", folder("host:folder")),
            ("./s3:odd", folder("./s3:odd")),
            ("file:///srv/a%20b", folder("/srv/a b")),
            ("s3://bucket", s3("bucket", "")),
            ("s3://bucket/", s3("bucket", "")),
            ("s3://bucket/a/b/", s3("bucket", "a/b")),
            ("az://box/a", Location::Azure { container: "box".into(), prefix: "a".into() }),
        ];
        for (text, expected) in cases {
            assert_eq!(Location::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_repository_url_is_refused_with_advice() {
        let wrong = [
            "",
            "http://host/x",
            "ftp://x",
            "s3:bucket",
            "az:box",
            "file:/x",
            "file://host/x",
            "file:///x?y",
            "s3://",
            "s3:///prefix",
            "s3://bu cket/x",
            "s3://bucket//x",
            "s3://bucket/../x",
            "s3://bucket/x?y=1",
            "s3://bucket/\u{e9}",
            "gs://bucket/x",
        ];
        for text in wrong {
            let error = Location::parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::Input, "{text}");
            assert!(error.advice().is_some(), "{text}");
        }
    }

    /// docs/stores.md promises these letters, and no others.
    #[test]
    fn a_prefix_has_letters_digits_and_three_marks_and_all_else_is_refused_by_name() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let others = ['\u{e9}', '\u{df}', '\u{a0}', '\u{301}', '\u{1f4be}'];
        for c in (0..128_u8).map(char::from).chain(others).filter(|c| *c != '/') {
            for scheme in ["s3", "az"] {
                let text = format!("{scheme}://place/team{c}backup");
                match Location::parse(&text) {
                    Ok(location) => assert!(allowed(c) && location.to_string() == text, "{text}"),
                    Err(e) => {
                        assert!(!allowed(c) && e.kind() == Kind::Input, "{text}: {e}");
                        let said = e.to_string();
                        assert!(said.contains(&format!("{:?} is not a prefix", format!("team{c}backup"))), "{said}");
                        assert!(said.contains("letters, digits, `_`, `.`, `-`"), "{said}");
                        assert!(e.advice().unwrap().starts_with("choose another prefix"), "{e}");
                    }
                }
            }
        }
        for prefix in ["a//b", "a/./b", "a/../b", ".", "..", "/a", "%20", "a%2Fb", "My Backups"] {
            for scheme in ["s3", "az"] {
                let error = Location::parse(format!("{scheme}://place/{prefix}")).unwrap_err();
                assert!(error.to_string().contains("is not a prefix"), "{prefix}: {error}");
            }
        }
    }

    #[test]
    fn a_secret_in_a_url_is_not_repeated() {
        let error = Location::parse("s3://key:secret@bucket/x").unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn a_location_prints_as_it_is_parsed() {
        for text in ["/srv/backup", "s3://bucket", "s3://bucket/a/b", "az://box/c"] {
            assert_eq!(Location::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(s3("b", "").below("p"), s3("b", "p"));
        assert_eq!(s3("b", "a").below("p"), s3("b", "a/p"));
    }
}
