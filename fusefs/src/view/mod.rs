//! The view: all restore points as one read-only tree of folders, without a type of FUSE, so that others can serve it too.
//!
//! Promises: every answer comes from what the points say, and is the same after a remount, inode numbers included. With
//! [`Reach::Memory`] no question waits; [`Failure::NotInMemory`] then means "ask again with [`Reach::Store`]". Nothing is listed
//! short: a folder that cannot be read is an error.
//! Refuses to: cache answers (its callers do), decide about permissions (the kernel does), change anything.

mod acl;
mod archived;
mod attributes;
mod content;
mod failure;
mod inode;
mod item;
mod links;
mod names;
mod namespace;
mod nodes;
mod sparse;
mod trouble;
mod xattrs;

pub use archived::Archived;
pub use attributes::{Attributes, Owner, Shown};
pub use content::File;
pub use failure::Failure;
pub use inode::Inode;
pub use nodes::Reach;
pub use sparse::Seek;

use crate::catalog::Catalog;
use crate::limits::LIST_ENTRIES;
use engine::restore_point::Point;
use engine::tree::{self, FolderCursor};
use format_spec::tree::Kind;
use item::{Inside, Item};
use links::Links;
use namespace::{Leading, Namespace, What};
use nodes::{Nodes, Reached};
use std::sync::Arc;
use trouble::Trouble;

/// All points of a catalog as they were when the view was made.
pub struct View {
    catalog: Arc<dyn Catalog>,
    namespace: Namespace,
    nodes: Nodes,
    links: Links,
    trouble: Trouble,
    shown: Shown,
}

/// A name in a folder.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Raw bytes.
    pub name: Vec<u8>,
    /// What it stands for.
    pub attributes: Attributes,
    /// Where the listing goes on behind it.
    pub next: u64,
}

/// What `statfs` says: constant for a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Everything that has a name.
    pub entries: u64,
    /// Sizes of all files of all points, as if nothing were shared.
    pub bytes: u64,
}

impl View {
    /// Reads the list of points; nothing of their trees.
    ///
    /// # Errors
    /// The catalog's.
    pub fn open(catalog: Arc<dyn Catalog>, shown: Shown) -> engine::Result<Self> {
        let points = catalog.points()?;
        let fits = |p: &&Arc<Point>| {
            let fits = inode::fits(p.number, &p.manifest.root);
            if !fits {
                tracing::warn!(point = %names::hex(&p.manifest.id.0), "has too many entries for inode numbers; not shown");
            }
            fits
        };
        let points: Vec<_> = points.iter().filter(fits).cloned().collect();
        let namespace = Namespace::new(&points);
        let (nodes, links, trouble) = (Nodes::new(Arc::clone(&catalog)), Links::new(), Trouble::new());
        Ok(View { catalog, namespace, nodes, links, trouble, shown })
    }

    /// What everything together amounts to.
    pub fn totals(&self) -> Totals {
        Totals { entries: self.namespace.entries, bytes: self.namespace.bytes }
    }

    /// The attributes of an inode.
    ///
    /// # Errors
    /// `Gone` when the number stands for nothing; `NotInMemory`; the repository's.
    pub fn attributes(&self, reach: Reach, inode: Inode) -> Result<Attributes, Failure> {
        match self.item(reach, inode)? {
            Item::Leading(leading) => Ok(self.of_leading(inode, leading)),
            Item::Inside(inside) => Ok(self.shown.of_entry(&inside.entry, inode)),
        }
    }

    /// The attributes of a name in a folder, `.` and `..` included.
    ///
    /// # Errors
    /// `NoSuchName`, `NotAFolder`, and as [`View::attributes`].
    pub fn lookup(&self, reach: Reach, folder: Inode, name: &[u8]) -> Result<Attributes, Failure> {
        let item = self.item(reach, folder)?;
        match (name, &item) {
            (b".", _) => self.attributes(reach, folder),
            (b"..", item) => self.attributes(reach, item.parent()),
            (_, Item::Leading(leading)) => self.attributes(reach, leading.child(name).ok_or(Failure::NoSuchName)?),
            (_, Item::Inside(inside)) => self.lookup_inside(reach, inside, name),
        }
    }

