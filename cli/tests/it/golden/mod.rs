//! Repositories that released programs have made: this one opens them, finds nothing wrong, gives
//! everything back, and goes on in them.
//!
//! `cli/tests/golden/COMMIT/` holds the repositories of the release of that commit, and beside each
//! what its points must give back. The script `cli/tests/golden/make` made them with that release's
//! own binary, and listed the sources itself. They are never made again: what is in them is what
//! users have. Their clocks stand in 2025.
//!
//! The other direction cannot be tried here, as the released program is not at hand; decision 0019
//! has what it said.

mod goes_on;
mod listing;
mod opens;
mod release;
