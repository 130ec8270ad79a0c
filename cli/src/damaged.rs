//! Opening what is damaged: as far as its log can be read, and by a kept copy of its config.
//!
//! Promises: a command that looks or repairs goes on where others stop, and tells what it goes on without. The config of each repository that was
//! opened on this machine is kept below its cache folder; it is believed only as far as keys and log confirm it. Refuses to write to a repository that
//! was opened so.

use crate::connect::{Connection, open_store, with_password};
use crate::context::Context;
use crate::durable;
use crate::exit::{Exit, Failure, Result};
use crate::recognise::Acquaintance;
use crate::say::human;
use crate::settings::Settings;
use bytes::Bytes;
use engine::Kind;
use engine::care::Finding;
use engine::repository::{Found, Repository, Stop};
use engine::store::{ListOptions, ObjectName, Store, StoreExt};
use format_spec::container::Object;
use format_spec::{RepositoryId, names};
use std::path::PathBuf;
use std::sync::Arc;

/// A repository as far as it can be read.
pub(crate) struct AsFar {
    /// The repository; `None` where its config cannot be read and nothing stands in for it.
    pub(crate) connection: Option<Connection>,
    /// Where the log stops being readable.
    pub(crate) stop: Option<Stop>,
    /// Why the config cannot be read, and the copy that the repository was opened with.
    pub(crate) config: Option<(engine::Error, Option<Bytes>)>,
}

impl Context {
    /// Opens the repository that the options name as far as it can be read. `copies` of the config are tried before those that this machine has kept.
    ///
    /// # Errors
    /// As [`Context::connect`], but for damage of the config and the log.
    pub(crate) fn connect_as_far(&self, copies: Vec<Bytes>) -> Result<AsFar> {
        match self.connect() {
            Err(failure) if failure.exit == Exit::Damaged => {}
            other => return Ok(AsFar { connection: Some(other?), stop: None, config: None }),
        }
        let settings = self.settings()?;
        let place = open_store(&settings, false)?;
        let (store, counts) = (Arc::clone(&place.store), Arc::clone(&place.counts));
        let (opened, config) = match Found::look(Arc::clone(&store)) {
            Ok(found) => (Some(self.open_as_far(&settings, &store, found)?), None),
            Err(e) if e.kind() == Kind::Damaged => match self.by_copy(&settings, &store, copies)? {
                Some((opened, copy)) => (Some(opened), Some((e, Some(copy)))),
                None => (None, Some((e, None))),
            },
            Err(e) => return Err(e.into()),
        };
        let Some((repo, stop)) = opened else { return Ok(AsFar { connection: None, stop: None, config }) };
        let connection = Some(Connection { repo, counts, settings, known: Acquaintance::none() });
        Ok(AsFar { connection, stop, config })
    }

    fn open_as_far(&self, settings: &Settings, store: &Arc<dyn Store>, found: Found) -> Result<Opened> {
        let recognised = self.recognise(settings, &**store, &found, self.writes())?;
        let found = found.trying(self.trying(settings, recognised.key()));
        let options = self.open_options(settings);
        with_password(settings, |password| Repository::open_as_far(&found, password, &options))
    }

    /// The first copy of the config with which the repository opens, and that it confirms.
    fn by_copy(
        &self,
        settings: &Settings,
        store: &Arc<dyn Store>,
        mut copies: Vec<Bytes>,
    ) -> Result<Option<(Opened, Bytes)>> {
        if let Some(id) = id_of(&**store)? {
            copies.extend(std::fs::read(kept(settings, id)).map(Bytes::from));
        }
        let mut failed = None;
        for copy in copies {
            let Ok(found) = Found::by_copy(Arc::clone(store), &copy) else { continue };
            match self.open_as_far(settings, store, found) {
                Ok((repo, stop)) if repo.expect_own_config().is_ok() => return Ok(Some(((repo, stop), copy))),
                Ok(_) => {}
                Err(failure) if failure.exit == Exit::Damaged => {}
                Err(failure) => failed = Some(failure),
            }
        }
        // A password that is missing or wrong says nothing about the copies.
        failed.map_or(Ok(None), Err)
    }
}

/// A repository, and where its log stops being readable.
type Opened = (Arc<Repository>, Option<Stop>);

impl AsFar {
    /// Each object that was gone on without, with what is wrong with it.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let config = self.config.iter().map(|(e, _)| Finding::of(names::CONFIG, e));
        let stop = self.stop.iter().map(|stop| Finding::of(names::log(stop.slot), &stop.error));
        config.chain(stop).collect()
    }

    /// What to do about it, in the words of the errors.
    pub(crate) fn advice(&self) -> Vec<String> {
        let errors = self.config.iter().map(|(e, _)| e).chain(self.stop.iter().map(|stop| &stop.error));
        errors.filter_map(|e| e.advice().map(str::to_owned)).collect()
    }
}

/// Keeps the config of a repository that was opened, unless it is kept already. That it cannot be is no reason to stop.
pub(crate) fn keep_config(settings: &Settings, repo: &Repository) {
    let path = kept(settings, repo.id());
    if std::fs::read(&path).is_ok_and(|bytes| bytes == **repo.config_object()) {
        return;
    }
    if let Err(e) = durable::replace(&path, repo.config_object()) {
        tracing::info!(path = %path.display(), "the config cannot be kept on this machine: {e}");
    }
}

fn kept(settings: &Settings, id: RepositoryId) -> PathBuf {
    settings.cache_dir.join(CONFIGS).join(id.to_string())
}

/// The repository's id, as any of its objects says it.
fn id_of(store: &dyn Store) -> Result<Option<RepositoryId>> {
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
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(None)
}

/// The copies of a config that `--from` names: a file, or the config of a place.
///
/// # Errors
/// When it is neither.
pub(crate) fn config_copies(context: &Context, from: &std::ffi::OsStr) -> Result<Vec<Bytes>> {
    let path = std::path::Path::new(from);
    if path.is_file() {
        let failed = |e: std::io::Error| Failure::usage(format!("{}: cannot be read: {e}", human::path(path)));
        return Ok(vec![std::fs::read(path).map_err(failed)?.into()]);
    }
    let mut settings = context.settings()?;
    settings.repo = crate::settings::Repo::Given(from.to_owned());
    let place = open_store(&settings, false)?;
    match place.store.get(&ObjectName::new(names::CONFIG)?) {
        Err(e) if e.kind() == Kind::Absent => Ok(Vec::new()),
        other => Ok(vec![other?]),
    }
}

/// Objects of a kind that are asked for the repository's id.
const OBJECTS_ASKED: usize = 16;

/// The folder of kept configs, below that of the index caches.
const CONFIGS: &str = "configs";
