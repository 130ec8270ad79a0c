//! The engine from outside: one binary, one module a behaviour.

mod source;
mod store;
mod tree;
