//! As much HTTP/1.1 as a double on loopback needs: one request per connection, bodies whole. No proof of what a client may send.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A server that answers each request in a thread of its own; ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers so; a client that goes away without a whole request is not answered.
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ended, answer) = (Arc::new(AtomicBool::new(false)), Arc::new(answer));
        let has_ended = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if has_ended.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, answer) = (stream.unwrap(), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let request = Request::read(&stream)?;
                    answer(&request).write(&stream, request.method == "HEAD")
                });
            }
        });
        Server { address, ended, thread: Some(thread) }
    }

    /// Where it is: `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A request, read whole.
pub struct Request {
    /// The verb.
    pub method: String,
    /// As on the wire, without the query.
    pub path: String,
    /// Decoded.
    pub query: BTreeMap<String, String>,
    /// Its bytes.
    pub body: Vec<u8>,
    /// As on the wire, with the query.
    pub target: String,
    /// Their names in lower case.
    pub headers: Vec<(String, String)>,
}

/// An answer, its body whole.
pub struct Answer {
    /// The code.
    pub status: u16,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Their names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// From a connection; `None` where it ends before the request does.
    pub fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let (first, headers) = head(&mut reader)?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        };
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
        let body = body(&mut reader, &headers, 0)?;
        Some(Request { method, path: path.to_owned(), query, body, target: target.clone(), headers })
    }

    /// A header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// A plain request about the same object.
    pub fn plain(&self, method: &str, headers: Vec<(String, String)>) -> Self {
        let (path, target) = (self.path.clone(), self.path.clone());
        Request { method: method.to_owned(), path, target, query: BTreeMap::new(), headers, body: Vec::new() }
    }

    /// A word of the query.
    pub fn asks(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The server's own answer to this request, which is passed on as it is.
    pub fn forward(&self, server: &str) -> Answer {
        let mut stream = TcpStream::connect(server).unwrap();
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "connection") {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("connection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        stream.write_all(&self.body).unwrap();
        let mut reader = BufReader::new(&stream);
        let (first, headers) = head(&mut reader).expect("the server answers");
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let bodiless = self.method == "HEAD" || matches!(status, 204 | 304);
        let body = if bodiless { Vec::new() } else { body(&mut reader, &headers, usize::MAX).expect("a whole answer") };
        Answer { status, body, headers }
    }
}

impl Answer {
    /// An answer of the layer's own.
    pub fn new(status: u16) -> Self {
        Answer { status, body: Vec::new(), headers: vec![("content-length".to_owned(), "0".to_owned())] }
    }

    /// A refusal, as S3 and Azure word it.
    pub fn refuse(status: u16, code: &str) -> Self {
        let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
        let mut answer = Answer::new(status);
        answer.set("x-ms-error-code", code);
        answer.set("content-length", &text.len().to_string());
        answer.body = text.into_bytes();
        answer
    }

    /// A header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// One header and no other of its name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(n, _)| n != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// The error code of a refusal.
    pub fn is_refused_as(&self, code: &str) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        self.header("x-ms-error-code") == Some(code) || text.contains(&format!("<Code>{code}</Code>"))
    }

    /// To a connection; without the body where only the head is asked for.
    pub fn write(&self, mut stream: &TcpStream, is_head: bool) -> Option<()> {
        let mut text = format!("HTTP/1.1 {} X\r\n", self.status);
        let hop = ["connection", "keep-alive", "transfer-encoding"];
        let length = |name: &str| name == "content-length" && !is_head;
        for (name, value) in self.headers.iter().filter(|(n, _)| !hop.contains(&n.as_str()) && !length(n)) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !is_head {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        text.push_str("connection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).ok()?;
        if is_head { Some(()) } else { stream.write_all(&self.body).ok() }
    }
}

/// The first line, and the headers with names in lower case.
fn head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let first = line(reader)?;
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { return Some((first, headers)) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0).map(|_| line.trim_end().to_owned())
}

/// A body by its length, in chunks, or (where nothing tells its length) up to `untold` bytes or the end of the connection.
fn body(reader: &mut impl BufRead, headers: &[(String, String)], untold: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if find(headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            let length = line(reader)?;
            let length = u64::from_str_radix(length.split(';').next()?.trim(), 16).ok()?;
            reader.take(length).read_to_end(&mut body).ok()?;
            line(reader)?;
            if length == 0 {
                return Some(body);
            }
        }
    }
    let length = find(headers, "content-length").map_or(Some(untold as u64), |text| text.parse().ok())?;
    reader.take(length).read_to_end(&mut body).ok()?;
    Some(body)
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

/// Percent-decoding, with `+` for a space.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A time as headers have it.
pub fn http_date(seconds: i64) -> String {
    let stamp = jiff::Timestamp::from_second(seconds).unwrap();
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&stamp).unwrap()
}
