//! The draft that a source edits: the engine's side of [`PointDraft`].

use super::super::content::{Contents, Target, WINDOW_LEAST};
use super::super::session::Attempt;
use super::folders::Folders;
use super::fresh::{Fresh, FreshSink, Nodes};
use super::pending::{Pending, value};
use super::told::Told;
use crate::chunk::Cutter;
use crate::error::Result;
use crate::limits::EDITS_WAITING_MAX;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::{NewNodes, path_key, told};
use crate::source::{About, Base, Failure, Outcome, PointDraft, Stored, Visit};
use crate::tree::{Names, NodeSink};
use format_spec::ledger::Exception;
use format_spec::tree::{Entry, Kind as ItemKind};
use format_spec::{ChunkId, PointId, Time};
use parking_lot::{Mutex, RwLock};
use std::io::{self, Read};
use std::sync::Arc;

/// A point in the making.
pub(super) struct Draft<'a> {
    pub(super) repository: &'a Arc<Repository>,
    pub(super) monitor: &'a Arc<Monitor>,
    pub(super) about: About,
    /// When the first session of this run was opened.
    pub(super) started: Time,
    base: Option<Base>,
    cutter: Cutter,
    /// Closings and commits, one after the other.
    pub(super) turn: Mutex<()>,
    pub(super) folders: Folders,
    pub(super) state: Mutex<Pending>,
    pub(super) told: Told,
    /// How many left out items no line names.
    pub(super) unnamed: u64,
    /// The session that is open.
    pub(super) attempt: RwLock<Attempt<'a>>,
    /// Every node that this run has made.
    pub(super) new_nodes: NewNodes,
    pub(super) fresh: Fresh,
    /// Windows of contents that were read, for the next ones.
    windows: Mutex<Vec<Vec<u8>>>,
    /// What sessions of this run have stored that are over.
    pub(super) before: Mutex<crate::blob::Stored>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(attempt: Attempt<'a>, about: About) -> Self {
        let (repository, monitor) = (attempt.repository, attempt.monitor);
        let cutter = Cutter::new(repository.sealed_store().secrets.gear_table(), repository.config().cutting);
        let manifest = attempt.base.as_ref().map(|base| &base.manifest);
        let root = manifest.map_or_else(|| Entry::new(Vec::new(), ItemKind::Folder), |base| base.root.clone());
        Draft {
            repository,
            monitor,
            about,
            started: attempt.started,
            base: manifest.map(|base| Base { id: base.id, started: base.started }),
            cutter,
            turn: Mutex::default(),
            folders: Folders::over(root),
            state: Mutex::new(Pending::over(manifest.and_then(|base| base.maps.state))),
            told: Told::over(manifest),
            unnamed: manifest.map_or(0, |base| base.left_out_unnamed()),
            attempt: RwLock::new(attempt),
            new_nodes: NewNodes::default(),
            fresh: Fresh::default(),
            windows: Mutex::default(),
            before: Mutex::default(),
        }
    }

    pub(super) fn nodes(&self) -> Nodes<'_> {
        Nodes { fresh: &self.fresh, blobs: self.repository.blobs() }
    }

    /// What stands at a path ended badly: what the point holds of it is what an earlier one had read.
    fn kept(&self, failure: &Failure, line: Option<&Exception>, within: &[(Vec<u8>, Exception)]) -> Result<Outcome> {
        let as_of = match (failure.outcome, line.map(|line| line.outcome)) {
            (Outcome::Kept { as_of, .. }, _) | (Outcome::Failed, Some(Outcome::Kept { as_of, .. })) => as_of,
            (Outcome::Failed, _) => match self.base {
                Some(base) => base.started,
                None => return Ok(Outcome::Failed),
            },
            (other, _) => return Ok(other),
        };
        let Some(standing) = self.folders.standing(&failure.path, &self.nodes())? else { return Ok(Outcome::Failed) };
        // A line speaks of what lies below it but for what has a line of its own ([POINT-11]).
        let of_others: u64 = within
            .iter()
            .filter(|(path, _)| *path != failure.path)
            .map(|(_, line)| if let Outcome::Kept { items, .. } = line.outcome { items } else { 0 })
            .sum();
        Ok(Outcome::Kept { as_of, items: standing.items.saturating_sub(of_others).max(1) })
    }

    /// Writes what waits, so that it is not in memory any more.
    fn relieve(&self) -> Result<()> {
        let _turn = self.turn.lock();
        let mut root = self.folders.lock();
        let mut state = self.state.lock();
        if root.waiting + state.len() <= EDITS_WAITING_MAX {
            return Ok(());
        }
        let attempt = self.attempt.read();
        let mut sink = attempt.sink(&self.new_nodes);
        root.close(&self.nodes(), &mut sink)?;
        state.close(&self.nodes(), &mut sink)?;
        attempt.writer.flush()?;
        self.fresh.forget();
        Ok(())
    }

    fn content(&self, content: &mut dyn Read, window: &mut Vec<u8>) -> Result<io::Result<Stored>> {
        let contents =
            Contents { ids: &self.repository.sealed_store().ids, cutter: &self.cutter, monitor: self.monitor };
        // A content that fails halfway leaves nodes that nothing names. The session is held for one chunk at a time: a commit does not wait
        // for a slow reader.
        let mut put = |id, chunk: &[u8]| self.attempt.read().writer.put_chunk(id, chunk.to_vec()).map(|_| ());
        let mut nodes = Handed { draft: self };
        let target = Target { put: &mut put, nodes: &mut nodes };
        let mut read = |buffer: &mut [u8]| loop {
            match content.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        };
        let stored = contents.store(&mut read, window, target)?;
        Ok(stored.map(|(content, bytes)| Stored { content, bytes }))
    }
}

