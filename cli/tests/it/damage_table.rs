//! The table of `docs/damage.md`, cell by cell: each kind of object, missing, short and flipped, as commands meet it on a repository of their own.

use crate::support::{Home, Run, noise, tree};
use engine::env::Machine;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A row of the table: the object, what happened to it, exit codes, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    object: String,
    damage: String,
    /// `points`, `restore latest`, `backup`, `check --read-data`, `gc plan`.
    codes: [i32; 5],
    /// The words that make it good again, and the check afterwards.
    cure: String,
    after: i32,
}

const COMMANDS: [&str; 5] = ["points", "restore", "backup", "check", "gc"];

#[test]
fn every_object_that_is_damaged_ends_as_the_table_says() {
    let told = table();
    let kinds = 12;
    assert_eq!(told.len(), 3 * kinds, "each kind of object, missing, short and flipped");
    let template = Home::with_repository();
    prepare(&template);
    let wrong = Mutex::new(BTreeMap::new());
    let next = Mutex::new(told.iter().enumerate());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((at, row)) = { next.lock().unwrap().next() } {
                    let found = run(&template, row);
                    if found != *row {
                        wrong
                            .lock()
                            .unwrap()
                            .insert(at, format!("{}\n  and the table says {}", line(&found), line(row)));
                    }
                }
            });
        }
    });
    let wrong: Vec<String> = wrong.into_inner().unwrap().into_values().collect();
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// Three points of one job, a checkpoint in the middle, and an entry behind each.
fn prepare(home: &Home) {
    for n in 0..3 {
        home.write(&format!("src/{n}.bin"), &noise(200_000, n + 1));
        home.backup();
        if n == 1 {
            home.repository().log().checkpoint(&*Machine::shared()).unwrap().expect("a checkpoint was written");
        }
    }
}

/// A repository of its own for a row, with the same history.
struct Cell {
    home: Home,
    /// For key slots.
    password: Option<PathBuf>,
}

impl Cell {
    fn of(template: &Home, object: &str) -> Cell {
        if object.starts_with("key slot") {
            let home = Home::new();
            home.write("password", b"first");
            home.write("other", b"second");
            home.write("src/0.bin", &noise(200_000, 1));
            let home = Cell { password: Some(home.path("password")), home };
            home.run(&["init"]).expect(0);
            home.run(&["key", "export", "--paper", "--out", &home.home.text("sheet")]);
            if object.contains("of two") {
                home.run(&["key", "add", "--new-password-file", &home.home.text("other")]).expect(0);
            }
            home.run(&["backup", "--job", "j", &home.home.text("src")]).expect(0);
            return home;
        }
        let home = Home::with_repository();
        for part in ["repo", "src", "cache", "state"] {
            let _ = std::fs::remove_dir_all(home.path(part));
            if template.path(part).is_dir() {
                copy(&template.path(part), &home.path(part));
            }
        }
        // This repository lies at a place of its own: it is no older copy of the one that the template's machine knows.
        let _ = std::fs::remove_dir_all(home.path("state/cairn/known"));
        Cell { home, password: None }
    }

    fn run(&self, args: &[&str]) -> Run {
        let mut command = self.home.command(args);
        if let Some(password) = &self.password {
            command.args(["--repo", &self.home.text("repo"), "--password-file"]).arg(password);
        }
        Run::of(&mut command)
    }

