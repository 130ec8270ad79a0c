//! What this machine's clock contradicts: what this machine remembers of the time is told to the engine, and its verdict to people.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::Accept;
use engine::Kind;
use engine::maintenance::ClockVerdict;
use engine::repository::Repository;
use ops::recognise::Acquaintance;

impl Context {
    /// What the engine finds out about this machine's clock, for an open repository; the store is asked for its own time.
    ///
    /// # Errors
    /// The store's, when it is out of reach.
    pub(crate) fn judge_clock(&self, repo: &Repository, known: &Acquaintance) -> Result<ClockVerdict> {
        let verdict = ClockVerdict::of(repo, &known.remembered)?;
        Ok(if self.accepts(Accept::Clock) { verdict.accepted() } else { verdict })
    }

    /// Says of a plan why it would be refused.
    pub(crate) fn tell_clock(&self, verdict: &ClockVerdict) {
        if let Some(words) = verdict.in_words() {
            self.out.warning(b"", &format!("{words}: `apply` refuses this plan without --accept clock"));
        }
    }

    /// What the engine refused for the clock's sake, with the command that goes on after a look.
    pub(crate) fn refused_by_clock(&self, verdict: &ClockVerdict, error: engine::Error) -> Failure {
        if error.kind() != Kind::Unrecognised || !verdict.is_refused() {
            return error.into();
        }
        let advice = format!(
            "set the clock right; if it is right, this command goes on: {}",
            self.command_accepting(Accept::Clock)
        );
        Failure::new(Exit::Unrecognised, "clock", error.to_string()).advise(advice)
    }
}
