//! Each fault as a client meets it, in front of a server that gives back what it is asked for.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use faultproxy::{Fault, Proxy};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A server whose answers tell their number: `answer 1`, `answer 2`, ...
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let answers = AtomicU32::new(0);
        for client in listener.incoming() {
            let mut reader = BufReader::new(client.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let number = answers.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!("answer {number} to {}", String::from_utf8(body).unwrap());
            write!(reader.get_mut(), "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    address
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn to(proxy: &Proxy) -> Client {
        let stream = TcpStream::connect(proxy.endpoint().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client(BufReader::new(stream))
    }

    fn send(&mut self, method: &str, target: &str, body: &str) {
        let length = body.len();
        write!(self.0.get_mut(), "{method} {target} HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
    }

    /// Status and body, or how the connection ended.
    fn receive(&mut self) -> Result<(u16, String), ErrorKind> {
        let (mut line, mut length, mut status) = (String::new(), 0, 0);
        while line != "\r\n" {
            line.clear();
            if self.0.read_line(&mut line).map_err(|e| e.kind())? == 0 {
                return Err(ErrorKind::UnexpectedEof);
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).map_err(|e| e.kind())?;
        Ok((status, String::from_utf8(body).unwrap()))
    }

    fn ask(&mut self, method: &str, target: &str, body: &str) -> Result<(u16, String), ErrorKind> {
        self.send(method, target, body);
        self.receive()
    }
}

/// A proxy that does this to requests for `/bad`.
fn bad(fault: Fault) -> Proxy {
    let proxy = Proxy::start(&server()).unwrap();
    proxy.script(move |request| (request.path == "/bad").then(|| fault.clone()));
    proxy
}

#[test]
fn without_a_fault_everything_passes_over_one_connection() {
    let proxy = Proxy::start(&server()).unwrap();
    let mut client = Client::to(&proxy);
    for number in 1..4 {
        assert_eq!(client.ask("PUT", "/a?b=c", "x").unwrap(), (200, format!("answer {number} to x")));
    }
    let seen = proxy.seen();
    let told: Vec<_> = seen.iter().map(|seen| (seen.request.connection, seen.request.on_connection)).collect();
    assert_eq!((told, proxy.connections()), (vec![(1, 1), (1, 2), (1, 3)], 1));
    assert_eq!((seen[0].request.path.as_str(), seen[0].request.query.as_str()), ("/a", "b=c"));
    assert!(seen.iter().all(|seen| seen.fault.is_none() && seen.status == Some(200)));
}

#[test]
fn a_fault_meets_the_request_that_was_chosen_and_no_other() {
    let proxy = bad(Fault::Flip(0));
    let mut client = Client::to(&proxy);
    assert_eq!(client.ask("GET", "/good", "").unwrap().1, "answer 1 to ");
    assert_eq!(client.ask("GET", "/bad", "").unwrap().1, "`nswer 2 to ");
    assert_eq!(client.ask("GET", "/good", "").unwrap().1, "answer 3 to ");
    assert_eq!(proxy.seen().iter().filter(|seen| seen.fault.is_some()).count(), 1);
}

#[test]
fn a_refusal_has_status_code_and_patience_and_the_server_is_not_asked() {
    let proxy = bad(Fault::busy(Some(7)));
    let mut client = Client::to(&proxy);
    client.send("GET", "/bad", "");
    let (status, body) = client.receive().unwrap();
    assert!(status == 503 && body.contains("<Code>SlowDown</Code>"), "{status} {body}");
    assert_eq!(client.ask("GET", "/good", "").unwrap().1, "answer 1 to ");
}

#[test]
fn a_redirection_names_the_other_place() {
    let proxy = bad(Fault::Redirect { status: 307, to: "http://other.invalid/".into() });
    assert_eq!(Client::to(&proxy).ask("GET", "/bad", "").unwrap(), (307, String::new()));
}

#[test]
fn a_reset_is_a_reset_and_the_server_has_heard_or_not() {
    for (fault, next) in [(Fault::ResetBefore, "answer 1 to "), (Fault::ResetAfter, "answer 2 to ")] {
        for body in ["", "a body"] {
            let proxy = bad(fault.clone());
            assert_eq!(Client::to(&proxy).ask("PUT", "/bad", body), Err(ErrorKind::ConnectionReset), "{fault:?}");
            assert_eq!(Client::to(&proxy).ask("GET", "/good", "").unwrap().1, next, "{fault:?}");
        }
    }
}

#[test]
fn a_body_ends_early_though_its_length_promised_more() {
    let proxy = bad(Fault::Truncate(3));
    assert_eq!(Client::to(&proxy).ask("GET", "/bad", ""), Err(ErrorKind::UnexpectedEof));
}

#[test]
fn a_body_drips_and_is_whole_in_the_end() {
    let proxy = bad(Fault::Drip { bytes: 4, pause: Duration::from_millis(50) });
    let begun = Instant::now();
    assert_eq!(Client::to(&proxy).ask("GET", "/bad", "").unwrap().1, "answer 1 to ");
    assert!(begun.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_stale_answer_is_the_first_one() {
    let proxy = Proxy::start(&server()).unwrap();
    let mut client = Client::to(&proxy);
    let listing = |signature: u32| format!("/b?list-type=2&prefix=p&X-Amz-Signature={signature}");
    assert_eq!(client.ask("GET", &listing(1), "").unwrap().1, "answer 1 to ");
    assert_eq!(client.ask("GET", &listing(2), "").unwrap().1, "answer 2 to ");
    proxy.script(|request| request.lists().then_some(Fault::Stale));
    assert_eq!(client.ask("GET", &listing(3), "").unwrap().1, "answer 1 to ");
}

#[test]
fn a_half_open_connection_answers_nothing_until_the_proxy_ends() {
    let proxy = bad(Fault::HalfOpen);
    let mut client = Client::to(&proxy);
    client.0.get_ref().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(matches!(client.ask("GET", "/bad", ""), Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)));
    // The server has carried it out.
    assert_eq!(Client::to(&proxy).ask("GET", "/good", "").unwrap().1, "answer 2 to ");
    client.0.get_ref().set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    drop(proxy);
    assert!(client.receive().is_err_and(|kind| !matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)));
}
