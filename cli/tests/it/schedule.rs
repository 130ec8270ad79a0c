//! `schedule print`: units that systemd accepts, a line that cron and the shell read as it was typed.

use crate::mount_units::{can_verify, verified};
use crate::support::{Home, Run, of_type};
use std::process::Command;

#[test]
fn the_printed_units_are_sound_and_run_the_command() {
    let home = Home::new();
    let source = home.text("a b 50% $HOME");
    let args = ["schedule", "print", "--json", "--name", "nightly", "--every", "Mon..Fri 22:30", "--"];
    let args = [&args[..], &["backup", "--if-running", "skip", &source]].concat();
    // `--json` after `--` would be the command's.
    let rows = Run::of(&mut home.command(&args)).expect(0).rows();
    let units: Vec<_> = of_type(&rows, "schedule");
    assert_eq!(units.iter().map(|row| row["part"].as_str().unwrap()).collect::<Vec<_>>(), ["service", "timer"]);
    assert_eq!(units[0]["file"], "/etc/systemd/system/cairn-nightly.service");
    let (service, timer) = (units[0]["text"].as_str().unwrap(), units[1]["text"].as_str().unwrap());
    assert!(timer.contains("OnCalendar=Mon..Fri 22:30\n") && timer.contains("Persistent=true\n"), "{timer}");
    assert!(service.contains(&source.replace('%', "%%").replace('$', "$$")), "{service}");
    if !can_verify() {
        return;
    }
    home.write("cairn-nightly.service", service.as_bytes());
    home.write("cairn-nightly.timer", timer.as_bytes());
    let files = [home.path("cairn-nightly.service"), home.path("cairn-nightly.timer")];
    verified(&files).unwrap();
    // And the check finds what is wrong.
    home.write("cairn-nightly.timer", timer.replace("Mon..Fri", "Mon..Someday").as_bytes());
    assert!(verified(&files).unwrap_err().contains("calendar"));
}

#[test]
fn the_line_of_cron_makes_a_restore_point_where_it_was_printed() {
    let home = Home::with_repository();
    home.write("here/it's 100%/a", b"1");
    let mut command = home.command(["schedule", "print", "--only", "cron", "--", "backup", "--job", "j", "it's 100%"]);
    let run = Run::of(command.current_dir(home.path("here"))).expect(0);
    let line = run.out();
    assert!(run.stderr.contains("--if-running"), "{}", run.stderr);
    let fields: Vec<_> = line.splitn(7, ' ').collect();
    assert_eq!((fields[1], fields[5]), ("2", "root"), "{line}");
    // As cron does: `\%` is a percent sign, the rest is the shell's.
    let typed = fields[6].trim_end().replace("\\%", "%");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(&typed).current_dir("/").env_remove("CAIRN_REPO").env("HOME", home.path(""));
    shell.env("XDG_CACHE_HOME", home.path("cache"));
    Run::of(&mut shell).expect(0);
    let rows = home.rows(["points"]);
    assert_eq!(of_type(&rows, "point")[0]["paths"][0], home.text("here/it's 100%").as_str());
}

#[test]
fn what_holds_here_is_printed_but_no_secret() {
    let home = Home::with_repository();
    home.write("password", b"x");
    let mut command = home.command(["--password-file", "password", "schedule", "print", "--", "check"]);
    command.current_dir(home.path("")).env("AWS_SECRET_ACCESS_KEY", "very-secret").env("CAIRN_PASSWORD", "hidden");
    let text = Run::of(&mut command).expect(0).out();
    assert!(text.contains(&format!("Environment=CAIRN_REPO={}\n", home.text("repo"))), "{text}");
    assert!(text.contains(&format!("Environment=CAIRN_PASSWORD_FILE={}\n", home.text("password"))), "{text}");
    assert!(text.contains("EnvironmentFile=-/etc/cairn/backup.env\n"), "{text}");
    // A service has a state folder of its own, unless one is named.
    assert!(
        text.contains("StateDirectory=cairn\n") && text.contains("Environment=CAIRN_STATE_DIR=%S/cairn\n"),
        "{text}"
    );
    let mut named = home.command(["schedule", "print", "--", "check"]);
    let text = Run::of(named.current_dir(home.path("")).env("CAIRN_STATE_DIR", "mine")).expect(0).out();
    let mine = format!("CAIRN_STATE_DIR={}", home.text("mine"));
    assert_eq!(text.matches(&mine).count(), 2, "in the service and in the line of cron: {text}");
    assert!(!text.contains("%S"), "{text}");
    assert!(!text.contains("very-secret") && !text.contains("hidden"), "{text}");
    // What the command names itself is not said twice.
    let text = home.ok(["schedule", "print", "--only", "service", "--", "check", "--repo", "/other"]).out();
    assert!(!text.contains("CAIRN_REPO") && text.contains("--repo /other"), "{text}");
}

#[test]
fn a_command_that_would_be_refused_is_not_printed() {
    let home = Home::new();
    for (command, says) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["backup"], "required"),
        (&["backup", "/a\nUser=root"], "control character"),
        (&["lab", "record"], "comes with a later release"),
        (&["--accept", "clock", "gc", "plan"], "after a look"),
    ] {
        let args = ["schedule", "print", "--"].into_iter().chain(command.iter().copied());
        let run = home.run(args).expect(2);
        assert!(run.stderr.contains(says) && run.stdout.is_empty(), "{command:?}: {}", run.stderr);
    }
    home.run(["schedule", "print", "--every", "Mon 3:00", "--only", "cron", "--", "check"]).expect(2);
    let rows = home.run(["schedule", "print", "--json", "--", "check"]).expect(0).rows();
    assert_eq!(of_type(&rows, "schedule").len(), 3);
}
