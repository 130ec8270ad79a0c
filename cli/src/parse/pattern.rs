//! Patterns over paths in a restore point: `find`, and `restore --include/--exclude`.
//!
//! A pattern without a slash is held against names (`*.conf`), one with a slash against whole paths (`/srv/**/*.conf`), or
//! against their ends if it does not begin with one (`a/*.conf`).

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// A set of one: unlike a single matcher, it says when a pattern is too large or nested too deep, and does not panic.
    glob: GlobSet,
    whole_path: bool,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(text: &OsStr, ignore_case: bool) -> Result<Pattern, String> {
        let refuse = |why: &str| format!("{:?} is no pattern: {why}", text.display().to_string());
        let glob = text.to_str().ok_or_else(|| refuse("it is no UTF-8"))?.trim_end_matches('/');
        if glob.is_empty() {
            return Err(refuse("it is empty"));
        }
        let whole_path = glob.contains('/');
        let anchored = if whole_path && !glob.starts_with('/') { format!("**/{glob}") } else { glob.to_owned() };
        let built = GlobBuilder::new(anchored.trim_start_matches('/'))
            .literal_separator(true)
            .backslash_escape(true)
            .case_insensitive(ignore_case)
            .build()
            .and_then(|glob| GlobSetBuilder::new().add(glob).build())
            .map_err(|e| refuse(&e.kind().to_string()))?;
        Ok(Pattern { glob: built, whole_path })
    }

    /// Whether the item at a path (raw, without a leading slash) matches.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        let subject = if self.whole_path { path } else { path.rsplit(|b| *b == b'/').next().unwrap_or(path) };
        self.glob.is_match(Path::new(OsStr::from_bytes(subject)))
    }

    /// Whether the item or a folder that it lies in matches.
    pub(crate) fn covers(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        ends.chain([path.len()]).any(|end| path.get(..end).is_some_and(|part| self.matches(part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(OsStr::new(text), false).unwrap()
    }

    #[test]
    fn a_pattern_without_a_slash_is_of_names() {
        assert!(pattern("*.conf").matches(b"srv/a.conf"));
        assert!(!pattern("*.conf").matches(b"srv/a.conf/b"));
        assert!(pattern("*.conf").covers(b"srv/a.conf/b"));
        assert!(pattern("\u{e4}*").matches("x/äb".as_bytes()));
        assert!(pattern("?").matches(b"\xff"));
    }

    #[test]
    fn a_pattern_with_a_slash_is_of_paths() {
        assert!(pattern("/srv/**/*.conf").matches(b"srv/a/b/x.conf"));
        assert!(!pattern("/srv/*.conf").matches(b"srv/a/x.conf"));
        assert!(pattern("a/*.conf").matches(b"srv/a/x.conf"));
        assert!(pattern("/srv/a/").covers(b"srv/a/x"));
        assert!(!pattern("/srv/a").covers(b"srv/ab"));
    }

    #[test]
    fn what_cannot_be_compiled_is_refused() {
        assert!(Pattern::new(OsStr::new("[a"), false).is_err());
        assert!(Pattern::new(OsStr::new("/"), false).is_err());
        assert!(Pattern::new(OsStr::from_bytes(b"\xff"), false).is_err());
        let deep = format!("{}a{}", "{".repeat(300), "}".repeat(300));
        assert!(Pattern::new(OsStr::new(&deep), false).is_err());
    }
}
