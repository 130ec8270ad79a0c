//! What may happen to one request.

use std::time::Duration;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An answer of the proxy's own; the server is not asked. The code stands in the body as S3 words it, and in a header as Azure does.
    Status {
        /// The HTTP status.
        status: u16,
        /// The error code.
        code: &'static str,
        /// Seconds after which to come again.
        retry_after: Option<u32>,
    },
    /// A redirection to another address; the server is not asked.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// The whole address.
        to: String,
    },
    /// The connection is reset before the server hears of the request.
    ResetBefore,
    /// The server carries the request out, and the connection is reset: the answer is lost.
    ResetAfter,
    /// The answer ends after so many bytes of its body, though its length promised more.
    Truncate(usize),
    /// One bit of the answer's body is another one: at this share of its length, in thousandths. Nobody says so.
    Flip(u16),
    /// One bit of the object is another one, at this share of the object's length, in thousandths: whichever range of it is asked for, that bit is wrong
    /// in the same way, as if it had rotted where it lies.
    Rot(u16),
    /// The body comes in pieces of so many bytes with a pause behind each.
    Drip {
        /// Bytes in a piece.
        bytes: usize,
        /// The pause.
        pause: Duration,
    },
    /// The answer begins after a while.
    Delay(Duration),
    /// The answer that the same question was given the first time: a listing that does not show what was created since.
    Stale,
    /// The server carries the request out, nothing ever comes back, and the connection stays.
    HalfOpen,
}

impl Fault {
    /// A server that has too much to do.
    pub fn busy(retry_after: Option<u32>) -> Fault {
        Fault::Status { status: 503, code: "SlowDown", retry_after }
    }
}
