//! What a path stands for: WebDAV knows folders and files alone, so links end here.
//!
//! ```text
//! link that leads to points (`latest`, by-time, by-id)   the folder that it leads to
//! link inside a point to a file of the same point        that file
//!                     to a folder of the same point      that folder, unless the path went through such a link already
//!                     to anything else                   a file that holds the link's target
//! fifo, socket, device                                   nothing
//! ```
//!
//! Absolute targets start at the point's folder, which is the root of what was backed up. One link to a folder a path keeps
//! programs that walk everything from walking in circles.
//!
//! Promises: a folder is listed whole or not at all. Everything here waits for the store.

use crate::limits::LINKS_MAX;
use crate::names;
use engine::repository::Why;
use format_spec::tree::Kind;
use std::sync::Arc;
use view::{Attributes, Failure, Fetch, File, Inode, Listed, View};

/// A folder or a file as clients see it.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) attributes: Attributes,
    pub(crate) shape: Shape,
    /// Of files: the same for the same bytes.
    pub(crate) version: Option<String>,
    /// Whether the path went through a link to a folder inside a point.
    linked: bool,
    /// Whether the path may stand for something else tomorrow.
    pub(crate) moves: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Folder,
    File,
    /// A link that is not followed, shown as a file of its target.
    Target(Vec<u8>),
    /// A link whose end is damaged: it is listed, and opening it says so.
    Unknown,
}

/// A name in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) place: Resource,
}

/// Some names of a folder, and where it goes on.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) names: Vec<Named>,
    /// `None` at the end.
    pub(crate) next: Option<u64>,
}

/// The bytes of a file.
pub(crate) enum Bytes {
    Stored(File),
    Target(Vec<u8>),
}

impl Resource {
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.shape, Shape::Folder)
    }

    /// Length in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.shape {
            Shape::Target(target) => target.len() as u64,
            _ => self.attributes.size,
        }
    }

    fn inode(&self) -> Inode {
        self.attributes.inode
    }
}

/// The place at a path of names as clients wrote them.
///
/// # Errors
/// `Gone` when the path was a restore point's, or led to one, and is not there any more; `NoSuchName`; and as the view.
pub(crate) fn find(view: &View, path: &[Vec<u8>]) -> Result<Resource, Failure> {
    let mut way = Vec::with_capacity(path.len());
    find_on(view, path, &mut way).map_err(|e| {
        let way: Vec<&[u8]> = way.iter().map(Vec::as_slice).collect();
        if matches!(e, Failure::NoSuchName) && view.was_given(&way) { Failure::Gone } else { e }
    })
}

/// The place at a path, and the raw names up to it or to the first that is not there.
fn find_on(view: &View, path: &[Vec<u8>], way: &mut Vec<Vec<u8>>) -> Result<Resource, Failure> {
    let attributes = view.attributes(Fetch::MayBlock, Inode::ROOT)?;
    let mut place = Resource { attributes, shape: Shape::Folder, version: None, linked: false, moves: false };
    for name in path {
        if !place.is_folder() {
            return Err(Failure::NoSuchName);
        }
        let name = names::raw(name);
        if name == b"." || name == b".." {
            return Err(Failure::NoSuchName);
        }
        way.push(name.clone());
        let attributes = view.lookup(Fetch::MayBlock, place.inode(), &name)?;
        place = child(view, &place, &name, attributes)?.ok_or(Failure::NoSuchName)?;
    }
    Ok(place)
}

/// The names of a folder from a position on; 0 is the first.
///
/// # Errors
/// As the view; never a list that ends before its time.
pub(crate) fn list(view: &View, folder: &Resource, from: u64) -> Result<Page, Failure> {
    let listed = view.list(Fetch::MayBlock, folder.inode(), from)?;
    let next = listed.last().map(|last| last.next);
    let mut page = Page { names: Vec::with_capacity(listed.len()), next };
    for Listed { name, attributes, .. } in listed {
        let place = match child(view, folder, &name, attributes) {
            // What cannot be read behind a link must not hide the names beside it.
            Err(Failure::Store(e)) if Why::of(e.kind()).is_some() => {
                Some(Resource { attributes, shape: Shape::Unknown, version: None, ..folder.clone() })
            }
            other => other?,
        };
        page.names.extend(place.map(|place| Named { name: names::shown(&name), place }));
    }
    Ok(page)
}

