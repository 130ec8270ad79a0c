//! The view: all restore points as one read-only tree of folders, without a type of FUSE, so that others can serve it too.
//!
//! Promises: every answer comes from what the points say, and is the same after a remount, inode numbers included. Points come
//! and go with [`View::refresh`] alone. With [`Fetch::CachedOnly`] no question waits; [`Failure::WouldBlock`] then means "ask again with [`Fetch::MayBlock`]". Nothing is listed
//! short: a folder that cannot be read is an error.
//! Refuses to: cache answers (its callers do), decide about permissions (the kernel does), change anything.

mod acl;
mod archived;
mod attributes;
pub mod catalog;
mod content;
mod failure;
mod filter;
mod history;
mod inode;
mod item;
mod layout;
pub mod limits;
mod links;
mod local;
mod names;
mod namespace;
mod nodes;
mod refresh;
mod sparse;
mod template;
mod trouble;
mod version;
mod warm;
mod xattrs;

pub use archived::Archived;
pub use attributes::{Attributes, Owner, Shown};
pub use catalog::PointCatalog;
pub use content::File;
pub use failure::Failure;
pub use filter::{Filter, Rule};
pub use inode::Inode;
pub use layout::{Alone, Layout, Space, Templates};
pub use names::Sources;
pub use namespace::Changes;
pub use nodes::Fetch;
pub use sparse::Seek;
pub use template::Template;

use crate::limits::LIST_ENTRIES;
use engine::tree::{self, FolderCursor};
use format_spec::tree::{Entry, Kind};
use history::History;
use item::{Inside, Item};
use links::Links;
use local::LocalNames;
use namespace::{Leading, Namespace, What};
use nodes::{Nodes, Reached};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use trouble::Trouble;
use warm::Order;

/// The points of a catalog as they were when the view was made or last refreshed.
pub struct View {
    catalog: Arc<dyn PointCatalog>,
    layout: Layout,
    namespace: RwLock<Arc<Namespace>>,
    /// One refresh at a time.
    refreshing: Mutex<()>,
    nodes: Nodes,
    links: Links,
    history: History,
    local: LocalNames,
    trouble: Trouble,
    order: Order,
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

/// What `statfs` says: constant until points come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Everything that has a name.
    pub entries: u64,
    /// Sizes of all files of all points, as if nothing were shared.
    pub bytes: u64,
}

impl View {
    /// Reads the list of points; nothing of their trees, but for the way to a folder that is shown alone.
    ///
    /// # Errors
    /// The catalog's; `Absent` and `Input` when the point or folder that is to be shown alone is not there or is no folder.
    pub fn open(catalog: Arc<dyn PointCatalog>, shown: Shown, layout: Layout) -> engine::Result<Self> {
        let (nodes, links, trouble) = (Nodes::new(Arc::clone(&catalog)), Links::new(), Trouble::new());
        let (history, local) = (History::new(), LocalNames::new());
        let namespace = refresh::first(&*catalog, &nodes, &layout)?;
        let (namespace, refreshing) = (RwLock::new(Arc::new(namespace)), Mutex::new(()));
        let order = Order::default();
        Ok(View { catalog, layout, namespace, refreshing, nodes, links, history, local, trouble, order, shown })
    }

    /// What everything together amounts to.
    pub fn totals(&self) -> Totals {
        match self.layout.space {
            Space::Zero => Totals { entries: 0, bytes: 0 },
            Space::Real => {
                let space = self.space();
                Totals { entries: space.entries, bytes: space.bytes }
            }
        }
    }

    /// The attributes of an inode.
    ///
    /// # Errors
    /// `Gone` when the number stands for nothing; `WouldBlock`; the repository's.
    pub fn attributes(&self, fetch: Fetch, inode: Inode) -> Result<Attributes, Failure> {
        match self.item(fetch, inode)? {
            Item::Leading(leading) => Ok(self.of_leading(inode, &leading)),
            Item::Inside(inside) => self.of_entry(fetch, &inside.entry, inode),
            Item::Past(spot) => self.of_past(fetch, inode, &spot),
        }
    }

    /// The attributes of a name in a folder, `.` and `..` included.
    ///
    /// # Errors
    /// `NoSuchName`, `NotAFolder`, and as [`View::attributes`].
    pub fn lookup(&self, fetch: Fetch, folder: Inode, name: &[u8]) -> Result<Attributes, Failure> {
        let item = self.item(fetch, folder)?;
        match (name, &item) {
            (b".", _) => self.attributes(fetch, folder),
            (b"..", item) => self.attributes(fetch, item.parent()),
            (_, Item::Leading(leading)) => self.attributes(fetch, leading.child(name)?.ok_or(Failure::NoSuchName)?),
            (_, Item::Inside(inside)) => self.lookup_inside(fetch, inside, name),
            (_, Item::Past(spot)) => self.lookup_past(fetch, spot, name),
        }
    }

    /// The entries of a folder from a position on, at most a limit of them; position 0 is the first. Empty at the end.
    ///
    /// # Errors
    /// As [`View::lookup`]; never a list that ends before its time.
    pub fn list(&self, fetch: Fetch, folder: Inode, from: u64) -> Result<Vec<Listed>, Failure> {
        match self.item(fetch, folder)? {
            Item::Leading(leading) => self.list_leading(fetch, &leading, from),
            Item::Inside(inside) => self.list_inside(fetch, &inside, from),
            Item::Past(spot) => self.list_past(fetch, &spot, from),
        }
    }

