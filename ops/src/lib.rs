//! What a face asks for. A face is the command line, the server or its console; what every face must share is here.
//!
//! Refuses to print, to read the environment and to ask a terminal.

pub mod durable;
pub mod known;
