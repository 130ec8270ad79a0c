//! A home of its own for each test, and what a run of `cairn` left behind.

use engine::blob::CachePlace;
use engine::env::Machine;
use engine::repository::{OpenOptions, Repository};
use engine::store::{Location, Options, open};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Temporary folders for data, config, cache and state; goes away with the test.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    repo: Option<PathBuf>,
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Home {
    /// Nothing is there yet, and no repository is named.
    pub(crate) fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap(), repo: None }
    }

    /// With an unencrypted repository, which opens faster than one with a password.
    pub(crate) fn with_repository() -> Home {
        let home = Home::new();
        let repo = home.path("repo");
        let home = Home { repo: Some(repo), ..home };
        home.ok(["init", "--no-encryption"]);
        home
    }

    /// With a repository and one restore point of `src`, which holds a few files; its id.
    pub(crate) fn with_point() -> (Home, String) {
        let home = Home::with_repository();
        home.write("src/a.txt", b"first\n");
        home.write("src/sub/b.conf", b"second\n");
        home.write("src/sub/c.bin", &noise(300_000, 1));
        let id = home.backup();
        (home, id)
    }

    /// Backs `src` up under the job `j`; the new point's id.
    pub(crate) fn backup(&self) -> String {
        let summary = self.summary(["backup", "--job", "j", &self.text("src")]);
        summary["point"].as_str().unwrap().to_owned()
    }

    /// The repository without a password, opened by the engine, with a cache of its own.
    pub(crate) fn repository(&self) -> Arc<Repository> {
        let options = OpenOptions::new(Machine::shared(), CachePlace::Temporary);
        let location = Location::parse(self.path("repo").as_os_str()).unwrap();
        Repository::open(open(&location, &Options::default()).unwrap(), None, &options).unwrap()
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub(crate) fn text(&self, below: &str) -> String {
        self.path(below).to_str().unwrap().to_owned()
    }

    /// `POINT:/path/to/below`, as a restore point names a file of this home.
    pub(crate) fn place(&self, point: &str, below: &str) -> String {
        format!("{point}:{}", self.text(below))
    }

    pub(crate) fn write(&self, below: &str, bytes: &[u8]) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
        for (key, _) in std::env::vars_os() {
            let text = key.to_string_lossy();
            if ["CAIRN_", "AWS_", "AZURE_", "XDG_"].iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&key);
            }
        }
        command.env_remove("COLUMNS").env("HOME", self.dir.path()).stdin(Stdio::null());
        for (key, below) in [
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_STATE_HOME", "state"),
        ] {
            command.env(key, self.path(below));
        }
        if let Some(repo) = &self.repo {
            command.env("CAIRN_REPO", repo);
        }
        command.args(args);
        command
    }

    /// The same with nothing of the machine's own proxies.
    pub(crate) fn direct<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command(args);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_ascii_lowercase());
        }
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Runs and expects exit code 0.
    pub(crate) fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.run(args).expect(0)
    }

    /// Runs with `--json`, expects exit code 0; the summary.
    pub(crate) fn summary<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Value {
        self.rows(args).pop().unwrap()
    }

    /// What the program writes when its three streams are a terminal.
    pub(crate) fn on_a_terminal(&self, args: &str) -> String {
        let program = self.command([""; 0]);
        let mut command = Command::new("script");
        command.args(["-qec", &format!("'{}' {args}", program.get_program().to_str().unwrap()), "/dev/null"]);
        for (key, value) in program.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let done = command.stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Runs with `--json`, expects exit code 0; every line.
    pub(crate) fn rows<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Vec<Value> {
        Run::of(self.command(args).arg("--json")).expect(0).rows()
    }
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Run {
        let output = command.output().unwrap();
        hold(command, &output.stdout);
        Run {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The lines of `--json`: each an object with a type, the last one a summary.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        let out = self.out();
        let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert!(rows.iter().all(|row| row["type"].is_string()), "{out}");
        assert_eq!(rows.last().expect("a summary")["type"], "summary", "{out}");
        rows
    }

    #[track_caller]
    pub(crate) fn last(&self) -> Value {
        self.rows().pop().unwrap()
    }
}

/// Holds what the program under test prints with `--json` against its types, whole lines alone: it may have been killed.
#[track_caller]
fn hold(command: &Command, stdout: &[u8]) {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    if command.get_program() != env!("CARGO_BIN_EXE_cairn") || !words.iter().any(|word| word == "--json") {
        return;
    }
    // The verb stands before values that look like one (`init --class copy`), and of two words before one.
    let verbs = cli::contract::verbs();
    let place = |verb: &&str| {
        let verb: Vec<&str> = verb.split(' ').collect();
        let at = words.windows(verb.len()).position(|said| said.iter().map(String::as_str).eq(verb.iter().copied()));
        at.map(|at| (at, usize::MAX - verb.len()))
    };
    let said = verbs.iter().filter_map(|verb| Some((place(verb)?, verb)));
    let Some((_, verb)) = said.min() else { return };
    let text = String::from_utf8_lossy(stdout);
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        cli::contract::hold(verb, line).unwrap_or_else(|why| panic!("not as docs/json.md says: {why}"));
    }
}

/// The rows of one type.
pub(crate) fn of_type<'a>(rows: &'a [Value], kind: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row["type"] == kind).collect()
}

#[track_caller]
pub(crate) fn has_keys(row: &Value, keys: &[&str]) {
    let missing: Vec<_> = keys.iter().filter(|key| row.get(**key).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} are missing in {row}");
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    testkit::noise(seed, bytes)
}

/// Every path below a folder with its content, for comparing trees.
pub(crate) fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    try_tree(folder).unwrap()
}

/// The same of a folder that may go away.
pub(crate) fn try_tree(folder: &Path) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for item in std::fs::read_dir(&next)? {
            let path = item?.path();
            let meta = std::fs::symlink_metadata(&path)?;
            let below = path.strip_prefix(folder).unwrap().to_owned();
            if meta.is_dir() {
                found.push((below, b"folder".to_vec()));
                open.push(path);
            } else if meta.is_symlink() {
                found.push((below, std::fs::read_link(&path)?.into_os_string().into_encoded_bytes()));
            } else {
                found.push((below, std::fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}
