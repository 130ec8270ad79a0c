//! Loading a committed point.

use crate::blob::Vault;
use crate::error::{Error, Kind, Result};
use crate::log::CommitRef;
use crate::store::{Name, reread};
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

/// The name of a manifest's object.
pub fn manifest_name(commit: &CommitRef) -> Result<Name> {
    let id = ObjectId { session: commit.session, ordinal: commit.object.ordinal };
    Name::new(names::of_session(ObjectKind::RestorePoint, id))
}

/// Reads the manifest that a commit names and verifies it against the commit.
///
/// # Errors
/// `Damaged` when it is missing, is another object, or does not say what the commit says.
pub fn load_point(vault: &Vault, commit: &CommitRef) -> Result<Point> {
    let name = manifest_name(commit)?;
    let expected = Header::new(
        ObjectKind::RestorePoint,
        vault.secrets.suite(),
        vault.repository,
        commit.session,
        commit.object.ordinal,
        [0; 32],
    );
    let manifest = reread(&*vault.store, |look| {
        let bytes = look.get(&name).map_err(|e| crate::blob::lost(e, &name))?;
        let read = || -> format_spec::Result<Manifest> {
            commit.object.expect_length(bytes.len() as u64)?;
            let manifest = Manifest::decode(&bytes, &expected, &vault.secrets);
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
        Ok(manifest)
    })?;
    Ok(Point { number: commit.number, slot: commit.slot, session: commit.session, manifest })
}
