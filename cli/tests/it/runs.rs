//! `expire run` and `gc run`: what a night without a person does, says, and leaves to a person.

use crate::support::{Home, Run, has_keys, of_type};

/// The command lines that are printed to be run, without the program.
fn printed<'s>(stderr: &'s str, verb: &str) -> Vec<&'s str> {
    let line = stderr.lines().find(|line| line.contains(verb)).expect("a command is printed");
    line.rsplit_once("apply it: ").expect("it ends with the command").1.split(' ').skip(1).collect()
}

fn backups(home: &Home, number: usize) {
    (0..number).for_each(|_| _ = home.backup());
}

#[test]
fn a_run_takes_what_was_added_and_prints_the_plan_of_a_job_that_would_lose_more() {
    let (home, _) = Home::with_point();
    backups(&home, 5);
    // All of the last day, and no more was there ever: this is a young job.
    let done = home.rows(["expire", "run", "--keep-last", "2"]);
    let summary = done.last().unwrap();
    has_keys(summary, &["plan", "applied", "points_expired", "jobs_held", "requests"]);
    assert_eq!((&summary["points_expired"], &summary["applied"]), (&4.into(), &true.into()));
    assert_eq!(summary["jobs_held"], serde_json::json!([]));
    backups(&home, 8);
    let said = home.ok(["expire", "run", "--keep-last", "8"]).out();
    assert!(said.contains("no rule keeps it") && !said.contains("one of the last"), "what has gone: {said}");
    assert!(said.contains("2 restore points are gone") && said.contains("; plan "), "{said}");
    // Nothing was added since: 20 % of eight points are one.
    let held = home.run(["expire", "run", "--keep-last", "2", "--keep-tag", "j", "--json"]).expect(2);
    assert!(held.stderr.contains("no restore point has this tag"), "{}", held.stderr);
    let held = home.run(["expire", "run", "--keep-last", "2", "--json"]).expect(3);
    let row = of_type(&held.rows(), "held")[0].clone();
    has_keys(&row, &["job", "host", "command"]);
    let numbers = ["points", "points_leaving", "points_added", "points_allowed"].map(|key| row[key].as_u64().unwrap());
    assert_eq!((numbers, &held.last()["jobs_held"]), ([8, 6, 0, 1], &serde_json::json!(["j"])));
    assert_eq!((&held.last()["points_expired"], home.summary(["points"])["points"].as_u64()), (&0.into(), Some(8)));
    assert!(held.stderr.contains("nothing of this job has gone: 6 of 8 restore points"), "{}", held.stderr);
    let words = printed(&held.stderr, "expire plan");
    assert_eq!(words[words.len() - 6..], ["expire", "plan", "--keep-last", "2", "--job", "j"]);
    // A person runs it, and applies what it shows.
    let plan = home.summary(words)["plan"].as_str().unwrap().to_owned();
    home.ok(["expire", "apply", &plan, "--keep-last", "2", "--job", "j"]);
    assert_eq!(home.summary(["points"])["points"], 2);
    let all = home.run(["expire", "run", "--keep-last", "1", "--max-expire", "100%", "--json"]).expect(0);
    assert_eq!(all.last()["points_expired"], 1);
}

#[test]
fn a_collection_runs_in_one_step_and_names_its_plan() {
    let (home, first) = Home::with_point();
    home.backup();
    let plan = home.summary(["expire", "plan", &first])["plan"].as_str().unwrap().to_owned();
    home.ok(["expire", "apply", &plan, &first]);
    let planned = home.summary(["gc", "plan"]);
    let done = home.summary(["gc", "run"]);
    assert_eq!(done["plan"], planned["plan"]);
    has_keys(&done, &["packs_condemned", "objects_deleted", "sweep_after", "partial"]);
    let said = home.ok(["gc", "run"]).out();
    assert!(said.starts_with("plan ") && said.contains("\ncondemned "), "{said}");
    home.run(["gc", "run", "--grace", "0"]).expect(2);
    home.ok(["check", "--read-data"]);
}

#[test]
fn the_words_of_earlier_releases_are_taken_and_answered_with_those_of_now() {
    let (home, first) = Home::with_point();
    home.backup();
    let plan = home.run(["expire", &first, "plan", "--json"]).expect(0);
    assert!(plan.stderr.contains(&format!("expire plan {first} --json")), "{}", plan.stderr);
    assert!(plan.stderr.contains("for one release more"), "{}", plan.stderr);
    let hash = plan.last()["plan"].as_str().unwrap().to_owned();
    let done = home.run(["expire", &first, "apply", &hash]).expect(0);
    assert!(done.stderr.contains(&format!("expire apply {hash} {first}")), "{}", done.stderr);
    let quiet = home.run(["-q", "expire", "--keep-last", "1", "plan"]).expect(0);
    assert_eq!(quiet.stderr, "");
    // A mistake in the old order is told as such.
    let wrong = home.run(["expire", "--keep-last", "0", "plan"]).expect(2);
    assert!(wrong.stderr.contains("a rule that keeps 0 keeps nothing"), "{}", wrong.stderr);

    let plan = Run::of(&mut home.command(["--json", "tag", "latest", "+x", "plan"])).expect(0);
    assert!(plan.stderr.contains("acts at once") && plan.stderr.contains("tag latest +x"), "{}", plan.stderr);
    assert_eq!(of_type(&home.rows(["points"]), "point")[0]["tags"], serde_json::json!([]));
    home.ok(["tag", "latest", "+x", "apply", plan.last()["plan"].as_str().unwrap()]);
    assert_eq!(of_type(&home.rows(["points"]), "point")[0]["tags"], serde_json::json!(["x"]));
}
