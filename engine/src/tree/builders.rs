//! Builders of the three trees. Each takes its sequence in order and holds one open node a level, however long the sequence.
//!
//! A refused push (`Input`, `Bug`) leaves the builder as it was, so one bad item does not end a folder. An error of the sink ends the build.

use super::NodeSink;
use super::build::{Row, TreeBuilder, id_mark, key_mark};
use super::sums::{self, NOTHING};
use crate::error::{Error, Kind, Result};
use format_spec::ChunkId;
use format_spec::tree::{Content, ENTRY_BYTES_MAX, Entry, Pair, Piece, Totals, TreeKind, encode_pair, encode_piece};

/// Builds a folder from its entries.
#[derive(Debug)]
pub struct FolderBuilder {
    core: TreeBuilder,
    order: Order,
    totals: Totals,
    bytes: Vec<u8>,
}

impl FolderBuilder {
    /// An empty folder.
    pub fn new() -> Self {
        let (core, order) = (TreeBuilder::new(TreeKind::Folder), Order::default());
        FolderBuilder { core, order, totals: NOTHING, bytes: Vec::new() }
    }

    /// Appends an entry, whose name is above all before it, byte by byte.
    ///
    /// # Errors
    /// `Input` when the entry breaks TREE-5 to TREE-9 (names, sizes, contents), `Bug` when its name does not rise, else the sink's.
    pub fn push(&mut self, entry: &Entry, sink: &mut dyn NodeSink) -> Result<()> {
        encode_checked(entry, &mut self.bytes)?;
        self.order.check(&entry.name)?;
        let row = sums::of_entry(entry)?;
        let totals = sums::add(&self.totals, &row)?;
        let (node, chunk) = match entry.content {
            Content::None => (None, None),
            Content::Chunk(id) => (None, Some(id)),
            Content::Tree(id) => (Some(id), None),
        };
        let mark = key_mark(&entry.name);
        self.core.push(&Row { key: &entry.name, mark, totals: row, bytes: &self.bytes, node, chunk }, sink)?;
        self.totals = totals;
        self.order.keep(&entry.name);
        Ok(())
    }

    /// Closes the folder: what its entry's `content` and `totals` are.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(self, sink: &mut dyn NodeSink) -> Result<(Content, Totals)> {
        let root = self.core.finish(sink)?;
        Ok((root.map_or(Content::None, |(root, _)| Content::Tree(root.id)), self.totals))
    }

    pub(super) fn core(&mut self) -> &mut TreeBuilder {
        &mut self.core
    }

    pub(super) fn into_core(self) -> TreeBuilder {
        self.core
    }
}

impl Default for FolderBuilder {
    fn default() -> Self {
        FolderBuilder::new()
    }
}

/// Builds a file's content from its chunks.
#[derive(Debug)]
pub struct ContentBuilder {
    core: TreeBuilder,
    first: Option<Piece>,
    pieces: u64,
    bytes: u64,
}

impl ContentBuilder {
    /// An empty content.
    pub fn new() -> Self {
        ContentBuilder { core: TreeBuilder::new(TreeKind::Content), first: None, pieces: 0, bytes: 0 }
    }

    /// Appends a chunk of `bytes` bytes.
    ///
    /// # Errors
    /// `Bug` for a chunk of no bytes, `Input` for a content above 2^63-1 bytes, else the sink's.
    pub fn push(&mut self, id: ChunkId, bytes: u32, sink: &mut dyn NodeSink) -> Result<()> {
        if bytes == 0 {
            return Err(Error::new(Kind::Bug, "a content was given an empty chunk").on(id));
        }
        let sum = self.bytes.checked_add(u64::from(bytes)).filter(|sum| i64::try_from(*sum).is_ok());
        self.bytes = sum.ok_or_else(|| Error::new(Kind::Input, "a content is longer than 2^63-1 bytes"))?;
        self.pieces += 1;
        let piece = Piece { id, bytes };
        if self.pieces == 1 {
            // A content of one chunk has no tree, so its only piece must not reach a node ([TREE-9]).
            self.first = Some(piece);
            return Ok(());
        }
        if let Some(first) = self.first.take() {
            self.append(&first, sink)?;
        }
        self.append(&piece, sink)
    }

