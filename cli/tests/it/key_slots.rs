//! Key slots that somebody planted, from outside: bounds, names, signals, and the slot that is remembered.

use crate::support::{Home, Run, of_type};
use format_spec::RepositoryId;
use format_spec::container::{Header, Object, ObjectKind, ObjectWriter, Suite, kind};
use format_spec::fields::{CRITICAL, FieldsWriter};
use format_spec::keys::Cipher;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

struct Locked {
    home: Home,
    repo: String,
    password: String,
}

impl Locked {
    fn new() -> Locked {
        let home = Home::new();
        home.write("password", b"secret\n");
        home.write("src/a", b"1");
        let (repo, password) = (home.text("repo"), home.text("password"));
        let locked = Locked { home, repo, password };
        locked.run(&["init"]).expect(0);
        locked
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["--repo", &self.repo, "--password-file", &self.password], args].concat()
    }

    fn run(&self, args: &[&str]) -> Run {
        self.home.run(self.args(args))
    }

    fn plant(&self, number: u64, memory_kib: u32, passes: u32) {
        let config = std::fs::read(self.home.path("repo/config")).unwrap();
        let repository: RepositoryId = Object::parse(&config).unwrap().header().repository;
        let id = number.to_be_bytes();
        let mut fields = FieldsWriter::new();
        let numbers: Vec<u8> = [memory_kib, passes, 1].iter().flat_map(|n: &u32| n.to_le_bytes()).collect();
        fields
            .put(1 | CRITICAL, &id)
            .put(2 | CRITICAL, &[1])
            .put(3 | CRITICAL, &numbers)
            .put(4 | CRITICAL, &[7; 16])
            .put(7 | CRITICAL, &[7; 80]);
        let header = Header::new(ObjectKind::KeySlot, Suite::Clear, repository, 0, 0, [7; 32]);
        let mut object = ObjectWriter::new(header, Cipher::Clear);
        object.push_plain(kind::KEY_SLOT, fields.as_bytes(), 3);
        self.home.write(&format!("repo/keys/{number:016x}"), &object.finish().0);
    }

    /// The key slot that is remembered.
    fn remembered(&self) -> Option<String> {
        let folder = std::fs::read_dir(self.home.path("state/cairn/known")).unwrap();
        let texts = folder.map(|item| std::fs::read_to_string(item.unwrap().path()).unwrap());
        let words = texts.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        words.filter_map(|word| word.strip_prefix("key=").map(str::to_owned)).next()
    }
}

#[test]
fn the_slot_that_opened_is_remembered_on_this_machine() {
    let locked = Locked::new();
    locked.run(&["points"]).expect(0);
    let first = locked.remembered().unwrap();
    assert!(locked.home.path(&format!("repo/keys/{first}")).exists());
    locked.home.write("new", b"new");
    locked.run(&["key", "rotate", "--new-password-file", &locked.home.text("new")]).expect(0);
    locked.home.ok(["--repo", &locked.repo, "--password-file", &locked.home.text("new"), "points"]);
    let second = locked.remembered().unwrap();
    assert!(first != second && locked.home.path(&format!("repo/keys/{second}")).exists());
}

#[test]
fn planted_slots_are_not_tried_and_are_told_to_who_has_a_wrong_password() {
    let locked = Locked::new();
    (0..24).for_each(|n| locked.plant(n, 4_194_304, 64));
    let fresh = |args: &[&str]| {
        let mut command = locked.home.command(locked.args(args));
        Run::of(command.env("CAIRN_STATE_DIR", locked.home.path("another machine")))
    };
    let begin = Instant::now();
    fresh(&["points"]).expect(0);
    locked.run(&["points"]).expect(0);
    locked.home.write("wrong", b"wrong");
    let run = locked.home.run(["--repo", &locked.repo, "--password-file", &locked.home.text("wrong"), "points"]);
    let run = run.expect(12);
    assert!(
        run.stderr.contains("24 more would take too much, the cheapest 4096 MiB of memory and 64 passes"),
        "{run:?}"
    );
    assert!(run.stderr.contains("--key-cost-max 4194304KiBx64"), "{}", run.stderr);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    // They are listed with their cost, and can be removed.
    let rows = Run::of(locked.home.command(locked.args(&["key", "list", "--json"])).arg("-q")).expect(0).rows();
    assert_eq!(of_type(&rows, "key_slot").len(), 25);
    locked.run(&["key", "remove", "0000000000000017"]).expect(0);
}

/// A signal does not wait for the pass to end, nor for the slot.
#[test]
fn a_signal_ends_the_trying_of_a_slot_at_once() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let locked = Locked::new();
        locked.plant(0xab, 262_144, 64);
        locked.home.write("wrong", b"wrong");
        let wrong = locked.home.text("wrong");
        let args = ["--repo", &locked.repo, "--password-file", &wrong, "--key-cost-max", "256MiBx64", "points"];
        let mut child = locked.home.command(args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let named = lines.find(|line| line.contains("trying the password on keys/00000000000000ab"));
        assert!(named.expect("it is named").contains("256 MiB of memory and 64 passes"));
        let begin = Instant::now();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, signal).unwrap();
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(if signal == rustix::process::Signal::TERM { 143 } else { 130 }));
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    }
}

#[test]
fn the_bounds_come_from_option_environment_and_config_file() {
    let locked = Locked::new();
    locked.home.write("config/cairn/config.toml", b"key-cost-max = \"1MiBx1\"\n");
    let refused = |run: Run| {
        let run = run.expect(12);
        assert!(run.stderr.contains("--key-cost-max 32768KiBx5"), "{}", run.stderr);
    };
    refused(locked.run(&["points"]));
    locked.run(&["--key-cost-max", "32MiBx5", "points"]).expect(0);
    refused(locked.run(&["--key-cost-max", "32MiBx4", "points"]));
    let mut command = locked.home.command(locked.args(&["points"]));
    Run::of(command.env("CAIRN_KEY_COST_MAX", "64MiB")).expect(0);
    locked.run(&["--key-cost-max", "5GiB", "points"]).expect(2);
    std::fs::remove_file(locked.home.path("config/cairn/config.toml")).unwrap();
    // Nobody seals a slot that would not be tried.
    let run = locked.run(&["key", "reseal", "--passes", "17"]).expect(2);
    assert!(run.stderr.contains("--key-cost-max"), "{}", run.stderr);
}
