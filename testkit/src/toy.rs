//! A toy that knows what changed: a service of notes that counts its changes, and the source that backs it up by them.
//!
//! It shows how a source uses the second door: a link that it writes down as state, one edit for what changed, a rename that moves a
//! folder unread, a note that cannot be read and is tried again the next time. It has no network, no rights and no throttle.

use base::error::Result;
use format_spec::PointKind;
use format_spec::ledger::Outcome;
use format_spec::tree::{Entry, Kind as ItemKind};
use parking_lot::Mutex;
use source::{About, ChangedSource, Closing, Failure, PointDraft};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

/// One change, as the service tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A note has new bytes.
    Written(String),
    /// A note or a folder is gone.
    Removed(String),
    /// A folder was made.
    Made(String),
    /// A note or a folder has another path.
    Moved(String, String),
}

/// The service: notes in folders, and everything that ever changed, in order.
#[derive(Debug, Default)]
pub struct Notes {
    notes: Mutex<BTreeMap<String, Vec<u8>>>,
    told: Mutex<Vec<Told>>,
    locked: Mutex<BTreeSet<String>>,
    /// Notes that were read.
    pub reads: AtomicU64,
}

impl Notes {
    /// Makes a folder.
    pub fn make(&self, path: &str) {
        self.told.lock().push(Told::Made(path.to_owned()));
    }

    /// Writes a note.
    pub fn write(&self, path: &str, bytes: &[u8]) {
        self.notes.lock().insert(path.to_owned(), bytes.to_vec());
        self.told.lock().push(Told::Written(path.to_owned()));
    }

    /// Removes a note, or a folder with all that is in it.
    pub fn remove(&self, path: &str) {
        self.notes.lock().retain(|note, _| !is_within(note, path));
        self.told.lock().push(Told::Removed(path.to_owned()));
    }

    /// Gives a note or a folder another path.
    pub fn rename(&self, from: &str, to: &str) {
        let renamed = |(note, bytes): (String, Vec<u8>)| match is_within(&note, from) {
            true => (format!("{to}{}", note.get(from.len()..).unwrap_or_default()), bytes),
            false => (note, bytes),
        };
        let mut notes = self.notes.lock();
        *notes = std::mem::take(&mut *notes).into_iter().map(renamed).collect();
        self.told.lock().push(Told::Moved(from.to_owned(), to.to_owned()));
    }

    /// Whether a note can be read from now on.
    pub fn lock(&self, path: &str, is_locked: bool) {
        match is_locked {
            true => _ = self.locked.lock().insert(path.to_owned()),
            false => _ = self.locked.lock().remove(path),
        }
    }

    fn open(&self, path: &str) -> Box<dyn Read> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.locked.lock().contains(path) {
            return Box::new(Refused);
        }
        Box::new(io::Cursor::new(self.notes.lock().get(path).cloned().unwrap_or_default()))
    }
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

struct Refused;

impl Read for Refused {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "the note is locked"))
    }
}

/// The source of a service's notes.
#[derive(Debug)]
pub struct ToySource<'a> {
    /// The service.
    pub notes: &'a Notes,
    /// After how many changes the draft is made safe.
    pub interim_every: usize,
}

/// How many changes have been taken in: 8 bytes, little-endian.
const LINK: &[u8] = b"link";
/// Notes that could not be read, one key each, to be tried again.
const AGAIN: &[u8] = b"again/";

