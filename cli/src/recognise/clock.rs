//! What this machine's clock contradicts, and what is not done by such a clock.

use super::Acquaintance;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::known::{Clocks, Contradiction};
use crate::parse::Accept;
use crate::say::human;
use engine::Kind;
use engine::repository::Repository;
use format_spec::Time;

impl Context {
    /// What a clock of this machine contradicts, for an open repository; the store is asked for its own time.
    ///
    /// # Errors
    /// The store's, when it is out of reach.
    pub(crate) fn contradiction(&self, repo: &Repository, known: &Acquaintance) -> Result<Option<Contradiction>> {
        let store = match known.is_folder {
            true => None,
            false => match repo.vault().store.now() {
                Ok(time) => Some(time.seconds),
                Err(e) if e.kind() == Kind::Unsupported => None,
                Err(e) => return Err(e.into()),
            },
        };
        let newest = repo.log().newest_time()?.map(|time| time.seconds);
        let (now, is_folder) = (self.env.now().seconds, known.is_folder);
        Ok(Clocks { now, newest, remembered: known.remembered, store, is_folder }.contradiction())
    }

    /// Refuses to take anything away by a clock that cannot be right, unless the command line accepts it.
    ///
    /// # Errors
    /// `Unrecognised`.
    pub(crate) fn expect_clock(&self, contradiction: Contradiction, what: &str) -> Result<()> {
        if self.accepts(Accept::Clock) {
            return Ok(());
        }
        let message = format!(
            "{}: {what} by such a clock could take away what should stay; nothing was done",
            self.in_words(contradiction)
        );
        let advice = format!(
            "set the clock right; if it is right, this command goes on: {}",
            self.command_accepting(Accept::Clock)
        );
        Err(Failure::new(Exit::Unrecognised, "clock", message).advise(advice))
    }

    /// Says of a plan why it would be refused.
    pub(crate) fn tell_clock(&self, contradiction: Contradiction) {
        let why = format!("{}: `apply` refuses this plan without --accept clock", self.in_words(contradiction));
        self.out.warning(b"", &why);
    }

    /// How this machine's clock is wrong.
    pub(crate) fn in_words(&self, contradiction: Contradiction) -> String {
        let time = |seconds: i64| human::time_exact(Time { seconds, nanos: 0 });
        let now = time(self.env.now().seconds);
        match contradiction {
            Contradiction::BehindNewest(newest) => {
                format!("this machine's clock ({now}) is behind the newest entry of the log ({})", time(newest))
            }
            Contradiction::AheadOfStore(store) => {
                format!("this machine's clock ({now}) is ahead of the store's own ({})", time(store))
            }
            Contradiction::AheadOfAll(last) => format!(
                "this machine's clock ({now}) is over 60 days ahead of the newest entry of the log and of the time when this machine saw the repository last (the later of them is {})",
                time(last)
            ),
        }
    }
}
