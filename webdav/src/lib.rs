//! Cairn's view over WebDAV, read-only: for macOS, Windows and browsers, where there is no FUSE.
//!
//! ```text
//!   client -- server (connections, drain) -- answer (host, password, method) -- dav (the protocol crate) -- session -- place -- view
//!                                                   |                                                        |
//!                                                   +-- page (folders for browsers) -------------------------+
//! ```
//!
//! Promises (`fusefs/SEMANTICS.md`, "WebDAV"): the same names and bytes as the mount, nothing listed or sent short without the
//! client being told, every write refused, memory bounded by [`limits`]. `server`, `answer` and `session` alone know tokio.
//! Refuses to: cache (the view does), encrypt connections (a proxy does), lock.

mod access;
mod answer;
mod body;
mod conditions;
mod dav;
mod exchange;
pub mod limits;
mod names;
mod page;
mod resource;
mod server;
mod trouble;

pub use access::Login;
pub use server::{Options, Served, Server};
