//! One file of the disk cache: records one behind the other, each behind a head that says what it is.
//!
//! Head, 24 bytes, little-endian: session u32 | ordinal u32 | offset in the pack u32 | bytes u32 | first 4 bytes of the pack's salt |
//! CRC-32 of the 20 bytes before.

use bytes::Bytes;
use format_spec::ObjectId;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a head.
pub(super) const HEAD_BYTES: u64 = 24;
const HEAD_LENGTH: usize = 24;

/// What stands before a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) key: (ObjectId, u32, u32),
    pub(super) bytes: u32,
}

/// A file of records.
#[derive(Debug)]
pub(super) struct Slab {
    pub(super) number: u32,
    pub(super) file: Arc<File>,
    pub(super) bytes: u64,
}

impl Head {
    pub(super) fn whole_bytes(&self) -> u64 {
        HEAD_BYTES + u64::from(self.bytes)
    }

    fn encode(&self) -> [u8; HEAD_LENGTH] {
        let mut out = [0; HEAD_LENGTH];
        let words = [self.key.0.session, self.key.0.ordinal, self.key.1, self.bytes, self.key.2];
        for (space, word) in out.chunks_exact_mut(4).zip(words) {
            space.copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32fast::hash(&out[..20]);
        out[20..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; HEAD_LENGTH]) -> Option<Self> {
        let word = |n: usize| bytes.get(4 * n..4 * n + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let sound = word(5)? == crc32fast::hash(&bytes[..20]);
        let key = (ObjectId { session: word(0)?, ordinal: word(1)? }, word(2)?, word(4)?);
        Some(Head { key, bytes: word(3)? }).filter(|_| sound)
    }
}

impl Slab {
    pub(super) fn create(folder: &Path, number: u32) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path_of(folder, number))?;
        Ok(Slab { number, file: Arc::new(file), bytes: 0 })
    }

    /// Reads the heads of a slab that is there; what follows a broken one is cut off.
    pub(super) fn open(path: &Path, number: u32, found: &mut dyn FnMut(Head, u64)) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let end = file.metadata()?.len();
        let mut at = 0;
        let mut head = [0; HEAD_LENGTH];
        while at + HEAD_BYTES <= end && file.read_exact_at(&mut head, at).is_ok() {
            let Some(head) = Head::decode(&head).filter(|h| at + h.whole_bytes() <= end) else { break };
            found(head, at + HEAD_BYTES);
            at += head.whole_bytes();
        }
        if at < end {
            file.set_len(at)?;
        }
        Ok(Slab { number, file: Arc::new(file), bytes: at })
    }

    /// Writes a record behind the others; where its bytes begin.
    pub(super) fn append(&mut self, head: &Head, record: &[u8]) -> io::Result<u64> {
        let at = self.bytes;
        self.bytes += head.whole_bytes();
        self.file.write_all_at(&head.encode(), at)?;
        self.file.write_all_at(record, at + HEAD_BYTES)?;
        Ok(at + HEAD_BYTES)
    }

    pub(super) fn remove(&self, folder: &Path) -> io::Result<()> {
        match std::fs::remove_file(path_of(folder, self.number)) {
            // Somebody cleaned up before us.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// The slabs of a folder, the oldest first.
pub(super) fn all(folder: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut slabs = Vec::new();
    for item in std::fs::read_dir(folder)? {
        let path = item?.path();
        let number = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("slab-"));
        if let Some(number) = number.and_then(|n| u32::from_str_radix(n, 16).ok()) {
            slabs.push((number, path));
        }
    }
    slabs.sort();
    Ok(slabs)
}

/// A record's bytes.
pub(super) fn read(file: &File, position: u64, bytes: u32) -> io::Result<Bytes> {
    let mut record = vec![0; bytes as usize];
    file.read_exact_at(&mut record, position)?;
    Ok(record.into())
}

fn path_of(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("slab-{number:08x}"))
}
