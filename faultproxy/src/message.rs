//! As much HTTP/1.1 as a proxy on loopback needs: heads, and bodies whole.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A head: its first line, and its headers as they came.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) first: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// An answer, its body whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

/// A request of which one byte is still unread: whoever drops the connection now resets it.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Head {
    /// From the bytes of a head, the empty line included.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Head> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        let first = lines.next()?.to_owned();
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Some(Head { first, headers: lines.filter_map(header).collect() })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The word of the first line at this place.
    pub(crate) fn word(&self, at: usize) -> &str {
        self.first.split(' ').nth(at).unwrap_or_default()
    }

    fn length(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }

    /// The head as it goes on, without the headers of one hop, and with these.
    pub(crate) fn bytes(&self, more: &[(&str, String)]) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        let own = ["connection", "keep-alive", "transfer-encoding", "content-length"];
        let passes =
            |name: &str| !own.iter().chain(more.iter().map(|(key, _)| key)).any(|key| key.eq_ignore_ascii_case(name));
        let kept = self.headers.iter().filter(|(name, _)| passes(name)).map(|(name, value)| (name.as_str(), value));
        for (name, value) in kept.chain(more.iter().map(|(name, value)| (*name, value))) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

impl Incoming {
    /// Reads a request but for its last byte; `None` where the client has gone, or sends what is not understood.
    pub(crate) fn read(stream: &TcpStream) -> Option<Incoming> {
        let length = head_length(stream)?;
        let mut bytes = vec![0; length];
        let mut reader: &TcpStream = stream;
        reader.read_exact(bytes.get_mut(..length - 1)?).ok()?;
        *bytes.last_mut()? = b'\n';
        let head = Head::parse(&bytes)?;
        let mut body = Vec::new();
        if let Some(length) = head.length().filter(|length| *length > 0 && *length <= BODY_BYTES_MAX) {
            reader.read_exact(&mut [0]).ok()?;
            body = vec![0; length];
            reader.read_exact(body.get_mut(..length - 1)?).ok()?;
            let mut last = [0];
            (stream.peek(&mut last).ok()? == 1).then_some(())?;
            *body.last_mut()? = last[0];
        }
        Some(Incoming { head, body })
    }

    /// Takes the byte that is still unread: now the connection ends in peace, or goes on.
    pub(crate) fn take(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader: &TcpStream = stream;
        reader.read_exact(&mut [0])
    }

    /// The server's own answer.
    ///
    /// # Errors
    /// The connection's.
    pub(crate) fn forward(&self, server: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(server)?;
        let more = [("content-length", self.body.len().to_string()), ("connection", "close".to_owned())];
        let has_length = self.head.length().is_some();
        stream.write_all(&self.head.bytes(if has_length { &more } else { more.get(1..).unwrap_or_default() }))?;
        stream.write_all(&self.body)?;
        Answer::read(stream, self.head.word(0) == "HEAD")
    }
}

impl Answer {
    /// An answer of the proxy's own.
    pub(crate) fn new(status: u16, headers: &[(&str, String)], body: String) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Answer { head: Head { first: format!("HTTP/1.1 {status} of-the-proxy"), headers }, body: body.into_bytes() }
    }

    fn read(stream: TcpStream, is_bodiless: bool) -> io::Result<Answer> {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut bytes)? == 0 || bytes.len() > HEAD_BYTES_MAX {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = Head::parse(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let mut body = Vec::new();
        if is_bodiless || matches!(head.word(1), "204" | "304") {
            return Ok(Answer { head, body });
        }
        if head.header("transfer-encoding").is_some_and(|how| how.eq_ignore_ascii_case("chunked")) {
            chunks(&mut reader, &mut body)?;
        } else if let Some(length) = head.length() {
            reader.by_ref().take(length as u64).read_to_end(&mut body)?;
            if body.len() < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        } else {
            reader.read_to_end(&mut body)?;
        }
        Ok(Answer { head, body })
    }

    /// Where the body begins in the object, and the object's length: of a whole object, and of a range of it.
    pub(crate) fn range(&self) -> (usize, usize) {
        let told = self.head.header("content-range").and_then(|range| range.strip_prefix("bytes "));
        let parts = told.and_then(|range| {
            let (start, rest) = range.split_once('-')?;
            Some((start.parse().ok()?, rest.split_once('/')?.1.parse().ok()?))
        });
        parts.unwrap_or((0, self.body.len()))
    }

    /// Flips a bit at this share of an object of which the body begins at `start`, if that place is in it.
    pub(crate) fn flip(&mut self, start: usize, length: usize, share: u16) {
        let at = (length * usize::from(share) / 1000).min(length.saturating_sub(1));
        if let Some(byte) = at.checked_sub(start).and_then(|at| self.body.get_mut(at)) {
            *byte ^= 1;
        }
    }

    /// The head as it goes to the client. A head request is told the length of what it did not get.
    pub(crate) fn head_bytes(&self, is_bodiless: bool) -> Vec<u8> {
        let told = self.head.length().filter(|_| is_bodiless).unwrap_or(self.body.len());
        match self.head.word(1) {
            "204" | "304" => self.head.bytes(&[]),
            _ => self.head.bytes(&[("content-length", told.to_string())]),
        }
    }
}

/// The length of the head that stands at the beginning of what a client sends; nothing is taken of it.
fn head_length(stream: &TcpStream) -> Option<usize> {
    let mut seen = vec![0; HEAD_BYTES_MAX];
    loop {
        let there = stream.peek(&mut seen).ok().filter(|there| *there > 0)?;
        let bytes = seen.get(..there)?;
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            return Some(at + 4);
        }
        if there == HEAD_BYTES_MAX {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let digits = line.trim().split(';').next().unwrap_or_default();
        let length = u64::from_str_radix(digits, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        reader.by_ref().take(length).read_to_end(body)?;
        line.clear();
        reader.read_line(&mut line)?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// Longer heads are not understood.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Longer bodies are not understood.
const BODY_BYTES_MAX: usize = 256 << 20;
