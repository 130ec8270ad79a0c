//! Reading file contents: which chunks hold which bytes.

use super::NodeSource;
use super::check::{Promise, damaged};
use super::descent::{Descent, Target};
use crate::error::Result;
use format_spec::ChunkId;
use format_spec::tree::{Content, Entry, Kind, Node, TreeKind};
use std::ops::Range;

/// A chunk and its place in a stored content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The chunk.
    pub id: ChunkId,
    /// Its length.
    pub bytes: u32,
    /// Where it starts in the stored content, in bytes: of a sparse file in its runs laid end to end.
    pub offset: u64,
}

/// Yields a content's chunks in order; one node a level is in memory. After an error it yields nothing more.
pub struct ContentCursor<'a> {
    form: Form<'a>,
}

enum Form<'a> {
    /// At most one chunk, which needs no node.
    Single(Option<Placement>, bool),
    Tree(Descent<'a>),
}

/// How many bytes of a file are stored: its size, or of a sparse file the sum of its runs ([TREE-9]).
pub fn stored_bytes(entry: &Entry) -> u64 {
    match (&entry.extents, entry.kind) {
        (Some(extents), Kind::File) => extents.iter().fold(0, |sum, e| sum.saturating_add(e.bytes)),
        (None, Kind::File) => entry.size,
        _ => 0,
    }
}

/// The chunks that hold a range of a stored content of `bytes` bytes, in order; the first and the last may reach beyond it.
///
/// # Errors
/// As [`ContentCursor::open`] and [`ContentCursor::seek`]; the iterator's as the cursor's.
pub fn pieces<'a>(
    source: &'a dyn NodeSource,
    content: Content,
    bytes: u64,
    range: Range<u64>,
) -> Result<impl Iterator<Item = Result<Placement>> + use<'a>> {
    let mut cursor = ContentCursor::open(source, content, bytes)?;
    cursor.seek(if range.is_empty() { u64::MAX } else { range.start })?;
    Ok(cursor.take_while(move |piece| piece.as_ref().map_or(true, |p| p.offset < range.end)))
}

impl<'a> ContentCursor<'a> {
    /// Before the first chunk of a content of `bytes` stored bytes. Nothing is read yet.
    ///
    /// # Errors
    /// `Damaged` when the content cannot be that long.
    pub fn open(source: &'a dyn NodeSource, content: Content, bytes: u64) -> Result<Self> {
        let form = match content {
            Content::None => Form::Single(None, false),
            Content::Tree(id) => Form::Tree(Descent::new(source, TreeKind::Content, Some(id), Promise::Bytes(bytes))),
            Content::Chunk(id) => {
                let long = |_| damaged(&id, "TREE-9", format!("one chunk cannot hold {bytes} bytes"));
                Form::Single(Some(Placement { id, bytes: u32::try_from(bytes).map_err(long)?, offset: 0 }), false)
            }
        };
        Ok(ContentCursor { form })
    }

    /// Goes to the chunk that holds this byte, or behind the last.
    ///
    /// # Errors
    /// The source's; `Damaged` when a node is not what its parent says.
    pub fn seek(&mut self, offset: u64) -> Result<()> {
        match &mut self.form {
            Form::Single(piece, passed) => {
                *passed = piece.is_none_or(|p| offset >= u64::from(p.bytes));
                Ok(())
            }
            Form::Tree(descent) => descent.seek(Target::Byte(offset)),
        }
    }

    fn advance(&mut self) -> Result<Option<Placement>> {
        match &mut self.form {
            Form::Single(piece, passed) => Ok(piece.filter(|_| !std::mem::replace(passed, true))),
            Form::Tree(descent) => {
                let Some(step) = descent.entry()? else { return Ok(None) };
                let Node::Content(pieces) = &*step.node else { return Ok(None) };
                let offset = step.before.bytes;
                let placed = pieces.get(step.at).map(|p| Placement { id: p.id, bytes: p.bytes, offset });
                descent.pass()?;
                Ok(placed)
            }
        }
    }
}

impl Iterator for ContentCursor<'_> {
    type Item = Result<Placement>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.advance();
        if let (Err(_), Form::Tree(descent)) = (&piece, &mut self.form) {
            descent.stop();
        }
        piece.transpose()
    }
}
