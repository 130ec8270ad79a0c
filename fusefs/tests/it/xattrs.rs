//! Extended attributes: the source's, and Cairn's own.

use crate::place::{Place, shell, within};
use rustix::fs::{getxattr, lgetxattr, listxattr};
use rustix::io::Errno;
use std::path::Path;

fn names(path: &Path) -> Vec<String> {
    let mut buffer = vec![0u8; 4096];
    let length = listxattr(path, &mut buffer).unwrap();
    buffer[..length].split(|b| *b == 0).filter(|n| !n.is_empty()).map(|n| String::from_utf8_lossy(n).into()).collect()
}

fn value(path: &Path, name: &str) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0u8; 4096];
    let length = getxattr(path, name, &mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// SEMANTICS: Extended attributes. "All that was stored, POSIX access lists included, with their values; `trusted.` names are listed for
/// root alone."
#[test]
fn attributes_and_access_lists_are_the_sources() {
    let Some(place) = Place::with_everything() else { return };
    let (source, mount) = (place.source.join("closed/listed"), place.latest().join("closed/listed"));
    within(move || {
        let mut expected = names(&source);
        expected.sort();
        let mut found = names(&mount);
        found.sort();
        assert_eq!(found, expected);
        assert!(found.len() >= 4, "{found:?}");
        for name in found {
            assert_eq!(value(&mount, &name), value(&source, &name), "{name}");
        }
        assert_eq!(value(&mount, "user.absent"), Err(Errno::NODATA));
    });
    if !shell(&place.source, "command -v getfacl || true").is_empty() {
        let script = "find . -path ./many -prune -o ! -type l -print0 | sort -z | xargs -0 getfacl";
        assert_eq!(shell(&place.source, script), shell(&place.latest(), script));
    }
}

/// SEMANTICS: Extended attributes. "the answer is EOPNOTSUPP, so that programs stop asking; else ENODATA."
#[test]
fn kinds_of_attributes_that_nobody_has_are_not_supported() {
    let Some(place) = Place::with_everything() else { return };
    let mount = place.latest().join("plain/small");
    within(move || {
        assert_eq!(value(&mount, "security.selinux"), Err(Errno::OPNOTSUPP));
        assert_eq!(value(&mount, "system.nfs4_acl"), Err(Errno::OPNOTSUPP));
    });
}

/// SEMANTICS: State. "are never listed, so that no tool copies them."
#[test]
fn cairns_own_attributes_can_be_read_and_are_never_listed() {
    let Some(place) = Place::with_everything() else { return };
    let (small, source) = (place.latest().join("plain/small"), place.source.join("plain/small"));
    let root = place.mountpoint.clone();
    let dangling = place.latest().join("links/dangling");
    let entry = place.catalog.entry(&place.catalog_point(), &source);
    within(move || {
        assert_eq!(names(&small), Vec::<String>::new());
        assert_eq!(value(&small, "user.cairn.state"), Ok(b"local".to_vec()));
        assert_eq!(value(&small, "user.cairn.point"), Ok(b"01".repeat(16)));
        assert_eq!(value(&small, "user.cairn.id").map(|v| v.len()), Ok(64));
        let birth = entry.btime.map(|t| t.seconds);
        let shown = value(&small, "user.cairn.btime").map(|v| v.ends_with(b"Z") && v.starts_with(b"20"));
        assert_eq!(shown.ok(), birth.map(|_| true));
        let origin = format!("device={} inode={}", entry.device, entry.inode);
        assert_eq!(value(&small, "user.cairn.source"), Ok(origin.into_bytes()));
        assert_eq!(value(&small, "user.cairn.complete"), Ok(b"yes".to_vec()));
        assert_eq!(value(&small, "user.cairn.nonsense"), Err(Errno::NODATA));
        for leading in [&root, &root.join("by-job/host"), &root.join("history/host/job")] {
            assert_eq!(value(leading, "user.cairn.state"), Ok(b"local".to_vec()));
            assert_eq!(value(leading, "user.cairn.point"), Err(Errno::NODATA));
            assert_eq!(names(leading), Vec::<String>::new());
        }
        let mut buffer = [0u8; 10];
        assert_eq!(lgetxattr(&dangling, "user.cairn.state", &mut buffer), Err(Errno::NODATA));
        assert_eq!(getxattr(&small, "user.cairn.id", &mut buffer), Err(Errno::RANGE));
    });
}

impl Place {
    fn catalog_point(&self) -> std::sync::Arc<engine::restore_point::Point> {
        use view::PointCatalog;
        self.catalog.points().unwrap().readable.remove(0)
    }
}
