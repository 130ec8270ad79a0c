//! Stores behind an HTTP proxy, and stores with a private CA.

use crate::servers::{main_job, server, unique};
use crate::support::{Home, Run};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// `cairn points` of a repository at this endpoint, with nothing of the machine's own proxies.
pub(crate) fn points(home: &Home, endpoint: &str) -> Command {
    asks(home, endpoint, &["points"])
}

/// The same of any command.
pub(crate) fn asks(home: &Home, endpoint: &str, words: &[&str]) -> Command {
    let mut command = home.direct([&["--repo", "s3://bucket/x"][..], words].concat());
    command.env("AWS_ENDPOINT", endpoint).env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "r");
    command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "b");
    command
}

/// A server that has nothing, for as long as the test runs.
pub(crate) struct Nothing {
    pub(crate) address: String,
    asked: Arc<Mutex<String>>,
}

impl Nothing {
    pub(crate) fn start() -> Nothing {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || listener.incoming().for_each(|client| answer(&mut client.unwrap(), &heard)));
        Nothing { address, asked }
    }

    pub(crate) fn was_asked(&self, what: &str) -> bool {
        self.asked.lock().unwrap().contains(what)
    }
}

fn answer(client: &mut TcpStream, heard: &Mutex<String>) {
    let mut buffer = [0; 4096];
    // Whoever goes away without a word (a refused handshake in front of us) is not answered.
    let read = client.read(&mut buffer).unwrap_or(0);
    heard.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
    let body = "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>";
    let length = body.len();
    let _ = write!(client, "HTTP/1.1 404 Not Found\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
}

/// A name that nobody resolves: only a proxy can have been asked for it.
pub(crate) const NOWHERE: &str = "http://store.invalid";

#[test]
fn a_proxy_of_the_environment_is_asked_for_the_store() {
    let home = Home::new();
    let proxy = Nothing::start();
    Run::of(points(&home, NOWHERE).env("HTTP_PROXY", &proxy.address)).expect(10);
    assert!(proxy.was_asked("GET http://store.invalid/bucket/x/config"));
}

#[test]
fn a_proxy_of_the_config_file_wins_and_has_exceptions() {
    let home = Home::new();
    let proxy = Nothing::start();
    home.write("c.toml", format!("proxy = '{}'\n", proxy.address).as_bytes());
    // Nobody listens at port 1: whoever went there would have failed.
    let dead = "http://127.0.0.1:1";
    Run::of(points(&home, NOWHERE).env("CAIRN_CONFIG", home.path("c.toml")).env("HTTP_PROXY", dead)).expect(10);
    assert!(proxy.was_asked("GET http://store.invalid/"));
    let store = Nothing::start();
    home.write("c.toml", format!("proxy = '{dead}'\nno-proxy = '127.0.0.1'\n").as_bytes());
    Run::of(points(&home, &store.address).env("CAIRN_CONFIG", home.path("c.toml"))).expect(10);
    assert!(store.was_asked("GET /bucket/x/config"));
}

#[test]
fn exceptions_of_the_environment_hold_for_a_proxy_of_the_config_file_too() {
    let home = Home::new();
    let store = Nothing::start();
    home.write("c.toml", b"proxy = 'http://127.0.0.1:1'\n");
    Run::of(points(&home, &store.address).env("CAIRN_CONFIG", home.path("c.toml")).env("NO_PROXY", "127.0.0.1"))
        .expect(10);
    assert!(store.was_asked("GET /bucket/x/config"));
}

#[test]
fn the_main_job_runs_through_a_proxy() {
    let Some(endpoint) = server("CAIRN_TEST_S3_ENDPOINT") else { return };
    let (proxy, served) = relay(endpoint.trim_start_matches("http://").to_owned());
    let repo = format!("s3://{}/{}", std::env::var("CAIRN_TEST_S3_BUCKET").unwrap(), unique("proxy"));
    main_job(|command| {
        seaweed(command, &repo, NOWHERE);
        command.env("HTTP_PROXY", &proxy).env_remove("NO_PROXY").env_remove("no_proxy");
    });
    assert!(served.load(Ordering::SeqCst) > 0);
}

fn seaweed(command: &mut Command, repo: &str, endpoint: &str) {
    let of = |name: &str| std::env::var(name).unwrap();
    command
        .env("CAIRN_REPO", repo)
        .env("AWS_ENDPOINT", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", of("CAIRN_TEST_S3_KEY"))
        .env("AWS_SECRET_ACCESS_KEY", of("CAIRN_TEST_S3_SECRET"))
        .env("AWS_REGION", "us-east-1");
}

/// A proxy that hands every connection to one server, whatever host the request names; and how many came.
fn relay(upstream: String) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&served);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&upstream).unwrap());
            count.fetch_add(1, Ordering::SeqCst);
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                std::thread::spawn(move || {
                    // Either side may go at any time; the other one is told.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    (address, served)
}

/// A relay that speaks TLS to its clients, with a certificate of a CA of its own.
pub(crate) struct Tls {
    child: Child,
    pub(crate) endpoint: String,
    pub(crate) ca: PathBuf,
}

impl Tls {
    pub(crate) fn start(home: &Home, upstream: &str) -> Tls {
        Tls::with(home, upstream, "IP:127.0.0.1", "20990101000000Z")
    }

    /// With a certificate for this name that holds until then.
    pub(crate) fn with(home: &Home, upstream: &str, san: &str, until: &str) -> Tls {
        let make = |args: &[&str]| {
            let output = Command::new("openssl").args(args).current_dir(home.path("tls")).output().expect("openssl");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        std::fs::create_dir_all(home.path("tls")).unwrap();
        for ca in ["ca", "other"] {
            let (key, pem) = (format!("{ca}.key"), format!("{ca}.pem"));
            let subject = format!("/CN=Cairn test {ca}");
            let new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &subject];
            make(&[&new[..], &["-keyout", &key, "-out", &pem, "-addext", "keyUsage=keyCertSign"]].concat());
        }
        make(&[
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=store",
            "-keyout",
            "leaf.key",
            "-out",
            "leaf.csr",
        ]);
        home.write("tls/san", format!("subjectAltName={san}\nbasicConstraints=CA:FALSE\n").as_bytes());
        home.write("tls/ca.cnf", CA_SETTINGS.as_bytes());
        home.write("tls/index.txt", b"");
        home.write("tls/serial", b"01\n");
        let sign = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"];
        let holds = ["-startdate", "20240101000000Z", "-enddate", until];
        make(&[&sign[..], &holds, &["-extfile", "san", "-in", "leaf.csr", "-out", "leaf.pem"]].concat());
        let mut child = Command::new(python())
            .args(["-c", RELAY, upstream.trim_start_matches("http://"), "leaf.pem", "leaf.key"])
            .current_dir(home.path("tls"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Tls { child, endpoint: format!("https://127.0.0.1:{}", port.trim()), ca: home.path("tls/ca.pem") }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn python() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/py/bin/python");
    if ours.exists() { ours } else { "python3".into() }
}

/// What `openssl ca` needs to sign with dates of one's own.
const CA_SETTINGS: &str = "[ca]
default_ca = test
[test]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
[any]
commonName = supplied
";

const RELAY: &str = r#"
import asyncio, ssl, sys
host, port = sys.argv[1].rsplit(":", 1)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
async def pump(source, target):
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except OSError:
        pass
    finally:
        target.close()
async def serve(reader, writer):
    up_reader, up_writer = await asyncio.open_connection(host, int(port))
    await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"#;

#[test]
fn a_private_ca_is_trusted_where_it_is_named_and_refused_at_once_elsewhere() {
    let home = Home::new();
    let store = Nothing::start();
    let tls = Tls::start(&home, &store.address);
    let other = home.path("tls/other.pem");
    for wrong in [None, Some(&other)] {
        let mut command = points(&home, &tls.endpoint);
        wrong.map(|file| command.env("CAIRN_CA_FILE", file));
        let begun = std::time::Instant::now();
        let run = Run::of(&mut command).expect(1);
        assert!(run.stderr.contains("certificate") && run.stderr.contains("CAIRN_CA_FILE"), "{}", run.stderr);
        assert!(begun.elapsed().as_secs() < 4, "it was tried again");
    }
    Run::of(points(&home, &tls.endpoint).env("CAIRN_CA_FILE", &tls.ca)).expect(10);
    // From the config file, beside it; what the environment names wins.
    home.write("tls/c.toml", b"ca-file = 'ca.pem'\n");
    Run::of(points(&home, &tls.endpoint).env("CAIRN_CONFIG", home.path("tls/c.toml"))).expect(10);
    let mut command = points(&home, &tls.endpoint);
    Run::of(command.env("CAIRN_CONFIG", home.path("tls/c.toml")).env("CAIRN_CA_FILE", &other)).expect(1);
    assert!(store.was_asked("GET /bucket/x/config"));
}

#[test]
fn the_main_job_runs_over_tls_with_a_private_ca() {
    let Some(endpoint) = server("CAIRN_TEST_S3_ENDPOINT") else { return };
    let home = Home::new();
    let tls = Tls::start(&home, &endpoint);
    let repo = format!("s3://{}/{}", std::env::var("CAIRN_TEST_S3_BUCKET").unwrap(), unique("tls"));
    main_job(|command| {
        seaweed(command, &repo, &tls.endpoint);
        command.env("CAIRN_CA_FILE", &tls.ca);
    });
}
