//! A server of a test's own: it answers each request as a closure says, and keeps what it was asked.

use engine::store::{Location, Options, Store, open};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The server.
pub(super) struct Server {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

/// What it says.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Lines of the head.
    pub(super) headers: &'static [&'static str],
    pub(super) body: String,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, headers: &[], body: body.into() }
    }

    /// A refusal as S3 and Azure word it.
    pub(super) fn refusal(status: u16, code: &str) -> Answer {
        Answer::new(status, format!("<Error><Code>{code}</Code><Message>no</Message></Error>"))
    }
}

impl Server {
    /// Answers as `answer` says of the head of a request, one after the other.
    pub(super) fn start(mut answer: impl FnMut(&str) -> Answer + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heads);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Some(head) = head(&client) else { continue };
                let Answer { status, headers, body } = answer(&head);
                let mut whole = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n", body.len());
                headers.iter().for_each(|line| whole.push_str(&format!("{line}\r\n")));
                whole.push_str("Connection: close\r\n\r\n");
                if !head.starts_with("HEAD") {
                    whole.push_str(&body);
                }
                noted.lock().unwrap().push(head);
                let _ = (&client).write_all(whole.as_bytes());
            }
        });
        Server { address, heads }
    }

    /// How many requests had these words in their first line.
    pub(super) fn asked(&self, words: &str) -> usize {
        let heads = self.heads.lock().unwrap();
        heads.iter().filter(|head| head.lines().next().is_some_and(|line| line.contains(words))).count()
    }

    /// A store there; `HERE` in a setting is the server's address.
    pub(super) fn store(&self, url: &str, settings: &[(&str, &str)]) -> Arc<dyn Store> {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), value.replace("HERE", &self.address))).collect();
        let options = Options { environment: false, settings, ..Options::default() };
        open(&Location::parse(url).unwrap(), &options).unwrap()
    }

    /// An S3 there, with keys that never change.
    pub(super) fn s3_with_keys(&self) -> Arc<dyn Store> {
        let settings = [
            ("aws_endpoint", "HERE"),
            ("aws_allow_http", "true"),
            ("aws_access_key_id", "KEY1"),
            ("aws_secret_access_key", "s"),
            ("aws_session_token", "t"),
        ];
        self.store("s3://box/x", &settings)
    }
}

/// The lines before the body.
fn head(client: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(client);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    // A connection that is closed over bytes that were not read is reset.
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut reader, &mut body).ok()?;
    Some(head)
}
