//! Retrieval on demand: files are asked for as somebody opens them, and nobody waits for that.
//!
//! Promises: a file that is on its way is not asked for again; files that are opened one after the other are one retrieval; all that is asked for
//! together stays within the budget. Refuses to wait for an archive, and to keep readable what nobody opens any more.

use super::needs::Needs;
use super::plan::{RetrievalRequest, check_days, plan};
use super::start::start;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::price::{Budget, Estimate, PriceList, Requests};
use crate::repository::Repository;
use crate::store::{RetrievalMode, StorageClass};
use crate::threads;
use crossbeam_channel::{Receiver, Sender, bounded};
use format_spec::ChunkId;
use format_spec::tree::{Content, Entry};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How files are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrieveOptions {
    /// How fast.
    pub mode: RetrievalMode,
    /// For how long, at least a day.
    pub days: u32,
    /// Who asks, for people: it stands in the log before the file's name.
    pub about: String,
    /// What it costs.
    pub prices: Option<PriceList>,
    /// What all retrievals together may take.
    pub budget: Budget,
}

/// Asks for files until it is dropped.
#[derive(Debug)]
pub struct OnDemand {
    wanted: Option<Sender<Entry>>,
    known: Known,
    monitor: Arc<Monitor>,
    thread: Option<JoinHandle<()>>,
}

/// Contents that were wanted lately, and why they are not asked for.
type Known = Arc<Mutex<HashMap<ChunkId, (Instant, Option<String>)>>>;

impl OnDemand {
    /// Begins to ask. `asked` is called whenever something was asked for.
    ///
    /// # Errors
    /// `Input` for a mode that the repository's archive does not offer, and for no days.
    pub fn start(
        repository: &Arc<Repository>,
        terms: RetrieveOptions,
        asked: impl Fn() + Send + 'static,
    ) -> Result<Self> {
        check_days(terms.days)?;
        let class = &repository.config().storage_class;
        if !class.is_empty() {
            terms.mode.allows(StorageClass::parse(class)?, 0)?;
        }
        let (wanted, queue) = bounded(FILES_WAITING);
        let (known, monitor) = (Known::default(), Arc::new(Monitor::new()));
        let mut asker = Asker {
            repository: repository.clone(),
            terms,
            spent: (Requests::default(), 0.0),
            known: known.clone(),
            monitor: monitor.clone(),
        };
        let work = move || {
            while let Some(files) = gather(&queue) {
                asker.ask(&files);
                asked();
            }
        };
        Ok(OnDemand { wanted: Some(wanted), known, monitor, thread: Some(threads::spawn(work)?) })
    }

    /// Somebody wants a file that rests. Returns at once.
    pub fn want(&self, entry: &Entry) {
        let Some(id) = content(entry) else { return };
        let mut known = self.known.lock();
        known.retain(|_, (since, _)| since.elapsed() < REMEMBERED);
        if known.contains_key(&id) {
            return;
        }
        // Who finds the queue full is heard when he comes again.
        if self.wanted.as_ref().is_some_and(|wanted| wanted.try_send(entry.clone()).is_ok()) {
            known.insert(id, (Instant::now(), None));
        }
    }

    /// Why a file is not asked for, if it was refused lately.
    pub fn refused(&self, entry: &Entry) -> Option<String> {
        let known = self.known.lock();
        known.get(&content(entry)?).and_then(|(_, why)| why.clone())
    }
}

impl Drop for OnDemand {
    fn drop(&mut self) {
        drop(self.wanted.take());
        self.monitor.stop();
        // A thread that panicked asks for nothing more.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The files that are wanted next: the first, and whatever comes soon after it.
fn gather(queue: &Receiver<Entry>) -> Option<Vec<Entry>> {
    let mut files = vec![queue.recv().ok()?];
    let end = Instant::now() + GATHERED_FOR;
    while files.len() < FILES_WAITING
        && let Ok(file) = queue.recv_deadline(end)
    {
        files.push(file);
    }
    Some(files)
}

/// The thread's own.
struct Asker {
    repository: Arc<Repository>,
    terms: RetrieveOptions,
    /// Requests and money of all that was asked for.
    spent: (Requests, f64),
    known: Known,
    monitor: Arc<Monitor>,
}

impl Asker {
    /// All of them together; where that is too much, as many as the budget allows.
    fn ask(&mut self, files: &[Entry]) {
        match (self.ask_together(files), files) {
            (Err(e), [_, _, ..]) if e.kind() == Kind::Input => {
                files.iter().for_each(|file| self.ask(std::slice::from_ref(file)));
            }
            (Err(e), files) => files.iter().for_each(|file| self.refuse(file, &e)),
            (Ok(()), _) => {}
        }
    }

    fn ask_together(&mut self, files: &[Entry]) -> Result<()> {
        let mut needs = Needs::default();
        for file in files {
            needs.add_file(self.repository.blobs(), file)?;
        }
        let wish = RetrievalRequest { mode: self.terms.mode, days: self.terms.days, about: self.about(files) };
        let plan = plan(&self.repository, &needs, &wish, self.terms.prices.as_ref(), &self.monitor)?;
        if plan.asks.is_empty() {
            return Ok(());
        }
        let (mut requests, spent) = self.spent;
        requests += plan.estimate.requests;
        let cost = plan.estimate.cost.map(|cost| cost + spent);
        self.terms.budget.check(&Estimate { requests, cost, ..plan.estimate.clone() })?;
        // Before it is asked for: what fails in the middle may have cost something.
        self.spent = (requests, cost.unwrap_or(spent));
        let started = start(&self.repository, &plan, &Budget::default(), &self.monitor)?;
        tracing::info!(retrieval = started.retrieval, packs = started.packs_asked, "asked for {}", plan.wish.about);
        Ok(())
    }

    fn about(&self, files: &[Entry]) -> String {
        let first = files.first().map_or_else(Default::default, |file| String::from_utf8_lossy(&file.name));
        match files.len() {
            0 | 1 => format!("{} {first}", self.terms.about),
            more => format!("{} {first} and {} more", self.terms.about, more - 1),
        }
    }

    fn refuse(&self, file: &Entry, e: &Error) {
        tracing::warn!("{}: not asked for: {e}", String::from_utf8_lossy(&file.name));
        if let Some(id) = content(file) {
            self.known.lock().insert(id, (Instant::now(), Some(e.to_string())));
        }
    }
}

fn content(entry: &Entry) -> Option<ChunkId> {
    match entry.content {
        Content::None => None,
        Content::Chunk(id) | Content::Tree(id) => Some(id),
    }
}

/// Files that may wait to be asked for: as many as one entry of the log has room for, whatever packs they lie in.
const FILES_WAITING: usize = 10_000;
/// Programs open files one after the other, and each retrieval is an entry in the log.
const GATHERED_FOR: Duration = Duration::from_millis(500);
/// How long a file is not asked for again: until every look at the store shows that it is on its way, or until what refused it may have changed.
const REMEMBERED: Duration = Duration::from_secs(60);
