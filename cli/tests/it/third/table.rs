//! Rows: what a program says of a good point and of a broken one.
//!
//! A row counts only when the program finds nothing wrong with the good point *and* names what is wrong with the broken one:
//! a check that cannot fail proves nothing. A program that is not installed is a failure too.

use super::place::{LIMIT, Place, Sides};
use super::report::note;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A command of somebody else's.
pub(crate) struct Row {
    /// As the table shows it.
    pub(crate) name: &'static str,
    /// The programs that it runs.
    pub(crate) needs: &'static [&'static str],
    /// Bash. `$S` is the source, `$M` a point's view of it on the mount, `$T` an empty folder. Whatever it prints is a
    /// difference, and so is an exit code other than 0.
    pub(crate) script: &'static str,
    /// What it must say of the broken point.
    pub(crate) finds: &'static [&'static str],
}

/// The rows of one test. [`Table::finish`] prints them and fails when one of them does.
pub(crate) struct Table {
    lines: Vec<String>,
    wrong: String,
}

impl Table {
    pub(crate) fn new() -> Table {
        Table { lines: Vec::new(), wrong: String::new() }
    }

    /// Runs rows on the good and on the broken point.
    pub(crate) fn compare(&mut self, rows: &[Row], place: &Place, sides: &Sides, more: &[(&str, &str)]) {
        for row in rows {
            self.run(row, place, [&sides.good, &sides.broken], more);
        }
    }

    /// Runs a row on `$M` of both kinds, the good one first.
    pub(crate) fn run(&mut self, row: &Row, place: &Place, sides: [&Path; 2], more: &[(&str, &str)]) {
        if !self.can_run(row) {
            return;
        }
        let started = Instant::now();
        let [good, broken] = sides.map(|side| {
            let variables = [&[("M", side.to_str().unwrap())], more].concat();
            match place.run(row.script, &variables, LIMIT) {
                Ok(said) if said.is_empty() => Ok(()),
                Ok(said) | Err(said) => Err(said),
            }
        });
        self.add(row.name, started, good, broken, row.finds);
    }

    /// A row that was run by other means.
    pub(crate) fn add(
        &mut self,
        name: &str,
        started: Instant,
        good: Result<(), String>,
        broken: Result<(), String>,
        finds: &[&str],
    ) {
        let seconds = started.elapsed().as_secs_f64();
        let outcome = if good.is_ok() { "ok" } else { "DIFFERS" };
        if let Err(said) = good {
            writeln!(self.wrong, "{name}: finds a difference: {}", start(&said)).unwrap();
        }
        let found = match broken {
            Ok(()) => {
                writeln!(self.wrong, "{name}: finds nothing wrong with the broken twin").unwrap();
                "FINDS NOTHING".to_owned()
            }
            Err(said) => {
                let missed: Vec<_> = finds.iter().filter(|word| !said.contains(**word)).collect();
                if !missed.is_empty() {
                    writeln!(self.wrong, "{name}: does not name {missed:?} in the broken twin: {}", start(&said))
                        .unwrap();
                }
                let more =
                    if finds.len() > SHOWN { format!(" and {} more", finds.len() - SHOWN) } else { String::new() };
                format!("finds {}{more}", finds[..finds.len().min(SHOWN)].join(", "))
            }
        };
        self.line(name, "executed", &format!("{outcome} ({seconds:.1} s)"), &found);
    }

    /// Prints the table, and notes it for the end of the run.
    ///
    /// # Panics
    /// When a row was wrong or skipped.
    pub(crate) fn finish(self) {
        let lines = self.lines.join("\n");
        eprintln!("{lines}");
        note("rows", &lines);
        assert!(self.wrong.is_empty(), "{}", self.wrong);
    }

    fn can_run(&mut self, row: &Row) -> bool {
        let absent: Vec<_> = row.needs.iter().filter(|program| !installed(program)).copied().collect();
        if !absent.is_empty() {
            let names = absent.join(", ");
            self.line(row.name, "skipped", "", &format!("not installed: {names}; run scripts/tools"));
            writeln!(self.wrong, "{}: needs {names}", row.name).unwrap();
        }
        absent.is_empty()
    }

    fn line(&mut self, name: &str, ran: &str, outcome: &str, twin: &str) {
        self.lines.push(format!("{name:<44} {ran:<9} {outcome:<16} {twin}"));
    }
}

/// The Python that `scripts/tools` has set up.
///
/// # Panics
/// When it has not.
pub(crate) fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".tools/py/bin/python");
    assert!(python.exists(), "run scripts/tools first");
    python
}

fn installed(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).exists())
}

/// How much of what was found fits into a line.
const SHOWN: usize = 3;

/// The first lines of what may be long.
fn start(text: &str) -> String {
    text.lines().take(30).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_table_is_wrong_when_a_row_differs_or_finds_nothing_or_cannot_run() {
    let said = |good: Result<(), &str>, broken: Result<(), &str>, needs| {
        let mut table = Table::new();
        if table.can_run(&Row { name: "row", needs, script: "", finds: &[] }) {
            table.add("row", Instant::now(), good.map_err(Into::into), broken.map_err(Into::into), &["the flaw"]);
        }
        table.wrong
    };
    assert_eq!(said(Ok(()), Err("here is the flaw"), &["sh"]), "");
    assert!(said(Err("x"), Err("the flaw"), &["sh"]).contains("finds a difference: x"));
    assert!(said(Ok(()), Ok(()), &["sh"]).contains("finds nothing wrong"));
    assert!(said(Ok(()), Err("something else"), &["sh"]).contains("does not name [\"the flaw\"]"));
    assert!(said(Ok(()), Err("the flaw"), &["no-such-program"]).contains("needs no-such-program"));
}
