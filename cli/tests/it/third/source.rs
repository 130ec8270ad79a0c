//! The folder that is backed up, once with flaws and once without.
//!
//! ```text
//! make -> break -> back up (the broken twin) -> mend -> back up (the good one)
//! ```
//! In this order the source is what the good point holds, down to its change times, and nothing writes to it later. Sizes and
//! modification times of flipped files do not change, so nothing but their bytes tells them apart.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

/// Makes the source without flaws.
pub(crate) fn make(at: &Path) {
    bash(at, SOURCE);
    // Dropping the listener leaves its name behind.
    drop(UnixListener::bind(at.join("special/socket")).unwrap());
}

/// A file of 8 MiB that carries checksums.
pub(crate) fn fio_file(at: &Path) {
    bash(at, FIO);
}

/// Gives it every flaw.
pub(crate) fn break_all(at: &Path) {
    flip_all(at);
    FLAWS.iter().for_each(|[broken, _]| bash(&at.join("flaws"), broken));
}

/// Takes every flaw away again.
pub(crate) fn mend_all(at: &Path) {
    flip_all(at);
    FLAWS.iter().for_each(|[_, right]| bash(&at.join("flaws"), right));
}

fn flip_all(at: &Path) {
    FLIPS.iter().for_each(|(name, offset)| flip(&at.join(name), *offset));
    let packs = fs::read_dir(at.join("git/.git/objects/pack")).unwrap().map(|item| item.unwrap().path());
    flip(&packs.into_iter().find(|path| path.extension().is_some_and(|e| e == "pack")).unwrap(), 500);
}

/// Turns one bit of one byte; twice is as before, but for the change time.
pub(crate) fn flip(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 4], offset).unwrap();
    file.set_modified(modified).unwrap();
}

fn bash(at: &Path, script: &str) {
    fs::create_dir_all(at).unwrap();
    let output = Command::new("bash").args(["-euc", script]).current_dir(at).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "making the source: {:?}: {error}", output.status);
}

/// Files in which one bit is turned, and where.
const FLIPS: [(&str, u64); 5] = [
    ("flaws/byte", 3),
    ("plain/large", 8_000_000),
    // The type of a page of the tree, the machine of the program, a file that git knows.
    ("db/rows.db", 4096 * 2),
    ("bin/sha256sum", 18),
    ("git/wide/07.bin", 500),
];

/// How else `flaws` is broken and mended.
const FLAWS: [[&str; 2]; 10] = [
    ["chmod 644 mode", "chmod 600 mode"],
    ["chown 1 owner", "chown 0 owner"],
    ["touch -d '2020-02-02 02:02:02.3 UTC' time", "touch -d '2020-02-02 02:02:02.2 UTC' time"],
    ["setfattr -n user.flaw -v wrong xattr", "setfattr -n user.flaw -v right xattr"],
    ["setfacl -b acl", "setfacl -m u:nobody:- acl"],
    [
        "dd if=/dev/zero of=hole bs=4096 seek=16 count=16 conv=notrunc status=none; sync hole; touch -d @1 hole",
        "fallocate -p -o 65536 -l 65536 hole; sync hole; touch -d @1 hole",
    ],
    ["cp --remove-destination link-a link-c; mv link-c link-b", "ln -f link-a link-b"],
    ["ln -sfn wrong symlink", "ln -sfn right symlink"],
    ["rm device; mknod device c 7 8", "rm device; mknod device c 7 7"],
    ["mv name-right name-wrong; setcap -r capability", "mv name-wrong name-right; setcap cap_net_raw+ep capability"],
];

const FIO: &str = "fio --name=written --filename=verify --rw=write --bs=64k --size=8m --verify=crc32c --verify_interval=4k \
    --do_verify=0 --verify_state_save=0 --end_fsync=1 --output=/dev/null";

const SOURCE: &str = include_str!("source.sh");
