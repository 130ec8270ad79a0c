//! updatedb stays out of mounts.

use crate::mount_place::Place;
use crate::support::{Home, Run};
use std::path::Path;
use std::process::Command;

fn prune(home: &Home, file: &str) -> Run {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/updatedb/prune-cairn");
    Run::of(Command::new(script).arg(home.path(file)))
}

#[test]
fn the_exclusion_is_added_once_and_nothing_else_changes() {
    let home = Home::new();
    let debian =
        "PRUNE_BIND_MOUNTS=\"yes\"\n# PRUNEFS=\"x\"\nPRUNEPATHS=\"/tmp\"\nPRUNEFS=\"NFS fuse.cairn-like proc\"\n";
    for (before, after) in [
        (debian, debian.replace("\"NFS", "\"fuse.cairn NFS")),
        ("PRUNEFS = \"\"\n", "PRUNEFS = \"fuse.cairn \"\n".into()),
        ("PRUNEPATHS=\"/tmp\"\n", "PRUNEPATHS=\"/tmp\"\nPRUNEFS=\"fuse.cairn\"\n".into()),
        ("", "PRUNEFS=\"fuse.cairn\"\n".into()),
    ] {
        home.write("updatedb.conf", before.as_bytes());
        for _ in 0..2 {
            prune(&home, "updatedb.conf").expect(0);
            assert_eq!(std::fs::read_to_string(home.path("updatedb.conf")).unwrap(), after);
        }
    }
    let absent = prune(&home, "absent.conf").expect(0);
    assert!(absent.stderr.contains("nothing was done"), "{}", absent.stderr);
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 1, "something was left behind");
}

/// SEMANTICS, Mounting: "With `fuse.cairn` in PRUNEFS [...], updatedb does not look inside."
#[test]
fn updatedb_stays_out_of_a_mount() {
    let Some(place) = Place::new() else { return };
    if Command::new("plocate").arg("--version").output().is_err() {
        let required = std::env::var_os("CAIRN_TEST_SERVERS").is_some_and(|v| v == "required");
        assert!(!required, "this test needs plocate");
        return eprintln!("skipped: no plocate here");
    }
    let script = r#"
        "$CAIRN" mount -q mnt
        printf 'PRUNE_BIND_MOUNTS="no"\nPRUNEPATHS=""\nPRUNEFS="proc"\n' > conf
        cp conf shared; mount --bind shared /etc/updatedb.conf
        scan() { updatedb.plocate -l no -U "$PWD" -o db; plocate -d db -c "$MNT/by-job" || :; }
        scan
        "$SCRIPT" conf
        cat conf > shared
        scan
        plocate -d db -c "$PWD/src/a.txt"
    "#;
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/updatedb/prune-cairn");
    let out = place.private(&script.replace("$SCRIPT", packaged.to_str().unwrap())).expect(0).out();
    let counts: Vec<usize> = out.lines().map(|line| line.parse().unwrap()).collect();
    assert!(counts[0] > 0, "without the exclusion it looks inside: {out}");
    assert_eq!(counts[1..], [0, 1], "{out}");
}
