//! What the mount needs from a repository: its points, their tree nodes, their contents.
//!
//! Promises: small enough to be stood in for by a catalog in memory, which is how stuck, damaged and archived stores are
//! tested. All methods but [`PointCatalog::is_local`] may block; the mount calls them from its workers only. Everything that they
//! return was verified.

use crate::Sources;
use bytes::Bytes;
use engine::reader::{FileStream, PrefetchLimits, Prefetcher};
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::retrieval::{OnDemand, Rest, Rests, RetrieveOptions};
use engine::tree::EntryRef;
use engine::{Error, Kind, Result};
use format_spec::ChunkId;
use format_spec::config::Class;
use format_spec::log::PointId;
use format_spec::tree::{Entry, Node};
use std::ops::Range;
use std::sync::Arc;

/// The points of a catalog.
#[derive(Debug, Clone, Default)]
pub struct Points {
    /// Those that can be shown, oldest first.
    pub readable: Vec<Arc<Point>>,
    /// Those that the log has and whose manifests cannot be read.
    pub unreadable: Vec<Unreadable>,
}

/// A point of which nothing but its id is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its id.
    pub id: PointId,
    /// `Damaged`; `Unsupported` for what needs a newer release; `Absent` for what was collected since the position that the log is read at.
    pub kind: Kind,
    /// What is wrong, for people.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl Unreadable {
    /// What whoever looks into it is told.
    pub fn error(&self) -> Error {
        Error::new(self.kind, self.what.clone()).on(self.id).advise(self.advice.clone())
    }

    /// The same as one text.
    pub fn told(&self) -> String {
        format!("{}; {}", self.what, self.advice)
    }
}

/// Where the mount's points come from.
pub trait PointCatalog: Send + Sync + 'static {
    /// All visible points as the log has them now.
    fn points(&self) -> Result<Points>;
    /// Whether the point of this number is still visible, as the log has it now, and nothing of it was collected.
    fn is_visible(&self, number: u32) -> Result<bool>;
    /// Whose jobs have plain names.
    fn sources(&self) -> Sources {
        Sources::default()
    }
    /// One tree node.
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>>;
    /// The same, if it is in memory.
    fn node_in_memory(&self, id: &ChunkId) -> Option<Arc<Node>> {
        let _ = id;
        None
    }
    /// Makes a file's content readable, as far as it can be read.
    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>>;
    /// Contents of files and nodes of folders that will probably be asked for next. Returns at once; may do nothing.
    fn warm(&self, chunks: Vec<ChunkId>, nodes: Vec<ChunkId>) {
        let _ = (chunks, nodes);
    }
    /// Whether [`open`](PointCatalog::open) answers without the store.
    fn opens_at_once(&self) -> bool {
        false
    }
    /// Whether all of a file's content can be read now, as far as one can say before reading it: `Archived` when it must be
    /// retrieved first.
    fn ready(&self, entry: &Entry) -> Result<()>;
    /// Whether [`ready`](PointCatalog::ready) would say yes, as far as that is known without the store.
    fn is_ready_in_memory(&self, entry: &Entry) -> bool {
        let _ = entry;
        false
    }
    /// How the contents of files rest together, as it was within [`crate::limits::REST_LOOKS`]; `None` where nothing of the repository rests in an
    /// archive. May ask the store. Of a single file `Damaged` when it is not known what it needs.
    fn rest(&self, files: &[EntryRef]) -> Result<Option<Rest>> {
        let _ = files;
        Ok(None)
    }
    /// Whether something of the repository may rest in an archive: only then is [`rest`](PointCatalog::rest) worth asking.
    fn may_rest(&self) -> bool {
        false
    }
    /// Somebody wanted a file that rests in an archive and was told so; whoever was told to brings it back. Returns at once.
    fn missed(&self, entry: &Entry) {
        let _ = entry;
    }
    /// Why a file that was missed is not brought back.
    fn refused(&self, entry: &Entry) -> Option<String> {
        let _ = entry;
        None
    }
    /// Whether contents are on this machine, as far as one can say without asking the store.
    fn is_local(&self) -> bool;
}

/// An opened file.
pub trait Content: Send + Sync {
    /// Up to `bytes` bytes of the file from `offset`, holes as zeros, less only at the end of the file; `None` when that is not in memory.
    fn read_in_memory(&self, offset: u64, bytes: usize) -> Result<Option<Bytes>>;
    /// The same, from wherever it is.
    fn read(&self, offset: u64, bytes: usize) -> Result<Bytes>;
    /// The bytes of the file around `offset` that can only be read together; none where that is not known.
    fn piece_at(&self, offset: u64) -> Range<u64> {
        offset..offset
    }
}

/// A repository, read ahead as its readers go.
pub struct RepositoryCatalog {
    repository: Arc<Repository>,
    prefetcher: Arc<Prefetcher>,
    rests: Option<Arc<Rests>>,
    on_demand: Option<OnDemand>,
}

impl RepositoryCatalog {
    /// The points of a repository. For the budgets of decoded blocks and nodes see [`crate::limits::CACHES`]: they are the repository's own.
    ///
    /// # Errors
    /// `Transient` when a thread that reads ahead cannot be made.
    pub fn new(repository: Arc<Repository>, limits: PrefetchLimits) -> Result<Self> {
        let prefetcher = Prefetcher::start(repository.blobs(), limits)?;
        let rests = Rests::of(&repository, crate::limits::REST_LOOKS.as_secs_f64()).map(Arc::new);
        Ok(RepositoryCatalog { repository, prefetcher, rests, on_demand: None })
    }

