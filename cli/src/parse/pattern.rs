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
    /// A set of one: unlike a single matcher, it says when a pattern cannot be compiled, and does not panic.
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
        if glob.len() > BYTES_MAX {
            return Err(refuse(&format!("it has more than {BYTES_MAX} bytes")));
        }
        if depth(glob) > DEPTH_MAX {
            return Err(refuse(&format!("its braces are nested more than {DEPTH_MAX} deep")));
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

/// How deep braces are nested at most; those in a class count too, as too many are refused rather than too few.
fn depth(glob: &str) -> usize {
    let (mut open, mut most, mut escaped) = (0usize, 0, false);
    for byte in glob.bytes() {
        match byte {
            _ if escaped => {}
            b'{' => open += 1,
            b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
        most = most.max(open);
    }
    most
}

/// The longest path that Linux takes.
const BYTES_MAX: usize = 4096;
/// The compiler of patterns goes down a call a brace, and would run out of stack.
const DEPTH_MAX: usize = 32;

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
    }

    #[test]
    fn what_would_exhaust_the_stack_is_refused() {
        let nested = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
        assert!(pattern(&nested(DEPTH_MAX)).matches(b"a"));
        for deep in [nested(DEPTH_MAX + 1), nested(60_000), "\\{".repeat(50) + &nested(300)] {
            assert!(Pattern::new(OsStr::new(&deep), false).is_err());
        }
        assert!(pattern(&"\\{".repeat(50)).matches("{".repeat(50).as_bytes()));
        assert!(Pattern::new(OsStr::new(&"a".repeat(BYTES_MAX + 1)), false).is_err());
    }
}
