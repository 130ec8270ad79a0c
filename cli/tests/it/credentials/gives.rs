//! A service on loopback that gives credentials to whoever asks in the right way, as those of
//! machines, containers and Azure do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request: its first line, its headers in lower case, its body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: String,
    pub(super) body: String,
}

/// The service; `answer` gives status and body.
pub(super) struct Gives {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Gives {
    pub(super) fn start(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Gives {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || serve(client, &seen, &*answer));
            }
        });
        Gives { address, asked }
    }

    /// The service of a machine, second version: without its token nobody is given anything.
    pub(super) fn machine(id: &str, secret: &str) -> Gives {
        let keys = keys(id, secret, ", \"Token\": \"temporary\"");
        Gives::start(move |asked| {
            let has_token = asked.headers.contains("x-aws-ec2-metadata-token: tok\n");
            match asked.line.split(' ').take(2).collect::<Vec<_>>()[..] {
                ["PUT", "/latest/api/token"] if asked.headers.contains("-token-ttl-seconds:") => {
                    (200, "tok".to_owned())
                }
                ["GET", "/latest/meta-data/iam/security-credentials/"] if has_token => (200, "role".to_owned()),
                ["GET", "/latest/meta-data/iam/security-credentials/role"] if has_token => (200, keys.clone()),
                _ => (401, String::new()),
            }
        })
    }

    /// The service of a container, which wants a token.
    pub(super) fn container(id: &str, secret: &str) -> Gives {
        let keys = keys(id, secret, "");
        Gives::start(move |asked| match asked.headers.contains("authorization: permit\n") {
            true => (200, keys.clone()),
            false => (403, String::new()),
        })
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn keys(id: &str, secret: &str, more: &str) -> String {
    format!(
        "{{\"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\", \"Expiration\": \"2099-01-01T00:00:00Z\"{more}}}"
    )
}

fn serve(client: TcpStream, seen: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> (u16, String)) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let (mut line, mut headers) = (String::new(), String::new());
    // Whoever goes away without a word is not answered.
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim_end().is_empty() {
            break;
        }
        let (name, value) = header.trim_end().split_once(':').unwrap_or_default();
        headers.push_str(&format!("{}: {}\n", name.to_ascii_lowercase(), value.trim()));
    }
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let asked = Asked { line: line.trim_end().to_owned(), headers, body: String::from_utf8_lossy(&body).into_owned() };
    let (status, said) = answer(&asked);
    seen.lock().unwrap().push(asked);
    let mut client = client;
    let length = said.len();
    let _ = write!(client, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}");
}
