//! One pack under construction in its two files: what will be stored, and what stands in it.
//!
//! Promises: a row is written after its record; both survive a loss of power but for the last [`SYNC_BYTES`]. Refuses to judge what it gives back:
//! whoever finishes the pack verifies it.

use crate::error::{Error, Kind, Result};
use crate::pack::Body;
use format_spec::pack::BlobEntry;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Unwritten bytes that a loss of power may cost.
const SYNC_BYTES: u64 = 64 << 20;

/// A pack in two files.
#[derive(Debug)]
pub(super) struct FileBody {
    body: File,
    path: PathBuf,
    rows: File,
    rows_path: PathBuf,
    length: u64,
    unsynced: u64,
}

impl FileBody {
    /// The files number `n` of a part, of which the rows begin with `first`.
    pub(super) fn create(part: &Path, n: u32, first: &[u8]) -> Result<Self> {
        let new = |suffix: &str| -> Result<(File, PathBuf)> {
            let path = part.join(format!("{n:08}.{suffix}"));
            let made = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
            Ok((made.map_err(|e| Error::from(e).on(path.display()))?, path))
        };
        let ((body, path), (mut rows, rows_path)) = (new("body")?, new("rows")?);
        rows.write_all(first)?;
        Ok(FileBody { body, path, rows, rows_path, length: 0, unsynced: 0 })
    }
}

impl Body for FileBody {
    fn append(&mut self, bytes: &[u8], blobs: &[BlobEntry]) -> Result<()> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |e: std::io::Error| Error::from(e).on(path)
        };
        self.body.write_all(bytes).map_err(failed(&self.path))?;
        self.length += bytes.len() as u64;
        self.rows.write_all(&super::rows::row(self.length, blobs)).map_err(failed(&self.rows_path))?;
        self.unsynced += bytes.len() as u64;
        if self.unsynced >= SYNC_BYTES { self.sync() } else { Ok(()) }
    }

    fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<()> {
        into.clear();
        into.reserve_exact(room.max(usize::try_from(self.length).unwrap_or(usize::MAX)));
        self.body.seek(SeekFrom::Start(0))?;
        (&mut self.body).take(self.length).read_to_end(into)?;
        if into.len() as u64 != self.length {
            return Err(Error::new(Kind::Transient, "a file of the spool was cut short while it was in use")
                .on(self.path.display())
                .advise("find out who changes it, or choose another --cache-dir; run the copy again"));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.body.sync_data()?;
        self.rows.sync_data()?;
        self.unsynced = 0;
        Ok(())
    }

    fn discard(self: Box<Self>) {
        // What cannot be removed is found again by the next process, and known then.
        let _ = fs::remove_file(&self.rows_path);
        let _ = fs::remove_file(&self.path);
    }
}
