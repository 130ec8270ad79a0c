//! The command line from outside: the built binary on temporary folders, with a home of its own.

#![expect(clippy::unwrap_used, reason = "a test says by failing what it expected")]

mod archives;
mod backup;
mod check;
mod exit_codes;
mod generated;
mod help;
mod hooks;
mod keys;
mod killed;
mod later;
mod looking;
mod mount_outage;
mod mounted;
mod profiles;
mod reader;
mod restore;
mod seaweed;
mod servers;
mod stopped;
mod support;
mod unchanged;
mod verify;
