//! The log of a repository that was just opened, held against what is remembered of it.
//!
//! Promises: before a log is called older than it was, the remembered slot is asked for by name over another connection,
//! as a listing may be stale. What is written down only moves forward, but where a person accepts a rollback.

use super::{Acquaintance, Recognised, Rollback, elsewhere};
use crate::face::{Accept, Face, Note};
use crate::known::{Keeper, Row, Seen};
use crate::open::Use;
use crate::{Reason, Refusal, Result};
use engine::log::{Recollection, hash_in_store};
use engine::maintenance::Clocks;
use engine::repository::Repository;
use engine::store::Store;
use format_spec::container::Suite;
use std::sync::Arc;

impl Recognised {
    /// Holds the log of the open repository against what is remembered, and writes down how far it goes. `again` opens
    /// the repository over another connection: what a stale listing hides is not lost.
    ///
    /// # Errors
    /// [`Reason::Rollback`] or [`Reason::Fork`] where something is written, the log is not the one that is remembered, and nobody
    /// accepted that.
    pub(crate) fn admit<T, F>(
        self,
        face: &Arc<dyn Face>,
        opened: T,
        repo: impl Fn(&T) -> &Arc<Repository>,
        again: impl FnOnce(&dyn Fn(&dyn Store) -> engine::Result<bool>) -> Result<Option<T>, F>,
    ) -> Result<(T, Acquaintance), F> {
        let remembered = self.before.map(|row| row.remembered()).unwrap_or_default();
        let (told_twins, memory) = (self.usage == Use::Write, self.memory.clone());
        let mut known = Acquaintance { rolled_back: None, remembered, told_twins, memory };
        let Some(before) = self.before.filter(|_| !self.is_past) else {
            match self.meet(repo(&opened), &**face)? {
                Some(told) => known.told_twins = told,
                None => self.write_down(face, repo(&opened), false)?,
            }
            return Ok((opened, known));
        };
        let recall = |repo: &Repository| repo.log().recall(before.position, &before.hash);
        if recall(repo(&opened))? == Recollection::Agrees {
            // It was accepted here, so what lies elsewhere is only told to those whom it concerns.
            if let Some((folder, place)) = self.memory.as_ref().filter(|_| self.usage == Use::Write) {
                elsewhere::note_twins(folder, place, repo(&opened), &**face)?;
            }
            self.write_down(face, repo(&opened), false)?;
            return Ok((opened, known));
        }
        let shows = |store: &dyn Store| Ok(hash_in_store(store, before.position)? == Some(before.hash));
        let opened = match again(&shows)? {
            Some(anew) if recall(repo(&anew))? == Recollection::Agrees => {
                self.write_down(face, repo(&anew), false)?;
                return Ok((anew, known));
            }
            Some(anew) => anew,
            None => opened,
        };
        let rollback = rollback(repo(&opened), &before, recall(repo(&opened))?);
        let place = repo(&opened).location();
        if face.accepts(Accept::Rollback) {
            self.write_down(face, repo(&opened), true)?;
            let head = Some(repo(&opened).log().view().head);
            face.hear(&Note::RollbackAccepted { place: &place, what: &rollback.what, head });
            return Ok((opened, known));
        }
        if self.usage != Use::Read {
            let what = format!("{place}: {}; nothing was written", rollback.what);
            return Err(Refusal::new(Reason::Rollback, what).into());
        }
        face.hear(&Note::RolledBack { place: &place, rollback: &rollback });
        known.rolled_back = Some(rollback);
        Ok((opened, known))
    }

    /// Meets a repository for the first time at this location. `Some` where it is only read and falls short of what was seen elsewhere,
    /// which is then not written down: whether that was said.
    fn meet<F>(&self, repo: &Repository, face: &dyn Face) -> Result<Option<bool>, F> {
        let twins = self.memory.as_ref().map_or(Ok(Vec::new()), |(folder, at)| elsewhere::twins(folder, at, repo))?;
        let Some(twin) = twins.into_iter().next() else { return Ok(None) };
        let place = repo.location();
        if self.usage == Use::Write {
            elsewhere::refuse(face, &place, &twin)?;
            return Ok(None);
        }
        // What lies beside the repository that a command writes to may well be an older copy of it.
        let concerns = twin.is_fork || self.usage == Use::Read;
        if concerns {
            face.hear(&Note::Twin { place: &place, twin: &twin, is_new: true });
        }
        Ok(Some(concerns))
    }

    fn write_down(self, face: &Arc<dyn Face>, repo: &Repository, back: bool) -> engine::Result<()> {
        let Recognised { memory, before, mut row, is_folder, .. } = self;
        let Some((folder, place)) = memory else { return Ok(()) };
        let view = repo.log().view();
        let clocks = Clocks::read(repo, &row.remembered())?;
        // What a person accepts is remembered, so it is asked once.
        let believes_clock = face.accepts(Accept::Clock) || clocks.is_believed(!is_folder);
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
            face.hear(&Note::Forgetful(&trouble));
            return Ok(());
        }
        if before.is_none() {
            let is_encrypted = repo.config().suite != Suite::Clear;
            face.hear(&Note::FirstUse { place: &repo.location(), repository: repo.id(), is_encrypted });
        }
        let teller = Arc::clone(face);
        let keeper = Keeper::new(folder, place, row, seen, move |trouble| teller.hear(&Note::Forgetful(trouble)));
        repo.log().tell(Arc::new(keeper));
        Ok(())
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
