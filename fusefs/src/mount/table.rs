//! What is mounted where, from `/proc/self/mountinfo`: nothing that hangs is touched to learn it.

use engine::{Error, Result};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The file system's type as `mount` and `findmnt` show it.
pub(super) const TYPE: &str = "fuse.cairn";

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mounted {
    /// `major:minor`, one for each mount of FUSE.
    pub(super) device: String,
    place: PathBuf,
    kind: String,
}

impl Mounted {
    pub(super) fn is_cairn(&self) -> bool {
        self.kind == TYPE
    }

    /// A place that mounts something else once somebody looks inside.
    pub(super) fn is_automount(&self) -> bool {
        self.kind == "autofs"
    }

    /// The number of the FUSE connection.
    pub(super) fn connection(&self) -> Option<&str> {
        self.device.split_once(':').map(|(_, minor)| minor)
    }
}

/// Everything that is mounted at a place, the lowest first.
pub(super) fn at(place: &Path) -> Result<Vec<Mounted>> {
    Ok(all()?.into_iter().filter(|m| m.place == place).collect())
}

/// What a place lies in, not counting what is mounted at the place itself.
pub(super) fn around(place: &Path) -> Result<Option<Mounted>> {
    Ok(innermost(all()?, place))
}

/// What one sees at a place.
pub(super) fn top(place: &Path) -> Result<Option<Mounted>> {
    Ok(at(place)?.pop())
}

fn all() -> Result<Vec<Mounted>> {
    let table = std::fs::read("/proc/self/mountinfo").map_err(|e| Error::from(e).on("/proc/self/mountinfo"))?;
    Ok(table.split(|b| *b == b'\n').filter_map(parse).collect())
}

/// Of those above a place the deepest; of several at one place the last, as that covers the others.
fn innermost(table: Vec<Mounted>, place: &Path) -> Option<Mounted> {
    let above = table.into_iter().filter(|m| m.place != place && place.starts_with(&m.place));
    above.max_by_key(|m| m.place.components().count())
}

/// `36 35 98:0 / /place options [optional]... - type source super`, see proc(5).
fn parse(line: &[u8]) -> Option<Mounted> {
    let mut words = line.split(|b| *b == b' ');
    let device = String::from_utf8(words.nth(2)?.to_vec()).ok()?;
    let place = PathBuf::from(OsString::from_vec(unescape(words.nth(1)?)));
    let kind = words.skip_while(|w| *w != b"-").nth(1)?;
    Some(Mounted { device, place, kind: String::from_utf8_lossy(kind).into_owned() })
}

/// Blanks, newlines and backslashes stand as three octal digits.
fn unescape(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..3).and_then(|d| std::str::from_utf8(d).ok());
        let code = digits.filter(|_| *first == b'\\').and_then(|d| u8::from_str_radix(d, 8).ok());
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_table_are_understood() {
        let line = br"36 35 0:57 / /mnt/a\040b\012c ro,nosuid shared:1 master:2 - fuse.cairn /srv/repo ro,user_id=0";
        let mounted = parse(line).expect("a line");
        assert_eq!((mounted.place.as_path(), mounted.connection()), (Path::new("/mnt/a b\nc"), Some("57")));
        assert!(mounted.is_cairn());
        assert_eq!(parse(b"36 35"), None);
    }

    #[test]
    fn the_innermost_mount_around_a_place_is_found() {
        let mounted =
            |place: &str, kind: &str| Mounted { device: "0:1".into(), place: place.into(), kind: kind.into() };
        let table = vec![mounted("/", "ext4"), mounted("/a/b", "xfs"), mounted("/a/b", TYPE), mounted("/a", "tmpfs")];
        let around = |place: &str| innermost(table.clone(), Path::new(place)).expect("the root").kind;
        assert_eq!(
            (around("/a/b/c").as_str(), around("/a/b").as_str(), around("/ab").as_str()),
            (TYPE, "tmpfs", "ext4")
        );
    }
}
