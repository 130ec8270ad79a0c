//! A cache whose place cannot be used: every command works, ends with the exit code that it would have had, and says so once.

use crate::support::{Home, Run, noise, tree};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What every command says on stderr, once.
const NOTE: &str = "the cache cannot be used";

/// Runs the life of a backup with this cache folder; each command says the note.
fn live(home: &Home, cache: &Path) {
    let (src, place) = (home.text("src"), home.place("latest", "src"));
    let restored = home.text("restored");
    let verbs: [&[&str]; 6] = [
        &["backup", "--job", "j", &src],
        &["points"],
        &["ls", &place],
        &["check", "--read-data"],
        &["restore", &place, &restored],
        &["cache", "status"],
    ];
    for verb in verbs {
        let run = Run::of(home.command(verb).arg("--cache-dir").arg(cache)).expect(0);
        assert_eq!(run.stderr.matches(NOTE).count(), 1, "{verb:?}: {}", run.stderr);
        assert!(run.stderr.contains("--cache-dir"), "{}", run.stderr);
    }
    assert_eq!(tree(&home.path("src")), tree(&home.path("restored")));
    let quiet = Run::of(home.command(["points", "-q"]).arg("--cache-dir").arg(cache)).expect(0);
    assert_eq!(quiet.stderr, "");
}

fn home() -> Home {
    let home = Home::with_repository();
    home.write("src/a", &noise(300_000, 1));
    home
}

#[test]
fn a_file_in_the_place_of_the_cache_folder_is_a_note() {
    let home = home();
    home.write("file", b"no folder");
    live(&home, &home.path("file"));
    live_below(&home, "file/below");
}

fn live_below(home: &Home, below: &str) {
    let run = Run::of(home.command(["points"]).arg("--cache-dir").arg(home.path(below))).expect(0);
    assert!(run.stderr.contains(NOTE), "{}", run.stderr);
}

/// A folder in which not even root makes one.
#[test]
fn a_place_that_refuses_folders_is_a_note() {
    live(&home(), Path::new("/proc/1/cairn"));
}

#[test]
fn a_run_that_asks_for_others_still_sees_them_without_a_cache() {
    let home = home();
    home.write("file", b"no folder");
    home.write("run/x", b"");
    let with = |words: &[&str]| {
        let mut command = home.command(words);
        command.arg("--cache-dir").arg(home.path("file")).env("XDG_RUNTIME_DIR", home.path("run"));
        command
    };
    let src = home.text("src");
    let inner = format!(
        "'{}' backup -q --json --job j --if-running skip --cache-dir '{}' '{src}' >'{}'",
        env!("CARGO_BIN_EXE_cairn"),
        home.text("file"),
        home.text("inner")
    );
    Run::of(&mut with(&["backup", "--job", "j", "--if-running", "skip", "--before", &inner, &src])).expect(0);
    let said = std::fs::read_to_string(home.path("inner")).unwrap();
    assert!(said.contains("\"skipped\":true"), "{said}");
}

/// Runs a script in a mount namespace of its own. `None` where that is not allowed.
pub(crate) fn mounted(home: &Home, script: &str) -> Option<Run> {
    let mut probe = Command::new("unshare");
    probe.args(["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs none \"$1\"", "-", &home.text("m")]);
    std::fs::create_dir_all(home.path("m")).unwrap();
    if !probe.output().is_ok_and(|output| output.status.success()) {
        eprintln!("no mount namespaces here: nothing was tried");
        return None;
    }
    let mut shell = Command::new("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-euc", script]);
    for (key, value) in home.command([""; 0]).get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    shell.env("M", home.path("m")).env("SRC", home.path("src")).env("OUT", home.path("out"));
    Some(Run::of(shell.env("CAIRN", env!("CARGO_BIN_EXE_cairn"))))
}

/// A full file system refuses the cache at once, or in the middle of the work; temporary files that are full as well leave memory.
#[test]
fn a_cache_on_a_read_only_or_full_file_system_is_a_note() {
    let home = home();
    home.backup();
    for (options, fill) in
        [("ro", ""), ("size=64k", "head -c 70000 /dev/zero >\"$M/fill\" || true; "), ("size=32k", "")]
    {
        let script = format!(
            "mount -t tmpfs -o {options} none \"$M\"; {fill}
             export CAIRN_CACHE_DIR=\"$M/c\" TMPDIR=\"$M\"
             \"$CAIRN\" points; rm -rf \"$OUT\"; \"$CAIRN\" restore \"latest:$SRC\" \"$OUT\"
             echo more >\"$SRC/more\"; \"$CAIRN\" backup --job j \"$SRC\""
        );
        let Some(run) = mounted(&home, &script) else { return };
        let run = run.expect(0);
        assert!(options == "size=32k" || run.stderr.matches(NOTE).count() == 3, "{options}: {}", run.stderr);
        assert_eq!(std::fs::read(home.path("out/a")).unwrap(), noise(300_000, 1), "{options}");
    }
}

/// The temporary caches in a folder. Beside them lie this user's passing files: locks of runs.
fn caches(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap());
    all.filter(|item| item.file_name().to_string_lossy().starts_with("cairn-cache-")).map(|item| item.path()).collect()
}

/// The temporary caches in a folder, once there is one, which is in use, and another than `before`.
fn one_cache(folder: &Path, before: &[PathBuf]) -> Vec<PathBuf> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let found = caches(folder);
        // The catalogue comes last.
        if matches!(&found[..], [cache] if !before.contains(cache) && cache.join("catalogue").exists()) {
            return found;
        }
        assert!(Instant::now() < until, "{found:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_a_killed_run_left_goes_with_the_next_one_and_a_living_one_keeps_its_own() {
    let home = home();
    home.backup();
    home.write("file", b"no folder");
    home.write("tmp/x", b"");
    std::fs::remove_file(home.path("tmp/x")).unwrap();
    let tmp = home.path("tmp");
    let with = |args: &[&str]| {
        let mut command = home.command(args);
        command.arg("--cache-dir").arg(home.path("file")).env("TMPDIR", &tmp);
        command
    };
    // It waits for input that does not come.
    let wait = |job: &str| -> Child {
        let mut command = with(&["backup", "--stdin", "--job", job]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut killed = wait("killed");
    let left = one_cache(&tmp, &[]);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(left[0].exists(), "nothing was left, so the test shows nothing");
    let mut living = wait("living");
    let kept = one_cache(&tmp, &left);
    Run::of(&mut with(&["check", "--read-data"])).expect(0);
    assert_eq!(one_cache(&tmp, &left), kept);
    drop(living.stdin.take());
    living.wait().unwrap();
    assert_eq!(caches(&tmp), Vec::<PathBuf>::new());
}

#[test]
fn a_temporary_cache_inside_the_source_is_left_out_and_named() {
    let home = home();
    home.write("file", b"no folder");
    let src = home.path("src");
    let mut command = home.command(["backup", "--json", "--job", "j"]);
    let run = Run::of(command.arg(&src).arg("--cache-dir").arg(home.path("file")).env("TMPDIR", &src)).expect(0);
    let summary = run.last();
    assert_eq!((&summary["files_total"], &summary["complete"]), (&1.into(), &true.into()), "{summary}");
    assert!(run.stderr.contains("is a cache of cairn: it is left out"), "{}", run.stderr);
    let listed = home.ok(["ls", "-R", &home.place("latest", "src")]).out();
    // The folder of passing files stands there, without the locks of runs.
    assert!(!listed.contains("cairn-cache-") && !listed.contains("running"), "{listed}");
}
