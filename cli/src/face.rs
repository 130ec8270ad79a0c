//! What operations ask of this face and tell it, in the words of the command line.
//!
//! Promises: a refusal that a person may accept says the exact command that goes on. That what this machine remembers cannot be
//! used is one note, and the command goes on.

use crate::context::Context;
use crate::exit::{Failure, Result};
use crate::output::human;
use crate::parse::Accept;
use crate::settings::xdg;
use engine::repository::Repository;
use ops::face::{self, Face, Note};
use ops::known::{Folder, Trouble};
use ops::recognise::{Memory, Twin};
use ops::{Error, Reason};
use std::io::IsTerminal;
use std::sync::Arc;

/// Where this machine writes down what it remembers of repositories; or that there is no home.
pub(crate) fn memory() -> Memory {
    xdg::state_dir().map(|state| Folder::below(&state)).map_err(|failure| Trouble::new(failure.message))
}

impl Face for Context {
    fn accepts(&self, what: face::Accept) -> bool {
        Context::accepts(
            self,
            match what {
                face::Accept::Rollback => Accept::Rollback,
                face::Accept::OtherRepository => Accept::OtherRepository,
                face::Accept::ClearText => Accept::ClearText,
                face::Accept::Clock => Accept::Clock,
            },
        )
    }

    fn check(&self) -> engine::Result<()> {
        self.interrupt.monitor().check()
    }

    fn hear(&self, note: &Note<'_>) {
        match note {
            Note::SlowKey(what) => self.out.note(&format!("cairn: {what}")),
            Note::Forgetful(trouble) => self.tell_trouble(trouble),
            Note::FirstUse { place, repository, is_encrypted } => {
                self.remember_first_use();
                if std::io::stderr().is_terminal() {
                    let sealed = if *is_encrypted { "encrypted" } else { "not encrypted" };
                    self.out.note(&format!(
                        "cairn: {place}: first use on this machine: repository {repository}, {sealed}. From now on it is noticed here if it is swapped or loses entries."
                    ));
                }
            }
            Note::PasswordUnused { place, source } => {
                self.out.note(&format!("cairn: {place}: not encrypted; not used for it: {source}"));
            }
            Note::Twin { place, twin, is_new: true } => self.out.warning(place.as_bytes(), &told(twin)),
            Note::Twin { place, twin, is_new: false } => self.out.note(&format!("cairn: {place}: {}", told(twin))),
            Note::RolledBack { place, rollback } => self.out.warning(
                place.as_bytes(),
                &format!("{}; reading goes on, and every command that writes is refused", rollback.what),
            ),
            Note::RollbackAccepted { place, what, head: Some(head) } => {
                self.out.note(&format!("cairn: {place}: {what}; this machine remembers entry {head} from now on"));
            }
            Note::RollbackAccepted { place, what, head: None } => {
                self.out.note(&format!("cairn: {place}: {what}; this machine remembers it as it is from now on"));
            }
        }
    }
}

/// As a command tells it that goes on.
fn told(twin: &Twin) -> String {
    format!("{}; `cairn known forget {}` if that one is gone for good", twin.what, twin.location)
}

impl Context {
    /// This run, for work that outlives the caller.
    pub(crate) fn face(&self) -> Arc<dyn Face> {
        Arc::new(self.clone())
    }

    /// Why an operation was stopped; with the command that goes on, where a person may accept what was refused.
    pub(crate) fn stopped(&self, e: Error<Failure>) -> Failure {
        let Error::Refused(refusal) = e else { return e.into() };
        let (how, accept) = match refusal.reason {
            Reason::Request | Reason::CannotWrite => return refusal.into(),
            Reason::OtherRepository => (CHANGED, Accept::OtherRepository),
            Reason::ClearText => (CHANGED, Accept::ClearText),
            Reason::Rollback => (ROLLED_BACK, Accept::Rollback),
            Reason::Fork => (FORKED, Accept::Rollback),
            Reason::ForkedCopy => (FORKED_COPY, Accept::Rollback),
        };
        Failure::from(refusal).advise(format!("{how}: {}", self.command_accepting(accept)))
    }

    /// Refuses to take anything from a plain copy of a repository that has gone its own way, unless that is accepted.
    ///
    /// # Errors
    /// `Unrecognised`, with the slot and both hashes; the stores'.
    pub(crate) fn expect_same_history(&self, repo: &Repository, other: &Repository) -> Result<()> {
        ops::recognise::expect_same_history(repo, other, self).map_err(|e| self.stopped(e))
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

const CHANGED: &str = "find out who changed it; if it is right as it is, this command goes on";
const ROLLED_BACK: &str = "`cairn check` names what no entry commits any more; restore the entries from a copy of the store, or let this command go on from what is there";
const FORKED: &str = "use the other one; if it is gone, or this one shall go its own way, this command goes on";
const FORKED_COPY: &str =
    "name a copy of the same history; blobs are taken by their ids and cannot be mixed up, so this command goes on";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use ops::Refusal;

    #[test]
    fn a_refusal_names_the_command_that_goes_on() {
        let context = Context::for_tests(&["cairn", "-q", "backup", "/srv"]);
        let failure = context.stopped(Refusal::new(Reason::Rollback, "older").into());
        assert_eq!((failure.exit, failure.name, &*failure.message), (Exit::Unrecognised, "rollback", "older"));
        assert!(failure.advice.unwrap().ends_with("cairn --accept rollback -q backup /srv"));
        let failure = context.stopped(Refusal::new(Reason::Request, "wrong").advise("another").into());
        assert_eq!((failure.exit, failure.advice.as_deref()), (Exit::Usage, Some("another")));
    }
}
