//! Opening what is damaged: as far as its log can be read, and by a kept copy of its config.
//!
//! Promises: whoever looks or repairs goes on where others stop, and is told what it goes on without. The config of each
//! repository that was opened on this machine is kept; it is believed only as far as keys and log confirm it. Refuses to write to
//! a repository that was opened so.

use crate::face::Face;
use crate::open::{Keys, OpenRequest, Opened, Passwords, open};
use crate::open_store::OpenStore;
use crate::recognise::{self, Acquaintance};
use crate::{Result, durable};
use bytes::Bytes;
use engine::Kind;
use engine::maintenance::Finding;
use engine::repository::{Found, Repository, Stop};
use engine::store::{ListOptions, Store, StoreExt};
use format_spec::container::Object;
use format_spec::{RepositoryId, names};
use std::path::PathBuf;
use std::sync::Arc;

/// A repository as far as it can be read.
pub struct AsFar {
    /// The repository; `None` where its config cannot be read and nothing stands in for it.
    pub opened: Option<Opened>,
    /// Where the log stops being readable.
    pub stop: Option<Stop>,
    /// Why the config cannot be read, and the copy that the repository was opened with.
    pub config: Option<(engine::Error, Option<Bytes>)>,
}

/// Opens a repository as far as it can be read. `copies` of the config are tried before the one that this machine has kept.
///
/// # Errors
/// As [`open()`], but for damage of the config and the log.
pub fn open_as_far<F>(
    request: &OpenRequest,
    face: &Arc<dyn Face>,
    passwords: &dyn Passwords<F>,
    copies: Vec<Bytes>,
) -> Result<AsFar, F> {
    match OpenStore::open(&request.store)
        .map_err(crate::Error::Engine)
        .and_then(|place| open(place, request, face, passwords))
    {
        Err(e) if e.kind() == Some(Kind::Damaged) => {}
        other => return Ok(AsFar { opened: Some(other?), stop: None, config: None }),
    }
    let place = OpenStore::open(&request.store)?;
    let look = Look { request, face, passwords, store: &place.store };
    let (found, config) = match Found::look(Arc::clone(&place.store)) {
        Ok(found) => (Some(look.open(found)?), None),
        Err(e) if e.kind() == Kind::Damaged => match look.by_copy(copies)? {
            Some((found, copy)) => (Some(found), Some((e, Some(copy)))),
            None => (None, Some((e, None))),
        },
        Err(e) => return Err(e.into()),
    };
    let Some((repo, stop)) = found else { return Ok(AsFar { opened: None, stop: None, config }) };
    let opened = Some(Opened { repo, counts: place.counts, known: Acquaintance::none() });
    Ok(AsFar { opened, stop, config })
}

/// A look at one store.
struct Look<'a, F> {
    request: &'a OpenRequest,
    face: &'a Arc<dyn Face>,
    passwords: &'a dyn Passwords<F>,
    store: &'a Arc<dyn Store>,
}

/// A repository, and where its log stops being readable.
type Far = (Arc<Repository>, Option<Stop>);

impl<F> Look<'_, F> {
    fn open(&self, found: Found) -> Result<Far, F> {
        let recognised = recognise::recognise(self.request, &**self.store, &found, &**self.face)?;
        let found = found.trying(self.request.trying(recognised.key(), self.face));
        let options = self.request.options();
        Keys::of(self.passwords)?.with(|password| Repository::open_as_far(&found, password, &options))
    }

    /// The first copy of the config with which the repository opens, and that it confirms.
    fn by_copy(&self, mut copies: Vec<Bytes>) -> Result<Option<(Far, Bytes)>, F> {
        if let Some(id) = id_of(&**self.store)? {
            copies.extend(std::fs::read(kept(self.request, id)).map(Bytes::from));
        }
        let mut failed = None;
        for copy in copies {
            let Ok(found) = Found::by_copy(Arc::clone(self.store), &copy) else { continue };
            match self.open(found) {
                Ok((repo, stop)) if repo.expect_own_config().is_ok() => return Ok(Some(((repo, stop), copy))),
                Ok(_) => {}
                Err(e) if e.kind() == Some(Kind::Damaged) => {}
                Err(e) => failed = Some(e),
            }
        }
        // A password that is missing or wrong says nothing about the copies.
        failed.map_or(Ok(None), Err)
    }
}

impl AsFar {
    /// Each object that was gone on without, with what is wrong with it.
    pub fn findings(&self) -> Vec<Finding> {
        let config = self.config.iter().map(|(e, _)| Finding::of(names::CONFIG, e));
        let stop = self.stop.iter().map(|stop| Finding::of(names::log(stop.slot), &stop.error));
        config.chain(stop).collect()
    }

    /// What to do about it, in the words of the errors.
    pub fn advice(&self) -> Vec<String> {
        let errors = self.config.iter().map(|(e, _)| e).chain(self.stop.iter().map(|stop| &stop.error));
        errors.filter_map(|e| e.advice().map(str::to_owned)).collect()
    }
}

/// Keeps the config of a repository that was opened, unless it is kept already. That it cannot be is no reason to stop.
pub(crate) fn keep_config(request: &OpenRequest, repo: &Repository) {
    let path = kept(request, repo.id());
    if std::fs::read(&path).is_ok_and(|bytes| bytes == **repo.config_object()) {
        return;
    }
    if let Err(e) = durable::replace(&path, repo.config_object()) {
        tracing::info!(path = %path.display(), "the config cannot be kept on this machine: {e}");
    }
}

fn kept(request: &OpenRequest, id: RepositoryId) -> PathBuf {
    request.configs.join(id.to_string())
}

/// The repository's id, as any of its objects says it.
fn id_of(store: &dyn Store) -> engine::Result<Option<RepositoryId>> {
    for folder in ["keys", "log", "checkpoint"] {
        let mut listed = Vec::new();
        store.list(&ListOptions::below(folder), &mut |l| {
            listed.push(l.name);
            listed.len() < OBJECTS_ASKED
        })?;
        for name in listed {
            match store.get(&name) {
                Ok(object) => {
                    if let Ok(object) = Object::parse(&object) {
                        return Ok(Some(object.header().repository));
                    }
                }
                Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(None)
}

/// Objects of a kind that are asked for the repository's id.
const OBJECTS_ASKED: usize = 16;
