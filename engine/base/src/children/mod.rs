//! Processes that this one starts for somebody else's command: a hook, a dump that is backed up, a
//! program that gives credentials.
//!
//! ```text
//! started --ends itself--> what it left behind was left on purpose, and goes on
//!    |
//!    \--is ended--> the signal to it and all that it started --a second later--> KILL, until nothing of it is left
//! ```
//!
//! Promises: what is ended, or was under way when [`kill_all`] is called, leaves nothing behind,
//! also what left its process group or lost its parent. Such orphans come to this process, which
//! asks the kernel for them (`PR_SET_CHILD_SUBREAPER`). A process that this one had before, or that
//! an ended command left, is not harmed. Without a terminal a command leads a group of its own. On
//! a terminal it stays in the foreground, where it may ask for a password and hears Ctrl-C itself.
//! It does not see the password of the repository ([`PASSWORD`]): an environment can be read, and
//! goes on to all that is started.
//!
//! Refuses to guess whose an orphan is: while two commands are under way, orphans are left until
//! the last of them is ended. On a terminal, an orphan that stayed in the foreground is not told
//! from other children of this process; Ctrl-C reaches it there.

mod ending;
mod family;
mod household;
mod starting;
#[cfg(test)]
mod tests;

pub use ending::{LOOK_AGAIN, kill_all};
pub use household::hear;
pub use starting::{PASSWORD, Started, start};
