//! `backup`: first use, summaries, what is left out, pipes, rates.

use crate::support::{Home, Run, has_keys, noise, of_type};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn the_first_backup_makes_the_default_repository_and_says_where_its_key_lies() {
    let home = Home::new();
    home.write("src/a", b"x");
    let first = home.ok(["backup", &home.text("src")]);
    let key = home.path("config/cairn/default.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(home.path("data/cairn/default/config").exists());
    assert!(first.stderr.contains(key.to_str().unwrap()), "{}", first.stderr);
    assert!(first.stderr.contains("cairn key export --recovery-sheet"), "{}", first.stderr);
    assert!(first.out().contains("cairn mount"), "{}", first.out());
    let second = home.ok(["backup", &home.text("src")]);
    assert!(!second.stderr.contains("only key"), "{}", second.stderr);
}

#[test]
fn the_summary_has_the_keys_of_the_contract() {
    let (home, _) = Home::with_point();
    let summary = home.summary(["backup", "--job", "j", &home.text("src")]);
    has_keys(
        &summary,
        &[
            "point",
            "kind",
            "kind_reason",
            "files_total",
            "files_new",
            "files_changed",
            "files_unchanged",
            "bytes_source",
            "bytes_new",
            "bytes_stored",
            "chunks_new",
            "packs_written",
            "requests",
            "seconds_elapsed",
            "warnings",
        ],
    );
    has_keys(&summary["requests"], &["put", "get", "list", "delete", "head"]);
}

#[test]
fn a_second_backup_is_incremental_and_stores_no_data() {
    let (home, first) = Home::with_point();
    // Files younger than the tick of the clock in which the session before started are read again; by now none is.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    home.backup();
    let summary = home.summary(["backup", "--job", "j", &home.text("src")]);
    assert_eq!(summary["kind"], "incremental", "{summary}");
    assert_eq!((&summary["files_new"], &summary["files_changed"]), (&0.into(), &0.into()), "{summary}");
    assert_eq!((&summary["files_total"], &summary["data_packs_written"]), (&3.into(), &0.into()), "{summary}");
    assert_ne!(summary["point"], first);
    let full = home.summary(["backup", "--job", "j", "--full", &home.text("src")]);
    assert_eq!(full["kind"], "full", "{full}");
}

#[test]
fn a_dry_run_stores_nothing() {
    let (home, _) = Home::with_point();
    home.write("src/new", &noise(100_000, 7));
    let summary = home.summary(["backup", "--dry-run", "--job", "j", &home.text("src")]);
    assert!(summary["point"].is_null(), "{summary}");
    assert_eq!(summary["files_new"], 1, "{summary}");
    assert_eq!(of_type(&home.rows(["points"]), "point").len(), 1);
}

#[test]
fn a_dry_run_does_not_make_the_default_repository() {
    let home = Home::new();
    home.write("src/a", b"x");
    home.run(["backup", "--dry-run", &home.text("src")]).expect(10);
    assert!(!home.path("data/cairn").exists() && !home.path("config/cairn").exists());
}

#[test]
fn what_is_left_out_is_left_out() {
    let home = Home::with_repository();
    for file in ["keep", "x.o", "sub/y.o", "cache/big", "sub/ignored", "sub/other", "gone/a"] {
        home.write(&format!("src/{file}"), b"1");
    }
    home.write("src/large", &[0; 5000]);
    home.write("src/cache/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n");
    home.write("src/sub/.cairnignore", b"ignored\n");
    home.write("patterns", b"# a comment\ngone/\n");
    home.write("list", format!("{}\n", home.text("src")).as_bytes());
    let exclude_file = home.text("patterns");
    let list = home.text("list");
    let args = ["backup", "--exclude", "*.o", "--exclude-file", &exclude_file, "--exclude-caches"];
    home.ok(args.into_iter().chain([
        "--exclude-larger-than",
        "4k",
        "--files-from",
        &list,
        "--one-file-system",
        "--job",
        "j",
    ]));
    let listed = home.ok(["ls", "-R", &home.place("latest", "src")]).out();
    let names: Vec<_> = listed.lines().map(|line| line.trim_start_matches(&home.text("src"))).collect();
    let wanted = ["/cache/", "/cache/CACHEDIR.TAG", "/keep", "/sub/", "/sub/.cairnignore", "/sub/other"];
    assert_eq!(names, wanted, "{listed}");
}

#[test]
fn standard_input_becomes_a_file() {
    let home = Home::with_repository();
    let dump = noise(2_000_000, 3);
    home.write("dump", &dump);
    let mut command = home.command(["backup", "--stdin", "--stdin-name", "all.sql", "--job", "dump"]);
    Run::of(command.stdin(std::fs::File::open(home.path("dump")).unwrap())).expect(0);
    assert!(home.ok(["cat", "latest:dump:/all.sql"]).stdout == dump);
    home.run(["backup", "--stdin", &home.text("dump")]).expect(2);
    home.run(["backup", "--stdin-name", "x", &home.text("dump")]).expect(2);
}

#[test]
fn the_default_job_is_made_of_host_and_sources() {
    let home = Home::with_repository();
    home.write("src/a:b/c", b"1");
    let summary = home.summary(["backup", &home.text("src/a:b")]);
    let job = summary["job"].as_str().unwrap();
    assert!(job.ends_with(",src,a%3Ab") && !job.contains(['/', ':']), "{job}");
}

#[test]
fn a_rate_limit_is_kept_and_progress_is_told_meanwhile() {
    let home = Home::with_repository();
    home.write("src/a", &noise(1_500_000, 5));
    let start = std::time::Instant::now();
    let rows = home.rows(["--limit-upload", "500k", "backup", &home.text("src")]);
    assert!(start.elapsed().as_secs_f64() > 2.0, "{:?}", start.elapsed());
    let progress = of_type(&rows, "progress");
    assert!(!progress.is_empty());
    has_keys(progress[0], &["items_done", "items_total", "bytes_done", "bytes_total", "seconds_elapsed"]);
    let quiet = home.rows(["--no-progress", "--limit-upload", "500k", "backup", "--full", &home.text("src")]);
    assert!(of_type(&quiet, "progress").is_empty());
}

#[test]
fn what_goes_wrong_with_one_item_is_a_warning_and_exit_3() {
    let home = Home::with_repository();
    home.write("src/.cairnignore", b"[never closed\n");
    home.write("src/a", b"1");
    let run = Run::of(home.command(["backup", "--json", &home.text("src")]).stdin(Stdio::null())).expect(3);
    let rows = run.rows();
    let warnings = of_type(&rows, "warning");
    assert_eq!(warnings.len(), 1, "{rows:?}");
    has_keys(warnings[0], &["subject", "reason"]);
    assert_eq!((&run.last()["warnings"], &run.last()["status"]), (&1.into(), &"warnings".into()));
    assert!(run.stderr.contains("warning"), "{}", run.stderr);
}

#[test]
fn tags_are_kept() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    home.ok(["backup", "--tag", "monthly", "--tag", "x", &home.text("src")]);
    assert_eq!(home.rows(["points"])[0]["tags"], serde_json::json!(["monthly", "x"]));
}
