//! The end of a session: its reference set, and the commit.
//!
//! Promises I2: at the slot of the commit every blob that the point needs lies in a pack that is published and not condemned. What a collector
//! took meanwhile is stored again, and the set made again, until a commit finds nothing condemned since. And I8: in a repository with
//! immutability all that the point needs is locked long enough first.

use super::LockWork;
use super::session::Session;
use crate::blob::put_durable;
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::restore_point::{Emission, PointSink, ReferenceChange, given_up, reference_set};
use crate::store::Name;
use crate::tree::Names;
use bytes::Bytes;
use format_spec::container::{Header, ObjectKind};
use format_spec::log::{Change, Vouched};
use format_spec::point::Manifest;
use format_spec::tree::Entry;
use format_spec::{ChunkId, ObjectId, names};
use std::sync::Arc;

impl Session<'_> {
    /// The reference set's nodes are stored after everything that it names, and published on their own. What was given up while the session
    /// relied on it is stored again first.
    pub(super) fn references(&self, roots: &[Names], emission: &Emission, known: &Arc<LogView>) -> Result<ChunkId> {
        let repository = self.repository;
        if !known.condemned.is_empty() {
            self.store_again(roots, emission)?;
        }
        let base = self.base.as_deref();
        let change = ReferenceChange {
            base: base.map(|b| (b.manifest.references, b.slot)),
            base_roots: base
                .map(|b| self::roots(&b.manifest.root, b.manifest.links, b.manifest.exceptions))
                .unwrap_or_default(),
            roots: roots.to_vec(),
            emission,
            blobs: repository.blobs(),
            log: repository.log().view(),
        };
        let mut sink = PointSink::unaccounted(self.writer, &repository.vault().ids);
        self.reads_old.set(true);
        let set = reference_set(change, &mut sink)?;
        self.reads_old.set(false);
        self.writer.flush()?;
        Ok(set)
    }

    /// Reads what only condemned packs have out of them, as long as they are not swept, and stores it in new ones.
    fn store_again(&self, roots: &[Names], emission: &Emission) -> Result<()> {
        let blobs = self.repository.blobs();
        let lost = given_up(emission, roots, blobs)?;
        for (is_node, id) in &lost {
            let kind = if *is_node { ObjectKind::MetaPack } else { ObjectKind::DataPack };
            let bytes = blobs.given_up(kind, id).map_err(|e| {
                let what = format!("a collection took away what this session relied on: {e}");
                Error::new(Kind::Conflict, what).on(format!("blob {id}")).advise("run the backup again")
            })?;
            if *is_node {
                self.writer.put_node(*id, bytes.to_vec())?
            } else {
                self.writer.put_chunk(*id, bytes.to_vec())?
            };
        }
        if lost.is_empty() { Ok(()) } else { self.writer.flush() }
    }

    /// Commits, and returns the point's number; `None` when packs were condemned after `known`: then the reference set must be made again.
    pub(super) fn commit(&self, session: u32, manifest: &Manifest, known: u32) -> Result<Option<u32>> {
        let repository = self.repository;
        let vault = repository.vault();
        let id = ObjectId { session, ordinal: self.writer.take_ordinal() };
        let mut salt = [0; 32];
        repository.env().random(&mut salt)?;
        let header =
            Header::new(ObjectKind::RestorePoint, vault.secrets.suite(), vault.repository, session, id.ordinal, salt);
        let (bytes, body_hash) = manifest.encode(header.clone(), &vault.secrets);
        if Manifest::decode(&bytes, &header, &vault.secrets)? != *manifest {
            return Err(Error::new(Kind::Bug, "a manifest does not decode to what was written").on(manifest.id));
        }
        let bytes = Bytes::from(bytes);
        put_durable(&*vault.store, &Name::new(names::of_session(ObjectKind::RestorePoint, id))?, &bytes)?;
        let point = Vouched { ordinal: id.ordinal, bytes: bytes.len() as u64, body_hash };
        let secured = repository.secure(id, manifest.references, self.monitor)?;
        if let Some(secured) = &secured {
            let LockWork { asked, extended } = self.locks.get();
            self.locks.set(LockWork { asked: asked + secured.asked, extended: extended + secured.extended });
        }
        let mut moved = false;
        let appended = repository.log().append(&**repository.env(), &mut |view| {
            view.expect_session(session)?;
            moved = view.condemned.after(known).next().is_some() || !repository.is_secured(secured.as_ref(), view)?;
            if moved {
                let what = "packs were condemned, or locks fell short, while the session was about to commit";
                return Err(Error::new(Kind::Conflict, what));
            }
            Ok(Change::Commit { session, point, id: manifest.id, references: manifest.references })
        });
        let slot = match appended {
            Err(_) if moved => {
                repository.refresh()?;
                return Ok(None);
            }
            other => other?,
        };
        repository.log().checkpoint_if_due(&**repository.env());
        let number = repository.log().view().commits.iter().find(|c| c.slot == slot).map(|c| Some(c.number));
        number.ok_or_else(|| Error::new(Kind::Bug, "the commit is not in the log that was just read"))
    }
}

/// What a manifest names: one row a field ([POINT-7]).
pub(super) fn roots(root: &Entry, links: Option<ChunkId>, exceptions: Option<ChunkId>) -> Vec<Names> {
    let one = |id: ChunkId| Names { nodes: vec![id], chunks: Vec::new() };
    [Some(Names::of_entry(root)), links.map(one), exceptions.map(one)].into_iter().flatten().collect()
}
