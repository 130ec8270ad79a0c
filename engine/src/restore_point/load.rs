//! Loading a committed point.

use crate::blob::SealedStore;
use crate::error::{Error, Kind, Result};
use crate::limits::{ITEMS_MAX, ITEMS_UNCOUNTED_MAX};
use crate::log::CommitRef;
use crate::store::{ObjectName, reread};
use format_spec::container::{Header, Object, ObjectKind};
use format_spec::point::Manifest;
use format_spec::{ObjectId, names};

/// A visible restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The nth commit, from 1; never reused.
    pub number: u32,
    /// The commit's slot.
    pub slot: u32,
    /// The session that made it.
    pub session: u32,
    /// Everything else.
    pub manifest: Manifest,
}

impl Point {
    /// Its place among the points: the number that its commit had, however often it was rewritten since.
    pub fn place(&self) -> u32 {
        self.manifest.first.unwrap_or(self.number)
    }
}

/// A folder may stand in a tree many times and is stored once: one that names its child a thousand times, which does the same in turn, is a few
/// nodes and a walk without an end. Every reader holds the sums of each node against what names it, so the root's say how far a walk goes; here they
/// are held against what was counted when the point was made, once for all who walk.
///
/// # Errors
/// `Damaged` when the tree has many more items.
pub fn expect_counted(manifest: &Manifest) -> Result<()> {
    let (counted, claimed) = (manifest.counts.items(), manifest.root.totals.descendants);
    let allowed = counted.saturating_mul(2).saturating_add(ITEMS_UNCOUNTED_MAX).min(ITEMS_MAX);
    if claimed <= allowed {
        return Ok(());
    }
    let what = format!("POINT-15: its tree has {claimed} items, and {counted} were counted when it was made");
    Err(Error::new(Kind::Damaged, what)
        .advise("no backup makes such a point: find out who writes into this repository, and let the point go with `cairn expire plan ID`"))
}

/// The name of a manifest's object.
pub fn manifest_name(commit: &CommitRef) -> Result<ObjectName> {
    let id = ObjectId { session: commit.session, ordinal: commit.object.ordinal };
    ObjectName::new(names::of_session(ObjectKind::RestorePoint, id))
}

/// Reads the manifest that a commit names and verifies it against the commit.
///
/// # Errors
/// `Damaged` when it is missing, is another object, or does not say what the commit says.
pub fn load_point(sealed_store: &SealedStore, commit: &CommitRef) -> Result<Point> {
    let name = manifest_name(commit)?;
    let expected = Header::new(
        ObjectKind::RestorePoint,
        sealed_store.secrets.suite(),
        sealed_store.repository,
        commit.session,
        commit.object.ordinal,
        [0; 32],
    );
    let manifest = reread(&*sealed_store.store, |look| {
        let bytes = look.get(&name).map_err(|e| crate::blob::lost(e, &name))?;
        let read = || -> format_spec::Result<Manifest> {
            commit.object.expect_length(bytes.len() as u64)?;
            let manifest = Manifest::decode(&bytes, &expected, &sealed_store.secrets);
            // Another object than the log states is damage, whatever it says that it needs.
            if !matches!(&manifest, Err(e) if !e.is_unsupported()) {
                commit.object.expect_object(&Object::parse(&bytes)?)?;
            }
            let manifest = manifest?;
            Ok(manifest)
        };
        let manifest = read().map_err(|e| Error::from(e).on(&name))?;
        if manifest.id != commit.id || manifest.references != commit.references {
            return Err(Error::new(Kind::Damaged, "LOG-10: it is not the restore point that the log names").on(&name));
        }
        expect_counted(&manifest).map_err(|e| e.on(&name))?;
        Ok(manifest)
    })?;
    Ok(Point { number: commit.number, slot: commit.slot, session: commit.session, manifest })
}
