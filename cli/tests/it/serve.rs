//! `serve webdav` by the binary, and what rclone makes of it. The protocol itself is tested in its own crate.

use crate::support::{Home, Run, noise, tree};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running server; ends with the test.
struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Serving {
    fn of(home: &Home, args: &[&str]) -> Serving {
        let all = ["serve", "webdav", "--listen", "127.0.0.1:0", "--json"].iter().chain(args);
        let mut child = home.command(all).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let row: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(row["type"], "serving", "{row}");
        Serving { child, stdout, url: row["url"].as_str().unwrap().to_owned() }
    }

    fn address(&self) -> SocketAddr {
        self.url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap()
    }

    /// The status of one request.
    fn ask(&self, method: &str, headers: &str) -> u16 {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let host = self.address();
        write!(stream, "{method} / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Asks it to end; the last line that it printed, and its exit code.
    fn end(mut self) -> (Value, Option<i32>) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code();
        (serde_json::from_str(rest.lines().last().unwrap()).unwrap(), code)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// rclone as `scripts/tools` installs it. Without it there is nothing to test here, unless the caller insists.
fn rclone() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/py/bin/rclone");
    if path.exists() {
        return Some(path);
    }
    assert_ne!(std::env::var("CAIRN_TEST_SERVERS").as_deref(), Ok("required"), "scripts/tools installs rclone");
    eprintln!("no rclone: scripts/tools installs it");
    None
}

/// A run of rclone with a remote `dav:`, which is the source in the newest point.
fn run_rclone(rclone: &Path, home: &Home, serving: &Serving, args: &[&str]) -> std::process::Output {
    let url = format!("{}by-job/{}/j/latest{}", serving.url, host(home), home.text("src"));
    Command::new(rclone)
        .args(["--config", "/dev/null", "--low-level-retries", "1", "--retries", "1"])
        .args(args)
        .env("RCLONE_CONFIG_DAV_TYPE", "webdav")
        .env("RCLONE_CONFIG_DAV_URL", url)
        .env("RCLONE_CONFIG_DAV_VENDOR", "other")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn host(home: &Home) -> String {
    home.rows(["points"])[0]["host"].as_str().unwrap().to_owned()
}

/// A repository with one point of a source of many shapes.
fn with_shapes() -> Home {
    let home = Home::with_repository();
    for n in 0..300 {
        home.write(&format!("src/many/{n}.txt"), format!("file number {n}\n").as_bytes());
    }
    home.write("src/deep/er/and/deeper/file", b"x");
    home.write("src/empty", b"");
    home.write("src/blanks and % & #?;+=@'.txt", b"1");
    home.write("src/gr\u{f6}\u{df}e/\u{65e5}\u{672c}", b"2");
    home.write("src/.hidden/.file", b"3");
    home.write("src/big", &noise(9_000_000, 3));
    std::fs::File::options().write(true).open(home.path("src/big")).unwrap().set_len(9_500_000).unwrap();
    std::fs::create_dir(home.path("src/no names")).unwrap();
    home.backup();
    home
}

/// SEMANTICS, WebDAV: "What rclone copies from it is equal to the source".
#[test]
fn what_rclone_copies_is_equal_to_the_source() {
    let Some(rclone) = rclone() else { return };
    let home = with_shapes();
    let serving = Serving::of(&home, &[]);
    let run = |args: &[&str]| run_rclone(&rclone, &home, &serving, args);
    let (src, out) = (home.text("src"), home.text("out"));
    let copied = run(&["copy", "dav:", &out, "--create-empty-src-dirs"]);
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    assert_eq!(tree(&home.path("src")), tree(&home.path("out")));
    let diff = Command::new("diff").args(["-r", &src, &out]).output().unwrap();
    assert!(diff.status.success() && diff.stdout.is_empty(), "{}", String::from_utf8_lossy(&diff.stdout));
    let checked = run(&["check", "dav:", &src, "--download"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // The check can fail.
    home.write("src/deep/er/and/deeper/file", b"y");
    assert!(!run(&["check", "dav:", &src, "--download"]).status.success());
    let (summary, code) = serving.end();
    assert_eq!((summary["type"].as_str(), code), (Some("summary"), Some(0)), "{summary}");
    assert!(summary["requests_served"].as_u64().unwrap() > 300, "{summary}");
    assert!(summary["bytes_served"].as_u64().unwrap() > 18_000_000, "{summary}");
}

#[test]
fn a_flipped_byte_in_the_repository_fails_the_copy_and_gives_no_file() {
    let Some(rclone) = rclone() else { return };
    let home = Home::with_repository();
    home.write("src/whole", b"small");
    home.write("src/big", &noise(3_000_000, 7));
    home.backup();
    flip_largest(&home.path("repo/data"));
    std::fs::remove_dir_all(home.path("cache")).unwrap();
    let serving = Serving::of(&home, &[]);
    let copied = run_rclone(&rclone, &home, &serving, &["copy", "dav:", &home.text("out")]);
    assert!(!copied.status.success());
    assert!(!home.path("out/big").exists(), "half a file must not look like one");
}

/// Changes a byte in the middle of the largest object.
fn flip_largest(folder: &Path) {
    let (mut open, mut largest) = (vec![folder.to_owned()], (0, PathBuf::new()));
    while let Some(next) = open.pop() {
        for item in std::fs::read_dir(next).unwrap() {
            let item = item.unwrap();
            match item.metadata().unwrap() {
                meta if meta.is_dir() => open.push(item.path()),
                meta => largest = largest.max((meta.len(), item.path())),
            }
        }
    }
    let mut bytes = std::fs::read(&largest.1).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(&largest.1).unwrap();
    std::fs::write(&largest.1, bytes).unwrap();
}

/// SEMANTICS, WebDAV: "Every method but OPTIONS, GET, HEAD and PROPFIND is refused by 405, MKCOL by 403"
#[test]
fn every_write_of_rclone_is_refused() {
    let Some(rclone) = rclone() else { return };
    let (home, _) = Home::with_point();
    let serving = Serving::of(&home, &[]);
    let local = home.text("src/sub");
    for args in [
        &["copy", &local, "dav:new"][..],
        &["copyto", &home.text("src/a.txt"), "dav:a.txt", "--ignore-times"],
        &["copyto", "dav:a.txt", "dav:b.txt"],
        &["moveto", "dav:a.txt", "dav:b.txt"],
        &["move", "dav:sub", "dav:bus"],
        &["delete", "dav:"],
        &["deletefile", "dav:a.txt"],
        &["purge", "dav:sub"],
        &["mkdir", "dav:new"],
        &["rmdir", "dav:sub"],
        &["touch", "dav:new.txt"],
        &["sync", &local, "dav:"],
    ] {
        let run = run_rclone(&rclone, &home, &serving, args);
        assert!(!run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
    }
    let checked = run_rclone(&rclone, &home, &serving, &["check", "dav:", &home.text("src"), "--download"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn a_taken_port_is_named() {
    let (home, _) = Home::with_point();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = Run::of(&mut home.command(["serve", "webdav", "--listen", &address])).expect(1);
    assert!(run.stderr.contains(&address) && run.stderr.contains("port 0"), "{}", run.stderr);
}

#[test]
fn other_machines_need_a_password_or_a_word() {
    let (home, _) = Home::with_point();
    let run = home.run(["serve", "webdav", "--listen", "0.0.0.0:0"]).expect(2);
    assert!(run.stderr.contains("--no-auth") && run.stderr.contains("--user-password-file"), "{}", run.stderr);
    home.run(["serve", "webdav", "--user", "me"]).expect(2);
    home.run(["serve", "webdav", "--listen", "nowhere"]).expect(2);
    home.run(["serve", "gopher"]).expect(2);
    home.write("secret", b"pass\n");
    let serving = Serving::of(&home, &["--user", "me", "--user-password-file", &home.text("secret")]);
    assert_eq!(serving.ask("GET", ""), 401);
    assert_eq!(serving.ask("GET", "Authorization: Basic bWU6cGFzcw==\r\n"), 200);
    assert_eq!(serving.end().1, Some(0));
}
