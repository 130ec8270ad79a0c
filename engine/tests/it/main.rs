//! The engine's integration tests: one binary, one module a behaviour.

mod store;
