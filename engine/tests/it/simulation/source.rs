//! A source in memory: a few small files whose contents come from a small pool, so that what one writer stores another one knows, and what
//! was given up comes back.

use super::dice::Dice;
use crate::proofs::noise;
use engine::Result;
use engine::source::{About, Found, ItemReader, Opens, Source, Step, Walk};
use format_spec::Time;
use format_spec::tree::{Entry, Extent, Kind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a file, and when they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) written: Time,
}

/// Paths and files, in canonical order.
pub(super) type Tree = BTreeMap<String, File>;

/// A tree as it was when the backup began.
pub(super) struct TreeSource {
    pub(super) host: String,
    pub(super) tree: Arc<Tree>,
    pub(super) device: u64,
}

/// Another state of some files; a file may go.
pub(super) fn mutate(tree: &mut Tree, dice: &mut Dice, now: Time) {
    for path in PATHS {
        match dice.below(8) {
            0 => _ = tree.remove(path),
            1..=3 => {
                let number = dice.below(POOL);
                let mut bytes = noise(number, 150 + 311 * usize::try_from(number).expect("small"));
                if dice.chance(200) {
                    let also = dice.below(POOL);
                    bytes.extend(noise(also, 2000));
                }
                // No two states of a file have the same times.
                let tick = u32::try_from(dice.below(1_000_000)).expect("small");
                let written = Time { nanos: now.nanos / 1_000_000 * 1_000_000 + tick, ..now };
                tree.insert(path.to_owned(), File { bytes: Arc::new(bytes), written });
            }
            _ => {}
        }
    }
}

/// Distinct contents; the largest has some 4 KB.
const POOL: u64 = 12;
pub(super) const PATHS: [&str; 8] = ["d/a", "d/b", "d/c", "e/a", "f", "g", "h", "i"];

impl Source for TreeSource {
    fn about(&self) -> About {
        About { host: self.host.clone(), paths: vec![b"/".to_vec()], ..About::default() }
    }

    fn walk(&self) -> Result<Box<dyn Walk + '_>> {
        let mut steps = vec![Step::Enter(self.folder(""))];
        let mut open = "";
        for (path, file) in self.tree.iter() {
            let folder = path.split_once('/').map_or("", |(folder, _)| folder);
            if folder != open {
                if !open.is_empty() {
                    steps.push(Step::Leave);
                }
                if !folder.is_empty() {
                    steps.push(Step::Enter(self.folder(folder)));
                }
                open = folder;
            }
            steps.push(Step::Item(self.file(path, file)));
        }
        if !open.is_empty() {
            steps.push(Step::Leave);
        }
        steps.push(Step::Leave);
        Ok(Box::new(Steps(steps.into_iter())))
    }
}

impl TreeSource {
    fn folder(&self, path: &str) -> Found {
        Found { entry: self.entry(path, Kind::Folder, Time::default(), 0), path: path.into(), opens: bytes(&[]) }
    }

    fn file(&self, path: &str, file: &File) -> Found {
        let name = path.rsplit('/').next().expect("a name");
        let mut entry = self.entry(name, Kind::File, file.written, file.bytes.len() as u64);
        entry.inode = u64::from(blake3::hash(path.as_bytes()).as_bytes()[0]) + 1;
        Found { entry, path: path.into(), opens: Arc::new(FileBytes(file.bytes.clone())) }
    }

    fn entry(&self, name: &str, kind: Kind, time: Time, size: u64) -> Entry {
        Entry { mode: 0o600, mtime: time, ctime: time, inode: 1, device: self.device, size, ..Entry::new(name, kind) }
    }
}

struct Steps(std::vec::IntoIter<Step>);

impl Walk for Steps {
    fn next(&mut self) -> Option<Step> {
        self.0.next()
    }
}

struct FileBytes(Arc<Vec<u8>>);

fn bytes(bytes: &[u8]) -> Arc<dyn Opens> {
    Arc::new(FileBytes(Arc::new(bytes.to_vec())))
}

impl Opens for FileBytes {
    fn fill(&self, _: &mut Entry) -> std::io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn open(&self, _: &Entry) -> std::io::Result<Box<dyn ItemReader>> {
        Ok(Box::new(Open(self.0.clone(), 0)))
    }
}

struct Open(Arc<Vec<u8>>, usize);

impl ItemReader for Open {
    fn extents(&mut self) -> std::io::Result<Option<Vec<Extent>>> {
        Ok(None)
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = buffer.len().min(self.0.len() - self.1);
        buffer[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
        self.1 += n;
        Ok(n)
    }

    fn changed(&mut self) -> std::io::Result<Option<String>> {
        Ok(None)
    }
}
