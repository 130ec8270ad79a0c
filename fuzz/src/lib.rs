//! What the fuzz targets call. One module a crate under test; each lists its targets, so that ordinary tests can replay the corpora.

pub mod cli;
pub mod engine;
pub mod format;
pub mod m365;
pub mod replay;
