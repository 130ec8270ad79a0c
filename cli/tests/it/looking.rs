//! `points`, `ls`, `cat`, `find`, `diff`, `history`, `stats`, `cache`, `index`: looking without restoring.

use crate::support::{Home, has_keys, noise, of_type};
use std::os::unix::ffi::OsStrExt;

#[test]
fn points_are_listed_for_scripts_and_for_people() {
    let (home, first) = Home::with_point();
    home.write("src/new", b"1");
    let second = home.backup();
    let rows = home.rows(["points"]);
    let points = of_type(&rows, "point");
    assert_eq!(points.iter().map(|p| p["id"].as_str().unwrap()).collect::<Vec<_>>(), [&first, &second]);
    has_keys(
        points[0],
        &["id", "time", "job", "kind", "host", "paths", "bytes_source", "complete", "tags", "locked_until", "state"],
    );
    assert_eq!(points[0]["bytes_source"], 300_013);
    let table = home.ok(["points"]).out();
    assert!(table.starts_with("POINT") && table.contains(&first[..8]) && table.lines().count() == 3, "{table}");
    let latest = home.rows(["points", "--latest"]);
    assert_eq!(of_type(&latest, "point")[0]["id"], second.as_str());
    assert_eq!(home.rows(["points", "--job", "other"]).len(), 1);
}

#[test]
fn ls_shows_names_attributes_and_everything_below() {
    let (home, id) = Home::with_point();
    std::os::unix::fs::symlink("a.txt", home.path("src/link")).unwrap();
    home.backup();
    let names = home.ok(["ls", &home.place("latest:j", "src")]).out();
    assert_eq!(names, "a.txt\nlink\nsub/\n");
    let long = home.ok(["ls", "-l", &home.place("latest", "src")]).out();
    assert!(long.contains("-rw") && long.contains("link -> a.txt") && long.contains("6 B"), "{long}");
    let all = home.ok(["ls", "-R", &home.place(&id[..10], "src")]).out();
    assert!(all.ends_with(&format!("{}\n", home.text("src/sub/c.bin"))), "{all}");
    let rows = home.rows(["ls", &home.place("latest", "src/sub/c.bin")]);
    has_keys(&rows[0], &["path", "kind", "mode", "uid", "gid", "mtime", "bytes"]);
    assert_eq!((&rows[0]["bytes"], &rows[1]["entries"]), (&300_000.into(), &1.into()));
}

#[test]
fn names_that_are_no_text_stay_on_one_line_and_are_not_lost() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let odd = std::ffi::OsStr::from_bytes(b"odd\n\xff");
    std::fs::write(home.path("src").join(odd), b"2").unwrap();
    home.backup();
    assert_eq!(home.ok(["ls", &home.place("latest", "src")]).out(), "a\nodd\\x0a\\xff\n");
    let rows = home.rows(["ls", &home.place("latest", "src")]);
    assert!(rows[1]["path_hex"].as_str().unwrap().ends_with("6f64640aff"), "{}", rows[1]);
}

#[test]
fn cat_writes_exactly_the_bytes() {
    let (home, _) = Home::with_point();
    let both = home.ok(["cat", &home.place("latest", "src/a.txt"), &home.place("latest", "src/sub/c.bin")]);
    assert!(both.stdout == [b"first\n".to_vec(), noise(300_000, 1)].concat());
    home.run(["cat", &home.place("latest", "src/sub")]).expect(2);
    home.run(["cat", "--json", &home.place("latest", "src/a.txt")]).expect(2);
    let absent = home.run(["cat", &home.place("latest", "src/none")]).expect(1);
    assert!(absent.stderr.contains("src/none") && absent.stderr.contains("cairn history"), "{}", absent.stderr);
}

#[test]
fn find_shows_each_path_with_the_newest_point_that_has_it() {
    let (home, first) = Home::with_point();
    std::fs::remove_file(home.path("src/a.txt")).unwrap();
    let second = home.backup();
    let found = home.rows(["find", "a.*", "*.CONF", "--ignore-case"]);
    let matches: Vec<_> = of_type(&found, "match").iter().map(|m| (m["point"].clone(), m["path"].clone())).collect();
    assert!(matches.contains(&(first.clone().into(), home.text("src/a.txt").into())), "{matches:?}");
    assert!(matches.contains(&(second.clone().into(), home.text("src/sub/b.conf").into())), "{matches:?}");
    assert_eq!(matches.len(), 2);
    assert_eq!(of_type(&home.rows(["find", "b.conf", "--all"]), "match").len(), 2);
    assert_eq!(of_type(&home.rows(["find", "/**/sub/*.bin"]), "match").len(), 1);
    assert!(home.ok(["find", "nowhere"]).stderr.contains("nothing"));
    home.run(["find", "[a"]).expect(2);
}

