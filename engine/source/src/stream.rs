//! One pipe as a source: `backup --stdin`.
//!
//! Promises: a root folder with one file, whose bytes are those of the reader until its end. The size is unknown before that,
//! so the entry says 0 and the backup counts what it reads. No inode and times of now: such a file never passes for unchanged.
//! Refuses to: be read twice. The first walk that opens the file takes the bytes.

use super::{About, Found, ItemReader, Opens, Source, Step, Walk, host_name};
use base::error::{Error, Kind, Result};
use format_spec::Time;
use format_spec::tree::{self, Entry, Extent};
use parking_lot::Mutex;
use std::io::{self, Read};
use std::sync::Arc;

/// The name of the file when none was asked for.
pub const NAME_DEFAULT: &str = "stdin";

/// A reader that becomes one file.
pub struct StreamSource {
    name: Vec<u8>,
    now: Time,
    pipe: Arc<Pipe>,
    host: String,
}

/// The reader, until it is opened.
struct Pipe(Mutex<Option<Box<dyn Read + Send>>>);

struct StreamReader(Box<dyn Read + Send>);

struct StreamWalk<'a> {
    source: &'a StreamSource,
    step: u8,
}

impl StreamSource {
    /// A file `name` in the root with the bytes of `reader`; `now` becomes its times.
    ///
    /// # Errors
    /// `Input` when `name` cannot be a file's name.
    pub fn new(name: impl Into<Vec<u8>>, reader: Box<dyn Read + Send>, now: Time) -> Result<StreamSource> {
        let name = name.into();
        let odd = name.is_empty() || name.len() > NAME_BYTES_MAX || matches!(name.as_slice(), b"." | b"..");
        if odd || name.iter().any(|b| matches!(b, 0 | b'/')) {
            let text = String::from_utf8_lossy(&name).into_owned();
            return Err(Error::new(Kind::Input, format!("{text:?} cannot be the name of a file"))
                .advise("use `--stdin-name` with 1 to 255 bytes and no `/`"));
        }
        Ok(StreamSource { name, now, pipe: Arc::new(Pipe(Mutex::new(Some(reader)))), host: host_name() })
    }

    /// The same stream, recorded as that of a host of this name.
    #[must_use]
    pub fn on_host(self, host: impl Into<String>) -> StreamSource {
        StreamSource { host: host.into(), ..self }
    }

    fn found(&self, name: &[u8], kind: tree::Kind, mode: u32) -> Found {
        let entry = Entry {
            mode,
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            mtime: self.now,
            ctime: self.now,
            ..Entry::new(name.to_vec(), kind)
        };
        Found { entry, path: name.to_vec(), opens: Arc::clone(&self.pipe) as Arc<dyn Opens> }
    }
}

impl Source for StreamSource {
    fn about(&self) -> About {
        About { host: self.host.clone(), paths: vec![self.name.clone()], ..About::default() }
    }

    fn walk(&self) -> Result<Box<dyn Walk + '_>> {
        Ok(Box::new(StreamWalk { source: self, step: 0 }))
    }
}

impl Walk for StreamWalk<'_> {
    fn next(&mut self) -> Option<Step> {
        self.step = self.step.saturating_add(1);
        match self.step {
            1 => Some(Step::Enter(self.source.found(b"", tree::Kind::Folder, 0o700))),
            2 => Some(Step::Item(self.source.found(&self.source.name, tree::Kind::File, 0o600))),
            3 => Some(Step::Leave),
            _ => None,
        }
    }
}

impl Opens for Pipe {
    fn fill(&self, _: &mut Entry) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn open(&self, _: &Entry) -> io::Result<Box<dyn ItemReader>> {
        match self.0.lock().take() {
            Some(reader) => Ok(Box::new(StreamReader(reader))),
            None => Err(io::Error::other("the stream was read already; it cannot be read twice")),
        }
    }
}

impl ItemReader for StreamReader {
    fn extents(&mut self) -> io::Result<Option<Vec<Extent>>> {
        Ok(None)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn changed(&mut self) -> io::Result<Option<String>> {
        Ok(None)
    }

    fn empty_is_a_failure(&self) -> Option<String> {
        Some("the stream ended without a byte".to_owned())
    }
}

impl std::fmt::Debug for StreamSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamSource").field("name", &String::from_utf8_lossy(&self.name)).finish_non_exhaustive()
    }
}

/// What file systems allow, so that the file can be restored everywhere.
const NAME_BYTES_MAX: usize = 255;