    /// The entries of a folder from a position on, at most a limit of them; position 0 is the first. Empty at the end.
    ///
    /// # Errors
    /// As [`View::lookup`]; never a list that ends before its time.
    pub fn list(&self, reach: Reach, folder: Inode, from: u64) -> Result<Vec<Listed>, Failure> {
        match self.item(reach, folder)? {
            Item::Leading(leading) => self.list_leading(reach, leading, from),
            Item::Inside(inside) => self.list_inside(reach, &inside, from),
        }
    }

    /// The folder that an inode was found in: of hard links that of the first name.
    ///
    /// # Errors
    /// As [`View::attributes`].
    pub fn parent(&self, reach: Reach, inode: Inode) -> Result<Inode, Failure> {
        Ok(self.item(reach, inode)?.parent())
    }

    /// A symlink's target, raw bytes.
    ///
    /// # Errors
    /// `WrongKind` when it is none, and as [`View::attributes`].
    pub fn target(&self, reach: Reach, inode: Inode) -> Result<Vec<u8>, Failure> {
        match self.item(reach, inode)? {
            Item::Leading(Leading { what: What::Link(target), .. }) => Ok(target.clone().into_bytes()),
            Item::Inside(inside) if inside.entry.kind == Kind::Symlink => Ok(inside.entry.target.clone()),
            _ => Err(Failure::WrongKind),
        }
    }

    /// Where data or a hole begins.
    ///
    /// # Errors
    /// `Beyond` behind the last of what is sought, `WrongKind` for all but files, and as [`View::attributes`].
    pub fn seek(&self, reach: Reach, inode: Inode, offset: u64, what: Seek) -> Result<u64, Failure> {
        match self.item(reach, inode)? {
            Item::Inside(inside) if inside.entry.kind == Kind::File => {
                sparse::seek(&inside.entry, offset, what).ok_or(Failure::Beyond)
            }
            _ => Err(Failure::WrongKind),
        }
    }

    fn lookup_inside(&self, reach: Reach, folder: &Inside, name: &[u8]) -> Result<Attributes, Failure> {
        if folder.entry.kind != Kind::Folder {
            return Err(Failure::NotAFolder);
        }
        let found = self.ask(reach, &folder.point, |nodes| tree::find(nodes, &folder.entry, name))?;
        let found = found.ok_or(Failure::NoSuchName)?;
        let index = self.first_index(reach, &folder.point, &found.entry, folder.index.saturating_add(found.offset))?;
        Ok(self.shown.of_entry(&found.entry, Inode::inside(folder.point.number, index)))
    }

    fn list_inside(&self, reach: Reach, folder: &Inside, from: u64) -> Result<Vec<Listed>, Failure> {
        if folder.entry.kind != Kind::Folder {
            return Err(Failure::NotAFolder);
        }
        let read = |nodes: &Reached<'_>| {
            let mut cursor = FolderCursor::open(nodes, &folder.entry)?;
            cursor.seek_index(from)?;
            cursor.take(LIST_ENTRIES).collect::<engine::Result<Vec<_>>>()
        };
        let found = self.ask(reach, &folder.point, read)?;
        let listed = |found: tree::Found| {
            let index = folder.index.saturating_add(found.offset);
            let index = self.first_index(reach, &folder.point, &found.entry, index)?;
            let attributes = self.shown.of_entry(&found.entry, Inode::inside(folder.point.number, index));
            Ok(Listed { name: found.entry.name.clone(), attributes, next: found.position.saturating_add(1) })
        };
        found.into_iter().map(listed).collect()
    }

    fn list_leading(&self, reach: Reach, folder: &Leading, from: u64) -> Result<Vec<Listed>, Failure> {
        let What::Folder(entries) = &folder.what else { return Err(Failure::NotAFolder) };
        let start = usize::try_from(from).unwrap_or(usize::MAX);
        let listed = |((name, inode), next): (&(String, Inode), u64)| {
            let attributes = self.attributes(reach, *inode)?;
            Ok(Listed { name: name.clone().into_bytes(), attributes, next })
        };
        entries.iter().zip(1..).skip(start).take(LIST_ENTRIES).map(listed).collect()
    }

    fn of_leading(&self, inode: Inode, leading: &Leading) -> Attributes {
        match &leading.what {
            What::Folder(entries) => self.shown.of_folder(inode, entries.len(), leading.time),
            What::Link(target) => self.shown.of_link(inode, target, leading.time),
        }
    }
}
