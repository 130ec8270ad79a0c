//! The engine from outside: one binary, one module a behaviour.

mod index;
mod round_trip;
mod source;
mod store;
mod tree;