    /// The folder that an inode was found in: of hard links that of the first name.
    ///
    /// # Errors
    /// As [`View::attributes`].
    pub fn parent(&self, fetch: Fetch, inode: Inode) -> Result<Inode, Failure> {
        Ok(self.item(fetch, inode)?.parent())
    }

    /// A symlink's target, raw bytes.
    ///
    /// # Errors
    /// `WrongKind` when it is none, and as [`View::attributes`].
    pub fn target(&self, fetch: Fetch, inode: Inode) -> Result<Vec<u8>, Failure> {
        match self.item(fetch, inode)? {
            Item::Leading(leading) => match &leading.what {
                What::Link(target) => Ok(target.clone().into_bytes()),
                What::Folder(_) | What::Unreadable(_) => Err(Failure::WrongKind),
            },
            Item::Inside(inside) if inside.entry.kind == Kind::Symlink => Ok(inside.entry.target.clone()),
            Item::Inside(_) => Err(Failure::WrongKind),
            Item::Past(spot) => self.past_target(&spot),
        }
    }

    /// Where data or a hole begins.
    ///
    /// # Errors
    /// `Beyond` behind the last of what is sought, `WrongKind` for all but files, and as [`View::attributes`].
    pub fn seek(&self, fetch: Fetch, inode: Inode, offset: u64, what: Seek) -> Result<u64, Failure> {
        match self.item(fetch, inode)? {
            Item::Inside(inside) if inside.entry.kind == Kind::File => {
                sparse::seek(&inside.entry, offset, what).ok_or(Failure::Beyond)
            }
            _ => Err(Failure::WrongKind),
        }
    }

    fn lookup_inside(&self, fetch: Fetch, folder: &Inside, name: &[u8]) -> Result<Attributes, Failure> {
        if folder.entry.kind != Kind::Folder {
            return Err(Failure::NotAFolder);
        }
        let found = self.ask(fetch, &folder.point, |nodes| tree::find(nodes, &folder.entry, name))?;
        let found = found.ok_or(Failure::NoSuchName)?;
        let index = self.first_index(fetch, &folder.point, &found.entry, folder.index.saturating_add(found.offset))?;
        self.of_entry(fetch, &found.entry, self.space().inode(folder.point.number, index))
    }

    fn list_inside(&self, fetch: Fetch, folder: &Inside, from: u64) -> Result<Vec<Listed>, Failure> {
        if folder.entry.kind != Kind::Folder {
            return Err(Failure::NotAFolder);
        }
        let read = |nodes: &Reached<'_>| {
            let mut cursor = FolderCursor::open(nodes, &folder.entry)?;
            cursor.seek_index(from)?;
            cursor.take(LIST_ENTRIES).collect::<engine::Result<Vec<_>>>()
        };
        let found = self.ask(fetch, &folder.point, read)?;
        self.warm_below(found.iter().map(|f| &*f.entry));
        let space = self.space();
        let listed = |found: tree::Found| {
            let index = folder.index.saturating_add(found.offset);
            let index = self.first_index(fetch, &folder.point, &found.entry, index)?;
            let attributes = self.of_entry(fetch, &found.entry, space.inode(folder.point.number, index))?;
            Ok(Listed { name: found.entry.name.clone(), attributes, next: found.position.saturating_add(1) })
        };
        found.into_iter().map(listed).collect()
    }

    fn list_leading(&self, fetch: Fetch, folder: &Leading, from: u64) -> Result<Vec<Listed>, Failure> {
        let names = match &folder.what {
            What::Folder(names) => names,
            What::Unreadable(point) => return Err(point.error().into()),
            What::Link(_) => return Err(Failure::NotAFolder),
        };
        let mut listed = Vec::new();
        for name in names.starting_at(from) {
            let attributes = match self.attributes(fetch, name.inode) {
                // It went while the list was made, and its name with it.
                Err(Failure::Gone) => continue,
                found => found?,
            };
            listed.push(Listed {
                name: name.name.clone().into_bytes(),
                attributes,
                next: name.serial.saturating_add(1),
            });
            if listed.len() == LIST_ENTRIES {
                break;
            }
        }
        Ok(listed)
    }

    fn of_leading(&self, inode: Inode, leading: &Leading) -> Attributes {
        match &leading.what {
            What::Folder(names) => self.shown.of_folder(inode, names.len(), leading.time),
            What::Link(target) => self.shown.of_link(inode, target.len() as u64, leading.time),
            What::Unreadable(_) => self.shown.of_folder(inode, 0, leading.time),
        }
    }

    fn of_entry(&self, fetch: Fetch, entry: &Entry, inode: Inode) -> Result<Attributes, Failure> {
        let attributes = self.shown.of_entry(entry, inode);
        if self.shown.maps_names() { self.local.map(fetch, entry, attributes) } else { Ok(attributes) }
    }

    /// Whether a path from the root, of raw names, was a restore point or led to one in the life of this view. What is asked for by such a path and
    /// is not there has gone; it is not the name of something that never was.
    pub fn was_given(&self, path: &[&[u8]]) -> bool {
        let path: Option<Vec<&str>> = path.iter().map(|name| std::str::from_utf8(name).ok()).collect();
        path.is_some_and(|path| self.space().was_given(&path))
    }

    /// The points as they are shown now.
    fn space(&self) -> Arc<Namespace> {
        Arc::clone(&self.namespace.read())
    }
}
