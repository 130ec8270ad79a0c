//! Comparing a restore point with a live tree, without writing to either.

use super::retention::items_from;
use crate::coverage::{self, Coverage, Why};
use crate::env::utc;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::reader::ContentReader;
use crate::repository::Repository;
use crate::restore_point::{Point, each_kept, kept_as_of};
use crate::source::{Opens, Source, Step as SourceStep};
use crate::tree::{EntryRef, Step, Walk, lookup};
use format_spec::Time;
use format_spec::tree::{Entry, Kind as ItemKind};
use std::cmp::Ordering;
use std::sync::Arc;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Path without leading `/`, raw bytes.
    pub path: Vec<u8>,
    /// What differs.
    pub what: String,
    /// When the stored item was last read, where the point holds it as it was then.
    pub kept_as_of: Option<Time>,
}

/// What was compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompareReport {
    /// Items on both sides.
    pub items: u64,
    /// Bytes compared.
    pub bytes: u64,
    /// Live items that the point lacks because items leave by their age, and these are older than the period.
    pub aged_out: u64,
    /// Items at and below `inside` that the point holds as they were, because they could not be read.
    pub kept: u64,
    /// Other live items that the point lacks and does not cover: rules left them out, they could not be read, they were erased.
    pub not_covered: u64,
    /// Those among them of which the point cannot prove that it lacks them on purpose, or why.
    pub unproven: Vec<Difference>,
    /// What differs; empty means equal.
    pub differences: Vec<Difference>,
}

/// Compares what a point has below `inside` with a live source that yields the same paths. Items that the source leaves out by its rules
/// are not differences, nor those that the point lacks and does not cover ([`crate::coverage`]).
///
/// # Errors
/// `Absent` when the point has no such path, or has expired meanwhile; the store's errors.
pub fn compare(
    repository: &Arc<Repository>,
    point: &Point,
    inside: &[u8],
    live: &dyn Source,
    monitor: &Monitor,
) -> Result<CompareReport> {
    compare_all(repository, point, inside, live, monitor).map_err(|e| repository.or_gone(point, e))
}

fn compare_all(
    repository: &Arc<Repository>,
    point: &Point,
    inside: &[u8],
    live: &dyn Source,
    monitor: &Monitor,
) -> Result<CompareReport> {
    let names = inside.split(|b| *b == b'/').filter(|n| !n.is_empty());
    if lookup(repository.nodes(), &point.manifest.root, names)?.is_none() {
        return Err(Error::new(Kind::Absent, "the restore point has no such path").on(String::from_utf8_lossy(inside)));
    }
    let from = items_from(repository.config().retention, repository.env().now());
    let mut report = CompareReport::default();
    each_kept(repository.nodes(), &point.manifest, &mut |path, items, _| {
        report.kept += if is_inside(path, inside) || is_inside(inside, path) { items } else { 0 };
        Ok(())
    })?;
    let coverage = Coverage::of(repository, point)?;
    let mut compared = Comparing { repository, point, coverage, report, monitor, from };
    let mut stored = Stored { walk: Walk::start(repository.nodes(), &point.manifest.root), inside };
    let mut walk = live.walk()?;
    let mut folders: Vec<Vec<u8>> = Vec::new();
    let mut left = stored.next()?;
    let mut right = next_live(&mut *walk, &mut folders, &mut compared, inside);
    loop {
        monitor.check()?;
        let order = match (&left, &right) {
            (None, None) => return Ok(compared.report),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, ..))) => canonical(a, b),
        };
        if order == Ordering::Less {
            if let Some((path, _)) = left.take() {
                compared.differs(path, "only in the restore point");
            }
            left = stored.next()?;
        } else if order == Ordering::Greater {
            if let Some((path, entry, _)) = right.take() {
                compared.only_live(path, &entry)?;
            }
            right = next_live(&mut *walk, &mut folders, &mut compared, inside);
        } else {
            if let (Some((path, a)), Some((_, b, opens))) = (left.take(), right.take()) {
                compared.item(&path, &a, b, &*opens)?;
            }
            left = stored.next()?;
            right = next_live(&mut *walk, &mut folders, &mut compared, inside);
        }
    }
}

