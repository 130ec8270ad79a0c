//! Operations as a face without a terminal uses them: a server, for one.

#![expect(clippy::unwrap_used, reason = "a test says by failing what it expected")]

mod face;
mod nights;
mod repositories;
