//! A backup in which nothing changed opens no file of the source.

use crate::support::{Home, Run};
use std::process::Command;

#[test]
fn a_second_backup_opens_no_file_of_the_source() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert_ne!(
            std::env::var("CAIRN_TEST_SERVERS").as_deref(),
            Ok("required"),
            "strace is missing: run scripts/tools"
        );
        println!("no strace: run scripts/tools");
        return;
    }
    let home = Home::with_repository();
    for n in 0..300 {
        home.write(&format!("src/{}/file-{n}.txt", n % 7), format!("file number {n}").as_bytes());
    }
    home.backup();
    std::thread::sleep(std::time::Duration::from_millis(120));
    let trace = |name: &str| {
        let plain = home.command(["backup", "--job", "j", &home.text("src"), "--json"]);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=open,openat,openat2", "-o"]).arg(home.path(name));
        command.arg(plain.get_program()).args(plain.get_args());
        for (key, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let summary = Run::of(&mut command).expect(0).last();
        let opened = std::fs::read_to_string(home.path(name)).unwrap();
        (summary, opened.lines().filter(|l| l.contains("\"file-")).count())
    };
    // The first of these still reads again what was written just before the first backup.
    trace("warm");
    let (summary, opened) = trace("unchanged");
    assert_eq!((summary["files_unchanged"].as_u64(), opened), (Some(300), 0), "{summary}");
    assert_eq!(summary["chunks_new"], 0);
    // The test can fail: a touched file is opened.
    home.write("src/1/file-1.txt", b"file number 1, changed");
    let (summary, opened) = trace("changed");
    assert_eq!((summary["files_changed"].as_u64(), opened), (Some(1), 1), "{summary}");
}
