//! The proxy: a thread for each connection, a script for all, and what was seen.

use crate::fault::Fault;
use crate::message::{Answer, Incoming};
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A request, as the script sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The number of this request, from 1 over all connections.
    pub number: u64,
    /// The number of its connection, from 1.
    pub connection: u64,
    /// The number of the request on its connection, from 1.
    pub on_connection: u64,
    /// GET, PUT, HEAD, ...
    pub method: String,
    /// As on the wire, without the query.
    pub path: String,
    /// As on the wire.
    pub query: String,
    /// The header that asks for a part of an object, empty where there is none.
    pub range: String,
}

/// A request that was answered, or met its fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The request.
    pub request: Request,
    /// What the script chose.
    pub fault: Option<Fault>,
    /// The status that the client was answered with; `None` where nothing came back.
    pub status: Option<u16>,
}

type Script = dyn Fn(&Request) -> Option<Fault> + Send + Sync;

/// A running proxy; ends, with all its connections, when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    path: String,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    state: Mutex<State>,
    has_ended: AtomicBool,
}

#[derive(Default)]
struct State {
    script: Option<Arc<Script>>,
    seen: Vec<Seen>,
    requests: u64,
    connections: u64,
    /// First answers to listings, by the question.
    first: HashMap<String, Answer>,
    open: HashMap<u64, TcpStream>,
}

