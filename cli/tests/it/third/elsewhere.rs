//! Rows whose tests need the inside of the mount: the table names them, and this test that they are there.

use super::report::note;
use std::fs;
use std::path::Path;

#[test]
fn the_rows_held_elsewhere_are_held() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (row, file, test) in HELD {
        let text = fs::read_to_string(root.join(file)).unwrap();
        assert!(
            text.contains(&format!("#[test]\n    fn {test}()")) || text.contains(&format!("#[test]\nfn {test}()")),
            "{row}: {file} has no test {test}"
        );
        note("rows", &format!("{row:<44} elsewhere {test} ({file})"));
    }
}

const HELD: [(&str, &str, &str); 6] = [
    ("kill -9", "fusefs/tests/it/life.rs", "a_dead_mount_says_enotconn_and_is_put_away_by_the_next"),
    ("SIGTERM", "cli/tests/it/mounted.rs", "a_signal_takes_a_mount_in_the_foreground_away"),
    ("an unmount while files are open", "fusefs/tests/it/life.rs", "open_files_stay_readable_until_they_are_closed"),
    ("a handler that panics", "fusefs/src/fs/serve.rs", "a_panicking_request_is_eio_and_the_next_one_is_served"),
    ("a foreign mount on top", "fusefs/tests/it/life.rs", "only_what_cairn_mounted_is_unmounted"),
    ("the folders of a mount", "fusefs/tests/it/namespace.rs", "one_real_tree_and_relative_symlinks_into_it"),
];