struct Stored<'a> {
    walk: Walk<'a>,
    inside: &'a [u8],
}

impl Stored<'_> {
    fn next(&mut self) -> Result<Option<(Vec<u8>, EntryRef)>> {
        loop {
            let skip = match self.walk.step()? {
                None => return Ok(None),
                Some(Step::Leave(_)) => false,
                Some(Step::Enter(seen)) if is_inside(seen.path, self.inside) => {
                    return Ok(Some((seen.path.to_vec(), seen.entry.clone())));
                }
                Some(Step::Enter(seen)) => !is_inside(self.inside, seen.path),
            };
            if skip {
                self.walk.skip();
            }
        }
    }
}

type Live = (Vec<u8>, Entry, Arc<dyn Opens>);

fn next_live(
    walk: &mut dyn crate::source::Walk,
    folders: &mut Vec<Vec<u8>>,
    compared: &mut Comparing<'_>,
    inside: &[u8],
) -> Option<Live> {
    loop {
        match walk.next()? {
            SourceStep::Leave => _ = folders.pop(),
            SourceStep::Failed(f) if f.outcome == crate::source::Outcome::Skipped => {}
            SourceStep::Failed(f) | SourceStep::Missing(f) | SourceStep::Unlisted { failure: f, .. } => {
                compared.differs(f.path, format!("the live item cannot be read: {}", f.reason));
            }
            SourceStep::Enter(found) => {
                folders.push(found.path.clone());
                if is_inside(&found.path, inside) {
                    return Some((found.path, found.entry, found.opens));
                }
            }
            SourceStep::Item(found) if is_inside(&found.path, inside) => {
                return Some((found.path, found.entry, found.opens));
            }
            SourceStep::Item(_) => {}
        }
    }
}

struct Comparing<'a> {
    repository: &'a Arc<Repository>,
    point: &'a Point,
    coverage: Coverage,
    report: CompareReport,
    monitor: &'a Monitor,
    /// The second before which items are not kept, if they leave by their age.
    from: Option<i64>,
}

