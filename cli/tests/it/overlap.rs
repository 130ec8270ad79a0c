//! `backup --if-running`, with a first run that is held by the pipe it reads.

use crate::support::{Home, Run};
use std::io::Write;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A backup of the job `j` that runs until its pipe is closed.
fn held(home: &Home) -> Child {
    let mut command = home.command(["backup", "-q", "--job", "j", "--stdin", "--stdin-name", "dump"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"some bytes").unwrap();
    child
}

/// Whether the process holds its lock: then a skipping run says so. An ended one never does.
fn until_it_runs(home: &Home) -> Run {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let run =
            Run::of(&mut home.command(["backup", "--json", "--job", "j", "--if-running", "skip", &home.text("src")]));
        let run = run.expect(0);
        if run.last()["skipped"] == true {
            return run;
        }
        assert!(Instant::now() < until, "the first run was never seen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_second_run_skips_with_a_reason_and_exit_0() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let first = held(&home);
    let row = until_it_runs(&home).last();
    let reason = row["kind_reason"].as_str().unwrap();
    assert!(reason.contains("under way on this machine") && reason.contains(&first.id().to_string()), "{row}");
    assert!(row["point"].is_null() && row["job"] == "j", "{row}");
    let before = home.summary(["points"])["points"].as_u64().unwrap();
    let said = home.ok(["backup", "--job", "j", "--if-running", "skip", &home.text("src")]).out();
    assert!(said.starts_with("skipped: "), "{said}");
    // Another job, and a run that does not ask, are not held back.
    assert!(home.summary(["backup", "--job", "k", "--if-running", "skip", &home.text("src")])["point"].is_string());
    assert!(home.summary(["backup", "--job", "j", &home.text("src")])["point"].is_string());
    assert_eq!(home.summary(["points"])["points"].as_u64().unwrap(), before + 2);
    end(first);
    assert!(home.summary(["backup", "--job", "j", "--if-running", "skip", &home.text("src")])["point"].is_string());
}

#[test]
fn a_second_run_waits_until_the_first_has_ended_and_builds_on_it() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let first = held(&home);
    until_it_runs(&home);
    let args = ["backup", "--json", "--job", "j", "--if-running", "wait", &home.text("src")];
    let mut waiting = home.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(waiting.try_wait().unwrap().is_none(), "it did not wait");
    end(first);
    let output = waiting.wait_with_output().unwrap();
    let run = Run {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    let rows = run.expect(0).rows();
    assert!(rows.iter().any(|row| row["type"] == "waiting" && row["job"] == "j"), "{rows:?}");
    assert!(rows.last().unwrap()["point"].is_string());
}

#[test]
fn a_run_that_was_killed_holds_nobody_back() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let mut first = held(&home);
    until_it_runs(&home);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(home.summary(["backup", "--job", "j", "--if-running", "skip", &home.text("src")])["point"].is_string());
}

#[test]
fn a_job_without_a_name_cannot_be_asked_about_before_its_hook_ran() {
    let home = Home::with_repository();
    let run = home.run(["backup", "--if-running", "skip", "--before", "true", &home.text("src")]).expect(2);
    assert!(run.stderr.contains("--job"), "{}", run.stderr);
    home.run(["backup", "--if-running", "skip", "--dry-run", &home.text("src")]).expect(2);
}
