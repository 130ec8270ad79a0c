//! Which data packs files need. Only trees and the index are read, which never rest in an archive.

use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::tree::{Step, Walk, lookup, pieces, stored_bytes};
use format_spec::ObjectId;
use format_spec::container::ObjectKind;
use format_spec::tree::{Content, Entry, Kind as ItemKind};
use std::collections::BTreeMap;

/// The packs that some files need, each once, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// The packs with their lengths in bytes.
    pub packs: BTreeMap<ObjectId, u64>,
    /// Files that were looked at.
    pub files: u64,
    /// Their stored bytes, as plaintext.
    pub bytes: u64,
    /// Files of which the index does not know all chunks: they are damaged, and no archive is to blame.
    pub damaged: u64,
}

impl Needs {
    /// Adds the files at and below a path of a point (without leading `/`; empty for all) that `select` takes; it is asked as a restore asks, and folders that
    /// it leaves out are not entered.
    ///
    /// # Errors
    /// `Absent` when the point has no such path, or has expired meanwhile; those of reading trees.
    pub fn add(
        &mut self,
        repository: &Repository,
        point: &Point,
        inside: &[u8],
        select: &dyn Fn(&[u8], &Entry) -> bool,
        monitor: &Monitor,
    ) -> Result<()> {
        let damaged = self.damaged;
        self.add_below(repository, point, inside, select, monitor).map_err(|e| repository.or_gone(point, e))?;
        let gone = if self.damaged > damaged { repository.gone(point) } else { None };
        gone.map_or(Ok(()), Err)
    }

    fn add_below(
        &mut self,
        repository: &Repository,
        point: &Point,
        inside: &[u8],
        select: &dyn Fn(&[u8], &Entry) -> bool,
        monitor: &Monitor,
    ) -> Result<()> {
        let names = inside.split(|b| *b == b'/').filter(|name| !name.is_empty());
        let found = lookup(repository.nodes(), &point.manifest.root, names)?.ok_or_else(|| {
            Error::new(Kind::Absent, "the restore point has no such path")
                .on(String::from_utf8_lossy(inside))
                .advise(format!("`cairn ls {}` shows what it has", &point.manifest.id.to_string()[..8]))
        })?;
        if found.entry.kind != ItemKind::Folder {
            return self.add_file(repository.blobs(), &found.entry);
        }
        let mut walk = Walk::start(repository.nodes(), &found.entry);
        while let Some(step) = walk.step()? {
            let Step::Enter(seen) = step else { continue };
            monitor.check()?;
            let full = if inside.is_empty() { seen.path.to_vec() } else { [inside, seen.path].join(&b'/') };
            let wanted = seen.depth == 0 || select(&full, seen.entry);
            match seen.entry.kind {
                ItemKind::File if wanted => self.add_file(repository.blobs(), seen.entry)?,
                ItemKind::Folder if !wanted => walk.skip(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds one file.
    ///
    /// # Errors
    /// Those of reading trees, but for damage, which is counted.
    pub fn add_file(&mut self, blobs: &Blobs, entry: &Entry) -> Result<()> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(stored_bytes(entry));
        let packs = &mut self.packs;
        let added = packs_of(blobs, entry, &mut |pack, bytes| {
            packs.insert(pack, bytes);
            true
        });
        match added {
            Err(e) if e.kind() == Kind::Damaged => self.damaged += 1,
            other => _ = other?,
        }
        Ok(())
    }

    /// The lengths of all packs together.
    pub fn pack_bytes(&self) -> u64 {
        self.packs.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }
}

/// Visits the packs in which a file's chunks are read first, with their lengths: the same one again where the file comes back to it. Ends early, with
/// `false`, where the visitor says so.
///
/// # Errors
/// `Damaged` for a chunk that the index does not know; those of reading trees.
pub fn packs_of(blobs: &Blobs, entry: &Entry, visit: &mut dyn FnMut(ObjectId, u64) -> bool) -> Result<bool> {
    let mut one = |id| {
        let place = blobs.place(ObjectKind::DataPack, &id)?;
        Ok(visit(place.pack, place.pack_bytes))
    };
    match entry.content {
        _ if entry.kind != ItemKind::File => Ok(true),
        Content::None => Ok(true),
        Content::Chunk(id) => one(id),
        Content::Tree(_) => {
            for piece in pieces(blobs, entry.content, stored_bytes(entry), 0..u64::MAX)? {
                if !one(piece?.id)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}
