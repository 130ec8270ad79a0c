//! As much HTTP/1.1 as a layer on loopback needs: one request a connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request, read whole.
pub(super) struct Request {
    pub(super) method: String,
    /// As on the wire, without the query.
    pub(super) path: String,
    /// Decoded.
    pub(super) query: BTreeMap<String, String>,
    target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// An answer; the body as on the wire.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let (first, headers) = head(&mut reader)?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut request =
            Request { method, path: path.to_owned(), query, target: target.clone(), headers, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |l| l.parse().unwrap());
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub(super) fn asks(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The server's answer to this request, passed on as it is.
    pub(super) fn forward(&self, server: &str) -> Answer {
        let mut stream = TcpStream::connect(server).unwrap();
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "connection") {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("connection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        stream.write_all(&self.body).unwrap();
        let mut reader = BufReader::new(&stream);
        let (first, headers) = head(&mut reader).unwrap();
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = Vec::new();
        reader.read_to_end(&mut body).unwrap();
        Answer { status, headers, body }
    }

    /// A plain request about the same blob.
    pub(super) fn plain(&self, method: &str, headers: Vec<(String, String)>) -> Self {
        let (path, target) = (self.path.clone(), self.path.clone());
        Request { method: method.to_owned(), path, target, query: BTreeMap::new(), headers, body: Vec::new() }
    }
}

impl Answer {
    pub(super) fn new(status: u16, headers: Vec<(&str, String)>, body: Vec<u8>) -> Self {
        let mut headers: Vec<_> = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        headers.push(("content-length".to_owned(), body.len().to_string()));
        headers.push(("date".to_owned(), super::http_date(super::now())));
        Answer { status, headers, body }
    }

    /// A refusal, as Azure words it.
    pub(super) fn refuse(status: u16, code: &str) -> Self {
        let body = format!("\u{feff}<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
        Answer::new(status, vec![("x-ms-error-code", code.to_owned())], body.into_bytes())
    }

    pub(super) fn write(&self, mut stream: &TcpStream, is_head: bool) -> Option<()> {
        let mut text = format!("HTTP/1.1 {} X\r\n", self.status);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "connection" && name != "keep-alive") {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("connection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).ok()?;
        if is_head { Some(()) } else { stream.write_all(&self.body).ok() }
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

/// The first line, and the headers with names in lower case.
fn head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0).map(|_| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { return Some((first, headers)) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}
