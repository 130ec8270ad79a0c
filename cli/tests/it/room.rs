//! `backup --min-free`, and what a full disk leaves behind: a file system of the test's own, so small that it fills.

use crate::support::{Home, Run, noise, tree};
use std::process::Command;

#[test]
fn too_little_room_ends_the_command_before_anything_is_done() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let hook = format!("touch '{}'", home.text("hook-ran"));
    for least in ["100%", "8000T"] {
        let args = ["backup", "--json", "--min-free", least, "--before", &hook, &home.text("src")];
        let run = Run::of(&mut home.command(args)).expect(1);
        assert_eq!(run.last()["error"], "no_space", "{run:?}");
        assert!(run.stderr.contains("the repository") && run.stderr.contains("--min-free"), "{}", run.stderr);
    }
    assert!(!home.path("hook-ran").exists());
    assert_eq!(home.summary(["points"])["points"], 0);
    home.ok(["backup", "--min-free", "1k", &home.text("src")]);
    home.run(["backup", "--min-free", "0%", &home.text("src")]).expect(2);
}

/// Runs a script in a mount namespace of its own, with `$M` a file system of this size that nobody else sees. `None` where that is not allowed.
fn in_small_room(home: &Home, size: &str, script: &str) -> Option<Run> {
    std::fs::create_dir_all(home.path("small")).unwrap();
    let mut probe = Command::new("unshare");
    probe.args(["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs none \"$1\"", "-", &home.text("small")]);
    if !probe.output().is_ok_and(|output| output.status.success()) {
        eprintln!("no mount namespaces here: nothing was tried");
        return None;
    }
    let whole = format!("set -u; mount -t tmpfs -o size={size} none \"$M\" || exit 99\n{script}");
    let command = home.command([""; 0]);
    let mut shell = Command::new("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c", &whole]);
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    shell.env("M", home.path("small")).env("SRC", home.path("src")).env("OUT", home.path("out"));
    shell.env("CAIRN", env!("CARGO_BIN_EXE_cairn")).env("CAIRN_REPO", home.path("small/repo"));
    Some(Run::of(&mut shell))
}

#[test]
fn a_store_that_is_full_ends_cleanly_and_the_same_command_goes_on_when_there_is_room() {
    let home = Home::new();
    for n in 0..8 {
        home.write(&format!("src/{n}"), &noise(5_000_000, n));
    }
    let script = r#"
        $CAIRN init --no-encryption || exit 98
        $CAIRN backup --job j --json "$SRC"; echo "full: $?" >&2
        mount -o remount,size=100m "$M"
        $CAIRN backup --job j "$SRC" && $CAIRN check --read-data && $CAIRN restore "latest:$SRC" "$OUT"
    "#;
    let Some(run) = in_small_room(&home, "24m", script) else { return };
    let run = run.expect(0);
    assert!(run.stderr.contains("full: 1"), "{}", run.stderr);
    assert!(run.out().contains("\"error\":\"no_space\""), "{}", run.out());
    assert!(run.stderr.contains("then run the same command"), "{}", run.stderr);
    assert_eq!(tree(&home.path("src")), tree(&home.path("out")));
}

#[test]
fn room_that_runs_out_meanwhile_stops_the_backup_and_keeps_what_was_published() {
    let home = Home::new();
    for n in 0..8 {
        home.write(&format!("src/{n}"), &noise(5_000_000, n));
    }
    // It is stopped at 16 MB, and at most four packs are on their way then.
    let script = r#"
        $CAIRN init --no-encryption || exit 98
        $CAIRN backup --job j --json --limit-upload 8M --min-free 24M "$SRC"; echo "short: $?" >&2
        df --output=avail -B1 "$M" | tail -1 | sed 's/^/left: /' >&2
        mount -o remount,size=100m "$M"
        $CAIRN backup --job j --json "$SRC" && $CAIRN check --read-data && $CAIRN restore "latest:$SRC" "$OUT"
    "#;
    // The reserve takes 4 MB of it.
    let Some(run) = in_small_room(&home, "44m", script) else { return };
    let run = run.expect(0);
    assert!(run.stderr.contains("short: 1") && run.stderr.contains("the backup was stopped"), "{}", run.stderr);
    let left = run.stderr.lines().find_map(|line| line.trim().strip_prefix("left: ")).unwrap();
    assert!(left.trim().parse::<u64>().unwrap() > 1_000_000, "it stopped too late: {left}");
    let second = run.out().lines().rfind(|l| l.contains("\"packs_written\"")).unwrap().to_owned();
    let second: serde_json::Value = serde_json::from_str(&second).unwrap();
    // 40 MB were to be stored; some of it was there.
    assert!(second["bytes_stored"].as_u64().unwrap() < 36_000_000, "{second}");
    assert_eq!(tree(&home.path("src")), tree(&home.path("out")));
}

/// Fills the file system to the last byte.
const FILL: &str = r#"
    fill() { dd if=/dev/zero of="$M/fill$1" bs=64k 2>/dev/null; dd if=/dev/zero bs=1k 2>/dev/null >> "$M/fill$1"; df -B1 --output=avail "$M" | tail -1 | grep -qx ' *0' || exit 95; }
    planned() { sed -n 's/.*"plan":"\([0-9a-f]*\)".*/\1/p' | tail -1; }
"#;

/// A repository whose disk is full to the last byte is made room on by its own commands, whichever comes first.
#[test]
fn a_full_disk_lets_restore_points_go_and_gives_back_what_a_failed_backup_left() {
    let home = Home::new();
    home.write("src/a", &noise(6_000_000, 1));
    (0..6).for_each(|n| home.write(&format!("src/b/{n}"), &noise(5_000_000, 10 + n)));
    let script = r#"
        $CAIRN init --no-encryption || exit 98
        $CAIRN backup --job a "$SRC/a" || exit 97
        $CAIRN backup --job b "$SRC/b"; echo "failed: $?" >&2
        fill 1
        ID=$($CAIRN points --json | sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' | head -1)
        H=$($CAIRN expire plan "$ID" --empty-job a --json | planned)
        $CAIRN expire apply "$H" "$ID" --empty-job a; echo "expire: $?" >&2
        fill 2
        $CAIRN gc plan
        H=$($CAIRN gc plan --json | planned)
        $CAIRN gc apply "$H" --json; echo "leftovers: $?" >&2
        fill 3
        O="--grace 0 --no-readers"
        H=$($CAIRN gc $O plan --json | planned)
        $CAIRN gc $O apply "$H" --json; echo "collected: $?" >&2
        rm -f "$M"/fill*
        $CAIRN check --read-data && $CAIRN backup --job a "$SRC/a" && $CAIRN restore "latest:$SRC/a" "$OUT/a" && cmp "$SRC/a" "$OUT/a/a"
    "#;
    let Some(run) = in_small_room(&home, "28m", &format!("{FILL}{script}")) else { return };
    let run = run.expect(0);
    for told in ["failed: 1", "expire: 0", "leftovers: 0", "collected: 0"] {
        assert!(run.stderr.contains(told), "{told}: {}\n{}", run.out(), run.stderr);
    }
    assert!(run.stderr.contains("`cairn gc plan` says what can go"), "{}", run.stderr);
    assert!(run.out().contains("that ended sessions left behind are deleted"), "{}", run.out());
    let freed = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row["bytes_freed"].as_u64()
    };
    let out = run.out();
    let freed: Vec<u64> = out.lines().filter(|line| line.contains("\"bytes_freed\"")).filter_map(freed).collect();
    assert!(freed.len() == 2 && freed.iter().all(|bytes| *bytes > 5_000_000), "{freed:?}");
}
