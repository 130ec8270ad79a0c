//! Lists of sources (`--files-from`, `--files-from-verbatim`).
//!
//! Promises: a path is taken as it stands, spaces and wildcards included. Refuses to look at the file system: whether a comment
//! was meant as a path is the caller's question, and so the comments come along as the paths that they would have been.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How the lines of a list are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// A line that begins with `#` is a comment.
    Commented,
    /// Every line is a path.
    Verbatim,
}

/// What a list says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The sources, in the order of the list.
    pub paths: Vec<PathBuf>,
    /// Comments, whole lines, as the paths that they would be in a list without comments.
    pub comments: Vec<PathBuf>,
}

/// The paths in `list`: separated by NUL if it holds one (as `find -print0` writes them; such a list has no comments), else one
/// per line. Empty ones are passed over.
pub fn paths_in_list(list: &[u8], lines: Lines) -> Listed {
    let has_nul = list.contains(&0);
    let separator = if has_nul { 0 } else { b'\n' };
    let has_comments = !has_nul && lines == Lines::Commented;
    let parts = list.split(|b| *b == separator).filter(|part| !part.is_empty());
    let (comments, paths): (Vec<&[u8]>, Vec<&[u8]>) = parts.partition(|part| has_comments && part.starts_with(b"#"));
    let as_paths = |parts: Vec<&[u8]>| parts.into_iter().map(|part| PathBuf::from(OsStr::from_bytes(part))).collect();
    Listed { paths: as_paths(paths), comments: as_paths(comments) }
}

/// The path without the carriage return that a line of a Windows list (CRLF) ends with; `None` where there is none.
pub fn without_carriage_return(path: &Path) -> Option<&Path> {
    path.as_os_str().as_bytes().strip_suffix(b"\r").map(|path| Path::new(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(list: &[u8], lines: Lines) -> Vec<PathBuf> {
        paths_in_list(list, lines).paths
    }

    #[test]
    fn a_list_is_separated_by_nul_if_it_holds_one() {
        assert_eq!(paths(b"a b\n\n*c\n", Lines::Commented), [PathBuf::from("a b"), PathBuf::from("*c")]);
        assert_eq!(paths(b"a\nb\0/c\0", Lines::Commented), [PathBuf::from("a\nb"), PathBuf::from("/c")]);
        assert!(paths(b"", Lines::Commented).is_empty());
    }

    #[test]
    fn only_a_commented_list_of_lines_has_comments() {
        let commented = paths_in_list(b"#a\n a#\n# b\n", Lines::Commented);
        assert_eq!(commented.paths, [PathBuf::from(" a#")]);
        assert_eq!(commented.comments, [PathBuf::from("#a"), PathBuf::from("# b")]);
        for (list, lines) in [(&b"#a\n"[..], Lines::Verbatim), (b"#a\0", Lines::Verbatim), (b"#a\0", Lines::Commented)]
        {
            assert_eq!(paths_in_list(list, lines), Listed { paths: vec!["#a".into()], comments: Vec::new() });
        }
    }

    #[test]
    fn the_end_of_a_windows_line_is_seen() {
        assert_eq!(without_carriage_return(Path::new("/a b\r")), Some(Path::new("/a b")));
        assert_eq!(without_carriage_return(Path::new("/a\rb")), None);
    }
}
