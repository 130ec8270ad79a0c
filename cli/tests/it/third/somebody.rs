//! A mount by somebody who is not root, through fusermount3.

use super::place::Place;
use super::table::{Row, Table};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// SEMANTICS: Checked by others. "Somebody who is not root mounts through `fusermount3`."
#[test]
fn nobody_mounts_through_the_helper() {
    let Some(place) = Place::new() else { return };
    for n in 0..300 {
        fs::write(place.source.join(format!("{n}.txt")), format!("file number {n}\n").repeat(n)).unwrap();
    }
    fs::write(place.source.join("closed"), "for root alone").unwrap();
    fs::set_permissions(place.source.join("closed"), fs::Permissions::from_mode(0o600)).unwrap();
    let good = place.back_up();
    fs::write(place.source.join("7.txt"), "not what it was").unwrap();
    let broken = place.back_up();
    fs::write(place.source.join("7.txt"), "file number 7\n".repeat(7)).unwrap();
    let mut table = Table::new();
    table.run(&UNPRIVILEGED, &place, [Path::new(&good), Path::new(&broken)], &[]);
    table.finish();
}

/// In a table of mounts of its own, where everybody may open /dev/fuse. The owner that counts for `me` is nobody.
const UNPRIVILEGED: Row = Row {
    name: "nobody, through fusermount3",
    needs: &["fusermount3", "unshare", "setpriv"],
    script: r#"
        mkdir dev mnt home && cp -r "$CAIRN_REPO" repo && cp "$CAIRN" cairn && chown -R 65534:65534 mnt home repo . || exit 1
        export CAIRN_REPO=$T/repo HOME=$T/home POINT=$M
        unset "${!XDG_@}"
        unshare --mount --propagation private bash -uc '
            mount -t tmpfs -o dev tmpfs dev && mknod -m 666 dev/fuse c 10 229 && mount --bind dev/fuse /dev/fuse || exit 1
            nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
            nobody ./cairn mount --foreground --owner me "$T/mnt" >log 2>&1 &
            for n in {1..100}; do grep -q " $T/mnt " /proc/self/mounts && break; sleep 0.1; done
            grep " $T/mnt " /proc/self/mounts | grep -q " fuse.cairn " || { cat log; exit 1; }
            nobody diff -r --no-dereference -x closed "$S" "mnt/by-id/$POINT$S"
            nobody cat "mnt/by-id/$POINT$S/closed" 2>&1 | grep -vx "for root alone"
            nobody touch "mnt/by-id/$POINT$S/7.txt" 2>&1 | grep -v "Read-only file system"
            nobody ./cairn umount "$T/mnt" >unmounted 2>&1 || cat unmounted
            wait; ls mnt'"#,
    finds: &["7.txt"],
};
