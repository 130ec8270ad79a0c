//! One golden repository, unpacked into a home of its own.

use super::listing::{Item, expect_items};
use crate::support::{Home, Run, of_type};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The release that made them.
pub(super) const RELEASE: &str = "6a757b2";

/// Every repository of a release; see `cli/tests/golden/make` for what is in each.
pub(super) const ALL: &[&str] = &["clear", "sealed", "copy", "parity", "items", "jobs", "partial", "lived"];

const PASSWORD: &str = "correct horse";
pub(super) const SECOND_PASSWORD: &str = "battery staple";

/// A repository that a release has left.
pub(super) struct Golden {
    pub(super) home: Home,
    pub(super) name: &'static str,
    pub(super) points: Vec<Point>,
}

/// What a point of it must give back.
pub(super) struct Point {
    pub(super) id: String,
    pub(super) job: String,
    pub(super) complete: bool,
    pub(super) row: Value,
    pub(super) items: Vec<Item>,
    /// Paths that were stored and have been taken out again.
    pub(super) left: Vec<String>,
}

impl Golden {
    /// Unpacks it.
    pub(super) fn open(name: &'static str) -> Golden {
        let golden = Golden { home: Home::new(), name, points: points(name) };
        golden.unpack(name, "repo");
        golden.home.write("password", PASSWORD.as_bytes());
        golden
    }

    /// Unpacks a repository of the same release beside.
    pub(super) fn unpack(&self, name: &str, below: &str) {
        let file = std::fs::File::open(folder().join(format!("{name}.tar"))).unwrap();
        tar::Archive::new(file).unpack(self.home.path(below)).unwrap();
    }

    pub(super) fn is_sealed(&self) -> bool {
        is_sealed(self.name)
    }

    /// Runs on this repository.
    pub(super) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Run {
        self.run_on("repo", self.is_sealed(), args)
    }

    /// Runs on another one of this home.
    pub(super) fn run_on<'a>(&self, below: &str, sealed: bool, args: impl IntoIterator<Item = &'a str>) -> Run {
        let mut command = self.home.command(args);
        command.env("CAIRN_REPO", self.home.path(below));
        if sealed {
            command.env("CAIRN_PASSWORD_FILE", self.home.path("password"));
        }
        Run::of(&mut command)
    }

    /// Runs with `--json`, expects exit code 0; the rows.
    #[track_caller]
    pub(super) fn rows<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
        // First, as words behind the points of `tag` are tags.
        self.run(["--json"].into_iter().chain(args)).expect(0).rows()
    }

    #[track_caller]
    pub(super) fn summary<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        self.rows(args).pop().unwrap()
    }

    /// The live points' rows.
    pub(super) fn live(&self) -> Vec<Value> {
        of_type(&self.rows(["points"]), "point").into_iter().cloned().collect()
    }

    /// Plans, and applies the plan.
    #[track_caller]
    pub(super) fn planned(&self, verb: &[&str], options: &[&str]) -> Value {
        let (verb, request) = verb.split_at(1);
        let words = |step: &[&str]| -> Vec<String> {
            verb.iter().chain(step).chain(request).chain(options).map(|word| (*word).to_owned()).collect()
        };
        let plan = self.summary(words(&["plan"]).iter().map(String::as_str));
        let hash = plan["plan"].as_str().unwrap();
        // The release's clocks stand in 2025: a person looks, and says that today's is right.
        let accept = ["--accept".to_owned(), "clock".to_owned()];
        let words = [&accept[..], &words(&["apply", hash])].concat();
        self.summary(words.iter().map(String::as_str))
    }

    /// Everything that the repository holds is sound.
    #[track_caller]
    pub(super) fn expect_clean(&self) {
        let run = self.run(["check", "--read-data", "--json"]);
        let (rows, code) = (run.rows(), run.code);
        let damage = of_type(&rows, "damage");
        assert_eq!((code, &rows.last().unwrap()["errors"]), (Some(0), &0.into()), "{}: {damage:?}", self.name);
    }

    /// Restores a point, and holds it against what it must give back.
    #[track_caller]
    pub(super) fn expect_restores(&self, point: &Point) {
        let target = self.home.path(&format!("out-{}", point.id));
        let run = self.run(["restore", &point.id, target.to_str().unwrap()]);
        let codes: &[i32] = if point.complete { &[0] } else { &[0, 3] };
        assert!(run.code.is_some_and(|code| codes.contains(&code)), "{} {}: {run:?}", self.name, point.id);
        expect_items(&target, &point.items, &point.left);
    }
}

pub(super) fn is_sealed(name: &str) -> bool {
    matches!(name, "sealed" | "copy")
}

/// Where the repositories of the release are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(RELEASE)
}

fn points(name: &str) -> Vec<Point> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    told["points"].as_array().unwrap().iter().map(point).collect()
}

fn point(row: &Value) -> Point {
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    let left = row["left"].as_array().map_or(&[][..], Vec::as_slice);
    Point {
        id: text("id"),
        job: text("job"),
        complete: row["complete"].as_bool().unwrap(),
        row: row.clone(),
        items: row["items"].as_array().unwrap().iter().map(Item::of).collect(),
        left: left.iter().map(|path| path.as_str().unwrap().to_owned()).collect(),
    }
}