impl Proxy {
    /// A proxy in front of a server at `host:port`, which passes everything on. A path behind it belongs to the endpoint.
    ///
    /// # Errors
    /// When no port of loopback can be listened to.
    pub fn start(server: &str) -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = server.strip_prefix("http://").unwrap_or(server).trim_end_matches('/');
        let (server, path) =
            server.split_once('/').map_or((server, String::new()), |(at, path)| (at, format!("/{path}")));
        let server = server.to_owned();
        let shared = Arc::new(Shared { server, state: Mutex::default(), has_ended: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.has_ended.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&accepting);
                std::thread::spawn(move || serving.serve(&client));
            }
        });
        Ok(Proxy { address, path, shared })
    }

    /// Where clients go: `http://127.0.0.1:PORT`, and the server's path.
    pub fn endpoint(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// From now on this script chooses; what was seen before is forgotten.
    pub fn script(&self, script: impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static) {
        let mut state = self.shared.state();
        state.script = Some(Arc::new(script));
        state.seen.clear();
    }

    /// From now on everything passes; what was seen before is forgotten.
    pub fn pass(&self) {
        self.script(|_| None);
    }

    /// What was seen since the script began, in the order of answers.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::SeqCst);
        self.shared.state().open.values().for_each(|stream| _ = stream.shutdown(Shutdown::Both));
        // Wakes who accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Request {
    /// Whether it reads an object below this folder of a repository: `data`, `log`; or the object of this name, `config`.
    pub fn reads(&self, folder: &str) -> bool {
        let within = self.path.contains(&format!("/{folder}/")) || self.path.ends_with(&format!("/{folder}"));
        self.method == "GET" && within && !self.lists()
    }

    /// Whether it lists.
    pub fn lists(&self) -> bool {
        self.method == "GET" && (self.query.contains("list-type=2") || self.query.contains("comp=list"))
    }

    /// The question without what signs it.
    fn question(&self) -> String {
        let own = |pair: &&str| !pair.starts_with("X-Amz-");
        format!("{}?{}", self.path, self.query.split('&').filter(own).collect::<Vec<_>>().join("&"))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, client: &TcpStream) {
        let _ = client.set_nodelay(true);
        let connection = {
            let mut state = self.state();
            state.connections += 1;
            let number = state.connections;
            if let Ok(other) = client.try_clone() {
                state.open.insert(number, other);
            }
            number
        };
        let mut on_connection = 0;
        while let Some(incoming) = Incoming::read(client) {
            on_connection += 1;
            if !matches!(self.answer(client, &incoming, connection, on_connection), Ok(Goes::On)) {
                break;
            }
        }
        // The other handle has to go, too, for the connection to end.
        self.state().open.remove(&connection);
    }

    fn answer(&self, client: &TcpStream, incoming: &Incoming, connection: u64, on_connection: u64) -> io::Result<Goes> {
        let (request, fault) = self.choose(incoming, connection, on_connection);
        let is_bodiless = request.method == "HEAD";
        let answer = match &fault {
            Some(Fault::ResetBefore) => return self.lose(request, fault),
            Some(Fault::Status { status, code, retry_after }) => Ok(refusal(*status, code, *retry_after)),
            Some(Fault::Redirect { status, to }) => {
                Ok(Answer::new(*status, &[("location", to.clone())], String::new()))
            }
            Some(Fault::Stale) => match self.state().first.get(&request.question()).cloned() {
                Some(answer) => Ok(answer),
                None => incoming.forward(&self.server),
            },
            _ => incoming.forward(&self.server),
        };
        // A server that is not there any more: so is the proxy.
        let Ok(mut answer) = answer else { return self.lose(request, fault) };
        if request.lists() {
            self.state().first.entry(request.question()).or_insert_with(|| answer.clone());
        }
        if fault == Some(Fault::ResetAfter) {
            return self.lose(request, fault);
        }
        incoming.take(client)?;
        match &fault {
            Some(Fault::Flip(share)) => answer.flip(0, answer.body.len(), *share),
            Some(Fault::Rot(share)) => {
                let (start, length) = answer.range();
                answer.flip(start, length, *share);
            }
            _ => {}
        }
        let status = answer.head.word(1).parse().ok();
        if fault == Some(Fault::HalfOpen) {
            self.see(request, fault, None);
            // Until the client, or the test, gives up.
            let _ = client.peek(&mut [0]);
            return Ok(Goes::Away);
        }
        self.see(request, fault.clone(), status);
        send(client, &answer, is_bodiless, fault.as_ref())
    }

    fn choose(&self, incoming: &Incoming, connection: u64, on_connection: u64) -> (Request, Option<Fault>) {
        let (script, number) = {
            let mut state = self.state();
            state.requests += 1;
            (state.script.clone(), state.requests)
        };
        let (path, query) = incoming.head.word(1).split_once('?').unwrap_or((incoming.head.word(1), ""));
        let (method, path, query) = (incoming.head.word(0).to_owned(), path.to_owned(), query.to_owned());
        let range = incoming.head.header("range").or_else(|| incoming.head.header("x-ms-range"));
        let range = range.unwrap_or_default().to_owned();
        let request = Request { number, connection, on_connection, method, path, query, range };
        let fault = script.and_then(|script| script(&request));
        (request, fault)
    }

    fn see(&self, request: Request, fault: Option<Fault>, status: Option<u16>) {
        self.state().seen.push(Seen { request, fault, status });
    }

    /// Nothing comes back; one byte is still unread, so the connection is reset.
    fn lose(&self, request: Request, fault: Option<Fault>) -> io::Result<Goes> {
        self.see(request, fault, None);
        Ok(Goes::Away)
    }
}

/// Whether a connection stays.
enum Goes {
    On,
    Away,
}

fn send(mut client: &TcpStream, answer: &Answer, is_bodiless: bool, fault: Option<&Fault>) -> io::Result<Goes> {
    let body = if is_bodiless { &[][..] } else { &answer.body };
    match fault {
        Some(Fault::Truncate(bytes)) => {
            client.write_all(&answer.head_bytes(is_bodiless))?;
            client.write_all(body.get(..*bytes).unwrap_or(body))?;
            return Ok(Goes::Away);
        }
        Some(Fault::Delay(pause)) => std::thread::sleep(*pause),
        _ => {}
    }
    client.write_all(&answer.head_bytes(is_bodiless))?;
    match fault {
        Some(Fault::Drip { bytes, pause }) => {
            for piece in body.chunks((*bytes).max(1)) {
                client.write_all(piece)?;
                std::thread::sleep(*pause);
            }
        }
        _ => client.write_all(body)?,
    }
    Ok(Goes::On)
}

fn refusal(status: u16, code: &str, retry_after: Option<u32>) -> Answer {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Not now.</Message></Error>");
    let mut headers = vec![("x-ms-error-code", code.to_owned()), ("content-type", "application/xml".to_owned())];
    headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
    Answer::new(status, &headers, body)
}
