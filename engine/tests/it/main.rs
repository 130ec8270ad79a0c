//! The engine's integration tests: one binary, one module a room.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod index;
