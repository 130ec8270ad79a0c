//! The names of new nodes, kept until the commit: in memory while few, in a temporary file beyond that.

use crate::error::{Error, Kind, Result};
use crate::limits::NAMES_IN_MEMORY_MAX;
use crate::tree::Names;
use format_spec::ChunkId;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

/// A row of records, written once and read in order: node id | number of nodes u32 | number of chunks u32 | ids.
#[derive(Debug, Default)]
pub(super) struct Spool {
    memory: Vec<u8>,
    file: Option<BufWriter<std::fs::File>>,
    records: u64,
}

impl Spool {
    /// Appends what one node names.
    pub(super) fn push(&mut self, node: ChunkId, names: &Names) -> Result<()> {
        let count =
            |n: usize| u32::try_from(n).map_err(|_| Error::new(Kind::Bug, "a node names more ids than it can hold"));
        self.memory.extend_from_slice(&node.0);
        self.memory.extend_from_slice(&count(names.nodes.len())?.to_le_bytes());
        self.memory.extend_from_slice(&count(names.chunks.len())?.to_le_bytes());
        names.nodes.iter().chain(&names.chunks).for_each(|id| self.memory.extend_from_slice(&id.0));
        self.records += 1;
        if self.memory.len() >= NAMES_IN_MEMORY_MAX * 32 {
            if self.file.is_none() {
                self.file = Some(BufWriter::new(tempfile::tempfile()?));
            }
            if let Some(file) = &mut self.file {
                file.write_all(&self.memory)?;
            }
            self.memory.clear();
        }
        Ok(())
    }

    /// Reads all records back in order, as often as asked for.
    pub(super) fn read(&mut self, visit: &mut dyn FnMut(ChunkId, &Names) -> Result<()>) -> Result<()> {
        let memory = std::io::Cursor::new(&self.memory[..]);
        let mut input: Box<dyn Read + '_> = match &mut self.file {
            None => Box::new(memory),
            Some(file) => {
                file.flush()?;
                let file = file.get_mut();
                file.rewind()?;
                Box::new(BufReader::with_capacity(1 << 20, file).chain(memory))
            }
        };
        for _ in 0..self.records {
            let node = read_id(&mut *input)?;
            let (nodes, chunks) = (read_u32(&mut *input)?, read_u32(&mut *input)?);
            let mut ids = |n: u32| (0..n).map(|_| read_id(&mut *input)).collect::<Result<Vec<_>>>();
            let names = Names { nodes: ids(nodes)?, chunks: ids(chunks)? };
            visit(node, &names)?;
        }
        drop(input);
        if let Some(file) = &mut self.file {
            file.get_mut().seek(std::io::SeekFrom::End(0))?;
        }
        Ok(())
    }
}

fn read_id(input: &mut dyn Read) -> Result<ChunkId> {
    let mut id = [0; 32];
    input.read_exact(&mut id)?;
    Ok(ChunkId(id))
}

fn read_u32(input: &mut dyn Read) -> Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_order_from_memory_and_file() {
        for rows in [3u32, 400_000] {
            let mut spool = Spool::default();
            let id = |n: u32| ChunkId(*blake3::hash(&n.to_le_bytes()).as_bytes());
            for n in 0..rows {
                spool
                    .push(id(n), &Names { nodes: vec![id(n + 1)], chunks: vec![id(n + 2), id(n + 3)] })
                    .expect("pushes");
            }
            assert_eq!(spool.file.is_some(), rows > 3);
            let mut n = 0;
            spool
                .read(&mut |node, names| {
                    assert_eq!((node, &names.nodes[..], names.chunks[1]), (id(n), &[id(n + 1)][..], id(n + 3)));
                    n += 1;
                    Ok(())
                })
                .expect("reads");
            assert_eq!(n, rows);
        }
    }
}
