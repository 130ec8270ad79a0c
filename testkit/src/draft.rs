//! A draft in memory: stands for the engine behind the second door, so that a source can be tried without a repository.
//!
//! It keeps what an engine promises to a source: entries are trees by content, so that a folder moves by its id; an interim point is a
//! base to go on with. It cannot show what sessions, stores and damage do.

use base::error::{Error, Kind, Result};
use base::monitor::Monitor;
use format_spec::ledger::Outcome;
use format_spec::tree::{Content, Entry, Kind as ItemKind};
use format_spec::{ChunkId, PointId, Time};
use parking_lot::Mutex;
use source::{Base, ChangedSource, Closing, Failure, PointDraft, Stored, Visit};
use std::collections::BTreeMap;
use std::io::{self, Read};

type Names = BTreeMap<Vec<u8>, Entry>;

/// A restore point in memory.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Its id.
    pub id: PointId,
    /// The root folder.
    pub root: Entry,
    /// What the source wrote down.
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What did not end as it should.
    pub ledger: BTreeMap<Vec<u8>, Failure>,
}

/// A job's newest point, and everything that its points have stored.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The newest point.
    pub newest: Option<Sheet>,
    points: u8,
    folders: BTreeMap<ChunkId, Names>,
    contents: BTreeMap<ChunkId, Vec<u8>>,
}

impl Shelf {
    /// Lets a source make the next point, as an engine would.
    ///
    /// # Errors
    /// The source's: then interim points stay.
    pub fn update(&mut self, source: &dyn ChangedSource, monitor: &Monitor) -> Result<Closing> {
        let sheet = self.newest.clone().unwrap_or_else(|| Sheet {
            id: PointId([0; 16]),
            root: Entry::new(Vec::new(), ItemKind::Folder),
            state: BTreeMap::new(),
            ledger: BTreeMap::new(),
        });
        let base = self.newest.as_ref().map(|sheet| Base { id: sheet.id, started: Time::default() });
        let draft = Draft { base, monitor, sheet: Mutex::new(sheet), shelf: Mutex::new(std::mem::take(self)) };
        let done = source.update(&draft).and_then(|closing| draft.interim().map(|_| closing));
        *self = draft.shelf.into_inner();
        done
    }

    /// The entry at this path in the newest point.
    pub fn entry(&self, path: &[u8]) -> Option<Entry> {
        self.newest.as_ref().and_then(|sheet| self.find(&sheet.root, path))
    }

    /// The bytes of the file at this path.
    pub fn bytes(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self.entry(path)?.content {
            Content::Chunk(id) => self.contents.get(&id).cloned(),
            _ => Some(Vec::new()),
        }
    }

    fn names(&self, folder: &Entry) -> Names {
        match folder.content {
            Content::Tree(id) => self.folders.get(&id).cloned().unwrap_or_default(),
            _ => Names::new(),
        }
    }

    fn find(&self, root: &Entry, path: &[u8]) -> Option<Entry> {
        let mut at = root.clone();
        for name in steps(path) {
            at = self.names(&at).remove(name)?;
        }
        Some(at)
    }

    /// The folder with these edits made at `path` below it; `None` where there is no such folder.
    fn edited(&mut self, folder: &Entry, path: &[&[u8]], edits: Vec<(Vec<u8>, Option<Entry>)>) -> Option<Entry> {
        let mut names = self.names(folder);
        match path.split_first() {
            Some((name, rest)) => {
                let inside = names.get(*name).filter(|entry| entry.kind == ItemKind::Folder)?.clone();
                names.insert(name.to_vec(), self.edited(&inside, rest, edits)?);
            }
            None => {
                for (name, entry) in edits {
                    match entry {
                        Some(entry) => _ = names.insert(name.clone(), Entry { name, ..entry }),
                        None => _ = names.remove(&name),
                    }
                }
            }
        }
        let id = ChunkId(*blake3::hash(format!("{names:?}").as_bytes()).as_bytes());
        self.folders.insert(id, names);
        Some(Entry { content: Content::Tree(id), ..folder.clone() })
    }
}

fn steps(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

struct Draft<'a> {
    base: Option<Base>,
    monitor: &'a Monitor,
    sheet: Mutex<Sheet>,
    shelf: Mutex<Shelf>,
}

impl PointDraft for Draft<'_> {
    fn base(&self) -> Option<Base> {
        self.base
    }

    fn state(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.sheet.lock().state.get(key).cloned())
    }

    fn states(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        let state = self.sheet.lock().state.clone();
        for (key, value) in state.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix)) {
            if !visit(key, value)? {
                break;
            }
        }
        Ok(())
    }

    fn set_state(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let state = &mut self.sheet.lock().state;
        match value {
            Some(value) => _ = state.insert(key.to_vec(), value.to_vec()),
            None => _ = state.remove(key),
        }
        Ok(())
    }

    fn entry(&self, path: &[u8]) -> Result<Option<Entry>> {
        let root = self.sheet.lock().root.clone();
        Ok(self.shelf.lock().find(&root, path))
    }

    fn edit(&self, folder: &[u8], edits: Vec<(Vec<u8>, Option<Entry>)>) -> Result<()> {
        let (mut sheet, mut shelf) = (self.sheet.lock(), self.shelf.lock());
        let path: Vec<&[u8]> = steps(folder).collect();
        let edited = shelf.edited(&sheet.root, &path, edits);
        let missing = || Error::new(Kind::Input, "there is no such folder").on(String::from_utf8_lossy(folder));
        sheet.root = edited.ok_or_else(missing)?;
        Ok(())
    }

    fn store(&self, content: &mut dyn Read) -> Result<io::Result<Stored>> {
        self.monitor.check()?;
        let mut bytes = Vec::new();
        if let Err(e) = content.read_to_end(&mut bytes) {
            return Ok(Err(e));
        }
        let (id, length) = (ChunkId(*blake3::hash(&bytes).as_bytes()), bytes.len() as u64);
        let content = if bytes.is_empty() { Content::None } else { Content::Chunk(id) };
        self.shelf.lock().contents.insert(id, bytes);
        Ok(Ok(Stored { content, bytes: length }))
    }

    fn fail(&self, failure: &Failure) -> Result<()> {
        let was_there = self.entry(&failure.path)?.is_some();
        let mut failure = failure.clone();
        if was_there && failure.outcome == Outcome::Failed {
            failure.outcome = Outcome::Kept { as_of: Time::default(), items: 1 };
        }
        self.sheet.lock().ledger.insert(failure.path.clone(), failure);
        Ok(())
    }

    fn settle(&self, path: &[u8]) -> Result<()> {
        let below = [path, b"/"].concat();
        self.sheet.lock().ledger.retain(|key, _| key != path && !key.starts_with(&below));
        Ok(())
    }

    fn interim(&self) -> Result<PointId> {
        let (mut sheet, mut shelf) = (self.sheet.lock(), self.shelf.lock());
        shelf.points += 1;
        sheet.id = PointId([shelf.points; 16]);
        shelf.newest = Some(sheet.clone());
        Ok(sheet.id)
    }

    fn stored_from(&self) -> Option<i64> {
        None
    }

    fn monitor(&self) -> &Monitor {
        self.monitor
    }
}
