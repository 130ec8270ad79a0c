//! Whether a mount test runs or is skipped, and the count of both for the end of the run: a line each in the folder that
//! `CAIRN_TEST_MOUNTS` names (`scripts/test` prints them). Where there is /dev/fuse, a skip is a failure.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Whether this process can mount. Says and notes why not.
pub(crate) fn can_mount() -> bool {
    let fuse = Path::new("/dev/fuse").exists();
    if fuse && rustix::process::geteuid().is_root() {
        note("tests", &format!("executed {}", this_test()));
        return true;
    }
    let required = fuse || std::env::var_os("CAIRN_TEST_SERVERS").is_some_and(|v| v == "required");
    assert!(!required, "mount tests need root and /dev/fuse");
    note("tests", &format!("skipped {}: needs root and /dev/fuse", this_test()));
    eprintln!("skipped: mount tests need root and /dev/fuse");
    false
}

/// Adds a line to a file of the report, if somebody wants one.
pub(crate) fn note(file: &str, line: &str) {
    let Some(folder) = std::env::var_os("CAIRN_TEST_MOUNTS") else { return };
    let noted = OpenOptions::new().create(true).append(true).open(Path::new(&folder).join(file));
    // One write, so that lines of tests that run at once stay whole.
    noted.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).unwrap();
}

fn this_test() -> String {
    format!("{} {}", env!("CARGO_PKG_NAME"), std::thread::current().name().unwrap_or("?"))
}
