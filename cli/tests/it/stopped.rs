//! Signals: the first ends cleanly and within three seconds, the second at once, and nothing half-made is visible either way.

use crate::support::{Home, noise};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn start(home: &Home) -> Child {
    let mut command = home.command(["backup", "--stdin", "--job", "j"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn wait(child: &mut Child, feed: bool) -> Option<i32> {
    let mut input = child.stdin.take().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < until, "it does not end");
        if feed {
            // It may have stopped reading.
            let _ = input.write_all(&noise(65_536, 1));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Until the process reads its input, so that the signal meets running work.
fn feed_until_read(child: &mut Child) {
    let input = child.stdin.as_mut().unwrap();
    for seed in 0..40 {
        input.write_all(&noise(65_536, seed)).unwrap();
    }
}

#[test]
fn the_first_signal_ends_cleanly_and_the_next_run_goes_on() {
    let home = Home::with_repository();
    for (which, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = start(&home);
        feed_until_read(&mut child);
        signal(&child, which);
        assert_eq!(wait(&mut child, true), Some(code));
        let mut stderr = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
        assert!(stderr.contains("resumes"), "{stderr}");
    }
    assert_eq!(home.summary(["points"])["points"], 0);
    home.write("src/a", b"1");
    home.backup();
    assert_eq!(home.summary(["check", "--read-data"])["errors"], 0);
}

#[test]
fn the_second_signal_ends_at_once() {
    let home = Home::with_repository();
    let mut child = start(&home);
    feed_until_read(&mut child);
    // It waits for input that does not come.
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    assert_eq!(wait(&mut child, false), Some(130));
    assert_eq!(home.summary(["points"])["points"], 0);
}

/// What is promised for the first signal.
const PROMISED: Duration = Duration::from_secs(3);

/// Sends the signal, waits for the end; the code, how long it took, and what was said on stderr.
fn stop(mut child: Child, which: Signal) -> (Option<i32>, Duration, String) {
    let begun = Instant::now();
    signal(&child, which);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    };
    let took = begun.elapsed();
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
    (status.code(), took, stderr)
}

/// Sends the second signal. The command said what it does about the first one, and no word more: it did not wait for that.
#[track_caller]
fn at_once(child: Child, which: Signal, wanted: i32) {
    let (code, took, stderr) = stop(child, which);
    assert_eq!(code, Some(wanted), "{stderr}");
    assert!(took < PROMISED, "{took:?}");
    let said: Vec<_> = stderr.lines().filter(|line| line.starts_with("cairn: ")).collect();
    assert!(matches!(said[..], [line] if line.contains("Again to stop at once")), "{stderr}");
}

/// Ended by the work itself, which was woken or gave its requests up, and not because its time was over.
#[track_caller]
fn came_to_its_end(stderr: &str) {
    assert!(!stderr.contains("left as it is"), "it was cut short: {stderr}");
}

fn spawn(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A store that accepts connections and never answers.
fn silent_store() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn at_silent_store(home: &Home, store: &TcpListener, args: &[&str]) -> Command {
    let mut command = home.command(args);
    command
        .env("CAIRN_REPO", "s3://bucket/prefix")
        .env("AWS_ENDPOINT", format!("http://{}", store.local_addr().unwrap()));
    command.env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", "k").env("AWS_SECRET_ACCESS_KEY", "s");
    command
}

/// Until the command has connected and waits for an answer.
fn until_it_waits(store: &TcpListener) -> std::net::TcpStream {
    let (stream, _) = store.accept().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    stream
}

#[test]
fn a_store_that_never_answers_does_not_hold_the_end_up() {
    let home = Home::new();
    home.write("src/a", b"1");
    let (src, target) = (home.text("src"), home.text("target"));
    let verbs: [&[&str]; 5] = [
        &["points"],
        &["backup", &src],
        &["restore", "latest", &target],
        &["check"],
        &["serve", "webdav", "--listen", "127.0.0.1:0"],
    ];
    for (at, verb) in verbs.into_iter().enumerate() {
        let (which, code) = [(Signal::INT, 130), (Signal::TERM, 143)][at % 2];
        let store = silent_store();
        let child = spawn(at_silent_store(&home, &store, verb));
        let _held = until_it_waits(&store);
        let (ended, took, stderr) = stop(child, which);
        assert_eq!(ended, Some(code), "{verb:?}: {stderr}");
        assert!(took < PROMISED, "{verb:?}: {took:?}");
        came_to_its_end(&stderr);
    }
}

#[test]
fn the_second_signal_does_not_wait_for_the_store_either() {
    let (home, store) = (Home::new(), silent_store());
    let child = spawn(at_silent_store(&home, &store, &["points"]));
    let _held = until_it_waits(&store);
    signal(&child, Signal::TERM);
    std::thread::sleep(Duration::from_millis(100));
    at_once(child, Signal::TERM, 143);
}

/// With `--json` the last line is the summary, also of an end that nobody could wait for.
#[test]
fn an_end_that_is_cut_short_has_a_summary() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    // A fifo that nobody writes to: standard input that never comes.
    let mut command = home.command(["backup", "--json", "--no-progress", "--stdin", "--job", "j"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let held = child.stdin.take();
    std::thread::sleep(Duration::from_millis(1500));
    let begun = Instant::now();
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    drop(held);
    assert_eq!(output.status.code(), Some(143));
    assert!(begun.elapsed() < PROMISED, "{:?}", begun.elapsed());
    let last = String::from_utf8(output.stdout).unwrap().lines().last().map(str::to_owned).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!(
        (&summary["type"], &summary["exit_code"], &summary["error"]),
        (&"summary".into(), &143.into(), &"interrupted".into())
    );
}

#[test]
fn a_limit_of_the_upload_is_not_waited_for() {
    let home = Home::with_repository();
    home.write("src/a", &noise(200_000, 1));
    let src = home.text("src");
    let child = spawn(home.command(["--limit-upload", "1", "backup", "--job", "j", &src]));
    std::thread::sleep(Duration::from_secs(2));
    let (code, took, stderr) = stop(child, Signal::TERM);
    assert_eq!(code, Some(143), "{stderr}");
    assert!(took < PROMISED, "{took:?}");
    came_to_its_end(&stderr);
    assert_eq!(home.summary(["check", "--read-data"])["errors"], 0);
    home.backup();
}

/// Whether a process with these words runs.
fn runs(words: &[&str]) -> bool {
    count(words) > 0
}

/// How many processes with these words run.
fn count(words: &[&str]) -> usize {
    let line: Vec<u8> = words.iter().flat_map(|word| word.bytes().chain([0])).collect();
    let listed = std::fs::read_dir("/proc").unwrap().flatten();
    listed.filter(|item| std::fs::read(item.path().join("cmdline")).is_ok_and(|found| found == line)).count()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A hook that hangs, one that does not listen, one that has started others; before the backup, after it, and for failures.
#[test]
fn a_hanging_hook_ends_with_the_command_and_nothing_of_it_is_left() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let (src, fails) = (home.text("src"), "exit 1");
    for (at, trap) in ["", "trap '' TERM INT; "].into_iter().enumerate() {
        for (hook, seconds) in [("--before", "98710"), ("--after", "98720"), ("--on-failure", "98730")] {
            let seconds = format!("{seconds}{at}");
            let script = format!("{trap}(sleep {seconds}; true) & sleep {seconds}; true");
            let mut args = vec!["backup", "--job", "j", hook, &script, &src];
            if hook == "--on-failure" {
                args.extend(["--after", fails]);
            }
            let child = spawn(home.command(args));
            until("the hook runs", || runs(&["sleep", &seconds]));
            let (code, took, stderr) = stop(child, Signal::TERM);
            assert!(took < PROMISED, "{hook} {trap}: {took:?}");
            let wanted = if hook == "--before" || hook == "--after" { Some(143) } else { Some(1) };
            assert_eq!(code, wanted, "{hook} {trap}: {stderr}");
            until("something of the hook is left", || !runs(&["sleep", &seconds]));
        }
    }
}

/// Four that sleep: one in a session of its own, one whose parent has ended as well, one without its environment, and the command itself.
fn scattered(seconds: &str) -> String {
    let sleep = format!("sleep {seconds}");
    // What is left must not hold the streams that the test reads to their end.
    format!("exec >/dev/null 2>&1; setsid {sleep} & setsid -f {sleep}; env -i setsid -f {sleep}; {sleep}; true")
}

#[test]
fn what_left_the_group_of_a_hook_or_a_command_ends_with_it() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let src = home.text("src");
    for (at, is_hook) in [true, false].into_iter().enumerate() {
        for (twice, code) in [(false, 143), (true, 143)] {
            let seconds = format!("9875{at}{}", u8::from(twice));
            let script = scattered(&seconds);
            let child = match is_hook {
                true => spawn(home.command(["backup", "--job", "j", "--before", &script, &src])),
                false => {
                    spawn(home.command(["backup", "--job", "j", "--stdin-from-command", "--", "sh", "-c", &script]))
                }
            };
            until("four sleep", || count(&["sleep", &seconds]) == 4);
            if twice {
                signal(&child, Signal::TERM);
            }
            let (ended, took, stderr) = stop(child, Signal::TERM);
            assert_eq!(ended, Some(code), "{stderr}");
            assert!(took < PROMISED, "{took:?}");
            until("something is left", || count(&["sleep", &seconds]) == 0);
        }
    }
}

/// A hook that starts a service and ends well has done what it was asked for: the service is not the backup's.
#[test]
fn what_a_hook_left_on_purpose_outlives_a_stop() {
    let home = Home::with_repository();
    let before = format!("setsid -f sh -c 'echo $$ > \"{}\"; exec sleep 98760 >/dev/null 2>&1'", home.text("pid"));
    let mut command = home.command(["backup", "--stdin", "--job", "j", "--before", &before]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    feed_until_read(&mut child);
    let held = child.stdin.take();
    let (ended, _, stderr) = stop(child, Signal::TERM);
    drop(held);
    assert_eq!(ended, Some(143), "{stderr}");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(count(&["sleep", "98760"]), 1, "it was killed");
    let pid = std::fs::read_to_string(home.path("pid")).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn the_second_signal_leaves_nothing_of_a_hook() {
    let home = Home::with_repository();
    home.write("src/a", b"1");
    let script = "trap '' TERM INT; (sleep 98740; true) & sleep 98740; true";
    let child = spawn(home.command(["backup", "--job", "j", "--before", script, &home.text("src")]));
    until("the hook runs", || runs(&["sleep", "98740"]));
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(100));
    at_once(child, Signal::INT, 130);
    until("something of the hook is left", || !runs(&["sleep", "98740"]));
}

#[test]
fn a_signal_asks_for_progress() {
    let home = Home::with_repository();
    let mut child = start(&home);
    feed_until_read(&mut child);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::USR1);
    std::thread::sleep(Duration::from_millis(300));
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "it goes on: {stderr}");
    let line = stderr.lines().find(|line| line.contains(" done in ")).expect(&stderr);
    assert!(line.starts_with("cairn: ") && line.contains("item") && line.contains('B'), "{line}");
}

#[test]
fn numbers_of_threads_out_of_any_sense_are_wrong_usage() {
    let home = Home::with_repository();
    for number in ["100000", "1025", "0", "-1", "many"] {
        home.run(["points", &format!("--threads={number}")]).expect(2);
        crate::support::Run::of(home.command(["points"]).env("CAIRN_THREADS", number)).expect(2);
    }
    home.write("config.toml", b"threads = 100000\n");
    let run = home.run(["--config", &home.text("config.toml"), "points"]).expect(2);
    assert!(run.stderr.contains("1024"), "{}", run.stderr);
    home.ok(["points", "--threads", "1024"]);
}

/// Room for the stacks of some dozens of threads, and enough beside them for everything else: what is short are threads, not memory.
#[test]
fn a_thread_that_cannot_be_made_is_an_error() {
    let home = Home::with_repository();
    home.write("src/a", &noise(100_000, 1));
    home.backup();
    home.write("src/b", &noise(100_000, 2));
    let (src, place, target) = (home.text("src"), home.place("latest", "src"), home.text("target"));
    let verbs: [&[&str]; 3] =
        [&["backup", "--job", "j", &src], &["check", "--read-data"], &["restore", &place, &target]];
    for verb in verbs {
        let plain = home.command(verb);
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -v 41943040; exec \"$@\"", "-", env!("CARGO_BIN_EXE_cairn")])
            .args(verb)
            .args(["--threads", "1024"])
            .env("RUST_MIN_STACK", (1 << 30).to_string());
        for (key, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let run = crate::support::Run::of(&mut command).expect(1);
        assert!(
            run.stderr.contains("thread cannot be made") && run.stderr.contains("--threads"),
            "{verb:?}: {}",
            run.stderr
        );
        assert!(!run.stderr.contains("panicked"), "{verb:?}: {}", run.stderr);
    }
    assert_eq!(home.summary(["check", "--read-data"])["errors"], 0);
}

/// A prompt hides what is typed: an end in its midst shows it again.
#[test]
fn a_prompt_that_is_cut_short_leaves_the_terminal_as_it_was() {
    if !Command::new("script").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: script(1) makes the terminal");
        return;
    }
    let home = Home::new();
    home.write("password", b"secret");
    home.ok(["--repo", &home.text("repo"), "--password-file", &home.text("password"), "init"]);
    let inner = r#"
        exec 3<&0; stty -g >before
        "$CAIRN" --repo repo points <&3 & pid=$!
        n=0; while stty -a | grep -q ' echo '; do n=$((n + 1)); [ $n -lt 400 ] || exit 9; sleep 0.05; done
        echo hidden >hidden; kill -TERM $pid; wait $pid; echo $? >code; stty -g >after
    "#;
    home.write("inner", inner.as_bytes());
    let plain = home.command([""; 0]);
    let mut script = Command::new("script");
    for (key, value) in plain.get_envs() {
        match value {
            Some(value) => script.env(key, value),
            None => script.env_remove(key),
        };
    }
    script.args(["-qec", "sh inner", "/dev/null"]).env("CAIRN", env!("CARGO_BIN_EXE_cairn"));
    // An end of the input would be typed as Ctrl-D.
    let mut run = script.current_dir(home.path("")).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let held = run.stdin.take();
    run.wait().unwrap();
    drop(held);
    let read = |name: &str| std::fs::read_to_string(home.path(name)).unwrap_or_default();
    assert_eq!(read("hidden"), "hidden\n");
    assert_eq!(read("code"), "143\n");
    assert_eq!(read("after"), read("before"));
}
