//! Every verb with `--json` on small real repositories, each line of it held against the types.

use crate::support::{Home, Run};
use crate::third::can_mount;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What was run, and what it printed.
#[derive(Default)]
pub(super) struct Runs {
    /// The verbs that were run.
    pub(super) verbs: BTreeSet<String>,
    /// The types of rows that were printed.
    pub(super) types: BTreeSet<String>,
    /// Lines that fit no type, and why.
    pub(super) wrong: Vec<String>,
}

impl Runs {
    /// All of them.
    pub(super) fn all() -> Runs {
        let mut runs = Runs::default();
        runs.look();
        runs.keep();
        runs.damage();
        runs.lose_the_config();
        runs.keys();
        runs.machine();
        runs.archive();
        runs.servers();
        runs
    }

    /// Runs a verb; its words come first among `args`. The summary.
    #[track_caller]
    fn run(&mut self, home: &Home, verb: &str, args: &[&str], code: i32) -> Value {
        // Of `tag`, options stand before the first point.
        let words: Vec<&str> = ["--json"].into_iter().chain(verb.split(' ')).chain(args.iter().copied()).collect();
        self.command(&mut home.command(words), verb, code)
    }

    #[track_caller]
    fn command(&mut self, command: &mut Command, verb: &str, code: i32) -> Value {
        let rows = Run::of(command).expect(code).rows();
        rows.iter().for_each(|row| self.hold(verb, row));
        rows.last().expect("a summary").clone()
    }

    fn hold(&mut self, verb: &str, row: &Value) {
        self.verbs.insert(verb.to_owned());
        self.types.extend(row["type"].as_str().map(str::to_owned));
        self.wrong.extend(cli::contract::hold(verb, &row.to_string()).err().map(|why| format!("{verb}: {why}")));
    }

    /// What is in restore points, and what comes out of them again.
    fn look(&mut self) {
        let home = Home::new();
        self.run(&home, "points", &[], 10);
        self.run(&home, "init", &["--no-encryption"], 0);
        home.write("src/a.txt", b"first\n");
        home.write("src/sub/b.conf", b"second\n");
        std::os::unix::fs::symlink("a.txt", home.path("src/link")).unwrap();
        std::fs::write(home.path("src").join(OsStr::from_bytes(b"not \xff utf-8")), b"raw").unwrap();
        let src = home.text("src");
        self.run(&home, "backup", &["--job", "j", &src, "--dry-run"], 0);
        let first = self.run(&home, "backup", &["--job", "j", &src], 0)["point"].as_str().unwrap().to_owned();
        home.write("src/a.txt", b"first, changed\n");
        home.write("src/new", b"new");
        std::fs::remove_file(home.path("src/sub/b.conf")).unwrap();
        self.run(&home, "backup", &["--job", "j", &src], 0);
        self.run(&home, "backup", &["--job", "all", "--accept", "shrink", &home.text("")], 0);
        self.run(&home, "points", &[], 0);
        self.run(&home, "points", &["--verify-immutability"], 2);
        let place = home.place("latest:j", "src");
        self.run(&home, "ls", &["--recursive", &place], 0);
        self.run(&home, "find", &["*.conf", "link"], 0);
        self.run(&home, "history", &["--job", "j", &home.text("src/sub/b.conf")], 0);
        self.run(&home, "diff", &[&first, "latest:j"], 0);
        self.run(&home, "stats", &[], 0);
        self.run(&home, "stats", &["latest:j"], 0);
        self.run(&home, "verify", &["latest:j"], 0);
        home.write("src/new", b"newer");
        self.run(&home, "verify", &["latest:j"], 3);
        self.run(&home, "restore", &[&place, &home.text("out"), "--dry-run"], 0);
        self.run(&home, "restore", &[&place, &home.text("out")], 0);
        self.run(&home, "restore", &[&place, &home.text("again"), "--retrieve"], 0);
        self.run(&home, "check", &[], 0);
        let copies = home.text("copies");
        let repo = home.text("data/cairn/default");
        let init = ["--no-encryption", "--repo", &copies, "--class", "copy", "--from", &repo];
        self.run(&home, "init", &init, 0);
        self.run(&home, "copy", &["--to", &copies, "--all", "--dry-run"], 0);
        self.run(&home, "copy", &["--to", &copies, "--all"], 0);
    }

    /// What leaves, and the space that it gives back.
    fn keep(&mut self) {
        const FRESH: [&str; 3] = ["--grace", "0", "--no-readers"];
        let home = Home::with_repository();
        let mut points = Vec::new();
        for n in 0..4 {
            home.write("src/a", &crate::support::noise(300_000, n));
            points.push(home.backup());
        }
        self.run(&home, "tag", &[&points[0], "+old"], 0);
        self.run(&home, "expire run", &["--keep-last", "3"], 0);
        let plan = self.run(&home, "expire plan", &["--keep-last", "2"], 0);
        self.run(&home, "expire apply", &[plan["plan"].as_str().unwrap(), "--keep-last", "2"], 0);
        let plan = self.run(&home, "gc plan", &FRESH, 0);
        self.run(&home, "gc apply", &[&[plan["plan"].as_str().unwrap()][..], &FRESH].concat(), 0);
        self.run(&home, "gc run", &FRESH, 0);
        let plan = self.run(&home, "migrate plan", &[], 0);
        self.run(&home, "migrate apply", &[plan["plan"].as_str().unwrap()], 0);
        self.run(&home, "check", &["--as-of", "6"], 3);
    }

