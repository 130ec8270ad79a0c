//! Nodes in a hash map, counting what is read and written, and entries to fill them with.

use engine::tree::{ContentBuilder, FolderBuilder, MapBuilder, Names, NodeSink, NodeSource};
use engine::{Error, Kind, Result};
use format_spec::tree::{Content, Entry, Kind as ItemKind, Node, Totals};
use format_spec::{ChunkId, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store of nodes that decodes on each read, as a source without a cache would.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) nodes: HashMap<ChunkId, Vec<u8>>,
    pub(crate) names: HashMap<ChunkId, Names>,
    pub(crate) new_nodes: u64,
    pub(crate) new_bytes: u64,
    pub(crate) reads: AtomicU64,
}

impl Memory {
    /// Nodes read since the last question.
    pub(crate) fn take_reads(&self) -> u64 {
        self.reads.swap(0, Ordering::Relaxed)
    }

    /// Puts a node under an id that is not its own: what verification would have caught, or an attacker with the keys made.
    pub(crate) fn replace(&mut self, id: ChunkId, bytes: Vec<u8>) {
        self.nodes.insert(id, bytes);
    }
}

impl NodeSource for Memory {
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let bytes = self.nodes.get(id).ok_or_else(|| Error::new(Kind::Absent, "no such node").on(id))?;
        Ok(Arc::new(Node::decode(bytes)?))
    }
}

impl NodeSink for Memory {
    fn put_node(&mut self, bytes: Vec<u8>, names: &Names) -> Result<ChunkId> {
        let id = ChunkId(*blake3::hash(&bytes).as_bytes());
        if !self.nodes.contains_key(&id) {
            self.new_nodes += 1;
            self.new_bytes += bytes.len() as u64;
            self.names.insert(id, names.clone());
            self.nodes.insert(id, bytes);
        }
        Ok(id)
    }
}

/// An id that depends on a number alone.
pub(crate) fn id(n: u64) -> ChunkId {
    ChunkId(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

/// An empty file.
pub(crate) fn file(name: impl AsRef<[u8]>) -> Entry {
    Entry {
        mode: 0o644,
        uid: 1000,
        gid: 1000,
        user: b"someone".to_vec(),
        group: b"people".to_vec(),
        mtime: Time::new(1_700_000_000, 5),
        ctime: Time::new(1_700_000_001, 6),
        inode: 7,
        device: 1,
        ..Entry::new(name.as_ref().to_vec(), ItemKind::File)
    }
}

/// A file of one chunk; equal numbers, equal contents.
pub(crate) fn file_of(name: impl AsRef<[u8]>, content: u64) -> Entry {
    Entry {
        size: 100 + content,
        content: Content::Chunk(id(content)),
        mtime: Time::new(content as i64, 0),
        ..file(name)
    }
}

/// A folder of what a builder has finished.
pub(crate) fn folder(name: impl AsRef<[u8]>, (content, totals): (Content, Totals)) -> Entry {
    Entry { kind: ItemKind::Folder, mode: 0o755, content, totals, ..file(name) }
}

/// A folder of these entries, which are in order.
pub(crate) fn build_folder<'e>(
    nodes: &mut Memory,
    name: impl AsRef<[u8]>,
    entries: impl IntoIterator<Item = &'e Entry>,
) -> Entry {
    let mut builder = FolderBuilder::new();
    for entry in entries {
        builder.push(entry, nodes).unwrap();
    }
    folder(name, builder.finish(nodes).unwrap())
}

/// A content of these chunks.
pub(crate) fn build_content(nodes: &mut Memory, pieces: &[(ChunkId, u32)]) -> (Content, u64) {
    let mut builder = ContentBuilder::new();
    for (id, bytes) in pieces {
        builder.push(*id, *bytes, nodes).unwrap();
    }
    builder.finish(nodes).unwrap()
}

/// A map of these pairs, which are in order.
pub(crate) fn build_map<'p>(
    nodes: &mut Memory,
    pairs: impl IntoIterator<Item = (&'p Vec<u8>, &'p Vec<u8>)>,
) -> Option<ChunkId> {
    let mut builder = MapBuilder::new();
    for (key, value) in pairs {
        builder.push(key, value, nodes).unwrap();
    }
    builder.finish(nodes).unwrap()
}
