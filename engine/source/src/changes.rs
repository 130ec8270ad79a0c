//! The second door: sources that know what changed.
//!
//! A folder has to be walked to learn what changed. A mailbox says it: *since this link, these*. Such a source does not yield all of
//! its items; it takes the newest point of its job as a draft and edits that.
//!
//! ```text
//! engine                                          source (ChangedSource::update)
//! opens a session, takes the newest point   ----> looks at what it wrote down then        state, states
//!                                                 asks its service what changed since
//! stores what is read, from any thread      <---- gives readers                           store
//! keeps the tree in the making              <---- moves, replaces, removes by name        entry, edit
//! makes the point safe while it is long     <---- says so, now and then                   interim
//! accounts for every item                   <---- what failed, and what is well again     fail, settle
//! commits the point                         <---- returns                                 Closing
//! ```
//!
//! Promises to the source: an edit that is not made leaves the item as it is in the base, so an item that cannot be read keeps its last
//! good state; a session that is killed goes on at its last interim point, state included. Promises of the source: it writes down no
//! state (a link, a key of a change) before the edits that the state covers. Refuses to show a store, a key or the engine's trees: all
//! that crosses this door are types of `format-spec` and `base`.

use crate::{About, Failure};
use base::error::Result;
use base::monitor::Monitor;
use format_spec::tree::{Content, Entry};
use format_spec::{PointId, PointKind, Time};
use std::io::{self, Read};

/// Something that can be backed up from what changed since the last time.
pub trait ChangedSource: Send + Sync {
    /// What the restore point records about where it came from.
    fn about(&self) -> About;
    /// Brings the draft up to date. It may be called again with another draft when the session was shut out, or its base turned out to be
    /// damaged: then that draft says from which state to go on.
    ///
    /// # Errors
    /// What ends the session: the draft's errors, a stop, a service that does not let anybody in. Single items never do: see
    /// [`PointDraft::fail`].
    fn update(&self, draft: &dyn PointDraft) -> Result<Closing>;
}

/// What a source says of its work when the draft is to become a restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Whether all that is in scope was read, or what changed. A first point is full.
    pub kind: PointKind,
    /// Why, for people.
    pub reason: String,
}

/// Shown a key and its value; says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<bool> + 'a;

/// A restore point in the making: its base with the edits so far. Shared by the threads of a source.
pub trait PointDraft: Sync {
    /// The point that it began with; `None` for the first of a job.
    fn base(&self) -> Option<Base>;

    /// What was written down under this key.
    ///
    /// # Errors
    /// `Damaged` when the base cannot be read; the store's.
    fn state(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// Everything that was written down under keys with this prefix, in byte order, until `visit` says `false`.
    ///
    /// # Errors
    /// As [`PointDraft::state`]; what `visit` returns.
    fn states(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()>;
    /// Writes something down, or strikes it out. It stays with the point: it is copied with it, and does not leave by age.
    ///
    /// # Errors
    /// `Input` for a key or value that is too long for a map's entry ([TREE-5]).
    fn set_state(&self, key: &[u8], value: Option<&[u8]>) -> Result<()>;

    /// The entry at this path, which has `/` between names and none before the first; the root's path is empty.
    ///
    /// # Errors
    /// As [`PointDraft::state`].
    fn entry(&self, path: &[u8]) -> Result<Option<Entry>>;
    /// Puts entries into a folder under their names, and takes names out of it. An entry that [`PointDraft::entry`] has shown may be put
    /// under another name or into another folder: a folder moves with all that is in it, and nothing of it is read. The folder's own
    /// sums and content are the draft's to keep.
    ///
    /// Folders that do not have an edit in common may be edited from several threads at once.
    ///
    /// # Errors
    /// `Input` when there is no such folder, or a name makes no sense; as [`PointDraft::state`].
    fn edit(&self, folder: &[u8], edits: Vec<(Vec<u8>, Option<Entry>)>) -> Result<()>;

    /// Reads, cuts and stores the content of a file; bytes that are stored already are not stored twice. Called from any thread, it
    /// waits while the session has too much in hand.
    ///
    /// # Errors
    /// Outside: what ends the session. Inside: the reader's own error, which concerns one item.
    fn store(&self, content: &mut dyn Read) -> Result<io::Result<Stored>>;

    /// Notes in the ledger that an item did not end as it should; all but items left out on purpose are warnings, too. Where the item
    /// was in the base and was not edited, the point keeps that state, and says as of when ([`format_spec::ledger::Outcome::Kept`]).
    ///
    /// # Errors
    /// As [`PointDraft::set_state`].
    fn fail(&self, failure: &Failure) -> Result<()>;
    /// Takes back what the ledger of the base says of this path, and of all below it: the item is well again, or gone.
    ///
    /// # Errors
    /// As [`PointDraft::state`].
    fn settle(&self, path: &[u8]) -> Result<()>;

    /// Commits what was edited so far as a point that is marked `interim`, and goes on with that as its base. The point that the session
    /// ends with takes its place.
    ///
    /// # Errors
    /// What ends the session.
    fn interim(&self) -> Result<PointId>;

    /// Items that leave a restore point by their age (item-level retention): those last modified before this second need not be stored.
    fn stored_from(&self) -> Option<i64>;
    /// Progress, warnings and the stop button.
    fn monitor(&self) -> &Monitor;
}

/// The point that a draft began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Its id.
    pub id: PointId,
    /// When the session that made it started.
    pub started: Time,
}

/// What became of the content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What the entry of the file names.
    pub content: Content,
    /// The length of the file, in bytes.
    pub bytes: u64,
}
