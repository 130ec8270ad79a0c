//! Microsoft 365 as a source: mailboxes and drives, backed up from what Microsoft Graph says has
//! changed.
//!
//! ```text
//! answer   what the service says: pages, errors, batches, tokens   bytes -> values, pure
//! client   the one way to the service: tokens, pools, links, contents
//! fold     a round of a change feed: the last word on each item    pure
//! names    what an item is called in a restore point               pure
//! pace     how fast a pool of the service may be asked               pure
//! scope    which objects, and what of them: a TOML file            pure
//! organisation   where its services are, and how the application proves itself
//! rows     what is written down for the next session               values <-> bytes, pure
//! ```
//!
//! Promises: what does not parse as an item is an error of its page, never an item that is gone; a
//! cursor, a download link and a token are shown nowhere. Refuses to know a repository, a store or a
//! key: all that it gives crosses the second door of `source`.

pub mod answer;
pub mod client;
pub mod fold;
pub mod names;
pub mod organisation;
pub mod pace;
pub mod rows;
pub mod scope;
