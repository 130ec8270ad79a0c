//! Points that come and go: the catalog is asked, and a new namespace takes the old one's place at once or not at all.

use super::View;
use super::inode;
use super::layout::{Alone, Layout};
use super::names::hex;
use super::namespace::{Changes, Namespace};
use super::nodes::{Fetch, Nodes};
use crate::catalog::{PointCatalog, Points};
use engine::restore_point::Point;
use engine::{Error, Kind, Result, tree};
use format_spec::tree::Kind as ItemKind;
use std::sync::Arc;

impl View {
    /// Asks the catalog for its points and shows them as they are now. What changed is for whoever caches answers. Open files of
    /// a point that is gone can still be read as far as its bytes are there; everything else of it is `Gone`.
    ///
    /// # Errors
    /// The catalog's; nothing has changed then.
    pub fn refresh(&self) -> Result<Changes> {
        let _alone = self.refreshing.lock();
        let Points { readable: points, unreadable } = self.catalog.points()?;
        let old = self.space();
        let new = match &self.layout.alone {
            None => {
                let points = shown(points, &self.layout);
                if old.shows(&points, &unreadable) {
                    return Ok(Changes::default());
                }
                Namespace::new(&points, unreadable, &self.layout, self.catalog.sources(), Some(&old))
            }
            Some(alone) => {
                let is_there = points.iter().any(|p| p.manifest.id == alone.point);
                if is_there || old.alone.is_none() {
                    return Ok(Changes::default());
                }
                Namespace::alone(None, 0, 0, 0, Some(&old))
            }
        };
        let changes = Changes::between(&old, &new);
        *self.namespace.write() = Arc::new(new);
        Ok(changes)
    }
}

/// The namespace that a view begins with.
pub(super) fn first(catalog: &dyn PointCatalog, nodes: &Nodes, layout: &Layout) -> Result<Namespace> {
    let Points { readable: points, unreadable } = catalog.points()?;
    for point in &unreadable {
        tracing::warn!(point = %point.id, "cannot be read, and is shown as such: {}", point.what);
    }
    for point in points.iter().filter(|p| !inode::fits(p.number, &p.manifest.root)) {
        tracing::warn!(point = %hex(&point.manifest.id.0), "has too many entries for inode numbers; not shown");
    }
    match &layout.alone {
        None => Ok(Namespace::new(&shown(points, layout), unreadable, layout, catalog.sources(), None)),
        Some(alone) => match unreadable.iter().find(|point| point.id == alone.point) {
            Some(point) => Err(point.error()),
            None => first_alone(&points, nodes, alone),
        },
    }
}

fn first_alone(points: &[Arc<Point>], nodes: &Nodes, alone: &Alone) -> Result<Namespace> {
    let point = points.iter().find(|p| p.manifest.id == alone.point && inode::fits(p.number, &p.manifest.root));
    let point = point.ok_or_else(|| {
        let error = Error::new(Kind::Absent, "no such restore point").on(alone.point);
        error.advise("`cairn points` lists them")
    })?;
    let path = || format!("/{}", String::from_utf8_lossy(&alone.path));
    let names = alone.path.split(|b| *b == b'/').filter(|name| !name.is_empty());
    let found = tree::lookup(&nodes.within(Fetch::MayBlock), &point.manifest.root, names)?;
    let found = found.ok_or_else(|| {
        let error = Error::new(Kind::Absent, format!("not in the restore point {}", alone.point)).on(path());
        error.advise("`cairn ls POINT` shows what is")
    })?;
    if found.entry.kind != ItemKind::Folder {
        let error = Error::new(Kind::Input, "only a folder can be mounted").on(path());
        return Err(error.advise("mount the folder that it lies in"));
    }
    let totals = &found.entry.totals;
    let entries = totals.descendants.saturating_add(1);
    Ok(Namespace::alone(Some(Arc::clone(point)), found.index, entries, totals.bytes, None))
}

/// Those that the layout lets through and that can be numbered.
fn shown(mut points: Vec<Arc<Point>>, layout: &Layout) -> Vec<Arc<Point>> {
    points.retain(|p| inode::fits(p.number, &p.manifest.root) && layout.filter.admits(&p.manifest));
    points
}