impl ChangedSource for ToySource<'_> {
    fn about(&self) -> About {
        About { host: "toy".to_owned(), organisation: "notes".to_owned(), ..About::default() }
    }

    fn update(&self, draft: &dyn PointDraft) -> Result<Closing> {
        let link = draft.state(LINK)?.and_then(|link| Some(u64::from_le_bytes(link.try_into().ok()?)));
        let mut again = Vec::new();
        draft.states(AGAIN, &mut |key, _| {
            again.push(String::from_utf8_lossy(key.get(AGAIN.len()..).unwrap_or_default()).into_owned());
            Ok(true)
        })?;
        again.iter().try_for_each(|note| self.note(draft, note))?;
        let told = self.notes.told.lock().clone();
        let since = link.and_then(|link| usize::try_from(link).ok()).unwrap_or(0);
        for (at, change) in told.iter().enumerate().skip(since) {
            draft.monitor().check()?;
            self.take(draft, change)?;
            // First the edits, then the link that covers them.
            draft.set_state(LINK, Some(&(at as u64 + 1).to_le_bytes()))?;
            if (at + 1 - since).is_multiple_of(self.interim_every) {
                draft.interim()?;
            }
        }
        let (kind, reason) = match link {
            None => (PointKind::Full, "the first point".to_owned()),
            Some(link) => (PointKind::Incremental, format!("changes since {link}")),
        };
        Ok(Closing { kind, reason })
    }
}

impl ToySource<'_> {
    fn take(&self, draft: &dyn PointDraft, change: &Told) -> Result<()> {
        match change {
            Told::Made(path) => {
                let (folder, name) = split(path);
                draft.edit(folder, vec![(name.to_vec(), Some(Entry::new(name, ItemKind::Folder)))])
            }
            Told::Written(path) => self.note(draft, path),
            Told::Removed(path) => {
                let (folder, name) = split(path);
                draft.settle(path.as_bytes())?;
                draft.set_state(&key(path), None)?;
                draft.edit(folder, vec![(name.to_vec(), None)])
            }
            Told::Moved(from, to) => {
                self.carry(draft, from, to)?;
                let Some(entry) = draft.entry(from.as_bytes())? else { return Ok(()) };
                let ((old, was), (new, is)) = (split(from), split(to));
                draft.edit(old, vec![(was.to_vec(), None)])?;
                draft.edit(new, vec![(is.to_vec(), Some(entry))])
            }
        }
    }

    /// Notes that could not be read are tried again under their new paths.
    fn carry(&self, draft: &dyn PointDraft, from: &str, to: &str) -> Result<()> {
        let mut moved = Vec::new();
        draft.states(AGAIN, &mut |key, _| {
            let path = String::from_utf8_lossy(key.get(AGAIN.len()..).unwrap_or_default()).into_owned();
            moved.extend(is_within(&path, from).then_some(path));
            Ok(true)
        })?;
        for path in moved {
            draft.set_state(&key(&path), None)?;
            draft.set_state(&key(&format!("{to}{}", path.get(from.len()..).unwrap_or_default())), Some(b""))?;
        }
        Ok(())
    }

    fn note(&self, draft: &dyn PointDraft, path: &str) -> Result<()> {
        // A later change of the log may have taken the note away: then there is nothing to read, and that change is to come.
        if !self.notes.notes.lock().contains_key(path) {
            return draft.set_state(&key(path), None);
        }
        match draft.store(&mut self.notes.open(path))? {
            Ok(stored) => {
                let (folder, name) = split(path);
                let entry = Entry { size: stored.bytes, content: stored.content, ..Entry::new(name, ItemKind::File) };
                draft.edit(folder, vec![(name.to_vec(), Some(entry))])?;
                draft.set_state(&key(path), None)?;
                draft.settle(path.as_bytes())
            }
            Err(e) => {
                let (path, reason) = (path.as_bytes().to_vec(), e.to_string());
                draft.set_state(&[AGAIN, &path].concat(), Some(b""))?;
                draft.fail(&Failure { path, outcome: Outcome::Failed, reason })
            }
        }
    }
}

fn key(path: &str) -> Vec<u8> {
    [AGAIN, path.as_bytes()].concat()
}

/// The folder of a path, and the name in it.
fn split(path: &str) -> (&[u8], &[u8]) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (folder.as_bytes(), name.as_bytes())
}
