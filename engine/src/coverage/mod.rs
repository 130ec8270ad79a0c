//! Coverage: what a restore point says of a name that it does not have.
//!
//! Promises: a name is *covered* only where the point proves that the source did not have it when the point was made; whoever removes by a point, or
//! calls something a difference from it, asks [`Coverage::covers`] and nothing else. What it cannot prove is left alone, with a reason. Refuses
//! to look at live trees: a caller says what it sees ([`Live`]).
//!
//! ```text
//! below a source? --no--> on the way: nothing is known of other names
//!   | yes
//! an exception of the ledger at the path, above it, or for the names of its folder? --yes--> left out, failed, vanished, erased, aged out
//!   | no
//! does a rule in force leave it, or a folder above it, out? --yes--> left out
//!   | no
//! older than the retention's cut? another file system? --yes--> left out
//!   | no
//! does the point name all that it lacks? --no--> unproven
//!   | yes
//! covered
//! ```
//!
//! [POINT-9] is the same in the words of the format.

mod folder;
mod proof;
mod why;

pub use folder::InFolder;
pub use why::Why;

use crate::error::Result;
use crate::reader::ContentReader;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::source::rules::{IGNORE_BYTES_MAX, Rules};
use crate::tree::{EntryRef, lookup};
use format_spec::Time;
use format_spec::point::Workload;
use format_spec::tree::{Entry, Kind};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// What a caller sees at a path of a live tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// What it is.
    pub kind: Kind,
    /// The length of a file.
    pub bytes: u64,
    /// When it was modified.
    pub modified: Time,
    /// It is a folder on which another file system begins.
    pub is_mounted: bool,
    /// It stands in a folder that holds a cache tag.
    pub is_in_cache: bool,
}

impl Live {
    /// An item of a source's walk.
    pub fn of(entry: &Entry) -> Live {
        Live { kind: entry.kind, bytes: entry.size, modified: entry.mtime, is_mounted: false, is_in_cache: false }
    }
}

/// The bytes of an ignore file; `None` for one that holds and cannot be read.
type IgnoreText = Option<Arc<Vec<u8>>>;

/// What one restore point covers.
pub struct Coverage {
    repository: Arc<Repository>,
    point: Point,
    /// Source paths without their leading `/`.
    sources: Vec<Vec<u8>>,
    rules: Rules,
    /// Why the point proves nothing, if it does not.
    unproven: Option<Why>,
    /// Ignore files by their folders: their bytes, or `None` for one that holds and cannot be read.
    ignore_files: Mutex<HashMap<Vec<u8>, IgnoreText>>,
}

impl Coverage {
    /// What a point covers; reads its ledger once.
    ///
    /// # Errors
    /// The store's, and `Damaged` where the ledger is.
    pub fn of(repository: &Arc<Repository>, point: &Point) -> Result<Coverage> {
        let manifest = &point.manifest;
        let (rules, unproven) = proof::of(repository, manifest)?;
        let relative = |path: &Vec<u8>| path.strip_prefix(b"/").unwrap_or(path).to_vec();
        let sources = match manifest.workload {
            Workload::Folders => manifest.paths.iter().map(relative).collect(),
            Workload::Stream | Workload::Microsoft365 => Vec::new(),
        };
        Ok(Coverage {
            repository: repository.clone(),
            point: point.clone(),
            sources,
            rules,
            unproven,
            ignore_files: Mutex::default(),
        })
    }

    /// Why the point does not cover the path (without leading `/`), at which a caller sees `live`; `None` when it does.
    ///
    /// # Errors
    /// The store's, and `Damaged` where a node is.
    pub fn covers(&self, path: &[u8], live: &Live) -> Result<Option<Why>> {
        let end = path.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = match end {
            Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
            None => (&b""[..], path),
        };
        if name.is_empty() {
            return Ok(None);
        }
        self.folder(folder)?.covers(name, live)
    }

    /// The rules that were in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether the path is a source, or lies in one.
    fn is_below_source(&self, path: &[u8]) -> bool {
        self.sources.iter().any(|source| is_at_or_below(path, source))
    }

    /// Whether a source lies below the path.
    fn is_on_the_way(&self, path: &[u8]) -> bool {
        self.sources.iter().any(|source| source != path && is_at_or_below(source, path))
    }

    fn entry(&self, path: &[u8]) -> Result<Option<EntryRef>> {
        let names = path.split(|b| *b == b'/').filter(|name| !name.is_empty());
        Ok(lookup(self.repository.nodes(), &self.point.manifest.root, names)?.map(|placed| placed.entry))
    }

    /// The ignore file of a folder that the point has: `None` for none, `Some(None)` for one that cannot be read.
    fn ignore_file(&self, folder: &[u8]) -> Result<Option<IgnoreText>> {
        if let Some(known) = self.ignore_files.lock().get(folder) {
            return Ok(Some(known.clone()));
        }
        let path = folder::joined(folder, IGNORE_FILE);
        let read = match self.entry(&path)? {
            Some(entry) if entry.kind == Kind::File => self.read(&entry),
            _ if self.exception(&path)?.is_some() => None,
            _ => return Ok(None),
        };
        self.ignore_files.lock().insert(folder.to_vec(), read.clone());
        Ok(Some(read))
    }

    /// A small file's bytes, if they can be had now: they may rest in an archive.
    fn read(&self, entry: &Entry) -> IgnoreText {
        let bytes = usize::try_from(entry.size).ok().filter(|bytes| *bytes <= IGNORE_BYTES_MAX)?;
        let mut text = vec![0; bytes];
        let content = ContentReader::open(self.repository.blobs(), entry).ok()?;
        let mut at = 0;
        while let Some(rest) = text.get_mut(at..).filter(|rest| !rest.is_empty()) {
            match content.read_at(at as u64, rest).ok()? {
                0 => return None,
                n => at += n,
            }
        }
        Some(Arc::new(text))
    }
}

/// Whether `path` is `folder` or lies in it; everything lies in the empty path.
fn is_at_or_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}

/// The name of files with patterns for their folder and below.
pub const IGNORE_FILE: &[u8] = b".cairnignore";
/// The name of the file that marks a cache folder.
pub const CACHE_TAG: &[u8] = b"CACHEDIR.TAG";
