//! Faults to build into the protocol. Each must lead to harm that a user would notice; a model that misses one proves nothing.

use super::configurations::*;
use super::protocol::Protocol;
use super::search::explore;
use super::state::Fault;
use Mutant::*;

/// A protocol with one rule broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    /// Puts the commit at the head without checking itself against the entries that it has not read.
    UnconditionalCommit,
    /// Condemns by an old mark.
    StaleMark,
    /// Deletes what nobody published, without a fence.
    OrphansByAge,
    /// Deletes dead packs, then condemns them.
    DeleteBeforeCondemn,
    /// Relies on packs that another session has stored and not published.
    RelyOnUnpublished,
    /// Publishes the survivors' new pack in an entry of its own, after the `Condemn`.
    PublishAfterCondemn,
    /// Commits unconditionally; the sweep spares what a point needs by then.
    RecheckBeforeSweep,
    /// The log is truncated, and nobody looks at the newest checkpoint before a commit is acknowledged (I7).
    NoLookAfterCommit,
    /// A writer goes on publishing and committing after its fence.
    IgnoreFence,
    /// Translates by the newest `Condemn` alone.
    NewestMoveOnly,
    /// Translates by one move, and not by that of the new place.
    OneMoveOnly,
    /// A checkpoint drops the moves of deleted packs, needed or not.
    MovesForgotten,
    /// A reader calls a missing pack damage at once.
    NoSecondLook,
    /// A reader looks again once, and calls the second miss damage.
    SecondLookOnly,
    /// A commit takes places from the base's reference set as they are named there.
    BaseNotTranslated,
    /// A writer whose response was lost takes the winner for another and commits again.
    LostIsDefeat,
    /// Looks so after a commit, and not after a publish.
    NoLookAfterPublish,
    /// Looks so after a commit, and not after a condemn.
    NoLookAfterCondemn,
    /// Looks at the newest checkpoint before it reads the tail of the log, and not after.
    CheckpointReadFirstOnly,
    /// A collector condemns with replacements after its session was fenced.
    FencedCollector,
    /// A commit locks only what its session has stored, and nothing that it uses again (I8).
    ReusedStaysUnlocked,
    /// A commit is sure of its locks because it once was.
    SecuredOnceForAll,
    /// A collector condemns by the locks that its new packs had when they were stored.
    ReplacementNotHeld,
}

/// Each mutant, where it is looked for, and the harm that it does.
const CAUGHT: &[(Mutant, Protocol, Fault)] = &[
    (UnconditionalCommit, PAIR, Fault::Lost),
    (StaleMark, PAIR, Fault::Lost),
    (OrphansByAge, PAIR, Fault::Lost),
    (DeleteBeforeCondemn, PAIR, Fault::Lost),
    (RelyOnUnpublished, WRITERS, Fault::Lost),
    (PublishAfterCondemn, PAIR, Fault::Lost),
    (RecheckBeforeSweep, PAIR, Fault::Lost),
    (NoLookAfterCommit, TRUNCATION, Fault::FalseAcknowledgement),
    (IgnoreFence, PAIR, Fault::Lost),
    (NewestMoveOnly, PAIR, Fault::Lost),
    (OneMoveOnly, PAIR, Fault::Lost),
    (MovesForgotten, TRUNCATION, Fault::Lost),
    (NoSecondLook, READER, Fault::FalseDamage),
    (SecondLookOnly, READER, Fault::FalseDamage),
    (BaseNotTranslated, TRUNCATION, Fault::Lost),
    (LostIsDefeat, PAIR, Fault::CommittedTwice),
    (NoLookAfterPublish, TRUNCATION, Fault::BrokenChain),
    (NoLookAfterCondemn, TRUNCATION, Fault::Lost),
    (CheckpointReadFirstOnly, LOG, Fault::BrokenChain),
    (FencedCollector, PAIR, Fault::Lost),
    (ReusedStaysUnlocked, LOCKS, Fault::Lost),
    (SecuredOnceForAll, LOCKS, Fault::Lost),
    (ReplacementNotHeld, LOCKS, Fault::Lost),
];

#[test]
fn each_mutant_does_harm() {
    for &(mutant, protocol, fault) in CAUGHT {
        let explored = explore(&Protocol { mutant: Some(mutant), ..protocol });
        let found = explored.counterexample.unwrap_or_else(|| panic!("{mutant:?} does no harm with {}", protocol.name));
        println!(
            "{mutant:?} with {}: {:?} in {} steps: {:?}",
            protocol.name,
            found.fault,
            found.steps.len(),
            found.steps
        );
        assert_eq!(found.fault, fault, "{mutant:?} does another harm");
    }
}