    /// A pack that lost its end.
    fn damage(&mut self) {
        let (home, _) = Home::with_point();
        let packs = crate::support::tree(&home.path("repo/data"));
        let (path, bytes) = packs.into_iter().find(|(_, bytes)| bytes.len() > 500).unwrap();
        overwrite(&home.path("repo/data").join(path), &bytes[..bytes.len() - 100]);
        std::fs::remove_dir_all(home.path("cache")).unwrap();
        self.run(&home, "check", &["--read-data"], 5);
        let plan = self.run(&home, "repair plan", &[], 5);
        self.run(&home, "repair apply", &[plan["plan"].as_str().unwrap()], 0);
    }

    /// A config that is damaged, and comes back from a copy.
    fn lose_the_config(&mut self) {
        let (home, _) = Home::with_point();
        let (config, copy) = (home.path("repo").join("config"), home.text("config-copy"));
        let whole = std::fs::read(&config).unwrap();
        std::fs::write(&copy, &whole).unwrap();
        overwrite(&config, &whole[..whole.len() - 1]);
        std::fs::remove_dir_all(home.path("cache")).unwrap();
        let plan = self.run(&home, "repair plan", &["--from", &copy], 5);
        self.run(&home, "repair apply", &[plan["plan"].as_str().unwrap(), "--from", &copy], 0);
    }

    /// Passwords and the recovery sheet.
    fn keys(&mut self) {
        let home = Home::new();
        ["one", "two", "three"].iter().for_each(|name| home.write(name, name.as_bytes()));
        let (repo, one, two, three) = (home.text("repo"), home.text("one"), home.text("two"), home.text("three"));
        let with = |file: &str, args: &[&str]| {
            [&["--repo", &repo, "--password-file", file][..], args].concat().iter().map(ToString::to_string).collect()
        };
        let mut run = |verb: &str, file: &str, args: &[&str], code: i32| -> Value {
            let all: Vec<String> = with(file, args);
            self.run(&home, verb, &all.iter().map(String::as_str).collect::<Vec<_>>(), code)
        };
        run("init", &one, &[], 0);
        let added = run("key add", &one, &["--new-password-file", &two, "--label", "spare"], 0);
        run("key list", &one, &["--history"], 0);
        run("key rotate", &two, &[added["slot"].as_str().unwrap(), "--new-password-file", &three], 0);
        run("key add", &one, &["--new-password-file", &three], 0);
        let cost = ["--memory", "8MiB", "--passes", "1"];
        run("key reseal", &three, &cost, 0);
        let resealed = run("key reseal", &one, &cost, 0);
        run("key remove", &three, &[resealed["slot"].as_str().unwrap()], 0);
        run("points", &one, &[], 12);
        run("key export", &three, &["--recovery-sheet"], 0);
        let sheet = home.text("sheet");
        run("key export", &three, &["--recovery-sheet", "--out", &sheet], 0);
        run("key import", &three, &["--recovery-sheet", &sheet, "--new-password-file", &one], 0);
        let mut keyless = home.command(["check", "--level", "stored", "--repo", &repo, "--json"]);
        self.command(&mut keyless, "check", 0);
    }

    /// What this machine has and remembers.
    fn machine(&mut self) {
        let (home, _) = Home::with_point();
        self.run(&home, "cache status", &[], 0);
        self.run(&home, "cache sync", &[], 0);
        self.run(&home, "cache drop", &[], 0);
        self.run(&home, "index rebuild", &[], 0);
        self.run(&home, "known list", &[], 0);
        self.run(&home, "known forget", &[&home.text("repo")], 0);
        self.run(&home, "man", &[&home.text("man")], 0);
        let mut schedule = home.command(["schedule", "print", "--json", "--", "backup", "/srv"]);
        self.command(&mut schedule, "schedule print", 0);
    }

    /// Where nothing rests and nothing locks: the rest of it takes a server.
    fn archive(&mut self) {
        let (home, _) = Home::with_point();
        self.run(&home, "retrieve start", &["latest"], 0);
        self.run(&home, "retrieve status", &["latest"], 0);
        self.run(&home, "retrieve list", &[], 0);
        self.run(&home, "retrieve extend", &["latest", "--days", "2"], 1);
        self.run(&home, "immutability raise", &["9"], 2);
    }

    /// What stays until it is stopped.
    fn servers(&mut self) {
        let (home, _) = Home::with_point();
        self.until_stopped(&home, "serve webdav", &["--listen", "127.0.0.1:0"]);
        std::fs::create_dir(home.path("mnt")).unwrap();
        let mnt = home.text("mnt");
        if !can_mount() {
            self.run(&home, "mount", &[&home.text("src")], 2);
            self.run(&home, "umount", &[&mnt], 2);
            return;
        }
        self.run(&home, "mount", &[&mnt, "--dry-run"], 0);
        self.run(&home, "mount", &[&mnt], 0);
        self.run(&home, "umount", &[&mnt], 0);
        self.until_stopped(&home, "mount", &["--foreground", &mnt]);
    }

    /// Runs a verb until it has said that it answers, and ends it.
    fn until_stopped(&mut self, home: &Home, verb: &str, args: &[&str]) {
        let words: Vec<&str> = verb.split(' ').chain(args.iter().copied()).chain(["--json"]).collect();
        let mut child = home.command(words).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut out = String::new();
        stdout.read_line(&mut out).unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        stdout.read_to_string(&mut out).unwrap();
        child.wait().unwrap();
        assert!(out.lines().count() > 1, "{verb}: {out}");
        out.lines().for_each(|line| self.hold(verb, &serde_json::from_str(line).unwrap()));
    }
}

/// Writes over an object of the store, which is written once.
fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}
