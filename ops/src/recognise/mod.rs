//! Opening through what this machine remembers: refusals, and what is written down.
//!
//! ```text
//! config read -> recognise: another id, a weaker suite, clear text -> password, log -> admit: an older or another log
//!                    refused: nothing more is read                         refused: nothing is written
//! ```
//!
//! Promises: a refusal says what is remembered and what was found; a face says how to go on. An open that is refused changes no
//! row. What this machine remembers may be unusable: that is one note, and the work goes on.

mod admit;
mod elsewhere;
mod seen;
#[cfg(test)]
mod tests;

pub use elsewhere::expect_same_history;
pub use seen::{Rollback, Twin};

use crate::face::{Accept, Face, Note};
use crate::known::{Folder, Record, Row, Standing, Trouble, judge};
use crate::open::{Offer, OpenRequest, Use};
use crate::open_store::StoreSettings;
use crate::{Reason, Refusal, Result};
use engine::env::SharedEnv;
use engine::maintenance::Remembered;
use engine::repository::{Found, Repository, SlotId};
use engine::store::Store;
use format_spec::RepositoryId;
use format_spec::container::Suite;

/// A place whose repository was recognised, and is not open yet.
pub struct Recognised {
    /// Where it is written down; `None` where nothing can be, or shall be.
    memory: Option<(Folder, String)>,
    /// What was remembered of the repository.
    before: Option<Row>,
    /// What will be, but for position and time.
    row: Row,
    is_folder: bool,
    usage: Use,
    /// Whether an earlier position of the log is looked at.
    is_past: bool,
}

impl Recognised {
    /// The key slot that opened the repository last on this machine.
    pub fn key(&self) -> Option<SlotId> {
        self.before.and_then(|row| row.key)
    }
}

/// What is known of an open repository beyond itself.
#[derive(Debug, Clone)]
pub struct Acquaintance {
    /// How the log falls short of what this machine remembers, if it does.
    pub rolled_back: Option<Rollback>,
    /// What this machine knew of the time before this run.
    pub remembered: Remembered,
    /// Whether it was said already how it stands to the same repository at other locations.
    told_twins: bool,
    /// Where it is written down.
    memory: Option<(Folder, String)>,
}

impl Acquaintance {
    /// Of a repository that is only looked at as far as it can be read: its log is held against nothing.
    pub fn none() -> Self {
        Acquaintance { rolled_back: None, remembered: Remembered::default(), told_twins: true, memory: None }
    }

    /// Says how the open repository stands to what this machine saw of it at other locations, unless that was said.
    ///
    /// # Errors
    /// The store's.
    pub fn tell_twins(&self, repo: &Repository, face: &dyn Face) -> engine::Result<()> {
        match (&self.memory, self.told_twins) {
            (Some((folder, place)), false) => elsewhere::note_twins(folder, place, repo, face),
            _ => Ok(()),
        }
    }
}

/// Holds a repository that was found against what this machine remembers of the place, before anything else of it is read.
///
/// # Errors
/// [`Reason::OtherRepository`] for another repository than before and for one that is sealed more weakly,
/// [`Reason::ClearText`] for one that is not encrypted although a password is given.
pub fn recognise<F>(request: &OpenRequest, store: &dyn Store, found: &Found, face: &dyn Face) -> Result<Recognised, F> {
    let (id, suite) = (found.id(), found.suite());
    let (memory, record) = match recollect(request) {
        Ok((folder, place, record)) => (Some((folder, place)), record),
        Err(trouble) => {
            face.hear(&Note::Forgetful(&trouble));
            (None, None)
        }
    };
    let place = store.location();
    let accept_or_refuse = |accept, reason, what: String| match face.accepts(accept) {
        true => Ok(()),
        false => Err(Refusal::new(reason, what)),
    };
    let before = match judge(record.as_ref(), id, suite) {
        Standing::First => None,
        Standing::Known(row) => Some(row),
        Standing::Another(known) => {
            let known = known.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            let what = format!("{place}: another repository lies here: {id}; this machine knows {known}");
            accept_or_refuse(Accept::OtherRepository, Reason::OtherRepository, what)?;
            None
        }
        Standing::Weaker(row) => {
            let what = format!(
                "{place}: the repository {id} was encrypted when this machine saw it last, and is not any more"
            );
            accept_or_refuse(Accept::OtherRepository, Reason::OtherRepository, what)?;
            Some(row)
        }
    };
    let mut row = Row { suite, ..before.unwrap_or_else(|| Row::new(id, suite)) };
    if suite == Suite::Clear && !row.clear_text {
        // A password that lies ready for all repositories says that this one is meant to be encrypted only where it was, or is new here.
        let was_clear = before.is_some_and(|row| row.suite == Suite::Clear);
        match &request.offer {
            Offer::Nothing => {}
            Offer::ForAll(source) if was_clear => face.hear(&Note::PasswordUnused { place: &place, source }),
            Offer::Generated(_) if was_clear => {}
            Offer::ForThis(source) | Offer::ForAll(source) | Offer::Generated(source) => {
                let what = format!("{place}: a password is given ({source}), and the repository {id} is not encrypted");
                accept_or_refuse(Accept::ClearText, Reason::ClearText, what)?;
                row.clear_text = true;
            }
        }
    }
    let (is_past, usage) = (request.as_of.is_some(), request.usage);
    let (memory, is_folder) = (memory.filter(|_| !is_past), request.store.folder().is_some());
    Ok(Recognised { memory, before, row, is_folder, usage, is_past })
}

fn recollect(request: &OpenRequest) -> std::result::Result<(Folder, String, Option<Record>), Trouble> {
    let folder = request.memory.clone()?;
    let place = place_of(&request.store)?;
    let record = folder.read(&place)?;
    Ok((folder, place, record))
}

/// Where what is remembered of repositories is written down, if it can be.
pub type Memory = std::result::Result<Folder, Trouble>;

/// Writes down a repository that was just created, in the place of whatever was known there.
pub fn remember_new(
    memory: &Memory,
    store: &StoreSettings,
    env: &SharedEnv,
    (id, suite): (RepositoryId, Suite),
    face: &dyn Face,
) {
    let put = |folder: Folder, place: String| {
        let row = Row { seconds: Some(env.now().seconds), ..Row::new(id, suite) };
        folder.put(&Record { rows: vec![row], ..Record::new(&place) })
    };
    write(memory, store, face, put);
}

/// Forgets how far the log went if that was in a slot from `first` on: a repair that a person asked for has set those aside.
pub fn forget_set_aside(memory: &Memory, store: &StoreSettings, id: RepositoryId, first: u32, face: &dyn Face) {
    let forget = |folder: Folder, place: String| {
        folder.update(&place, |record| {
            for row in record.rows.iter_mut().filter(|row| row.id == id && row.position >= first) {
                row.position = 0;
            }
        })
    };
    write(memory, store, face, forget);
}

fn write(
    memory: &Memory,
    store: &StoreSettings,
    face: &dyn Face,
    change: impl FnOnce(Folder, String) -> std::result::Result<(), Trouble>,
) {
    let written = memory.clone().and_then(|folder| change(folder, place_of(store)?));
    if let Err(trouble) = written {
        face.hear(&Note::Forgetful(&trouble));
    }
}

fn place_of(store: &StoreSettings) -> std::result::Result<String, Trouble> {
    store.explicit().map_err(|e| Trouble::new(e.to_string()))
}
