//! What cannot be read stays in the point as it was, and the point says since when.

mod copies;
mod leaving;
mod links;
mod shrunken;
mod unreadable;

use crate::proofs::Rig;
use crate::proofs::rig::contents;
use engine::Result;
use engine::backup::{BackupOptions, BackupSummary, backup};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore_point::{Point, each_kept};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::source::{About, Failure, Found, ItemReader, Opens, Outcome, Source, Step, Walk};
use engine::store::Memory;
use format_spec::Time;
use format_spec::tree::Entry;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How an item fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    /// Its bytes cannot be read.
    Reading,
    /// One of its attributes cannot be read.
    Attributes,
    /// It cannot be looked at.
    Looking,
    /// The folder cannot be listed.
    Listing,
    /// The listing ends behind this name.
    ListingAfter(&'static str),
    /// It went away.
    Vanishing,
}

/// A folder, some items of which fail. Paths are relative to it.
pub(crate) struct Broken {
    folder: FolderSource,
    inside: Vec<u8>,
    fails: BTreeMap<Vec<u8>, Fails>,
}

struct BrokenWalk<'a> {
    walk: Box<dyn Walk + 'a>,
    source: &'a Broken,
    /// How deep the walk is in a folder whose items are not shown.
    hidden: usize,
    /// Folders that are listed in part, and behind which name no more.
    cut: Vec<Option<&'static str>>,
    pending: Vec<Step>,
}

struct Refuses;

/// Gives everything but one attribute.
struct Partly(Arc<dyn Opens>);

impl Broken {
    pub(crate) fn new(rig: &Rig, fails: &[(&str, Fails)]) -> Broken {
        let folder = FolderSource::new(std::slice::from_ref(&rig.source), Rules::default()).unwrap();
        let fails = fails.iter().map(|(path, how)| (path.as_bytes().to_vec(), *how)).collect();
        Broken { folder, inside: rig.inside(), fails }
    }

    fn fate(&self, path: &[u8]) -> Option<Fails> {
        let path = path.strip_prefix(&self.inside[..])?;
        self.fails.get(path.strip_prefix(b"/").unwrap_or(path)).copied()
    }
}

impl Source for Broken {
    fn about(&self) -> About {
        self.folder.about()
    }

    fn walk(&self) -> Result<Box<dyn Walk + '_>> {
        let walk = self.folder.walk()?;
        Ok(Box::new(BrokenWalk { walk, source: self, hidden: 0, cut: Vec::new(), pending: Vec::new() }))
    }
}

impl BrokenWalk<'_> {
    fn show(&mut self, step: Step) -> Option<Step> {
        let failure = |path: &[u8]| Failure {
            path: path.to_vec(),
            outcome: Outcome::Failed,
            reason: "Permission denied (os error 13)".into(),
        };
        let found = match &step {
            Step::Enter(found) | Step::Item(found) => found,
            Step::Leave => {
                self.cut.pop();
                return Some(step);
            }
            _ => return Some(step),
        };
        let is_folder = matches!(step, Step::Enter(_));
        let path = found.path.clone();
        let behind = self.cut.last().copied().flatten().is_some_and(|last| &found.entry.name[..] > last.as_bytes());
        if behind {
            self.hidden = usize::from(is_folder);
            return None;
        }
        let fate = self.source.fate(&path);
        match fate {
            Some(Fails::Looking | Fails::Vanishing) => {
                self.hidden = usize::from(is_folder);
                let outcome = if fate == Some(Fails::Looking) { Outcome::Failed } else { Outcome::Vanished };
                return Some(Step::Missing(Failure { outcome, ..failure(&path) }));
            }
            Some(Fails::Listing) => {
                self.hidden = 1;
                self.pending = vec![Step::Leave, Step::Unlisted { failure: failure(&path), in_part: false }];
            }
            Some(Fails::ListingAfter(_)) => {
                self.pending = vec![Step::Unlisted { failure: failure(&path), in_part: true }];
            }
            _ => {}
        }
        if is_folder && fate != Some(Fails::Listing) {
            self.cut.push(match fate {
                Some(Fails::ListingAfter(last)) => Some(last),
                _ => None,
            });
        }
        match step {
            Step::Item(found) if fate == Some(Fails::Reading) => {
                Some(Step::Item(Found { opens: Arc::new(Refuses), ..found }))
            }
            Step::Item(found) if fate == Some(Fails::Attributes) => {
                Some(Step::Item(Found { opens: Arc::new(Partly(found.opens)), ..found }))
            }
            other => Some(other),
        }
    }
}

