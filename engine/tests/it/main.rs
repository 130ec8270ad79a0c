//! The engine's integration tests: one binary, one module a behaviour.

// Marked, so that the lints know all of it for tests.
#[cfg(test)]
mod store;
