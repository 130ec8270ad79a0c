//! Opening through what this machine remembers: refusals, and what is written down.
//!
//! ```text
//! config read -> recognise: another id, a weaker suite, clear text -> password, log -> admit: an older or another log
//!                    refused: exit 13, nothing more is read                refused: exit 13, nothing is written
//! ```
//!
//! Promises: a refusal says what is remembered, what was found, and the exact command that goes on. An open that is
//! refused changes no row. What this machine remembers may be unusable: that is one note, and the command goes on.

mod admit;
mod clock;
mod elsewhere;
#[cfg(test)]
mod tests;

use crate::connect::location;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::Accept;
use crate::say::human;
use crate::settings::password::Password;
use crate::settings::{Settings, xdg};
use engine::care::{Finding, Remembered};
use engine::repository::{Found, SlotId};
use engine::store::{Location, Store};
use format_spec::RepositoryId;
use format_spec::container::Suite;
use ops::known::{Folder, Record, Row, Standing, Trouble, judge};

/// A place whose repository was recognised, and is not open yet.
pub(crate) struct Recognised {
    /// Where it is written down; `None` where nothing can be, or shall be.
    memory: Option<(Folder, String)>,
    /// What was remembered of the repository.
    before: Option<Row>,
    /// What will be, but for position and time.
    row: Row,
    is_folder: bool,
    /// Whether this command writes there.
    is_written: bool,
}

impl Recognised {
    /// The key slot that opened the repository last on this machine.
    pub(crate) fn key(&self) -> Option<SlotId> {
        self.before.and_then(|row| row.key)
    }
}

/// What is known of an open repository beyond itself.
#[derive(Debug, Clone)]
pub(crate) struct Acquaintance {
    /// How the log falls short of what this machine remembers, if it does.
    pub(crate) rolled_back: Option<Rollback>,
    /// What this machine knew of the time before this run.
    remembered: Remembered,
    /// Whether it was said already how it stands to the same repository at other locations.
    told_twins: bool,
}

impl Acquaintance {
    /// Of a repository that is only looked at as far as it can be read: its log is held against nothing.
    pub(crate) fn none() -> Self {
        Acquaintance { rolled_back: None, remembered: Remembered::default(), told_twins: true }
    }
}

/// A log that is not the one that this machine remembers.
#[derive(Debug, Clone)]
pub(crate) struct Rollback {
    /// The remembered slot.
    pub(crate) slot: u32,
    /// What was found in its place.
    pub(crate) what: String,
}

impl Rollback {
    /// As a check tells it.
    pub(crate) fn finding(&self) -> Finding {
        Finding { object: format_spec::names::log(self.slot), what: self.what.clone() }
    }
}

/// Where this machine writes down what it remembers.
///
/// # Errors
/// Where there is no home.
pub(crate) fn folder() -> Result<Folder, Trouble> {
    xdg::state_dir().map(|state| Folder::below(&state)).map_err(|failure| Trouble::new(failure.message))
}

/// The location of these settings, as it is written down.
///
/// # Errors
/// The engine's, for settings that make no sense and folders that are not there.
pub(crate) fn place_of(settings: &Settings) -> Result<String> {
    Ok(settings.of_store()?.explicit()?)
}

