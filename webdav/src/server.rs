//! The server: binds, accepts, and ends without breaking off what it has begun.
//!
//! Its face is blocking, like the store's: tokio stays inside.

use crate::access::Login;
use crate::answer::Answering;
use crate::body::Body;
use crate::limits::{ACCEPT_AGAIN, CONNECTIONS, DRAIN, LOOK_EVERY, REQUEST_DEADLINE, SERVING_THREADS, STORE_THREADS};
use bytes::Bytes;
use engine::{Error, Kind, Result};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use view::View;

/// Where, and for whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on; port 0 is any free one.
    pub listen: SocketAddr,
    /// Who may ask. `None` is everybody who reaches the address.
    pub login: Option<Login>,
    /// Whether everybody may ask also where other machines reach it.
    pub open_to_all: bool,
}

/// What was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Requests that were answered, refusals included.
    pub requests: u64,
    /// Bytes of answers, headers not counted.
    pub bytes: u64,
}

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    answering: Arc<Answering>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Server {
    /// Listens. Clients that connect wait until [`Server::run`].
    ///
    /// # Errors
    /// `Input` when other machines could ask without a password, `Conflict` when the address is taken, `Denied`.
    pub fn bind(view: Arc<View>, options: Options) -> Result<Self> {
        let Options { listen, login, open_to_all } = options;
        if !listen.ip().is_loopback() && login.is_none() && !open_to_all {
            let message = format!("{listen}: other machines fetch this address, and no password is set");
            return Err(Error::new(Kind::Input, message)
                .advise("set --user and --user-password-file, or say --no-auth if everybody may read all backups"));
        }
        let failed = |e: std::io::Error| refused(listen, &e);
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let answering = Arc::new(Answering { view, listen: address, login });
        Ok(Server { listener, address, answering, counts: Arc::default() })
    }

    /// Where it listens, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stopped` says so, then lets answers under way come to their end, for some seconds at most.
    ///
    /// # Errors
    /// `Bug` when the system gives no threads.
    pub fn run(self, stopped: impl Fn() -> bool) -> Result<Served> {
        let failed = |e: std::io::Error| Error::new(Kind::Bug, format!("the server cannot be started: {e}"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(SERVING_THREADS)
            .max_blocking_threads(STORE_THREADS)
            .thread_name("webdav")
            .enable_all()
            .build()
            .map_err(failed)?;
        let counts = Arc::clone(&self.counts);
        let served = runtime.block_on(self.serve(stopped)).map_err(failed);
        // Questions that hang in the store are not waited for.
        runtime.shutdown_background();
        served?;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Ok(Served { requests: of(&counts.requests), bytes: of(&counts.bytes) })
    }

    async fn serve(self, stopped: impl Fn() -> bool) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS)));
        let mut look = tokio::time::interval(LOOK_EVERY);
        let next = async || {
            // It is never closed.
            let place = Arc::clone(&places).acquire_owned().await.map_err(std::io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (place, stream))
        };
        let mut accepting = Box::pin(next());
        while !stopped() {
            tokio::select! {
                accepted = &mut accepting => {
                    match accepted {
                        Ok((place, stream)) => connection(stream, place, &self.answering, &self.counts, &graceful),
                        Err(e) => {
                            tracing::warn!("a connection was not accepted: {e}");
                            tokio::time::sleep(ACCEPT_AGAIN).await;
                        }
                    }
                    accepting = Box::pin(next());
                }
                _ = look.tick() => {}
            }
        }
        drop(accepting);
        drop(listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("answers were still under way after {} seconds and were broken off", DRAIN.as_secs());
        }
        Ok(())
    }
}

fn connection(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    answering: &Arc<Answering>,
    counts: &Arc<Counts>,
    graceful: &GracefulShutdown,
) {
    let (answering, counts) = (Arc::clone(answering), Arc::clone(counts));
    let service = service_fn(move |request: Request<Incoming>| {
        let (answering, counts) = (Arc::clone(&answering), Arc::clone(&counts));
        async move {
            counts.requests.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(counted(answering.answer(request).await, counts))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_DEADLINE)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that goes away, or whose answer was broken off, is no event.
        if let Err(e) = connection.await {
            tracing::debug!("a connection ended: {e}");
        }
        drop(place);
    });
}

fn counted(answer: Response<Body>, counts: Arc<Counts>) -> Response<Body> {
    // A known length must stay known, or it would be sent in chunks.
    let known = answer.body().size_hint().exact();
    if let Some(bytes) = known {
        counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        return answer;
    }
    answer.map(|body| {
        body.map_frame(move |frame: Frame<Bytes>| {
            counts.bytes.fetch_add(frame.data_ref().map_or(0, |data| data.len() as u64), Ordering::Relaxed);
            frame
        })
        .boxed_unsync()
    })
}

fn refused(listen: SocketAddr, e: &std::io::Error) -> Error {
    let message = format!("{listen}: cannot listen there: {e}");
    match e.kind() {
        ErrorKind::AddrInUse => Error::new(Kind::Conflict, format!("{listen}: another program listens there already"))
            .advise("name another port with --listen, or port 0 for any free one"),
        ErrorKind::PermissionDenied => {
            Error::new(Kind::Denied, message).advise("name a port of 1024 or above with --listen")
        }
        _ => Error::new(Kind::Input, message).advise("name an address of this machine with --listen"),
    }
}
