//! A proxy on loopback that spoils HTTP as a script says: what networks, middle boxes and servers do to requests, for tests.
//!
//! It stands between a client and one server over plain HTTP. The client takes it for the server (its address is the endpoint), so requests pass as
//! they are, host and signature included. A script sees each request before the server does, and may choose one [`Fault`] for it.
//!
//! ```text
//! client --keeps connections--> proxy: script(request) -> fault? --a connection a request--> server
//!                                 \-> seen: connection, number, method, path, fault
//! ```
//!
//! Promises: without a fault every byte of an answer's body comes through; a fault meets the request that the script chose, and no other; what came is
//! counted by connection, so that a test can tell whether somebody asked again over the same one. Refuses TLS, bodies without a length from the client,
//! and to invent faults of its own.

#![forbid(unsafe_code)]

mod fault;
mod message;
mod proxy;

pub use fault::Fault;
pub use proxy::{Proxy, Request, Seen};
