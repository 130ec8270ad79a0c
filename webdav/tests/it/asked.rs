//! A client of a few lines: one request a connection, and it notices when an answer ends before its time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the answer came to its end.
    pub(crate) complete: bool,
}

pub(crate) fn ask(to: SocketAddr, method: &str, url: &str, headers: &[(&str, &str)]) -> Asked {
    let mut stream = send(to, method, url, headers);
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).is_ok();
    parse(&answer, method == "HEAD", ended)
}

/// Sends a request without waiting for its answer. `Host` is the address unless it is among the headers.
pub(crate) fn send(to: SocketAddr, method: &str, url: &str, headers: &[(&str, &str)]) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let mut text = format!("{method} {url} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        text.push_str(&format!("Host: {to}\r\n"));
    }
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    stream
}

pub(crate) fn parse(answer: &[u8], is_head: bool, ended: bool) -> Asked {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("the end of the headers");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = answer[end + 4..].to_vec();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut asked = Asked { status, headers, body, complete: ended };
    if asked.header("transfer-encoding") == Some("chunked") {
        (asked.body, asked.complete) = unchunk(&asked.body);
    } else if let Some(length) = asked.header("content-length").map(|l| l.parse::<usize>().unwrap()) {
        asked.complete = is_head || asked.body.len() == length || status == 304;
    }
    asked
}

fn unchunk(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|w| w == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        let rest = &body[end + 2..];
        if length == 0 {
            return (out, true);
        }
        let Some(bytes) = rest.get(..length) else { break };
        out.extend_from_slice(bytes);
        body = rest.get(length + 2..).unwrap_or_default();
    }
    (out, false)
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..])
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// All texts between two marks.
    pub(crate) fn between(&self, before: &str, after: &str) -> Vec<String> {
        let text = self.text();
        text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap().to_owned()).collect()
    }
}
