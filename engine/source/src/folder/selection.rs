//! What of the file system a source names: absolute paths, merged so that one walk meets each item once.
//!
//! Promises: relative paths are made absolute by their text alone (`.`, `..`, doubled and trailing slashes), so a symlink in
//! the middle of a path stays in the stored path. A source inside another source is covered by it. The last component is
//! taken as it is, a symlink as a symlink; only a trailing slash asks, as everywhere, for the folder that it leads to. A source
//! that cannot be reached stays among them as long as another one can: the walk says of it what it says of any lost item.

use super::attributes::{Stat, stat_at};
use base::error::{Error, Kind, Result};
use rustix::fs::{AtFlags, CWD};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The sources, in the order of the walk, none inside another.
#[derive(Debug)]
pub(super) struct Selection {
    chosen: Vec<Chosen>,
}

/// One source.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Chosen {
    /// Components joined by NUL, which sorts before every byte of a name: so the order is that of a walk.
    path: Vec<u8>,
    follow: bool,
}

/// Some neighbouring sources that share their first components.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    start: usize,
    end: usize,
    /// Bytes of the paths that are the shared components, with a NUL behind each.
    shared: usize,
}

/// What stands next in a folder above sources.
#[derive(Debug)]
pub(super) enum Part {
    /// A source itself; its symlink is followed if `follow`.
    Source { name: Vec<u8>, follow: bool },
    /// A folder on the way to sources.
    Way { name: Vec<u8>, below: Range },
}

impl Selection {
    /// Merges `roots`, relative ones against `current`.
    ///
    /// # Errors
    /// `Absent` and `Denied` when none can be reached, and name the first; `Input` names one that is no path.
    pub(super) fn new(roots: &[PathBuf], current: &Path) -> Result<Selection> {
        if roots.is_empty() {
            return Err(Error::new(Kind::Input, "no source was named").advise("name at least one folder or file"));
        }
        let mut chosen = Vec::with_capacity(roots.len());
        let (mut lost, mut is_any_there, others) = (None, false, roots.len() - 1);
        for root in roots {
            let source = Chosen::parse(root, current)?;
            if !is_any_there {
                match source.stat() {
                    Ok(_) => is_any_there = true,
                    Err(e) => _ = lost.get_or_insert_with(|| unreachable_source(&e, root, others)),
                }
            }
            chosen.push(source);
        }
        if let Some(lost) = lost.filter(|_| !is_any_there) {
            return Err(lost);
        }
        // Of the same source with and without a trailing slash, the one that follows stands first and covers the other.
        chosen.sort_by(|a, b| a.path.cmp(&b.path).then(b.follow.cmp(&a.follow)));
        chosen.dedup_by(|later, kept| kept.covers(later));
        Ok(Selection { chosen })
    }

    /// The absolute path of one source, whatever is there.
    ///
    /// # Errors
    /// `Input` for one that is no path.
    pub(super) fn recorded_path(root: &Path, current: &Path) -> Result<Vec<u8>> {
        Chosen::parse(root, current).map(|chosen| chosen.absolute())
    }

    /// The absolute paths of the sources.
    pub(super) fn paths(&self) -> Vec<Vec<u8>> {
        self.chosen.iter().map(Chosen::absolute).collect()
    }

    /// All sources, seen from the root; `None` if the root itself is the source.
    pub(super) fn whole_range(&self) -> Option<Range> {
        let whole = self.chosen.first().is_some_and(|source| source.path.is_empty());
        (!whole).then_some(Range { start: 0, end: self.chosen.len(), shared: 0 })
    }

    /// Takes the next part off `range`.
    pub(super) fn next(&self, range: &mut Range) -> Option<Part> {
        let rest = self.chosen.get(range.start..range.end)?;
        let first = rest.first()?;
        let tail = first.path.get(range.shared..)?;
        let name = tail.split(|b| *b == 0).next()?;
        let shared = range.shared + name.len() + 1;
        if tail.len() == name.len() {
            range.start += 1;
            return Some(Part::Source { name: name.to_vec(), follow: first.follow });
        }
        let same = |c: &Chosen| {
            c.path.get(range.shared..).is_some_and(|t| t.starts_with(name) && t.get(name.len()) == Some(&0))
        };
        let below = Range { start: range.start, end: range.start + rest.partition_point(same), shared };
        range.start = below.end;
        Some(Part::Way { name: name.to_vec(), below })
    }
}

impl Chosen {
    fn parse(root: &Path, current: &Path) -> Result<Chosen> {
        let text = root.as_os_str().as_bytes();
        if text.is_empty() || text.contains(&0) {
            return Err(Error::new(Kind::Input, "a source is a path that is not empty and holds no NUL byte")
                .on(format!("{root:?}"))
                .advise("name a folder or a file"));
        }
        let mut parts: Vec<&[u8]> = Vec::new();
        let before = if text.starts_with(b"/") { &b""[..] } else { current.as_os_str().as_bytes() };
        for part in before.split(|b| *b == b'/').chain(text.split(|b| *b == b'/')) {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                name => parts.push(name),
            }
        }
        let follow = text.ends_with(b"/") || text.ends_with(b"/.");
        Ok(Chosen { path: parts.join(&0), follow })
    }

    fn absolute(&self) -> Vec<u8> {
        let mut path = vec![b'/'];
        path.extend(self.path.iter().map(|b| if *b == 0 { b'/' } else { *b }));
        path
    }

    fn covers(&self, other: &Chosen) -> bool {
        match other.path.strip_prefix(self.path.as_slice()) {
            Some(rest) => self.path.is_empty() || rest.first().is_none_or(|b| *b == 0),
            None => false,
        }
    }

    fn stat(&self) -> std::io::Result<Stat> {
        let mut path = self.absolute();
        if self.follow {
            path.push(b'/');
        }
        let path = CString::new(path).map_err(|_| std::io::ErrorKind::InvalidInput)?;
        stat_at(CWD, &path, if self.follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW })
    }
}

/// Of the first of several sources of which none can be reached.
fn unreachable_source(e: &std::io::Error, root: &Path, others: usize) -> Error {
    use std::io::ErrorKind as Io;
    let kind = match e.kind() {
        Io::NotFound | Io::NotADirectory => Kind::Absent,
        Io::PermissionDenied => Kind::Denied,
        Io::InvalidFilename | Io::InvalidInput => Kind::Input,
        _ => Kind::Transient,
    };
    let nor = match others {
        0 => String::new(),
        1 => ", and neither can the other one".to_owned(),
        others => format!(", and neither can the other {others}"),
    };
    Error::new(kind, format!("the source cannot be reached: {e}{nor}"))
        .on(root.display())
        .advise("name folders and files that exist; nothing was backed up")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute_by_their_text() {
        let current = Path::new("/home/me");
        for (given, path, follow) in [
            ("/usr/share//doc/", "/usr/share/doc", true),
            ("a", "/home/me/a", false),
            ("./a/../b/.", "/home/me/b", true),
            ("../../../x", "/x", false),
            ("/", "/", true),
            (".", "/home/me", false),
        ] {
            let chosen = Chosen::parse(Path::new(given), current).unwrap();
            assert_eq!((chosen.absolute(), chosen.follow), (path.as_bytes().to_vec(), follow), "{given}");
        }
        assert_eq!(Chosen::parse(Path::new(""), current).unwrap_err().kind(), Kind::Input);
    }
}
