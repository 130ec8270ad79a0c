//! Clocks that cannot be right: `expire` and `gc` take nothing away by them.

use crate::known::refused;
use crate::support::{Home, Run, of_type};
use engine::backup::{BackupOptions, backup};
use engine::blob::CachePlace;
use engine::env::{Env, Machine, SharedEnv};
use engine::monitor::Monitor;
use engine::repository::{OpenOptions, Repository};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Location, Options, open};
use format_spec::Time;
use std::path::PathBuf;
use std::sync::Arc;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// The word of a row that says when the repository was seen last.
const SECONDS_AT: usize = 5;

/// A machine whose clock is off.
struct Shifted(SharedEnv, i64);

impl Env for Shifted {
    fn now(&self) -> Time {
        let now = self.0.now();
        Time { seconds: now.seconds + self.1, ..now }
    }

    fn elapsed(&self) -> f64 {
        self.0.elapsed()
    }

    fn random(&self, bytes: &mut [u8]) -> engine::Result<()> {
        self.0.random(bytes)
    }
}

/// The repository as another machine has it open.
fn opened(home: &Home, env: SharedEnv) -> Arc<Repository> {
    let store = open(&Location::Folder(home.path("repo")), &Options::default()).unwrap();
    let options = OpenOptions::new(env, CachePlace::Temporary);
    Repository::open(store, None, &options).unwrap()
}

/// A restore point of `src` that another machine made, whose clock is off by so many seconds.
fn backup_at(home: &Home, seconds: i64) {
    let repo = opened(home, Arc::new(Shifted(Machine::shared(), seconds)));
    let source = FolderSource::new(&[home.path("src")], Rules::default()).unwrap();
    let options = BackupOptions { full: true, threads: 1, ..BackupOptions::new("j") };
    backup(&repo, &source, &options, &Arc::new(Monitor::new())).unwrap();
}

/// Three points, of so many seconds from now, and a machine that saw the repository then, too.
fn home(seconds: i64) -> Home {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    (0..3).for_each(|n| backup_at(&home, seconds - 2 + n));
    seen(&home, seconds);
    home
}

/// Sets the time at which this machine saw the repository last.
fn seen(home: &Home, seconds: i64) {
    let then = Machine::shared().now().seconds + seconds;
    let file = file(home);
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, row) = text.trim_end().rsplit_once('\n').unwrap();
    let words: Vec<_> = row.split(' ').take(SECONDS_AT).collect();
    std::fs::write(file, format!("{head}\n{} {then}\n", words.join(" "))).unwrap();
}

fn file(home: &Home) -> PathBuf {
    let found = std::fs::read_dir(home.path("state/cairn/known")).unwrap().map(|item| item.unwrap().path());
    found.into_iter().find(|path| path.file_name().unwrap().len() == 32).unwrap()
}

/// What this machine remembers of the time, in seconds from now.
fn remembered(home: &Home) -> i64 {
    let text = std::fs::read_to_string(file(home)).unwrap();
    let row = text.trim_end().rsplit_once('\n').unwrap().1;
    let seconds: i64 = row.split(' ').nth(SECONDS_AT).unwrap().parse().unwrap();
    seconds - Machine::shared().now().seconds
}

fn planned(home: &Home, args: &[&str]) -> (String, Run) {
    let (verb, request) = args.split_at(1);
    let run = Run::of(home.command(["--json"]).args([verb, &["plan"], request].concat())).expect(0);
    (run.last()["plan"].as_str().unwrap().to_owned(), run)
}

#[track_caller]
fn expire_is_refused(home: &Home, says: &str) {
    expiring_is_refused(home, &["--keep-last", "1"], says, 1);
}

/// Expiring these is refused; once the clock is accepted, so many of three points stay.
#[track_caller]
fn expiring_is_refused(home: &Home, which: &[&str], says: &str, stay: u64) {
    let (hash, run) = planned(home, &[&["expire"][..], which].concat());
    assert!(run.stderr.contains(says) && run.stderr.contains("--accept clock"), "{}", run.stderr);
    let apply = [&["expire", "apply", &hash][..], which].concat();
    let why = refused(home, &apply, "clock");
    assert!(why.contains(says), "{why}");
    assert_eq!(home.summary(["points"])["points"], 3);
    home.ok([&["--accept", "clock"][..], &apply[..]].concat());
    assert_eq!(home.summary(["points"])["points"], stay);
}

