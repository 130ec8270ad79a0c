//! What a node names: the ids that must live as long as it does.

use format_spec::ChunkId;
use format_spec::tree::{Content, Entry, Node};

/// The ids that one node names, each once, rising.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Child nodes, roots of content trees, roots of sub-folders: metadata.
    pub nodes: Vec<ChunkId>,
    /// Data chunks.
    pub chunks: Vec<ChunkId>,
}

impl Names {
    /// The ids that a folder entry names, as a restore point's root entry does (POINT-7).
    pub fn of_entry(entry: &Entry) -> Self {
        let mut names = Names::default();
        names.add(entry.content);
        names
    }

    pub(super) fn add(&mut self, content: Content) {
        match content {
            Content::None => {}
            Content::Chunk(id) => self.chunks.push(id),
            Content::Tree(id) => self.nodes.push(id),
        }
    }

    /// Makes each id stand once.
    pub(super) fn settle(&mut self) {
        for ids in [&mut self.nodes, &mut self.chunks] {
            ids.sort_unstable();
            ids.dedup();
        }
    }
}

/// The ids that a node names: of a leaf's entries their contents, of an inner node its children.
pub fn names_of(node: &Node) -> Names {
    let mut names = Names::default();
    match node {
        Node::Inner { children, .. } => names.nodes.extend(children.iter().map(|c| c.id)),
        Node::Folder(entries) => entries.iter().for_each(|e| names.add(e.content)),
        Node::Content(pieces) => names.chunks.extend(pieces.iter().map(|p| p.id)),
        Node::Map(_) => {}
    }
    names.settle();
    names
}
