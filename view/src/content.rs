//! Reading files of points.

use super::item::{Inside, Item};
use super::nodes::Fetch;
use super::{Failure, Inode, View};
use crate::catalog::Content;
use bytes::Bytes;
use engine::restore_point::Point;
use engine::tree::EntryRef;
use engine::{Error, Kind};
use format_spec::tree::{Content as Stored, Kind as ItemKind};
use std::sync::Arc;

/// An opened file.
pub struct File {
    view: Arc<View>,
    point: Arc<Point>,
    entry: EntryRef,
    /// `None` for a file without stored bytes.
    content: Option<Box<dyn Content>>,
}

impl View {
    /// Opens a file. With [`Fetch::CachedOnly`] only files without stored bytes.
    ///
    /// # Errors
    /// `Store` with kind `Archived` when it must be retrieved first, `IsAFolder`, `WrongKind`, and as [`View::attributes`].
    pub fn open_file(self: &Arc<Self>, fetch: Fetch, inode: Inode) -> Result<File, Failure> {
        let file = self.open_file_partly(fetch, inode)?;
        if file.content.is_some() {
            match fetch {
                Fetch::CachedOnly if self.catalog.is_ready_in_memory(&file.entry) => {}
                Fetch::CachedOnly => return Err(Failure::WouldBlock),
                Fetch::MayBlock => {
                    self.catalog.ready(&file.entry).map_err(|e| self.trouble(&file.point, &file.entry, e))?;
                }
            }
        }
        Ok(file)
    }

    /// Opens a file although parts of it may be archived: then reading those fails.
    ///
    /// # Errors
    /// As [`View::open_file`], but for what is archived.
    pub fn open_file_partly(self: &Arc<Self>, fetch: Fetch, inode: Inode) -> Result<File, Failure> {
        let Item::Inside(Inside { point, entry, parent, .. }) = self.item(fetch, inode)? else {
            return Err(Failure::WrongKind);
        };
        match entry.kind {
            ItemKind::File => {}
            ItemKind::Folder => return Err(Failure::IsAFolder),
            _ => return Err(Failure::WrongKind),
        }
        let content = match (entry.content, fetch) {
            (Stored::None, _) => None,
            (_, Fetch::CachedOnly) if !self.catalog.opens_at_once() => return Err(Failure::WouldBlock),
            _ => Some(self.catalog.open(&entry).map_err(|e| self.trouble(&point, &entry, e))?),
        };
        self.warm_behind(inode, parent, &entry.name);
        Ok(File { view: Arc::clone(self), point, entry, content })
    }

    fn trouble(&self, point: &Point, entry: &EntryRef, e: Error) -> Failure {
        self.trouble.note(entry, Some(e.kind()));
        if e.kind() == Kind::Archived {
            self.catalog.missed(entry);
        }
        self.failure(point, e)
    }
}

impl File {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.entry.size
    }

    /// The bytes around `offset` that can only be read together; none where that is not known.
    pub fn piece_at(&self, offset: u64) -> std::ops::Range<u64> {
        self.content.as_ref().map_or(offset..offset, |content| content.piece_at(offset))
    }

    /// The bytes from `offset`: as many as asked for, less only at the end of the file, because the kernel fills up with zeros.
    ///
    /// # Errors
    /// `WouldBlock` with [`Fetch::CachedOnly`]; `Store` with the repository's kind; `Gone` when the point has expired and its bytes with it.
    pub fn read(&self, fetch: Fetch, offset: u64, bytes: u32) -> Result<Bytes, Failure> {
        let left = self.entry.size.saturating_sub(offset);
        let wanted = usize::try_from(left.min(u64::from(bytes))).unwrap_or(0);
        let Some(content) = self.content.as_ref().filter(|_| wanted > 0) else {
            return Ok(Bytes::from(vec![0; wanted]));
        };
        let read = match fetch {
            Fetch::CachedOnly => content.read_in_memory(offset, wanted).transpose().ok_or(Failure::WouldBlock)?,
            Fetch::MayBlock => content.read(offset, wanted),
        };
        let read = read.map_err(|e| self.view.trouble(&self.point, &self.entry, e))?;
        if read.len() < wanted {
            let message = format!("the content ends at byte {} of {}", offset + read.len() as u64, self.entry.size);
            return Err(self.view.trouble(&self.point, &self.entry, Error::new(Kind::Damaged, message)));
        }
        self.view.trouble.note(&self.entry, None);
        Ok(read)
    }
}
