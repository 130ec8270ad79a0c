//! The commit protocol, explored: every order of the steps of a few processes, and every state that can come of it.
//!
//! Pure: nothing of the engine is called. The model is what the protocol *says*, reduced to what decides whether data is lost; the engine is held to
//! the same protocol by its own tests. Whoever changes the protocol changes it here first.
//!
//! **State** ([`state`]). Two chunks; packs with what they hold, whether they are published, condemned, deleted, swept, and where their blobs
//! moved; sessions; restore points whose reference sets name *places* (pack, number) as they were at the commit; each process's place in its
//! program and how far it has read the log. The log's entries are not kept, only what they say, the distance of every reader from
//! the head, where the newest checkpoint ends and up to where the log was deleted. States that can only behave alike are one ([`canonical`]): so
//! crashes, fences and condemnations may happen any number of times, and what bounds the search is how many packs, orphaned sessions and
//! entries exist at once.
//!
//! **Steps**
//!
//! | who | steps |
//! |---|---|
//! | [`writer`] | open (with the newest point as base), choose places (any usable pack that has the chunk, else a new one), publish, commit, learn what became of an entry (response, or attempt id where it was lost), read on, look at the newest checkpoint, crash |
//! | [`collector`] | mark, choose any packs to give up and store their survivors again (open), condemn with moves, learn, read on and mark again, crash |
//! | [`chores`] | expire any point, fence any session, delete what may be deleted, sweep, write a checkpoint (forgetting moves that no live point needs), delete the oldest entry that it covers |
//! | [`locks`] | a day passes, the writer locks what it relies on, somebody deletes a pack that no lock holds |
//! | [`reader`] | open a point, get a chunk from the place known, look again |
//!
//! Time does not exist, but for the days of locks: a session may be fenced and a pack deleted as soon as the rules allow it, and a process may stop for
//! ever between any two steps. So a request that arrives late is a slow process; one that arrives after its process was started again is the second
//! writer. A log that is truncated is read entry by entry, and a slot that was deleted can be put again, by somebody
//! late, and read by somebody as late: a *void* entry ([`log`]).
//!
//! **Properties**, in every state: each chunk of each live point is reached through the moves in an existing, published pack that is not
//! condemned (the theorem). At each step: I1 an entry lands only at a head that its writer has read; I2 at each commit; I3 after each condemn; I4 at each
//! deletion; I5 for publish, commit *and a condemn with replacements*; I6 at each choice; I7 whoever is told that its entry is in the log is told
//! the truth; no session commits twice; no entry chains to a void one; no reader reports damage for a live point. I8 in every state, not only at the
//! commit: what a live point needs is locked for as long as the point's own period still runs.
//!
//! **What the model adds to the protocol's text**
//! - The look at the newest checkpoint (I7) is due after *every* entry on which something is built, not only after a commit: after a
//!   void `Publish` the next entry breaks the chain at the head, after a void `Condemn` live packs are deleted.
//! - A process that reads on from an old view looks at the newest checkpoint *after* the tail as well, before it appends: it may have read
//!   the void entry of another.
//! - A `Condemn` with replacements is an entry of its session: after the fence it is refused (I5), for its packs may be gone as orphans. The
//!   replacements are ordinary packs from that entry on, though the collector's session never commits.
//! - Under immutability it locks its replacements first, as long as any point needs them that is live by then (I8): since they were stored days may
//!   have passed, and others have committed.
//!
//! **Mutants** ([`mutants`]): the protocol with one rule broken. Each must do harm that a user would notice, not merely break its rule. The test
//! prints the shortest way there.
//!
//! **Not modelled**: locks of other objects than packs (config, key slots, segments, the log: they are extended like a pack that every point
//! needs), what the log remembers of locks, days that are raised, void and damaged slots of a versioned bucket, `Fold`, `Rewrite` (a commit and an
//! expiry in one entry), stores whose reads are stale, contents. Small bounds: a fault that needs three chunks or more packs than these stays unseen.
//!
//! The numbers of states are asserted: a change of the model has to say so.

#![expect(clippy::print_stdout, reason = "states, transitions and counterexamples are what these tests have to tell")]

mod canonical;
mod chores;
mod collector;
mod configurations;
mod locks;
mod log;
mod mutants;
mod protocol;
mod reader;
mod search;
mod state;
mod writer;
