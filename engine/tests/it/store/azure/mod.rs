//! Azure's version-level immutability, which exists in no emulator.
//!
//! Azurite keeps one version a blob and drops immutability policies without a word. So a layer of our own stands before it on
//! loopback ([`layer`]): what Azurite can do (authentication of plain requests, conditions, checksums, ranges, containers) is its
//! answer; versions, policies and their refusals are the layer's, with the status and error codes that Microsoft documents. It checks
//! the signatures of what it answers itself by an implementation of its own, and injects faults. What it proves is that Cairn speaks
//! the documented protocol and survives its refusals; it is no proof of what Azure really does.

mod layer;
mod tests;
