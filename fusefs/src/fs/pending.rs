//! One request on its way through the workers: asked, perhaps paused and asked again, answered once.
//!
//! ```text
//! waiting -> asked -> answered
//!    ^         |  transient: paused, at most until the deadline; archived and to be waited for: paused, each time with a new deadline
//!    +---------+
//! ```
//! A pause is spent on the watchdog's list, not in a worker.

use super::pool::{Ended, Work, guard};
use super::serve::{Flow, RequestInfo, guarded, told};
use super::watchdog::{Answer, Ticket};
use crate::limits::{ARCHIVED_PAUSES, TRANSIENT_PAUSES};
use engine::Kind;
use fuser::Errno;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use view::{Failure, Fetch};

/// A request that needs the store.
pub(super) struct PendingRequest<R, Q, S> {
    flow: Arc<Flow>,
    turn: RequestInfo,
    ticket: Ticket<R>,
    stage: Arc<Mutex<Stage>>,
    question: Q,
    send: S,
    pauses: u32,
    archived_until: Instant,
    /// The store has said so; until then its deadline counts.
    is_archived: bool,
}

/// How far it has come, for when its deadline is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In the queue: not the store's fault.
    Waiting,
    /// With a worker since.
    Asked(Instant),
    /// Paused after the store could not answer what was asked then.
    Failed(Instant),
    /// With a worker, and nobody waits any more.
    Late,
}

impl<R, T, Q, S> PendingRequest<R, Q, S>
where
    R: Answer,
    T: 'static,
    Q: Fn(Fetch) -> Result<T, Failure> + Send + 'static,
    S: FnOnce(R, T) + Send + 'static,
{
    /// Puts the reply under its deadline.
    pub(super) fn new(flow: &Arc<Flow>, turn: RequestInfo, reply: R, question: Q, send: S) -> Box<Self> {
        let stage = Arc::new(Mutex::new(Stage::Waiting));
        let (late_flow, late_turn, late_stage) = (Arc::clone(flow), turn.clone(), Arc::clone(&stage));
        let late = move || late(&late_flow, &late_turn, &late_stage);
        let now = Instant::now();
        let ticket = flow.watch.ticket(reply, now + flow.patience(turn.lane), late);
        let archived_until = now + turn.archived;
        let (flow, pauses, is_archived) = (Arc::clone(flow), 0, false);
        Box::new(PendingRequest { flow, turn, ticket, stage, question, send, pauses, archived_until, is_archived })
    }

    /// Puts it into its user's line.
    pub(super) fn submit(self: Box<Self>) {
        let (flow, lane, uid) = (Arc::clone(&self.flow), self.turn.lane, self.turn.uid);
        if let Err(job) = flow.pool(lane).submit(uid, self) {
            tracing::warn!(?lane, uid, "too many requests wait for the store; one was refused");
            job.refuse();
        }
    }

    fn answer(self, answer: Result<T, Failure>) {
        let Some(reply) = self.ticket.take() else { return };
        match answer {
            Ok(found) => _ = guard(|| (self.send)(reply, found)),
            Err(failure) => reply.fail(told(&failure)),
        }
    }

    /// How long to pause before asking again, if that may help.
    fn pause(&self, answer: &Result<T, Failure>, now: Instant) -> Option<Duration> {
        match answer.as_ref().err().and_then(Failure::kind)? {
            Kind::Transient if !self.flow.breaker.is_open() => Some(growing(TRANSIENT_PAUSES, self.pauses)),
            Kind::Archived => self.archived_pause(now),
            _ => None,
        }
    }

    fn archived_pause(&self, now: Instant) -> Option<Duration> {
        let left = self.archived_until.saturating_duration_since(now);
        (left > Duration::ZERO).then(|| growing(ARCHIVED_PAUSES, self.pauses).min(left))
    }

    /// Asks again after a pause. The alarm keeps the ticket alive; its deadline ends the pause for who asked.
    fn again(mut self: Box<Self>, after: Instant) {
        self.pauses = self.pauses.saturating_add(1);
        let flow = Arc::clone(&self.flow);
        flow.watch.at(after, move || self.submit());
    }

    /// As [`PendingRequest::again`], with a new deadline: who waits for an archive waits longer than for a store.
    fn again_unarchived(mut self: Box<Self>, after: Instant) {
        self.is_archived = true;
        self.ticket.extend(after + self.flow.patience(self.turn.lane));
        self.again(after);
    }

    /// The question is answered; whether anybody still waits for it.
    fn end(&self, next: Stage) -> Ended {
        match std::mem::replace(&mut *self.stage.lock(), next) {
            Stage::Late => Ended::Late,
            _ => Ended::InTime,
        }
    }
}

impl<R, T, Q, S> Work for PendingRequest<R, Q, S>
where
    R: Answer,
    T: 'static,
    Q: Fn(Fetch) -> Result<T, Failure> + Send + 'static,
    S: FnOnce(R, T) + Send + 'static,
{
    fn run(self: Box<Self>) -> Ended {
        let asked = Instant::now();
        if self.flow.breaker.is_open() {
            self.refuse();
            return Ended::InTime;
        }
        *self.stage.lock() = Stage::Asked(asked);
        if !self.ticket.is_open() {
            return self.end(Stage::Waiting);
        }
        let answer = guarded(|| (self.question)(Fetch::MayBlock));
        if self.turn.proves {
            self.flow.judge(&answer);
        }
        let now = Instant::now();
        match (self.pause(&answer, now), answer.as_ref().err().and_then(Failure::kind)) {
            (Some(pause), Some(Kind::Archived)) => {
                let ended = self.end(Stage::Waiting);
                self.again_unarchived(now + pause);
                ended
            }
            (Some(pause), _) => {
                let ended = self.end(Stage::Failed(asked));
                self.again(now + pause);
                ended
            }
            (None, _) => {
                let ended = self.end(Stage::Waiting);
                self.answer(answer);
                ended
            }
        }
    }

    fn refuse(self: Box<Self>) {
        let now = Instant::now();
        match self.archived_pause(now).filter(|_| self.is_archived) {
            // Whoever waits hours for an archive does not mind a store that is out of reach for minutes.
            Some(pause) => self.again_unarchived(now + pause),
            None => _ = self.ticket.take().map(|reply| reply.fail(Errno::ETIMEDOUT)),
        }
    }
}

/// The watchdog says ETIMEDOUT.
fn late(flow: &Arc<Flow>, turn: &RequestInfo, stage: &Mutex<Stage>) {
    flow.note_silence(turn);
    let was = {
        let mut stage = stage.lock();
        let was = *stage;
        if matches!(was, Stage::Asked(_)) {
            *stage = Stage::Late;
        }
        was
    };
    match was {
        Stage::Asked(asked) => {
            flow.pool(turn.lane).give_up(turn.uid);
            flow.failed(asked);
        }
        Stage::Failed(asked) => flow.failed(asked),
        Stage::Waiting | Stage::Late => {}
    }
}

/// The first, doubled for each that was, up to the second.
fn growing((first, longest): (Duration, Duration), pauses: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(pauses).unwrap_or(u32::MAX)).min(longest)
}
