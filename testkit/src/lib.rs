//! What tests share.
//!
//! Promises: nothing here is part of a release; a double says in its first line what it stands for and what it cannot show. The toy and
//! the draft stand on `source` alone (`engine/tests/it/architecture.rs` asks Cargo): what compiles here needs no engine.

pub mod draft;
pub mod toy;