impl Context {
    /// Holds a repository that was found against what this machine remembers of the place, before anything else of it
    /// is read.
    ///
    /// # Errors
    /// `Unrecognised` for another repository than before, for one that is sealed more weakly, and for one that is not
    /// encrypted although a password is given.
    pub(crate) fn recognise(
        &self,
        settings: &Settings,
        store: &dyn Store,
        found: &Found,
        is_written: bool,
    ) -> Result<Recognised> {
        let (id, suite) = (found.id(), found.suite());
        let (memory, record) = match self.recollect(settings) {
            Ok((folder, place, record)) => (Some((folder, place)), record),
            Err(trouble) => {
                self.tell_trouble(&trouble);
                (None, None)
            }
        };
        let place = store.location();
        let standing = judge(record.as_ref(), id, suite);
        let before = match standing {
            Standing::First => None,
            Standing::Known(row) => Some(row),
            Standing::Another(known) => {
                let known = known.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
                let what = format!("{place}: another repository lies here: {id}; this machine knows {known}");
                self.accept_or_refuse(Accept::OtherRepository, "other_repository", what)?;
                None
            }
            Standing::Weaker(row) => {
                let what = format!(
                    "{place}: the repository {id} was encrypted when this machine saw it last, and is not any more"
                );
                self.accept_or_refuse(Accept::OtherRepository, "other_repository", what)?;
                Some(row)
            }
        };
        let mut row = Row { suite, ..before.unwrap_or_else(|| Row::new(id, suite)) };
        // A password that lies ready for all repositories says that this one is meant to be encrypted only where it was, or is new here.
        let was_clear = before.is_some_and(|row| row.suite == Suite::Clear);
        let password = &settings.password;
        let is_meant = password.is_given() || !was_clear && password.lies_ready();
        if suite == Suite::Clear && !is_meant && matches!(password, Password::Common(_)) && !row.clear_text {
            self.out.note(&format!("cairn: {place}: not encrypted; not used for it: {}", password.described()));
        }
        if suite == Suite::Clear && is_meant && !row.clear_text {
            let what = format!(
                "{place}: a password is given ({}), and the repository {id} is not encrypted",
                settings.password.described()
            );
            self.accept_or_refuse(Accept::ClearText, "clear_text", what)?;
            row.clear_text = true;
        }
        let memory = memory.filter(|_| self.as_of().is_none());
        let is_folder = matches!(location(settings)?, Location::Folder(_));
        Ok(Recognised { memory, before, row, is_folder, is_written })
    }

    /// Writes down a repository that was just created, in the place of whatever was known there.
    pub(crate) fn remember_new(&self, settings: &Settings, id: RepositoryId, suite: Suite) {
        let written = folder().and_then(|folder| {
            let place = place_of(settings).map_err(|failure| Trouble::new(failure.message))?;
            let row = Row { seconds: Some(self.env.now().seconds), ..Row::new(id, suite) };
            folder.put(&Record { rows: vec![row], ..Record::new(&place) })
        });
        if let Err(trouble) = written {
            self.tell_trouble(&trouble);
        }
    }

    /// Forgets how far the log went if that was in a slot from `first` on: a repair that a person asked for has set those aside.
    pub(crate) fn forget_set_aside(&self, settings: &Settings, id: RepositoryId, first: u32) {
        let written = folder().and_then(|folder| {
            let place = place_of(settings).map_err(|failure| Trouble::new(failure.message))?;
            folder.update(&place, |record| {
                for row in record.rows.iter_mut().filter(|row| row.id == id && row.position >= first) {
                    row.position = 0;
                }
            })
        });
        if let Err(trouble) = written {
            self.tell_trouble(&trouble);
        }
    }

    fn recollect(&self, settings: &Settings) -> Result<(Folder, String, Option<Record>), Trouble> {
        let folder = folder()?;
        let place = place_of(settings).map_err(|failure| Trouble::new(failure.message))?;
        let record = folder.read(&place)?;
        Ok((folder, place, record))
    }

    /// Goes on where the command line accepts it, and refuses with the command that would.
    fn accept_or_refuse(&self, accept: Accept, name: &'static str, what: String) -> Result<()> {
        if self.accepts(accept) {
            return Ok(());
        }
        let how = format!(
            "find out who changed it; if it is right as it is, this command goes on: {}",
            self.command_accepting(accept)
        );
        Err(Failure::new(Exit::Unrecognised, name, what).advise(how))
    }

    /// Says once that nothing can be remembered.
    fn tell_trouble(&self, trouble: &Trouble) {
        if self.first_trouble() {
            self.out.note(&format!(
                "cairn: what this machine remembers of repositories cannot be used: {}\n  \
                 Going on without it: a repository that was swapped or lost its newest entries is not noticed. \
                 `cairn known list` shows what is remembered, `cairn known forget URL` begins again.",
                human::trouble(trouble)
            ));
        }
    }
}
