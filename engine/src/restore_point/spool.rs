//! The names of new nodes, kept until the commit: in memory while few, in a temporary file beyond that.

use crate::error::{Error, Kind, Result};
use crate::limits::NAMES_IN_MEMORY_MAX;
use crate::tree::Names;
use format_spec::ChunkId;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

/// A row of records, written once and read in order: node id | number of nodes u32 | number of chunks u32 | ids.
#[derive(Debug, Default)]
pub(super) struct Spool {
    memory: Vec<u8>,
    file: Option<BufWriter<std::fs::File>>,
    /// How many bytes the file has.
    spilled: u64,
    records: u64,
}

impl Spool {
    /// Appends what one node names; where its record begins.
    pub(super) fn push(&mut self, node: ChunkId, names: &Names) -> Result<u64> {
        let at = self.spilled + self.memory.len() as u64;
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
            self.spilled += self.memory.len() as u64;
            self.memory.clear();
        }
        Ok(at)
    }

    /// The record that begins there.
    pub(super) fn at(&mut self, at: u64) -> Result<Names> {
        let Some(file) = self.file.as_mut().filter(|_| at < self.spilled) else {
            let from = usize::try_from(at - self.spilled).unwrap_or(usize::MAX);
            return Ok(read_record(&mut self.memory.get(from..).unwrap_or_default())?.1);
        };
        file.flush()?;
        let file = file.get_mut();
        file.seek(SeekFrom::Start(at))?;
        let (_, names) = read_record(&mut BufReader::new(&*file))?;
        file.seek(SeekFrom::End(0))?;
        Ok(names)
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
            let (node, names) = read_record(&mut *input)?;
            visit(node, &names)?;
        }
        drop(input);
        if let Some(file) = &mut self.file {
            file.get_mut().seek(SeekFrom::End(0))?;
        }
        Ok(())
    }
}

fn read_record(input: &mut dyn Read) -> Result<(ChunkId, Names)> {
    let node = read_id(input)?;
    let (nodes, chunks) = (read_u32(input)?, read_u32(input)?);
    let mut ids = |n: u32| (0..n).map(|_| read_id(input)).collect::<Result<Vec<_>>>();
    Ok((node, Names { nodes: ids(nodes)?, chunks: ids(chunks)? }))
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
            let names = |n| Names { nodes: vec![id(n + 1)], chunks: vec![id(n + 2), id(n + 3)] };
            let starts: Vec<u64> = (0..rows).map(|n| spool.push(id(n), &names(n)).expect("pushes")).collect();
            for n in [0, rows / 2, rows - 1] {
                assert_eq!(spool.at(starts[n as usize]).expect("reads"), names(n), "row {n} of {rows}");
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
