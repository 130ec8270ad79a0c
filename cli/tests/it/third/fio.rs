//! fio, which reads back what it wrote and knows by the checksums in each block whether that is it.

use super::place::{Place, Sides};
use super::source;
use super::table::{Row, Table};

/// SEMANTICS: Checked by others. "`fio --verify` finds each block as it was written, in any order and size."
#[test]
fn fio_verifies_every_block_in_any_order_and_size() {
    let Some(mut place) = Place::new() else { return };
    source::fio_file(&place.source);
    let good = place.back_up();
    source::flip(&place.source.join("verify"), 5_000_000);
    let broken = place.back_up();
    place.mount();
    let sides = Sides { good: place.shown(&good), broken: place.shown(&broken) };
    let mut table = Table::new();
    table.compare(&[VERIFY, MIX], &place, &sides, &[]);
    place.unmount();
    table.finish();
}

const VERIFY: Row = Row {
    name: "fio --rw=read --verify=crc32c",
    needs: &["fio"],
    script: r#"
        fio --name=verified --filename="$M/verify" --readonly --allow_file_create=0 --rw=read --bs=64k --size=8m \
            --verify=crc32c --verify_interval=4k --verify_fatal=1 --verify_state_save=0 >said 2>&1 &&
            grep -q 'err= 0' said || cat said"#,
    finds: &["err=84", "offset 4997120"],
};

/// Each job reads and verifies the whole file.
const MIX: Row = Row {
    name: "fio read, randread; 4k-1M; direct; 1-32 jobs",
    needs: &["fio"],
    script: r#"
        jobs=()
        for rw in read randread; do for direct in 0 1; do for shape in '4k 1' '64k 8' '1m 32'; do
            set -- $shape
            jobs+=(--name="$rw-$direct-$1-$2" --stonewall --rw=$rw --direct=$direct --bs=$1 --numjobs=$2)
        done; done; done
        common=(--filename="$M/verify" --readonly --allow_file_create=0 --size=8m --thread --group_reporting \
            --verify=crc32c --verify_interval=4k --verify_fatal=1 --verify_state_save=0)
        named=(); for word in "${jobs[@]}"; do [[ $word == --name=* ]] && named+=("$word" "${common[@]}") || named+=("$word"); done
        fio "${named[@]}" >said 2>&1; (($(grep -c 'err= 0' said) == 12)) || grep 'err=' said"#,
    finds: &["read-0-4k-1: (groupid=0, jobs=1): err=84", "randread-1-1m-32"],
};
