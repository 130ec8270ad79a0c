//! Archives in seconds: a layer on loopback before a real server, which thaws by a clock that the test turns.
//!
//! No emulator archives as Amazon and Microsoft document it: SeaweedFS keeps a storage class and reads what rests all the same, and knows no
//! restore; Azurite refuses to read what rests, and moves it out of its archive at once. So this stands before them. Whatever the server can
//! do is its answer (signatures, conditions, checksums, listings, its own refusals); what it cannot is the layer's, with the status and the
//! error codes that the vendors document:
//!
//! ```text
//!   S3      GET 403 InvalidObjectState -- POST ?restore 202 --> ongoing-request="true" --thaw--> expiry-date --days--> as before
//!   Azure   GET 409 BlobArchived ------ PUT ?comp=tier 202 --> rehydrate-pending-to-hot --thaw--> Hot, until it is set to Archive
//! ```
//!
//! [`Thawing::tally`] says who did what. What passes here is no proof of what Amazon and Azure really do, only of what they document.
//!
//! The clock of the answers (`Date`) is the layer's. Cairn refuses to lock anything by a clock that is far from its own: tests with locks
//! leave the clock alone. The host's name of a request is passed on as it is, as the servers verify it with the signature.
//!
//! Needs `testkit` and `parking_lot` only, so that the tests of other crates can include this folder by its path.

mod azure;
mod s3;
mod shelf;

use parking_lot::Mutex;
use shelf::Shelf;
pub(crate) use shelf::Tally;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::http::{self, Answer, Request, Server};

/// A running layer; ends when it is dropped.
pub(crate) struct Thawing {
    path: String,
    front: Arc<Front>,
    server: Server,
}

struct Front {
    server: String,
    shelf: Mutex<Shelf>,
    lose: AtomicBool,
}

impl Thawing {
    /// Stands before the server at `endpoint` (`http://host:port/path`). A retrieval takes `thaw_seconds`.
    pub(crate) fn before(endpoint: &str, thaw_seconds: i64) -> Self {
        let rest = endpoint.strip_prefix("http://").expect("a server on loopback speaks http");
        let (server, path) = rest.split_once('/').map_or((rest, String::new()), |(s, p)| (s, format!("/{p}")));
        let (shelf, lose) = (Mutex::new(Shelf::new(thaw_seconds)), AtomicBool::new(false));
        let front = Arc::new(Front { server: server.to_owned(), shelf, lose });
        let serving = Arc::clone(&front);
        Thawing { path, front, server: Server::start(move |request| serving.serve(request)) }
    }

    /// Where clients shall go instead of the server.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}{}", self.server.endpoint(), self.path)
    }

    /// Turns the clock on.
    pub(crate) fn turn(&self, seconds: i64) {
        self.front.shelf.lock().turn(seconds);
    }

    /// The next put in a class or request to retrieve is done, and its answer is lost in a 500.
    pub(crate) fn lose_answer(&self) {
        self.front.lose.store(true, Ordering::SeqCst);
    }

    /// What was done so far, by the layer and by the server.
    pub(crate) fn tally(&self) -> Tally {
        self.front.shelf.lock().tally.clone()
    }
}

impl Front {
    fn serve(&self, request: &Request) -> Answer {
        let is_azure = request.header("x-ms-version").is_some();
        let mut answer = if is_azure { azure::answer(self, request) } else { s3::answer(self, request) };
        let seconds = self.shelf.lock().now();
        answer.set("date", &http::http_date(seconds));
        answer
    }

    /// What was done, unless its answer shall be lost.
    fn done(&self, answer: Answer) -> Answer {
        if self.lose.swap(false, Ordering::SeqCst) { Answer::refuse(500, "InternalError") } else { answer }
    }
}
