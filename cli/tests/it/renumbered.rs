//! One file system under two device numbers: an image on two loop devices, one after the other.

use crate::support::Home;
use std::process::Command;

/// Makes a file system in an image, backs it up from one loop device and then from another one; prints both device numbers.
const SCRIPT: &str = r#"
    take() { losetup --find --show "$1"; }
    mkdir "$T/mnt"; truncate -s 64M "$T/image" "$T/other"; mkfs.ext4 -q "$T/image"
    first=$(take "$T/image"); second=$first
    trap 'umount "$T/mnt" || true; losetup -d $first || true; [ $first = $second ] || losetup -d $second' EXIT
    mount "$first" "$T/mnt"
    mkdir "$T/mnt/d"; for n in $(seq 200); do echo $n > "$T/mnt/d/$n"; done; ln "$T/mnt/d/1" "$T/mnt/d/one"; sync; sleep 1
    stat -c %d "$T/mnt/d"; "$CAIRN" backup --json --no-progress --job vm "$T/mnt" | tail -1
    # The image is attached once more while its first device is still taken: the second one has another number.
    umount "$T/mnt"; second=$(take "$T/image"); mount "$second" "$T/mnt"
    stat -c %d "$T/mnt/d"; "$CAIRN" backup --json --no-progress --job vm "$T/mnt" | tail -1"#;

#[test]
fn an_image_on_another_loop_device_is_not_read_again() {
    let may_attach = rustix::process::geteuid().is_root()
        && Command::new("losetup").arg("--find").output().is_ok_and(|o| o.status.success());
    if !may_attach {
        eprintln!("no loop devices here: the engine's own tests change the numbers without them");
        return;
    }
    let home = Home::with_repository();
    let mut shell = Command::new("unshare");
    shell
        .args(["--mount", "--propagation", "private", "bash", "-euc", SCRIPT])
        .env("CAIRN", env!("CARGO_BIN_EXE_cairn"));
    for (key, value) in home.command([""; 0]).get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    let run = crate::support::Run::of(shell.env("T", home.path(""))).expect(0);
    let lines: Vec<String> = run.out().lines().map(str::to_owned).collect();
    let [first_device, first, second_device, second] = &lines[..] else { panic!("{run:?}") };
    assert_ne!(first_device, second_device, "the test shows nothing");
    let summary = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    assert_eq!(summary(first)["files_new"], 201);
    let second = summary(second);
    assert_eq!((&second["files_unchanged"], &second["files_changed"]), (&201.into(), &0.into()), "{second}");
    assert_eq!((&second["chunks_new"], &second["data_packs_written"]), (&0.into(), &0.into()), "{second}");
}
