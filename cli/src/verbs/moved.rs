//! A source as if it lay somewhere else: what is in `from` is yielded under `to`, for comparing a restored tree with its point.

use engine::Result;
use engine::source::{About, Failure, Source, Step, Walk};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A source under another path. Folders above `from` are passed over.
pub(super) struct Moved<S> {
    source: S,
    from: Vec<u8>,
    to: Vec<u8>,
}

struct MovedWalk<'a> {
    walk: Box<dyn Walk + 'a>,
    from: &'a [u8],
    to: &'a [u8],
    /// For each folder that is open, whether it was yielded.
    open: Vec<bool>,
}

impl<S> Moved<S> {
    /// `from` is absolute, `to` without a leading slash.
    pub(super) fn new(source: S, from: &Path, to: &[u8]) -> Self {
        let parts = from.as_os_str().as_bytes().split(|b| *b == b'/');
        let parts: Vec<&[u8]> = parts.filter(|part| !part.is_empty() && *part != b".").collect();
        Moved { source, from: parts.join(&b'/'), to: to.to_vec() }
    }
}

impl<S: Source> Source for Moved<S> {
    fn about(&self) -> About {
        self.source.about()
    }

    fn walk(&self) -> Result<Box<dyn Walk + '_>> {
        Ok(Box::new(MovedWalk { walk: self.source.walk()?, from: &self.from, to: &self.to, open: Vec::new() }))
    }
}

impl Walk for MovedWalk<'_> {
    fn next(&mut self) -> Option<Step> {
        loop {
            match self.walk.next()? {
                Step::Leave => {
                    if self.open.pop().unwrap_or(true) {
                        return Some(Step::Leave);
                    }
                }
                Step::Enter(mut found) => {
                    let path = moved(&found.path, self.from, self.to);
                    self.open.push(path.is_some());
                    if let Some(path) = path {
                        found.path = path;
                        return Some(Step::Enter(found));
                    }
                }
                Step::Item(mut found) => {
                    if let Some(path) = moved(&found.path, self.from, self.to) {
                        found.path = path;
                        return Some(Step::Item(found));
                    }
                }
                Step::Missing(failure) => return Some(Step::Missing(self.moved(failure))),
                Step::Unlisted { failure, in_part } => {
                    return Some(Step::Unlisted { failure: self.moved(failure), in_part });
                }
                Step::Failed(failure) => return Some(Step::Failed(self.moved(failure))),
            }
        }
    }
}

impl MovedWalk<'_> {
    fn moved(&self, mut failure: Failure) -> Failure {
        if let Some(path) = moved(&failure.path, self.from, self.to) {
            failure.path = path;
        }
        failure
    }
}

/// The new path of what lies at or below `from`.
fn moved(path: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let rest = match from.is_empty() {
        true => path,
        false => match path.strip_prefix(from)? {
            [] => return Some(to.to_vec()),
            [b'/', rest @ ..] => rest,
            _ => return None,
        },
    };
    match (to.is_empty(), rest.is_empty()) {
        (true, _) => Some(rest.to_vec()),
        (_, true) => Some(to.to_vec()),
        _ => Some([to, &b"/"[..], rest].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn paths_below_move_and_others_fall_away() {
        let cases: [(&str, &str, &str, Option<&str>); 8] = [
            ("out", "out", "srv/a", Some("srv/a")),
            ("out/x", "out", "srv/a", Some("srv/a/x")),
            ("out/x", "out", "", Some("x")),
            ("out", "out", "", Some("")),
            ("output", "out", "", None),
            ("", "out", "", None),
            ("x", "", "a", Some("a/x")),
            ("", "", "a", Some("a")),
        ];
        for (path, from, to, wanted) in cases {
            let found = moved(path.as_bytes(), from.as_bytes(), to.as_bytes());
            assert_eq!(found.as_deref(), wanted.map(str::as_bytes), "{path} {from} {to}");
        }
    }
}
