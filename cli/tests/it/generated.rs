//! Completions and manual pages come from the same definitions as the parser.

use crate::support::{Home, Run};
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn completions_know_the_verbs() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.ok(["completions", shell]).out();
        for word in ["backup", "restore", "one-file-system", "limit-upload"] {
            assert!(script.contains(word), "{word} in {shell}");
        }
    }
    home.run(["completions", "tcsh"]).expect(2);
}

#[test]
fn bash_can_read_its_script() {
    let script = Home::new().ok(["completions", "bash"]).stdout;
    let Ok(mut bash) = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn() else { return };
    bash.stdin.take().unwrap().write_all(&script).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn manual_pages_are_written_for_every_verb() {
    let home = Home::new();
    let folder = home.text("man");
    let run = Run::of(&mut home.command(["man", &folder, "--json"])).expect(0);
    assert!(run.last()["pages"].as_u64().unwrap() > 20);
    let page = std::fs::read_to_string(home.path("man/cairn-restore.1")).unwrap();
    assert!(page.contains("overwrite"), "{page}");
}
