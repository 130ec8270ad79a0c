//! Real mounts of restore points in memory, as root with /dev/fuse. Each test has its own mount point, takes it away whatever
//! happens, and touches the mount only under a timeout, because what hangs in the kernel cannot be killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod archived;
mod attributes;
mod equality;
mod flow;
mod history;
mod layout;
mod life;
mod live;
mod memory;
mod names;
mod namespace;
mod place;
mod report;
mod repository;
mod semantics;
mod stores;
mod trouble;
mod unreadable;
mod xattrs;