/// A sink that holds no session: each node goes to the one that is open then.
struct Handed<'d, 'a> {
    draft: &'d Draft<'a>,
}

impl NodeSink for Handed<'_, '_> {
    fn put_node(&mut self, bytes: Vec<u8>, names: &Names) -> Result<ChunkId> {
        self.draft.attempt.read().sink(&self.draft.new_nodes).put_node(bytes, names)
    }
}

impl PointDraft for Draft<'_> {
    fn base(&self) -> Option<Base> {
        self.base
    }

    fn state(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let root = match self.state.lock().look(key) {
            (Some(edit), _) => return Ok(edit.clone()),
            (None, root) => root,
        };
        value(&self.nodes(), root, key)
    }

    fn states(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        let shown = self.state.lock().show(prefix);
        shown.each(&self.nodes(), prefix, visit)
    }

    fn set_state(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let waiting = {
            let mut state = self.state.lock();
            state.set(key, value.map(<[u8]>::to_vec))?;
            state.len()
        };
        if waiting > EDITS_WAITING_MAX { self.relieve() } else { Ok(()) }
    }

    fn entry(&self, path: &[u8]) -> Result<Option<Entry>> {
        // The session is asked for below the lock of the folders, as a commit does.
        let mut sink = Handed { draft: self };
        self.folders.entry(path, &self.nodes(), &mut FreshSink { fresh: &self.fresh, sink: &mut sink })
    }

    fn edit(&self, folder: &[u8], edits: Vec<(Vec<u8>, Option<Entry>)>) -> Result<()> {
        let waiting = self.folders.edit(folder, edits, &self.nodes())?;
        if waiting > EDITS_WAITING_MAX { self.relieve() } else { Ok(()) }
    }

    fn store(&self, content: &mut dyn Read) -> Result<io::Result<Stored>> {
        let mut window = self.windows.lock().pop().unwrap_or_else(|| vec![0; WINDOW_LEAST]);
        let stored = self.content(content, &mut window);
        // What one long content needed is not kept for all that come after it.
        window.truncate(WINDOW_LEAST);
        window.shrink_to(WINDOW_LEAST);
        let mut windows = self.windows.lock();
        if windows.len() < WINDOWS_KEPT_MAX {
            windows.push(window);
        }
        stored
    }

    fn fail(&self, failure: &Failure) -> Result<()> {
        let path = path_key(&failure.path);
        let failure = Failure { path: path.to_vec(), ..failure.clone() };
        let within = self.told.lines_within(path, &self.nodes())?;
        let line = within.iter().find(|(key, _)| key == path).map(|(_, line)| line);
        let outcome = self.kept(&failure, line, &within)?;
        let now = Exception { outcome, reason: failure.reason };
        self.told.put(path, line, Some(&now))?;
        self.monitor.warn(path, told(outcome, &now.reason));
        Ok(())
    }

    fn settle(&self, path: &[u8]) -> Result<()> {
        let path = path_key(path);
        for (key, line) in self.told.lines_within(path, &self.nodes())? {
            self.told.put(&key, Some(&line), None)?;
        }
        Ok(())
    }

    fn interim(&self) -> Result<PointId> {
        self.commit_interim()
    }

    fn stored_from(&self) -> Option<i64> {
        self.attempt.read().stored_from()
    }

    fn monitor(&self) -> &Monitor {
        self.monitor
    }
}

/// Windows that are kept for later contents.
const WINDOWS_KEPT_MAX: usize = 64;
