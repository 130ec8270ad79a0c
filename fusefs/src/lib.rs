//! Cairn
