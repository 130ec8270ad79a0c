//! Behaviour of the engine, one module a room.

mod tree;
