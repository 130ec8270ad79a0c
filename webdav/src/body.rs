//! Answers whose beginning is held back until it is known to be good, and that break off when the rest is not.
//!
//! What fails in the first [`HELD_BYTES`] is answered by a status. What fails later cuts the connection: a client that counts bytes, or
//! waits for the end of a chunked body, notices. The protocol crate skips entries that it cannot read; here that is an error.

use crate::exchange::Exchange;
use crate::limits::HELD_BYTES;
use crate::trouble::Trouble;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use std::io;
use std::pin::Pin;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A body that is known.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// The body of these pieces.
///
/// # Errors
/// What went wrong before enough of it was there.
pub(crate) async fn held(
    session: &Exchange,
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Result<Body, Trouble> {
    let mut pieces: Pieces = Box::pin(pieces);
    let (mut first, mut bytes) = (Vec::new(), 0);
    let mut rest = None;
    loop {
        let piece = pieces.next().await;
        if let Some(trouble) = session.trouble() {
            return Err(trouble);
        }
        match piece {
            None => break,
            Some(Err(e)) => return Err(Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string())),
            Some(Ok(piece)) => {
                bytes += piece.len();
                first.push(piece);
            }
        }
        if bytes >= HELD_BYTES {
            rest = Some(pieces);
            break;
        }
    }
    let rest = stream::unfold((session.clone(), rest), |(session, rest)| async move {
        let mut pieces = rest?;
        let piece = pieces.next().await;
        match (session.trouble(), piece) {
            (Some(trouble), _) => {
                tracing::warn!("an answer was broken off: {}", trouble.text);
                Some((Err(io::Error::other(trouble.text)), (session, None)))
            }
            (None, Some(Ok(piece))) => Some((Ok(piece), (session, Some(pieces)))),
            (None, Some(Err(e))) => Some((Err(e), (session, None))),
            (None, None) => None,
        }
    });
    let all = stream::iter(first.into_iter().map(Ok)).chain(rest);
    Ok(StreamBody::new(all.map(|piece| piece.map(Frame::data))).boxed_unsync())
}
