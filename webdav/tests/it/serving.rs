//! Connections: bounded, in pieces, and brought to an end.

use crate::asked::{parse, send};
use crate::served::{Place, noise, some_files};
use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const BYTES: usize = 40 << 20;

/// SEMANTICS, WebDAV: "After SIGTERM, answers under way have 10 seconds to come to their end".
#[test]
fn answers_under_way_come_to_their_end() {
    let mut place = Place::of(|source| fs::write(source.join("big"), noise(BYTES)).unwrap());
    let mut stream = send(place.address, "GET", &place.url("big"), &[]);
    let mut answer = vec![0; 1 << 20];
    stream.read_exact(&mut answer).unwrap();
    place.stop();
    std::thread::sleep(Duration::from_millis(400));
    assert!(TcpStream::connect(place.address).is_err(), "nobody new is let in");
    let ended = stream.read_to_end(&mut answer).is_ok();
    let asked = parse(&answer, false, ended);
    assert!(asked.complete && asked.body == noise(BYTES));
    let served = place.end();
    assert_eq!(served.requests, 1);
    assert!(served.bytes >= BYTES as u64);
}

#[test]
fn clients_that_only_wait_do_not_keep_it_running() {
    let mut place = Place::of(some_files);
    let _silent: Vec<_> = (0..5).map(|_| TcpStream::connect(place.address).unwrap()).collect();
    assert_eq!(place.get("/").status, 200);
    let start = Instant::now();
    place.end();
    assert!(start.elapsed() < webdav::limits::DRAIN + Duration::from_secs(5));
}

/// SEMANTICS, WebDAV: "A file is read as fast as the client takes it, never whole".
#[test]
fn a_client_that_does_not_read_is_not_read_for() {
    let mut place = Place::of(|source| fs::write(source.join("big"), noise(BYTES)).unwrap());
    let waiting: Vec<_> = (0..16).map(|_| send(place.address, "GET", &place.url("big"), &[])).collect();
    std::thread::sleep(Duration::from_secs(2));
    let clients = waiting.len() as u64;
    drop(waiting);
    // What lies in the system's own buffers of each connection counts too.
    let served = place.end().bytes;
    assert!(served < clients * (8 << 20), "{served} bytes for {clients} clients");
}

#[test]
fn more_clients_than_places_are_all_served() {
    let place = Place::of(some_files);
    let address = place.address;
    let clients: Vec<_> = (0..webdav::limits::CONNECTIONS * 2)
        .map(|_| std::thread::spawn(move || crate::asked::ask(address, "GET", "/by-job/", &[]).status))
        .collect();
    assert!(clients.into_iter().all(|client| client.join().unwrap() == 200));
}
