//! MiniStack from behind: lets the days of what it has restored be over.
//!
//! It ends a restored copy at the midnight after its days, as Amazon does, and takes the days of a further restore for what they are: minus one puts that
//! midnight into the past, and the object rests again. Amazon refuses such a request; Cairn never sends one.

use std::io::{Read, Write};
use std::net::TcpStream;

/// The objects below a prefix of a bucket.
pub(crate) struct MiniStack {
    address: String,
    bucket: String,
    prefix: String,
}

impl MiniStack {
    pub(crate) fn new(endpoint: &str, bucket: &str, prefix: &str) -> Self {
        let address = endpoint.strip_prefix("http://").expect("a server on loopback speaks http").to_owned();
        MiniStack { address, bucket: bucket.to_owned(), prefix: prefix.to_owned() }
    }

    /// What was restored rests again.
    pub(crate) fn end(&self) {
        let listed = self.send("GET", &format!("/{}?list-type=2&prefix={}/data/", self.bucket, self.prefix), "");
        let keys: Vec<_> = listed.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>")).collect();
        assert!(!keys.is_empty(), "{listed}");
        for (key, _) in keys {
            let days = "<RestoreRequest><Days>-1</Days></RestoreRequest>";
            let answer = self.send("POST", &format!("/{}/{key}?restore", self.bucket), days);
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }

    /// Who did what.
    pub(crate) fn tally(&self) -> String {
        "a class was shown, a read was refused, a retrieval was answered, pending and shown: the server\n\
         the end of its days came early: the test, by a restore for minus one day, which this server grants\n\
         what was retrieved rested again: the server"
            .to_owned()
    }

    /// It looks at no signature.
    fn send(&self, method: &str, target: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        let head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n");
        stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}
