//! The verbs: a file each, with its options and what it does.

pub(crate) mod backup;
pub(crate) mod cache;
pub(crate) mod cat;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod diff;
mod excludes;
pub(crate) mod find;
pub(crate) mod history;
pub(crate) mod index;
pub(crate) mod init;
pub(crate) mod key;
mod look;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod mount;
mod moved;
pub(crate) mod points;
pub(crate) mod repair;
pub(crate) mod restore;
mod selection;
pub(crate) mod serve;
mod sources;
pub(crate) mod stats;
pub(crate) mod umount;
pub(crate) mod verify;
