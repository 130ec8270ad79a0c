//! Counts what a session puts and stores. Counts are for people: nothing is decided by them but
//! when the first blob came.

use crate::pack::FinishedPack;
use format_spec::container::ObjectKind;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a session has stored so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Chunks and nodes that were new.
    pub blobs_new: u64,
    /// Data chunks among them.
    pub chunks_new: u64,
    /// Plaintext bytes of new chunks.
    pub bytes_new: u64,
    /// Bytes of finished packs.
    pub bytes_stored: u64,
    /// Packs stored.
    pub packs: u64,
    /// Data packs among them.
    pub data_packs: u64,
}

impl AddAssign for Stored {
    fn add_assign(&mut self, more: Stored) {
        let Stored { blobs_new, chunks_new, bytes_new, bytes_stored, packs, data_packs } = more;
        self.blobs_new += blobs_new;
        self.chunks_new += chunks_new;
        self.bytes_new += bytes_new;
        self.bytes_stored += bytes_stored;
        self.packs += packs;
        self.data_packs += data_packs;
    }
}

#[derive(Default)]
pub(super) struct Counts {
    blobs_new: AtomicU64,
    chunks_new: AtomicU64,
    bytes_new: AtomicU64,
    bytes_stored: AtomicU64,
    packs: AtomicU64,
    data_packs: AtomicU64,
}

impl Counts {
    /// Counts new blobs; whether they are the first.
    pub(super) fn put(&self, kind: ObjectKind, blobs: u64, bytes: usize) -> bool {
        let before = self.blobs_new.fetch_add(blobs, Ordering::Relaxed);
        if kind == ObjectKind::DataPack {
            self.chunks_new.fetch_add(blobs, Ordering::Relaxed);
            self.bytes_new.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        before == 0
    }

    /// Counts a pack that is stored.
    pub(super) fn stored(&self, pack: &FinishedPack) {
        self.packs.fetch_add(1, Ordering::Relaxed);
        self.data_packs.fetch_add(u64::from(pack.row.kind == ObjectKind::DataPack), Ordering::Relaxed);
        self.bytes_stored.fetch_add(pack.bytes.len() as u64, Ordering::Relaxed);
    }

    pub(super) fn so_far(&self) -> Stored {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Stored {
            blobs_new: read(&self.blobs_new),
            chunks_new: read(&self.chunks_new),
            bytes_new: read(&self.bytes_new),
            bytes_stored: read(&self.bytes_stored),
            packs: read(&self.packs),
            data_packs: read(&self.data_packs),
        }
    }
}
