//! Every bound of the server, with its reason.

use std::time::Duration;

/// Connections at a time; the next ones wait to be accepted. A browser opens six, a copying client some dozen. Each holds a
/// piece or two of a file, so this bounds memory too.
pub const CONNECTIONS: usize = 64;
/// Threads that wait for the store: one a connection, because a connection asks one thing at a time.
pub const STORE_THREADS: usize = CONNECTIONS;
/// Threads that serve connections. They never wait for the store.
pub const SERVING_THREADS: usize = 2;

/// A file is read and sent in pieces of this size, the next one when the client has taken the last one.
pub const PIECE_BYTES: usize = 1 << 20;
/// How much of an answer is held back before its first byte is sent: what fails by then is answered by a clear status.
pub const HELD_BYTES: usize = 64 << 10;
/// A PROPFIND's body. What clients send takes a few hundred bytes.
pub const REQUEST_BYTES_MAX: usize = 16 << 10;
/// Tags in a PROPFIND's body: its reader descends into each.
pub const REQUEST_TAGS_MAX: usize = 256;
/// How long a client may take to send a request; also how long an idle connection is kept.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

/// Symlinks that are followed to answer for one name, as in the kernel.
pub const LINKS_MAX: usize = 40;

/// How long answers under way may take after the server was asked to stop.
pub const DRAIN: Duration = Duration::from_secs(10);
/// How often the server looks whether it was asked to stop.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long to wait when the system has no descriptor left for one more connection.
pub const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How long browsers may show a file of a point without asking again. A point never changes, but its name is given anew
/// once it has expired.
pub const CACHE_SECONDS: u64 = 24 * 3600;