/// Makes a file readable.
///
/// # Errors
/// As the view.
pub(crate) fn open(view: &Arc<View>, place: &Resource) -> Result<Bytes, Failure> {
    match &place.shape {
        Shape::Folder => Err(Failure::IsAFolder),
        Shape::Target(target) => Ok(Bytes::Target(target.clone())),
        Shape::File | Shape::Unknown => view.open_file(Fetch::MayBlock, place.inode()).map(Bytes::Stored),
    }
}

impl Bytes {
    /// From `offset`, as many as asked for, less only at the end.
    ///
    /// # Errors
    /// As the view.
    pub(crate) fn read(&self, offset: u64, bytes: u32) -> Result<bytes::Bytes, Failure> {
        match self {
            Bytes::Stored(file) => file.read(Fetch::MayBlock, offset, bytes),
            Bytes::Target(target) => {
                let rest = usize::try_from(offset).ok().and_then(|at| target.get(at..)).unwrap_or_default();
                Ok(rest.iter().copied().take(usize::try_from(bytes).unwrap_or(usize::MAX)).collect())
            }
        }
    }
}

/// What a name in a folder is for clients; `None` if it is nothing for them.
fn child(view: &View, folder: &Resource, name: &[u8], attributes: Attributes) -> Result<Option<Resource>, Failure> {
    let is_leading = attributes.inode.split().is_none();
    let at_root = folder.inode() == Inode::ROOT;
    let moves = folder.moves
        || is_leading && name == b"latest"
        || at_root && ![&b"by-job"[..], b"by-time", b"by-id"].contains(&name);
    let place = |attributes: Attributes, shape, linked| -> Result<Option<Resource>, Failure> {
        let version = match shape {
            Shape::File => view.version(Fetch::MayBlock, attributes.inode)?,
            _ => None,
        };
        Ok(Some(Resource { attributes, shape, version, linked, moves }))
    };
    match attributes.kind {
        Kind::Folder => place(attributes, Shape::Folder, folder.linked),
        Kind::File => place(attributes, Shape::File, folder.linked),
        Kind::Symlink => {
            let target = view.target(Fetch::MayBlock, attributes.inode)?;
            match follow(view, folder.inode(), attributes.inode, &target)? {
                Some(end) if end.kind == Kind::File => place(end, Shape::File, folder.linked),
                Some(end) if end.kind == Kind::Folder && (is_leading || !folder.linked) => {
                    place(end, Shape::Folder, folder.linked || !is_leading)
                }
                _ => place(attributes, Shape::Target(target), folder.linked),
            }
        }
        _ => Ok(None),
    }
}

/// The end of a link; `None` if it leads nowhere, in circles, or out of its point (out of the mount for a leading link).
fn follow(view: &View, folder: Inode, link: Inode, target: &[u8]) -> Result<Option<Attributes>, Failure> {
    let root = link.split().map_or(Inode::ROOT, |(point, _)| Inode::inside(point, 0));
    let mut at = view.attributes(Fetch::MayBlock, folder)?;
    let (mut way, mut links) = (Vec::new(), 0);
    let mut next = Some(target.to_vec());
    loop {
        if let Some(target) = next.take() {
            links += 1;
            if links > LINKS_MAX {
                return Ok(None);
            }
            if target.starts_with(b"/") {
                at = view.attributes(Fetch::MayBlock, root)?;
            }
            way.extend(target.split(|b| *b == b'/').rev().map(<[u8]>::to_vec));
        }
        let Some(name) = way.pop() else { return Ok(Some(at)) };
        if name.is_empty() || name == b"." {
            continue;
        }
        if at.kind != Kind::Folder || name == b".." && at.inode == root {
            return Ok(None);
        }
        let found = match &name[..] {
            b".." => view.parent(Fetch::MayBlock, at.inode).and_then(|above| view.attributes(Fetch::MayBlock, above)),
            name => view.lookup(Fetch::MayBlock, at.inode, name),
        };
        match found {
            Ok(found) if found.kind == Kind::Symlink => next = Some(view.target(Fetch::MayBlock, found.inode)?),
            Ok(found) => at = found,
            Err(Failure::NoSuchName) => return Ok(None),
            Err(e) => return Err(e),
        }
    }
}
