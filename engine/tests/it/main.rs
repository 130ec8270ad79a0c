//! The engine's integration tests: one binary, one module a room.

mod index;
