//! The log of a repository that was just opened, held against what is remembered of it.
//!
//! Promises: before a log is called older than it was, the remembered slot is asked for by name over another connection,
//! as a listing may be stale. What is written down only moves forward, but where a person accepts a rollback.

use super::{Acquaintance, Recognised, Rollback, elsewhere};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::Accept;
use engine::care::Clocks;
use engine::log::{Recollection, hash_in_store};
use engine::repository::Repository;
use engine::store::Store;
use format_spec::container::Suite;
use ops::known::{Keeper, Row, Seen};
use std::io::IsTerminal;
use std::sync::Arc;

impl Recognised {
    /// Holds the log of the open repository against what is remembered, and writes down how far it goes. `again` opens
    /// the repository over another connection: what a stale listing hides is not lost.
    ///
    /// # Errors
    /// `Unrecognised` where the command writes, the log is not the one that is remembered, and nobody accepted that.
    pub(crate) fn admit<T>(
        self,
        context: &Context,
        opened: T,
        repo: impl Fn(&T) -> &Arc<Repository>,
        again: impl FnOnce(&dyn Fn(&dyn Store) -> Result<bool>) -> Result<Option<T>>,
    ) -> Result<(T, Acquaintance)> {
        let remembered = self.before.map(|row| row.remembered()).unwrap_or_default();
        let mut known = Acquaintance { rolled_back: None, remembered, told_twins: self.is_written };
        let Some(before) = self.before.filter(|_| context.as_of().is_none()) else {
            let first = self.twins(repo(&opened))?.into_iter().next();
            if let Some(twin) = first {
                let place = repo(&opened).location();
                if !self.is_written {
                    // What lies beside the repository that a command writes to may well be an older copy of it.
                    if twin.is_fork || !context.writes() {
                        context.out.warning(place.as_bytes(), &twin.told());
                        known.told_twins = true;
                    }
                    return Ok((opened, known));
                }
                elsewhere::refuse(context, &place, &twin)?;
            }
            self.write_down(context, repo(&opened), false)?;
            return Ok((opened, known));
        };
        let recall = |repo: &Repository| repo.log().recall(before.position, &before.hash);
        if recall(repo(&opened))? == Recollection::Agrees {
            // It was accepted here, so what lies elsewhere is only told to those whom it concerns.
            if let Some((folder, place)) = self.memory.as_ref().filter(|_| self.is_written) {
                context.note_twins(folder, place, repo(&opened))?;
            }
            self.write_down(context, repo(&opened), false)?;
            return Ok((opened, known));
        }
        let shows = |store: &dyn Store| Ok(hash_in_store(store, before.position)? == Some(before.hash));
        let opened = match again(&shows)? {
            Some(anew) if recall(repo(&anew))? == Recollection::Agrees => {
                self.write_down(context, repo(&anew), false)?;
                return Ok((anew, known));
            }
            Some(anew) => anew,
            None => opened,
        };
        let rollback = rollback(repo(&opened), &before, recall(repo(&opened))?);
        let place = repo(&opened).location();
        if context.accepts(Accept::Rollback) {
            self.write_down(context, repo(&opened), true)?;
            let head = repo(&opened).log().view().head;
            context
                .out
                .note(&format!("cairn: {place}: {}; this machine remembers entry {head} from now on", rollback.what));
            return Ok((opened, known));
        }
        if context.writes() {
            let what = format!("{place}: {}; nothing was written", rollback.what);
            let how = format!(
                "`cairn check` names what no entry commits any more; restore the entries from a copy of the store, or let this command go on from what is there: {}",
                context.command_accepting(Accept::Rollback)
            );
            return Err(Failure::new(Exit::Unrecognised, "rollback", what).advise(how));
        }
        context.out.warning(
            place.as_bytes(),
            &format!("{}; reading goes on, and every command that writes is refused", rollback.what),
        );
        known.rolled_back = Some(rollback);
        Ok((opened, known))
    }

    /// What this machine saw of the repository elsewhere that is not in this log.
    fn twins(&self, repo: &Repository) -> Result<Vec<elsewhere::Twin>> {
        self.memory.as_ref().map_or(Ok(Vec::new()), |(folder, place)| elsewhere::twins(folder, place, repo))
    }

    fn write_down(self, context: &Context, repo: &Repository, back: bool) -> Result<()> {
        let Recognised { memory, before, mut row, is_folder, .. } = self;
        let Some((folder, place)) = memory else { return Ok(()) };
        let view = repo.log().view();
        let clocks = Clocks::read(repo, &row.remembered())?;
        // What a person accepts is remembered, so it is asked once.
        let believes_clock = context.accepts(Accept::Clock) || clocks.is_believed(!is_folder);
        let seen = if believes_clock { Seen::Now(clocks.now) } else { Seen::Doubted { last: clocks.last() } };
        let (position, hash) = (view.head, view.head_hash);
        let (suite, clear_text) = (row.suite, row.clear_text);
        let written = folder.update(&place, |record| {
            let now = record.row_mut(row);
            if back {
                now.position = 0;
            }
            (now.suite, now.clear_text) = (suite, clear_text || now.clear_text);
            now.key = repo.opened_by().or(now.key);
            now.forward(position, hash);
            if let Seen::Now(seconds) = seen {
                now.believe(seconds);
            }
            row = *now;
        });
        if let Err(trouble) = written {
            context.tell_trouble(&trouble);
            return Ok(());
        }
        if before.is_none() {
            tell_first_use(context, repo);
        }
        let teller = context.clone();
        let keeper = Keeper::new(folder, place, row, seen, move |trouble| teller.tell_trouble(trouble));
        repo.log().tell(Arc::new(keeper));
        Ok(())
    }
}

fn tell_first_use(context: &Context, repo: &Repository) {
    context.remember_first_use();
    if std::io::stderr().is_terminal() {
        let sealed = match repo.config().suite {
            Suite::Clear => "not encrypted",
            Suite::Aes256Gcm => "encrypted",
        };
        context.out.note(&format!(
            "cairn: {}: first use on this machine: repository {}, {sealed}. From now on it is noticed here if it is swapped or loses entries.",
            repo.location(),
            repo.id()
        ));
    }
}

fn rollback(repo: &Repository, before: &Row, found: Recollection) -> Rollback {
    let (slot, head) = (before.position, repo.log().view().head);
    let what = match found {
        Recollection::Differs(fork) => {
            format!("the log has another entry {slot} than this machine remembers: it has another history ({fork})")
        }
        _ => format!(
            "the log ends at entry {head}, and this machine remembers entry {slot}: its newest entries are lost or withheld"
        ),
    };
    Rollback { slot, what }
}