#[test]
fn diff_tells_every_kind_of_change() {
    let (home, first) = Home::with_point();
    home.write("src/new", b"1");
    home.write("src/a.txt", b"longer than before\n");
    std::fs::remove_file(home.path("src/sub/b.conf")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(home.path("src/sub/c.bin"), mode).unwrap();
    let second = home.backup();
    let rows = home.rows(["diff", &first, &second]);
    let base = home.text("src");
    let changes: Vec<_> = of_type(&rows, "difference")
        .iter()
        .map(|row| (row["change"].as_str().unwrap(), row["path"].as_str().unwrap().trim_start_matches(&base)))
        .collect();
    let wanted = [("modified", "/a.txt"), ("added", "/new"), ("removed", "/sub/b.conf"), ("metadata", "/sub/c.bin")];
    assert_eq!(changes, wanted);
    let summary = rows.last().unwrap();
    for key in ["added", "removed", "modified", "metadata"] {
        assert_eq!(summary[key], 1, "{summary}");
    }
    let text = home.ok(["diff", &home.place(&first, "src"), &home.place(&second, "src")]).out();
    assert!(text.starts_with(&format!("M {base}/a.txt\n+ {base}/new\n")), "{text}");
    assert!(of_type(&home.rows(["diff", &first, &first]), "difference").is_empty());
}

#[test]
fn history_tells_the_versions_of_a_path() {
    let (home, _) = Home::with_point();
    home.backup();
    home.write("src/a.txt", b"changed\n");
    home.backup();
    std::fs::remove_file(home.path("src/a.txt")).unwrap();
    home.backup();
    let rows = home.rows(["history", &home.text("src/a.txt")]);
    let versions: Vec<_> =
        of_type(&rows, "version").iter().map(|v| (v["points"].clone(), v["bytes"].clone())).collect();
    assert_eq!(versions, [(2.into(), 6.into()), (1.into(), 8.into()), (1.into(), serde_json::Value::Null)]);
    assert_eq!(rows.last().unwrap()["versions"], 2);
    assert_eq!(of_type(&home.rows(["history", "--all", &home.text("src/a.txt")]), "version").len(), 4);
    home.run(["history", "/nowhere"]).expect(1);
    home.run(["history", "relative"]).expect(2);
}

#[test]
fn stats_count_a_point_and_a_repository() {
    let (home, id) = Home::with_point();
    let point = home.summary(["stats", &home.place(&id, "src")]);
    assert_eq!((&point["kinds"]["file"], &point["bytes"]), (&3.into(), &300_013.into()), "{point}");
    let whole = home.summary(["stats"]);
    has_keys(&whole, &["repository", "location", "points", "bytes_source", "bytes_stored", "objects"]);
    assert!(whole["bytes_stored"].as_u64().unwrap() > 300_000, "{whole}");
    assert!(home.ok(["stats"]).out().contains("restore points: 1"));
}

#[test]
fn the_cache_can_be_shown_dropped_and_made_again() {
    let (home, _) = Home::with_point();
    let status = home.summary(["cache", "status"]);
    has_keys(&status, &["folder", "position", "head", "current", "segments", "entries", "bytes"]);
    let folder = status["folder"].as_str().unwrap().to_owned();
    assert!(folder.starts_with(&home.text("cache")) && std::path::Path::new(&folder).exists(), "{status}");
    assert_eq!(home.summary(["cache", "drop"])["dropped"], true);
    assert!(!std::path::Path::new(&folder).exists());
    assert_eq!(home.summary(["cache", "sync"])["entries"], status["entries"]);
    assert_eq!(home.summary(["index", "rebuild"])["entries"], status["entries"]);
    let elsewhere = home.text("elsewhere");
    let moved = home.summary(["--cache-dir", &elsewhere, "cache", "status"]);
    assert!(moved["folder"].as_str().unwrap().starts_with(&elsewhere), "{moved}");
}

/// What the engine notices beside work that goes well is said as a warning, not as a line of a log.
#[test]
fn a_command_that_goes_well_prints_no_lines_of_a_log() {
    let (home, _) = Home::with_point();
    for segment in std::fs::read_dir(home.path("repo/index")).unwrap() {
        let path = segment.unwrap().path();
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
    }
    home.ok(["cache", "drop"]);
    let run = home.ok(["cat", &home.place("latest", "src/a.txt")]);
    assert!(run.stderr.contains("cairn: warning: "), "{}", run.stderr);
    assert!(!run.stderr.contains("ERROR") && !run.stderr.contains("WARN"), "{}", run.stderr);
    assert!(run.stderr.lines().all(|line| line.starts_with("cairn: ")), "{}", run.stderr);
}
