//! The engine's behaviour from outside, one module a room.

mod source;
