//! Sources: what a walk yields, and what becomes of items that misbehave.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod folders;
mod kinds;
mod many;
mod reading;
mod rules;
mod stream;

use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::source::{Failure, Found, Outcome, Source, Step};
use format_spec::tree::Entry;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Everything that a walk yielded, with paths relative to `below`.
struct Seen {
    found: Vec<(Vec<u8>, Found)>,
    failures: Vec<Failure>,
    /// One line a step: `+path` enter, `path` item, `-` leave, `!path` failure.
    steps: Vec<String>,
}

impl Seen {
    /// Walks one folder with `rules`; only what lies in it, and the folder itself as the empty path.
    fn of(folder: &Path, rules: Rules) -> Seen {
        Seen::of_many(&[folder.to_path_buf()], rules, folder)
    }

    fn of_many(roots: &[PathBuf], rules: Rules, below: &Path) -> Seen {
        let source = FolderSource::new(roots, rules).unwrap();
        Seen::of_source(&source, below)
    }

    fn of_source(source: &dyn Source, below: &Path) -> Seen {
        let prefix = &below.as_os_str().as_bytes()[1..];
        let relative = |path: &[u8]| -> Option<Vec<u8>> {
            let rest = path.strip_prefix(prefix)?;
            Some(rest.strip_prefix(b"/").unwrap_or(rest).to_vec())
        };
        let mut seen = Seen { found: Vec::new(), failures: Vec::new(), steps: Vec::new() };
        let mut walk = source.walk().unwrap();
        let mut names: Vec<Option<Vec<u8>>> = Vec::new();
        let mut inside = Vec::new();
        while let Some(step) = walk.next() {
            let (mark, path) = match &step {
                Step::Enter(found) => {
                    canonical(&mut names, found);
                    names.push(None);
                    ("+", Some(found.path.clone()))
                }
                Step::Item(found) => {
                    canonical(&mut names, found);
                    ("", Some(found.path.clone()))
                }
                Step::Leave => {
                    assert!(names.pop().is_some(), "a folder was left that was never entered");
                    ("-", None)
                }
                Step::Failed(failure) | Step::Missing(failure) | Step::Unlisted { failure, .. } => {
                    ("!", Some(failure.path.clone()))
                }
            };
            match path {
                Some(path) => {
                    let path = relative(&path);
                    if let Some(path) = &path {
                        seen.steps.push(format!("{mark}{}", String::from_utf8_lossy(path)));
                    }
                    if mark == "+" {
                        inside.push(path.is_some());
                    }
                    match (step, path) {
                        (Step::Enter(found) | Step::Item(found), Some(path)) => seen.found.push((path, found)),
                        (
                            Step::Failed(failure) | Step::Missing(failure) | Step::Unlisted { failure, .. },
                            Some(path),
                        ) => seen.failures.push(Failure { path, ..failure }),
                        _ => {}
                    }
                }
                None => {
                    if inside.pop() == Some(true) {
                        seen.steps.push("-".to_owned());
                    }
                }
            }
        }
        assert!(names.is_empty(), "folders were entered and not left");
        seen
    }

    fn paths(&self) -> Vec<String> {
        self.found.iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect()
    }

    fn get(&self, path: impl AsRef<[u8]>) -> &Found {
        let path = path.as_ref();
        &self.found.iter().find(|(p, _)| p == path).unwrap_or_else(|| panic!("{:?}", path.escape_ascii().to_string())).1
    }

    /// The entry with everything that `fill` loads; no reasons may come.
    fn filled(&self, path: impl AsRef<[u8]>) -> Entry {
        let found = self.get(path);
        let mut entry = found.entry.clone();
        assert_eq!(found.opens.fill(&mut entry).unwrap(), Vec::<String>::new());
        entry
    }

    fn outcomes(&self) -> Vec<(String, Outcome)> {
        self.failures.iter().map(|f| (String::from_utf8_lossy(&f.path).into_owned(), f.outcome)).collect()
    }
}

/// Asserts that the names of each folder strictly rise in byte order.
fn canonical(names: &mut [Option<Vec<u8>>], found: &Found) {
    if let Some(last) = names.last_mut() {
        let name = found.entry.name.clone();
        assert!(last.as_ref().is_none_or(|last| *last < name), "{last:?} before {name:?}");
        assert!(found.path.ends_with(&name));
        *last = Some(name);
    }
}

/// A folder that the system's own temporary folder cannot lead out of.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().canonicalize().unwrap();
    (kept, path)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The whole content through the item's reader.
fn content(found: &Found) -> Vec<u8> {
    let mut reader = found.opens.open(&found.entry).unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => return bytes,
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}