impl Comparing<'_> {
    /// Folders never leave by their age.
    fn is_aged_out(&self, live: &Entry) -> bool {
        live.kind != ItemKind::Folder && self.from.is_some_and(|from| live.mtime.seconds < from)
    }

    /// A live item that the point does not have.
    fn only_live(&mut self, path: Vec<u8>, live: &Entry) -> Result<()> {
        if self.is_aged_out(live) {
            self.report.aged_out += 1;
            return Ok(());
        }
        match self.coverage.covers(&path, &coverage::Live::of(live))? {
            None => self.differs(path, "only in the live tree"),
            Some(Why::AgedOut) => self.report.aged_out += 1,
            Some(why) => {
                self.report.not_covered += 1;
                if why.is_doubtful() {
                    self.report.unproven.push(Difference { path, what: why.to_string(), kept_as_of: None });
                }
            }
        }
        Ok(())
    }

    fn differs(&mut self, path: Vec<u8>, what: impl Into<String>) {
        // A ledger that cannot be read has ended the comparison before.
        let kept_as_of = kept_as_of(self.repository.nodes(), &self.point.manifest, &path).unwrap_or_default();
        let what = match kept_as_of {
            Some(time) => format!("{} (kept, as of {})", what.into(), utc(time)),
            None => what.into(),
        };
        self.report.differences.push(Difference { path, what, kept_as_of });
    }

    fn item(&mut self, path: &[u8], stored: &Entry, mut live: Entry, opens: &dyn Opens) -> Result<()> {
        self.report.items += 1;
        self.monitor.done(1, 0);
        for problem in opens.fill(&mut live).unwrap_or_else(|e| vec![e.to_string()]) {
            self.differs(path.to_vec(), problem);
        }
        let mut what = Vec::new();
        let mut check = |same: bool, name: &str| {
            if !same {
                what.push(name.to_owned());
            }
        };
        check(stored.kind == live.kind, "kind");
        check(stored.mode == live.mode, "mode");
        check((stored.uid, stored.gid) == (live.uid, live.gid), "owner");
        check(stored.mtime == live.mtime, "modification time");
        check(stored.size == live.size || stored.kind != ItemKind::File, "size");
        check(stored.target == live.target, "symlink target");
        check(stored.rdev == live.rdev, "device numbers");
        check(stored.xattrs == live.xattrs, "extended attributes");
        if !what.is_empty() {
            self.differs(path.to_vec(), what.join(", "));
        }
        if stored.kind == ItemKind::File && live.kind == ItemKind::File && stored.size == live.size {
            match self.content(stored, &live, opens)? {
                None => {}
                Some(what) => self.differs(path.to_vec(), what),
            }
        }
        Ok(())
    }

    /// Compares bytes; `Some` says where they differ or why the live file cannot be read.
    fn content(&mut self, stored: &Entry, live: &Entry, opens: &dyn Opens) -> Result<Option<String>> {
        let mut file = match opens.open(live) {
            Ok(file) => file,
            Err(e) => return Ok(Some(format!("the live file cannot be read: {e}"))),
        };
        let runs = match file.extents() {
            Ok(Some(runs)) => runs,
            Ok(None) => vec![format_spec::tree::Extent { offset: 0, bytes: live.size }],
            Err(e) => return Ok(Some(format!("the live file cannot be read: {e}"))),
        };
        let content = ContentReader::open(self.repository.blobs(), stored)?;
        let (mut wanted, mut found) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        let mut covered = 0;
        for run in runs {
            if !zeros(&content, covered..run.offset, &mut wanted)? {
                return Ok(Some("the live file has a hole where the restore point has data".to_owned()));
            }
            let (mut offset, end) = (run.offset, run.offset + run.bytes);
            while offset < end {
                let n = usize::try_from(end - offset).unwrap_or(usize::MAX).min(found.len());
                let n = match file.read(&mut found[..n]) {
                    Ok(0) => return Ok(Some(format!("the live file ends at byte {offset}"))),
                    Ok(n) => n,
                    Err(e) => return Ok(Some(format!("the live file cannot be read: {e}"))),
                };
                content.read_at(offset, &mut wanted[..n])?;
                if wanted[..n] != found[..n] {
                    return Ok(Some(format!("content differs between byte {offset} and {}", offset + n as u64)));
                }
                self.report.bytes += n as u64;
                self.monitor.done(0, n as u64);
                offset += n as u64;
            }
            covered = end;
        }
        let clean = zeros(&content, covered..stored.size, &mut wanted)?;
        Ok((!clean).then(|| "the live file has a hole where the restore point has data".to_owned()))
    }
}

fn zeros(content: &ContentReader, range: std::ops::Range<u64>, buffer: &mut [u8]) -> Result<bool> {
    let mut offset = range.start;
    while offset < range.end {
        let n = usize::try_from(range.end - offset).unwrap_or(usize::MAX).min(buffer.len());
        content.read_at(offset, &mut buffer[..n])?;
        if buffer[..n].iter().any(|b| *b != 0) {
            return Ok(false);
        }
        offset += n as u64;
    }
    Ok(true)
}

/// Whether `path` is `folder` or lies in it; everything lies in the empty path.
fn is_inside(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// The order of a preorder walk: name by name.
fn canonical(a: &[u8], b: &[u8]) -> Ordering {
    let names = |p| <[u8]>::split(p, |c| *c == b'/').filter(|n| !n.is_empty()).collect::<Vec<_>>();
    names(a).cmp(&names(b))
}