    /// The same, and whoever opens or reads a file that rests in an archive asks for its retrieval. They are told that it rests all the same, and at once.
    ///
    /// # Errors
    /// `Input` for terms that the repository's archive does not offer.
    pub fn bringing_back(mut self, terms: RetrieveOptions) -> Result<Self> {
        if let Some(rests) = self.rests.clone() {
            self.on_demand = Some(OnDemand::start(&self.repository, terms, move || rests.forget())?);
        }
        Ok(self)
    }

    /// The repository.
    pub fn repository(&self) -> &Arc<Repository> {
        &self.repository
    }
}

impl PointCatalog for RepositoryCatalog {
    fn points(&self) -> Result<Points> {
        self.repository.refresh()?;
        let listing = self.repository.listing()?;
        let unreadable = listing.unread.iter().map(|point| Unreadable {
            id: point.commit.id,
            kind: point.error.kind(),
            what: point.what(),
            advice: point.advice().to_owned(),
        });
        Ok(Points { unreadable: unreadable.collect(), readable: listing.points })
    }

    fn is_visible(&self, number: u32) -> Result<bool> {
        self.repository.stands(number)
    }

    fn sources(&self) -> Sources {
        let config = self.repository.config();
        Sources { of_copies: config.class == Class::Copy, origin: config.origin }
    }

    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        self.repository.node(id)
    }

    fn node_in_memory(&self, id: &ChunkId) -> Option<Arc<Node>> {
        self.repository.blobs().node_in_memory(id)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>> {
        Ok(Box::new(self.prefetcher.open(entry)?))
    }

    fn opens_at_once(&self) -> bool {
        true
    }

    fn warm(&self, chunks: Vec<ChunkId>, nodes: Vec<ChunkId>) {
        if !chunks.is_empty() {
            self.prefetcher.warm_chunks(chunks);
        }
        if !nodes.is_empty() {
            self.prefetcher.warm_nodes(nodes);
        }
    }

    fn ready(&self, entry: &Entry) -> Result<()> {
        let rest = self.rests.as_ref().map(|rests| rests.of_file(&self.repository, entry)).transpose()?;
        if rest.is_some_and(|rest| !rest.is_readable()) {
            return Err(Error::new(Kind::Archived, "the file rests in an archive class")
                .advise("bring it back first with `cairn retrieve start`"));
        }
        if self.is_local() {
            return Ok(());
        }
        // Where a listing does not say what rests, the first byte tells for the file's first pack, and whoever opens a file reads it next.
        let Some(offset) = first_byte(entry) else { return Ok(()) };
        match self.prefetcher.open(entry)?.read(offset, 1) {
            Err(e) if matches!(e.kind(), Kind::Archived | Kind::Transient | Kind::Denied) => Err(e),
            // What is damaged may be so in a part only.
            _ => Ok(()),
        }
    }

    fn is_ready_in_memory(&self, entry: &Entry) -> bool {
        let in_memory = |offset| self.prefetcher.open(entry).and_then(|file| file.read_in_memory(offset, 1));
        self.is_local() && self.rests.is_none()
            || first_byte(entry).is_none_or(|offset| matches!(in_memory(offset), Ok(Some(_))))
    }

    fn rest(&self, files: &[EntryRef]) -> Result<Option<Rest>> {
        let Some(rests) = &self.rests else { return Ok(None) };
        let rest = match files {
            [file] => rests.of_file(&self.repository, file),
            files => rests.of_files(&self.repository, files.iter().map(|file| &**file)),
        };
        rest.map(Some)
    }

    fn may_rest(&self) -> bool {
        self.rests.is_some()
    }

    fn missed(&self, entry: &Entry) {
        let (Some(on_demand), Some(rests)) = (&self.on_demand, &self.rests) else { return };
        // What is all on its way need not be asked for.
        let rest = rests.of_file(&self.repository, entry);
        if rest.is_ok_and(|rest| rest.readable + rest.retrieving < rest.packs) {
            on_demand.want(entry);
        }
    }

    fn refused(&self, entry: &Entry) -> Option<String> {
        self.on_demand.as_ref()?.refused(entry)
    }

    fn is_local(&self) -> bool {
        !self.repository.location().contains("://")
    }
}

/// Where a file's data begins.
fn first_byte(entry: &Entry) -> Option<u64> {
    let first = entry.extents.as_ref().map_or(Some(0), |runs| runs.first().map(|run| run.offset));
    first.filter(|offset| *offset < entry.size)
}

impl Content for FileStream {
    fn read_in_memory(&self, offset: u64, bytes: usize) -> Result<Option<Bytes>> {
        FileStream::read_in_memory(self, offset, bytes)
    }

    fn read(&self, offset: u64, bytes: usize) -> Result<Bytes> {
        FileStream::read(self, offset, bytes)
    }

    fn piece_at(&self, offset: u64) -> Range<u64> {
        // What is not in memory is not known.
        FileStream::piece_at(self, offset).unwrap_or(offset..offset)
    }
}
