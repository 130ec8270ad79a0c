//! The independent reader, written from the format's text alone, opens what this binary has just made.

use crate::support::{Home, Run, noise, tree};
use std::path::{Path, PathBuf};
use std::process::Command;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The Python that `scripts/tools` has set up. Without it there is nothing to test here, unless the caller insists.
pub(crate) fn python() -> Option<PathBuf> {
    let python = project().join(".tools/py/bin/python");
    let insists = std::env::var("CAIRN_TEST_SERVERS").as_deref() == Ok("required");
    assert!(python.exists() || !insists, "run scripts/tools first");
    python.exists().then_some(python)
}

pub(crate) fn read(python: &Path, repo: &Path, password: Option<&Path>, args: &[&str]) -> Run {
    let mut command = Command::new(python);
    command.arg(project().join("format-spec/reader")).arg("--repo").arg(repo);
    if let Some(file) = password {
        command.arg("--password-file").arg(file);
    }
    Run::of(command.args(args))
}

#[test]
fn the_independent_reader_restores_byte_for_byte_and_verifies_every_rule() {
    let Some(python) = python() else {
        println!("no Python with the reader's packages: run scripts/tools");
        return;
    };
    for encrypted in [true, false] {
        let home = Home::new();
        let (repo, password) = (home.path("repo"), home.path("password"));
        std::fs::write(&password, "a long pass phrase\n").unwrap();
        let with = |args: &[&str]| {
            let mut command = home.command(args);
            command.env("CAIRN_REPO", &repo);
            if encrypted {
                command.env("CAIRN_PASSWORD_FILE", &password);
            }
            Run::of(&mut command)
        };
        if encrypted { with(&["init"]) } else { with(&["init", "--no-encryption"]) }.expect(0);
        for n in 0..1500 {
            home.write(&format!("src/{}/{n}.txt", n % 3), format!("file number {n}\n").repeat(n % 40).as_bytes());
        }
        home.write("src/big", &noise(9_000_000, 3));
        std::fs::hard_link(home.path("src/big"), home.path("src/0/hard")).unwrap();
        std::os::unix::fs::symlink("../big", home.path("src/0/link")).unwrap();
        let sparse = std::fs::File::create(home.path("src/sparse")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"in the middle of nothing", 40_000_000).unwrap();
        sparse.set_len(80_000_000).unwrap();
        with(&["backup", "--job", "j", &home.text("src")]).expect(0);
        home.write("src/1/1.txt", b"changed");
        std::fs::remove_dir_all(home.path("src/2")).unwrap();
        with(&["backup", "--job", "j", &home.text("src")]).expect(0);
        let key = encrypted.then_some(&*password);
        assert_eq!(read(&python, &repo, key, &["points"]).expect(0).out().lines().count(), 2);
        let verified = read(&python, &repo, key, &["verify"]).expect(0);
        println!("{}", verified.out());
        read(&python, &repo, key, &["restore", "latest", &home.text("out")]).expect(0);
        let restored = home.path("out").join(home.text("src").trim_start_matches('/'));
        assert_eq!(tree(&home.path("src")), tree(&restored));
        if encrypted {
            std::fs::write(home.path("wrong"), "no pass phrase").unwrap();
            read(&python, &repo, Some(&home.path("wrong")), &["points"]).expect(1);
        }
    }
}
