//! A SeaweedFS of a test's own on loopback, that can hang, die and come back.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running server; ends with its data when it is dropped.
pub(crate) struct Seaweed {
    data: tempfile::TempDir,
    ports: [u16; 5],
    server: Option<Child>,
}

pub(crate) const KEY: &str = "testkey";
pub(crate) const SECRET: &str = "testsecret";
pub(crate) const BUCKET: &str = "cairn";

impl Seaweed {
    /// Starts one. `None` where servers are not asked for, which is said.
    pub(crate) fn start() -> Option<Self> {
        if std::env::var_os("CAIRN_TEST_S3_ENDPOINT").is_none() {
            assert!(std::env::var("CAIRN_TEST_SERVERS").as_deref() != Ok("required"), "servers are required");
            eprintln!("no server: run with scripts/with-servers");
            return None;
        }
        // A port may be taken between here and the server's start.
        for _ in 0..3 {
            let data = tempfile::tempdir().unwrap();
            let mut server = Seaweed { data, ports: free_ports(), server: None };
            if server.run() {
                return Some(server);
            }
        }
        panic!("the server did not come up");
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[3])
    }

    /// Lets it hang: connections stay, nothing answers.
    pub(crate) fn hang(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// Ends it at once: connections are refused.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
        self.sockets().iter().for_each(|socket| _ = std::fs::remove_file(socket));
    }

    /// Starts it again with its data; false when it did not come up.
    pub(crate) fn run(&mut self) -> bool {
        let path = |name: &str| self.data.path().join(name).to_str().unwrap().to_owned();
        let [master, volume, filer, s3, admin] = self.ports;
        let log = File::options().append(true).create(true).open(path("log")).unwrap();
        std::fs::create_dir_all(path("data")).unwrap();
        let mut command = Command::new(weed());
        command
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .args(["mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args(["-webdav=false", "-admin.ui=false", "-master.telemetry=false"])
            .arg(format!("-dir={}", path("data")))
            .arg(format!("-master.port={master}"))
            .arg(format!("-volume.port={volume}"))
            .arg(format!("-filer.port={filer}"))
            .arg(format!("-s3.port={s3}"))
            .arg(format!("-admin.port={admin}"))
            .arg(format!("-filer.localSocket={}", path("filer.sock")))
            .arg(format!("-s3.localSocket={}", path("s3.sock")))
            .arg(format!("-bucket={BUCKET}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut server = command.spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(40);
        while !self.answers() {
            if server.try_wait().unwrap().is_some() || Instant::now() > until {
                _ = server.kill();
                server.wait().unwrap();
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        // It may have been somebody else's that answered, and ours found its port taken.
        std::thread::sleep(Duration::from_millis(300));
        let alive = server.try_wait().unwrap().is_none();
        self.server = Some(server);
        alive
    }

    /// Whether it answers at all, with whatever status.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.ports[3])) else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let asked = stream.write_all(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
        asked.is_ok() && stream.read(&mut [0; 4]).is_ok_and(|n| n > 0)
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let server = self.server.as_ref().expect("it runs");
        rustix::process::kill_process(rustix::process::Pid::from_child(server), signal).unwrap();
    }

    /// Where SeaweedFS puts these cannot be chosen.
    fn sockets(&self) -> Vec<PathBuf> {
        let of = |port: &u16| {
            let name = |part| Path::new("/tmp").join(format!("seaweedfs-{part}-grpc-{}.sock", port + 10_000));
            ["admin", "filer", "master", "s3", "volume"].map(name)
        };
        self.ports.iter().flat_map(of).collect()
    }
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        self.kill();
    }
}

fn weed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/py/bin/weed")
}

/// Ports that are free together with those 10000 above them, which SeaweedFS takes for itself, and below the range from
/// which the kernel takes ports for connections.
fn free_ports() -> [u16; 5] {
    let free = |port: &u16| {
        TcpListener::bind(("127.0.0.1", *port)).is_ok() && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok()
    };
    // Others look for ports at the same moment, in this process and in others.
    static SEARCHES: AtomicU32 = AtomicU32::new(0);
    let search = SEARCHES.fetch_add(1, Ordering::Relaxed);
    let start = 10_000 + u16::try_from((std::process::id() * 37 + search * 1009) % 11_000).unwrap();
    let mut found = (start..22_000).chain(10_000..start).filter(free);
    std::array::from_fn(|_| found.next().expect("some ports are free"))
}