#[track_caller]
fn expire_goes_on(home: &Home) {
    expiring_goes_on(home, &["--keep-last", "1"], 1);
}

#[track_caller]
fn expiring_goes_on(home: &Home, which: &[&str], stay: u64) {
    let (hash, run) = planned(home, &[&["expire"][..], which].concat());
    assert!(!run.stderr.contains("this machine's clock"), "{}", run.stderr);
    home.ok([&["expire", "apply", &hash][..], which].concat());
    assert_eq!(home.summary(["points"])["points"], stay);
}

/// The id of the oldest restore point: one that is dated in the future goes only where it is named.
fn oldest(home: &Home) -> String {
    of_type(&home.rows(["points"]), "point")[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_clock_that_is_behind_the_newest_entry_lets_nothing_go() {
    let behind = home(2 * HOUR);
    expiring_is_refused(&behind, &[&oldest(&behind)], "is behind the newest entry", 2);
    let close = home(HOUR / 2);
    expiring_goes_on(&close, &[&oldest(&close)], 2);
}

#[test]
fn a_clock_that_is_months_ahead_of_all_that_is_known_lets_nothing_go() {
    expire_is_refused(&home(-61 * DAY), "over 60 days ahead");
    expire_goes_on(&home(-59 * DAY));
}

#[test]
fn either_the_newest_entry_or_what_this_machine_remembers_vouches_for_a_clock() {
    let idle = home(-61 * DAY);
    seen(&idle, -DAY);
    expire_goes_on(&idle);
    let away = home(-59 * DAY);
    seen(&away, -400 * DAY);
    expire_goes_on(&away);
}

#[test]
fn a_machine_that_remembers_nothing_has_the_newest_entry_alone() {
    let old = home(-61 * DAY);
    std::fs::remove_dir_all(old.path("state")).unwrap();
    expire_is_refused(&old, "over 60 days ahead");
    let young = home(-59 * DAY);
    std::fs::remove_dir_all(young.path("state")).unwrap();
    expire_goes_on(&young);
}

#[test]
fn a_time_that_would_be_refused_is_not_remembered() {
    let home = home(-61 * DAY);
    home.ok(["points"]);
    assert!(remembered(&home) < -60 * DAY, "{}", remembered(&home));
    seen(&home, -DAY);
    home.ok(["points"]);
    assert!(remembered(&home).abs() < HOUR, "{}", remembered(&home));
}

#[test]
fn a_plan_that_takes_nothing_is_never_refused() {
    let home = home(-61 * DAY);
    let (hash, run) = planned(&home, &["expire", "--keep-last", "9"]);
    assert!(!run.stderr.contains("clock"), "{}", run.stderr);
    home.ok(["expire", "apply", &hash, "--keep-last", "9"]);
    let (hash, run) = planned(&home, &["gc"]);
    assert!(!run.stderr.contains("clock"), "{}", run.stderr);
    home.ok(["gc", "apply", &hash]);
    // Nor is what only gives or takes a word.
    home.ok(["tag", "latest", "+x"]);
}

/// A machine that is more than a year ahead of all that is known: this one, over a repository of a year ago.
fn ahead() -> Home {
    home(-400 * DAY)
}

#[test]
fn a_machine_that_is_ahead_and_has_just_made_a_backup_does_not_vouch_for_itself() {
    let home = ahead();
    home.backup();
    assert!(remembered(&home) < -399 * DAY, "{}", remembered(&home));
    home.backup();
    home.ok(["points"]);
    assert!(remembered(&home) < -399 * DAY, "{}", remembered(&home));
    let (hash, run) = planned(&home, &["expire", "--keep-last", "1"]);
    assert!(run.stderr.contains("over 60 days ahead"), "{}", run.stderr);
    let apply = ["expire", "apply", &hash, "--keep-last", "1"];
    refused(&home, &apply, "clock");
    assert_eq!(home.summary(["points"])["points"], 5);
    // A run is bounded first, and what is within the bound is refused for the clock's sake.
    let held = home.run(["expire", "run", "--keep-last", "1", "--max-expire", "1%"]).expect(3);
    assert!(held.stderr.contains("nothing of this job has gone"), "{}", held.stderr);
    assert!(held.stderr.contains("over 60 days ahead"), "{}", held.stderr);
    refused(&home, &["expire", "run", "--keep-last", "1", "--max-expire", "100%"], "clock");
    assert_eq!(home.summary(["points"])["points"], 5);
    // Nor does it where nothing is remembered any more.
    std::fs::remove_dir_all(home.path("state")).unwrap();
    refused(&home, &apply, "clock");
    assert_eq!(home.summary(["points"])["points"], 5);
}

/// The log begins with what this machine has appended: nothing in it shows that its times jumped.
#[test]
fn what_a_machine_appended_in_doubt_does_not_vouch_for_it_behind_a_checkpoint_either() {
    let home = ahead();
    home.backup();
    let repo = opened(&home, Machine::shared());
    repo.log().checkpoint(&*Machine::shared()).unwrap().expect("a checkpoint was written");
    home.ok(["points"]);
    assert!(remembered(&home) < -399 * DAY, "{}", remembered(&home));
    let (hash, _) = planned(&home, &["expire", "--keep-last", "1"]);
    refused(&home, &["expire", "apply", &hash, "--keep-last", "1"], "clock");
    // As soon as somebody else has appended by such a clock, it is not this machine's word alone.
    backup_at(&home, -DAY);
    let (hash, run) = planned(&home, &["expire", "--keep-last", "1"]);
    assert!(!run.stderr.contains("this machine's clock"), "{}", run.stderr);
    home.ok(["expire", "apply", &hash, "--keep-last", "1"]);
}

#[test]
fn a_clock_that_a_person_accepts_is_remembered() {
    let home = ahead();
    home.backup();
    let (hash, _) = planned(&home, &["expire", "--keep-last", "3"]);
    home.ok(["--accept", "clock", "expire", "apply", &hash, "--keep-last", "3"]);
    assert!(remembered(&home).abs() < HOUR, "{}", remembered(&home));
    let (hash, run) = planned(&home, &["expire", "--keep-last", "2"]);
    assert!(!run.stderr.contains("this machine's clock"), "{}", run.stderr);
    home.ok(["expire", "apply", &hash, "--keep-last", "2"]);
    assert_eq!(home.summary(["points"])["points"], 2);
}

#[test]
fn a_collection_of_nothing_says_that_it_left_alone_what_goes_by_age() {
    let home = home(-61 * DAY);
    let (hash, _) = planned(&home, &["gc"]);
    let run = home.ok(["gc", "apply", &hash]);
    assert!(run.stderr.contains("what goes by age was left alone"), "{}", run.stderr);
    let head = |run: &Run| run.last()["log_entries_deleted"].as_u64();
    assert_eq!(head(&Run::of(&mut home.command(["gc", "apply", &hash, "--json"])).expect(0)), Some(0));
}

#[test]
fn a_collection_by_a_clock_that_cannot_be_right_deletes_nothing() {
    let home = home(-61 * DAY);
    let (hash, _) = planned(&home, &["expire", "--keep-last", "1"]);
    home.ok(["--accept", "clock", "expire", "apply", &hash, "--keep-last", "1"]);
    // That entry is of today: so that the newest one is old again, another machine appends one.
    backup_at(&home, 2 * HOUR);
    let (hash, run) = planned(&home, &["gc", "--grace", "0", "--no-readers"]);
    assert!(run.stderr.contains("is behind the newest entry"), "{}", run.stderr);
    let args = ["gc", "apply", &hash, "--grace", "0", "--no-readers"];
    refused(&home, &args, "clock");
    refused(&home, &["gc", "run", "--grace", "0", "--no-readers"], "clock");
    home.ok([&["--accept", "clock"], &args[..]].concat());
    home.ok(["check", "--read-data"]);
}
