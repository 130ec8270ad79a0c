//! Large files with little in them: nobody may pay for the holes, neither when they are backed up nor when they are copied.

use super::place::{Place, Sides};
use super::table::{Row, Table};
use crate::support::noise;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// SEMANTICS: Checked by others. "`cp --sparse=auto` and `xfs_io` find every hole, and 5 TiB of holes cost no time."
#[test]
fn programs_that_copy_sparse_files_keep_their_holes_and_pay_nothing_for_them() {
    let Some(mut place) = Place::new() else { return };
    let bytes = noise(100_000, 1);
    let started = Instant::now();
    make(&place.source, (512 << 20) + 4096, 3 << 40, &bytes);
    let broken = place.back_up();
    make(&place.source, 512 << 20, 4 << 40, &bytes);
    let good = place.back_up();
    let took = started.elapsed();
    place.mount();
    let sides = Sides { good: place.shown(&good), broken: place.shown(&broken) };
    let mut table = Table::new();
    table.compare(&[XFS_IO, COPY_ONE, COPY_HUGE, COMPARE], &place, &sides, &[]);
    place.unmount();
    table.finish();
    assert!(took < Duration::from_secs(10), "two backups of 5 TiB of nothing took {took:?}");
}

/// A file of 1 GiB with one extent, and one of 5 TiB with another; an empty one beside them.
fn make(at: &Path, one: u64, other: u64, bytes: &[u8]) {
    for (name, size, extent) in
        [("one", 1 << 30, Some(one)), ("huge", 5 << 40, Some(other)), ("nothing", 5 << 40, None)]
    {
        let file = File::create(at.join(name)).unwrap();
        file.set_len(size).unwrap();
        if let Some(offset) = extent {
            file.write_all_at(bytes, offset).unwrap();
        }
        file.sync_all().unwrap();
    }
}

const XFS_IO: Row = Row {
    name: "xfs_io -c 'seek -a -r 0'",
    needs: &["xfs_io"],
    script: r#"
        all() { for name in one huge nothing; do echo $name; xfs_io -r -c 'seek -a -r 0' $name; done; }
        (cd "$S" && all) >s && (cd "$M" && all) >m && grep -q 'DATA.*536870912' s && diff s m"#,
    finds: &["536875008", "3298534883328"],
};

const COPY_ONE: Row = Row {
    name: "cp --sparse=auto of 1 GiB with one extent",
    needs: &["cp", "xfs_io"],
    script: r#"
        cp --sparse=auto "$M/one" one && cmp -i $((512 << 20)) -n 200000 "$S/one" one
        diff <(xfs_io -r -c 'seek -a -r 0' "$S/one") <(xfs_io -r -c 'seek -a -r 0' one); diff <(du -B1 <"$S/one") <(du -B1 <one)"#,
    finds: &["differ"],
};

/// The copy is as quick as its data, not its size, allows.
const COPY_HUGE: Row = Row {
    name: "cp --sparse=auto of 5 TiB of nothing",
    needs: &["cp", "xfs_io"],
    script: r#"
        for name in huge nothing; do
            timeout 5 cp --sparse=auto "$M/$name" $name
            diff <(xfs_io -r -c 'seek -a -r 0' "$S/$name") <(xfs_io -r -c 'seek -a -r 0' $name)
            diff <(stat -c '%s %b' "$S/$name") <(stat -c '%s %b' $name)
        done"#,
    finds: &["3298534883328"],
};

const COMPARE: Row = Row {
    name: "cmp at an extent in 5 TiB",
    needs: &["cmp"],
    script: r#"cmp -i $((4 << 40)) -n 1000000 "$S/huge" "$M/huge""#,
    finds: &["differ"],
};