impl Walk for BrokenWalk<'_> {
    fn next(&mut self) -> Option<Step> {
        loop {
            if self.hidden == 0
                && let Some(step) = self.pending.pop()
            {
                return Some(step);
            }
            let step = self.walk.next()?;
            if self.hidden > 0 {
                match step {
                    Step::Enter(_) => self.hidden += 1,
                    Step::Leave => self.hidden -= 1,
                    _ => {}
                }
                continue;
            }
            if let Some(step) = self.show(step) {
                return Some(step);
            }
        }
    }
}

impl Opens for Refuses {
    fn fill(&self, _: &mut Entry) -> io::Result<Vec<String>> {
        Err(io::Error::from_raw_os_error(13))
    }

    fn open(&self, _: &Entry) -> io::Result<Box<dyn ItemReader>> {
        Err(io::Error::from_raw_os_error(13))
    }
}

impl Opens for Partly {
    fn fill(&self, entry: &mut Entry) -> io::Result<Vec<String>> {
        self.0.fill(entry)?;
        Ok(vec!["user.note: Permission denied".to_owned()])
    }

    fn open(&self, entry: &Entry) -> io::Result<Box<dyn ItemReader>> {
        self.0.open(entry)
    }
}

/// A rig over memory with a few files.
pub(crate) fn rig(folder: &Path) -> Rig {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    for (name, bytes) in [("a/one", &b"1"[..]), ("a/sub/two", b"22"), ("a/sub/three", b"333"), ("b", b"4444")] {
        rig.write(name, bytes);
    }
    rig
}

pub(crate) fn back_up(rig: &Rig, fails: &[(&str, Fails)]) -> BackupSummary {
    back_up_as(rig, fails, &rig.options())
}

pub(crate) fn back_up_as(rig: &Rig, fails: &[(&str, Fails)], options: &BackupOptions) -> BackupSummary {
    let source = Broken::new(rig, fails);
    let done = backup(&rig.open().unwrap(), &source, options, &Arc::new(Monitor::new())).unwrap();
    assert_eq!(rig.check().expect("checks").errors, Vec::new());
    done
}

pub(crate) fn newest(rig: &Rig) -> (Arc<Repository>, Arc<Point>) {
    let repository = rig.open().unwrap();
    let point = repository.points().unwrap().pop().unwrap();
    (repository, point)
}

/// The lines of kept items: path below the source, items, time.
pub(crate) fn kept(rig: &Rig) -> Vec<(String, u64, Time)> {
    let (repository, point) = newest(rig);
    let mut lines = Vec::new();
    each_kept(repository.nodes(), &point.manifest, &mut |path, items, as_of| {
        let path = path.strip_prefix(&rig.inside()[..]).unwrap();
        let path = String::from_utf8_lossy(path.strip_prefix(b"/").unwrap_or(path)).into_owned();
        lines.push((path, items, as_of));
        Ok(())
    })
    .unwrap();
    assert_eq!(lines.iter().map(|line| line.1).sum::<u64>(), point.manifest.counts.kept);
    lines
}

pub(crate) fn started(rig: &Rig) -> Time {
    newest(rig).1.manifest.started
}

/// What the newest point gives back.
pub(crate) fn restored(rig: &Rig) -> BTreeMap<PathBuf, Vec<u8>> {
    let target = tempfile::tempdir().unwrap();
    rig.restore("latest", target.path()).0.expect("restores");
    contents(target.path())
}