    /// The object of the repository that a row is about.
    fn object(&self, object: &str) -> PathBuf {
        let repo = self.home.path("repo");
        let of = |folder: &str| {
            let found = tree(&repo.join(folder)).into_iter().filter(|(_, bytes)| bytes != b"folder");
            let mut found: Vec<PathBuf> = found.map(|(name, _)| repo.join(folder).join(name)).collect();
            found.sort();
            found
        };
        let newest = |folder| of(folder).pop().unwrap();
        let oldest = |folder| of(folder).swap_remove(0);
        match object {
            "`config`" => repo.join("config"),
            "key slot, the only one" | "key slot, one of two" => {
                // The one that the password opens is the first that was made.
                let mut slots = of("keys");
                slots.sort_by_key(|slot| std::fs::metadata(slot).unwrap().modified().unwrap());
                slots.swap_remove(0)
            }
            "log entry, the newest" => newest("log"),
            "log entry, an older one" => of("log").into_iter().rev().nth(1).unwrap(),
            "log entry, summed up by a checkpoint" => oldest("log"),
            "checkpoint" => newest("checkpoint"),
            "index segment" => newest("index"),
            "data pack" => oldest("data"),
            "metadata pack, of a reference set" => newest("meta"),
            "manifest, an older one" => oldest("points"),
            "manifest, the newest" => newest("points"),
            other => panic!("the table has a kind of object that no test knows: {other}"),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    if !from.is_dir() {
        return;
    }
    for (name, bytes) in tree(from) {
        let to = to.join(name);
        if bytes == b"folder" {
            std::fs::create_dir_all(to).unwrap();
        } else {
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
    }
}

fn harm(path: &Path, damage: &str) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    let harmed = match damage {
        "missing" => return,
        "short" => bytes[..bytes.len() / 2].to_vec(),
        "flipped" => {
            let mut bytes = bytes;
            let at = bytes.len() * 2 / 5;
            bytes[at] ^= 0x10;
            bytes
        }
        other => panic!("the table has a damage that no test knows: {other}"),
    };
    std::fs::write(path, harmed).unwrap();
}

/// Runs every command of a row, each on a repository of its own where it writes.
fn run(template: &Home, row: &Row) -> Row {
    let cell = Cell::of(template, &row.object);
    // A copy of the whole repository from before, for cures.
    copy(&cell.home.path("repo"), &cell.home.path("copy"));
    harm(&cell.object(&row.object), &row.damage);
    let mut codes = [0; 5];
    let src = cell.home.text("src");
    for (code, command) in codes.iter_mut().zip(COMMANDS) {
        let run = match command {
            "points" => cell.run(&["points"]),
            "restore" => cell.run(&["restore", "latest", &cell.home.text("out")]),
            "check" => cell.run(&["check", "--read-data"]),
            "gc" => cell.run(&["gc", "plan"]),
            _ => {
                // What this machine remembers of the log is set back with the repository.
                let parts = [("repo", "harmed"), ("state", "remembered")];
                parts.iter().for_each(|(part, kept)| copy(&cell.home.path(part), &cell.home.path(kept)));
                let run = cell.run(&["backup", "--job", "j", &src]);
                for (part, kept) in parts {
                    let _ = std::fs::remove_dir_all(cell.home.path(part));
                    std::fs::rename(cell.home.path(kept), cell.home.path(part)).unwrap();
                }
                run
            }
        };
        advises_something_else(command, &run);
        *code = run.code.unwrap();
    }
    let object = cell.object_name(&row.object);
    let check = cell.run(&["check", "--read-data"]);
    // What nobody needs any more is named, too, but for what is not there.
    if row.damage != "missing" || check.code == Some(5) {
        let told = check.out() + &check.stderr;
        assert!(told.contains(&object), "{}, {}: check does not name it: {told}", row.object, row.damage);
    }
    let cure = cell.cure(&row.cure);
    let after = cell.check_with_any();
    Row { codes, cure, after, ..row.clone() }
}

/// What advises is never the command that has just failed in this way.
fn advises_something_else(command: &str, run: &Run) {
    for line in run.stderr.lines().filter(|line| line.starts_with("  try: ")) {
        let own = format!("`cairn {command}");
        let failing = line.contains(&own) && !line.contains(&format!("{own} plan"));
        assert!(!failing, "`cairn {command}` advises itself: {}", run.stderr);
    }
}

impl Cell {
    /// The folder or the name that a finding shows.
    fn object_name(&self, object: &str) -> String {
        match object.split([' ', ',']).next().unwrap() {
            "`config`" => "config",
            "key" => "keys",
            "log" => "log/",
            "checkpoint" => "checkpoint/",
            "index" => "index/",
            "data" => "data/",
            "metadata" => "meta/",
            _ => "points/",
        }
        .to_owned()
    }

    /// After a cure another password may be the one that opens.
    fn check_with_any(&self) -> i32 {
        let code = self.run(&["check", "--read-data"]).code.unwrap();
        if code == 0 || self.password.is_none() {
            return code;
        }
        let mut command = self.home.command(["check", "--read-data", "--repo", &self.home.text("repo")]);
        Run::of(command.args(["--password-file", &self.home.text("other")])).code.unwrap().min(code)
    }

    /// Carries the cure of a row out; the words for what was done.
    fn cure(&self, words: &str) -> String {
        for word in words.split(", then ") {
            match word {
                "nothing" => {}
                "`repair`" => self.planned(&["repair"], &[]),
                "`repair --from COPY`" => {
                    let copy = self.home.text("copy");
                    self.planned(&["repair"], &["--from", &copy]);
                }
                "`backup`" => _ = self.run(&["backup", "--job", "j", &self.home.text("src")]),
                "`backup --full`" => _ = self.run(&["backup", "--full", "--job", "j", &self.home.text("src")]),
                "`expire ID`" => {
                    let plan = self.run(&["repair", "plan", "--json"]).rows();
                    let id =
                        plan.iter().find_map(|row| row["points"][0].as_str()).expect("a point that is lost").to_owned();
                    self.planned(&["expire", &id], &[]);
                }
                "`key import`, `key remove ID`" => {
                    let mut import = self.home.command(["key", "import", "--paper", &self.home.text("sheet")]);
                    import.args([
                        "--repo",
                        &self.home.text("repo"),
                        "--new-password-file",
                        &self.home.text("password"),
                    ]);
                    Run::of(&mut import).expect(0);
                    self.remove_damaged_slot();
                }
                "`key remove ID`" => self.remove_damaged_slot(),
                other => panic!("the table has a cure that no test knows: {other}"),
            }
        }
        words.to_owned()
    }

    fn planned(&self, verb: &[&str], more: &[&str]) {
        let (verb, request) = verb.split_at(1);
        let plan = self.run(&[verb, &["plan"], request, more, &["--json"]].concat());
        let hash = plan.last()["plan"].as_str().expect("a plan").to_owned();
        let done = self.run(&[verb, &["apply", &hash], request, more].concat());
        assert!(matches!(done.code, Some(0 | 5)), "{}\n{}", done.out(), done.stderr);
    }

    /// With whichever password opens the repository by now.
    fn remove_damaged_slot(&self) {
        for file in ["password", "other"] {
            let run = |args: &[&str]| {
                let mut command = self.home.command(args);
                command.args(["--repo", &self.home.text("repo"), "--password-file", &self.home.text(file), "--json"]);
                Run::of(&mut command)
            };
            // It ends with 5 where a slot is damaged, and lists all the same.
            let rows = run(&["key", "list"]).rows();
            if !rows.iter().any(|row| row["type"] == "key_slot") {
                continue;
            }
            let damaged = rows.iter().find(|row| row["damaged"].is_string());
            if let Some(id) = damaged.and_then(|row| row["id"].as_str()) {
                run(&["key", "remove", id]).expect(0);
            }
            return;
        }
        panic!("no password opens the repository");
    }
}

fn line(row: &Row) -> String {
    let mut line = format!("| {} | {} |", row.object, row.damage);
    for code in row.codes {
        let _ = write!(line, " {code} |");
    }
    let _ = write!(line, " {} | {} |", row.cure, row.after);
    line
}

/// The rows of the table in `docs/damage.md`: those of which the second cell is a damage.
fn table() -> Vec<Row> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/damage.md")).unwrap();
    let mut rows = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [object, damage, codes @ .., cure, after] = &cells[..] else { continue };
        if !["missing", "short", "flipped"].contains(damage) {
            continue;
        }
        let codes: Vec<i32> = codes.iter().map(|code| code.parse().expect(line)).collect();
        rows.push(Row {
            object: (*object).to_owned(),
            damage: (*damage).to_owned(),
            codes: codes.try_into().expect(line),
            cure: (*cure).to_owned(),
            after: after.parse().expect(line),
        });
    }
    rows
}