    /// Closes the content: what its entry's `content` is, and how many bytes it has.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(self, sink: &mut dyn NodeSink) -> Result<(Content, u64)> {
        let content = match (self.first, self.core.finish(sink)?) {
            (Some(piece), _) => Content::Chunk(piece.id),
            (None, Some((root, _))) => Content::Tree(root.id),
            (None, None) => Content::None,
        };
        Ok((content, self.bytes))
    }

    fn append(&mut self, piece: &Piece, sink: &mut dyn NodeSink) -> Result<()> {
        let mut bytes = Vec::with_capacity(36);
        encode_piece(piece, &mut bytes);
        let (mark, totals) = (id_mark(&piece.id), sums::of_piece(piece));
        self.core.push(&Row { key: &[], mark, totals, bytes: &bytes, node: None, chunk: Some(piece.id) }, sink)
    }
}

impl Default for ContentBuilder {
    fn default() -> Self {
        ContentBuilder::new()
    }
}

/// Builds a map from its pairs.
#[derive(Debug)]
pub struct MapBuilder {
    core: TreeBuilder,
    order: Order,
}

impl MapBuilder {
    /// An empty map.
    pub fn new() -> Self {
        MapBuilder { core: TreeBuilder::new(TreeKind::Map), order: Order::default() }
    }

    /// Appends a pair, whose key is above all before it, byte by byte.
    ///
    /// # Errors
    /// `Input` for a key above 65,535 bytes or a pair above 1 MiB, `Bug` when the key does not rise, else the sink's.
    pub fn push(&mut self, key: &[u8], value: &[u8], sink: &mut dyn NodeSink) -> Result<()> {
        self.order.check(key)?;
        if u16::try_from(key.len()).is_err() || value.len() > ENTRY_BYTES_MAX {
            let message = format!("a map takes no key of {} bytes with a value of {}", key.len(), value.len());
            return Err(Error::new(Kind::Input, message).on(String::from_utf8_lossy(key)));
        }
        let pair = Pair { key: key.to_vec(), value: value.to_vec() };
        let mut bytes = Vec::with_capacity(6 + key.len() + value.len());
        encode_pair(&pair, &mut bytes);
        let (mark, totals) = (key_mark(key), sums::of_pair(&pair));
        self.core.push(&Row { key, mark, totals, bytes: &bytes, node: None, chunk: None }, sink)?;
        self.order.keep(key);
        Ok(())
    }

    /// Closes the map: its root node, `None` when it is empty.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(self, sink: &mut dyn NodeSink) -> Result<Option<ChunkId>> {
        Ok(self.core.finish(sink)?.map(|(root, _)| root.id))
    }

    pub(super) fn core(&mut self) -> &mut TreeBuilder {
        &mut self.core
    }

    pub(super) fn into_core(self) -> TreeBuilder {
        self.core
    }
}

impl Default for MapBuilder {
    fn default() -> Self {
        MapBuilder::new()
    }
}

/// [TREE-4].
#[derive(Debug, Default)]
struct Order {
    last: Option<Vec<u8>>,
}

impl Order {
    fn check(&self, key: &[u8]) -> Result<()> {
        match &self.last {
            Some(last) if key <= &last[..] => {
                let (last, key) = (String::from_utf8_lossy(last), String::from_utf8_lossy(key));
                Err(Error::new(Kind::Bug, format!("keys of a tree must rise, but {key:?} came after {last:?}")))
            }
            _ => Ok(()),
        }
    }

    fn keep(&mut self, key: &[u8]) {
        let last = self.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
    }
}

/// Whether a folder can hold this entry.
///
/// # Errors
/// `Input` when it breaks a rule of the format.
pub fn check_entry(entry: &Entry) -> Result<()> {
    encode_checked(entry, &mut Vec::new())
}

/// Encodes an entry and decodes it again, so that nothing is stored that every reader would refuse.
fn encode_checked(entry: &Entry, bytes: &mut Vec<u8>) -> Result<()> {
    let refuse = |why: String| Err(Error::new(Kind::Input, why).on(String::from_utf8_lossy(&entry.name)));
    if entry.name.is_empty() {
        return refuse("only the root folder of a restore point has no name".into());
    }
    let attributes: usize = entry.xattrs.iter().map(|(n, v)| n.len() + v.len()).sum();
    let runs = entry.extents.as_ref().map_or(0, |e| e.len().saturating_mul(16));
    let variable = [entry.name.len(), entry.user.len(), entry.group.len(), entry.target.len(), attributes, runs];
    let long_name = entry.xattrs.iter().any(|(name, _)| u16::try_from(name.len()).is_err());
    if variable.iter().sum::<usize>() > ENTRY_BYTES_MAX || u16::try_from(entry.name.len()).is_err() || long_name {
        return refuse(format!("names, attributes and runs of data exceed {ENTRY_BYTES_MAX} bytes"));
    }
    bytes.clear();
    entry.encode(bytes);
    Entry::decode(bytes).map(|_| ()).or_else(|e| refuse(format!("cannot be stored: {e}")))
}
