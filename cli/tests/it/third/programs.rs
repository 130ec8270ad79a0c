//! Programs that work on their own files in a point, and know by themselves when those are wrong.

use super::place::{Place, Sides};
use super::table::{Row, Table};
use std::fs;

/// SEMANTICS: Checked by others. "`git`, `sqlite3`, programs run from the mount and `stress-ng` work as on a disk that cannot be
/// written to."
#[test]
fn programs_work_on_their_own_files() {
    let Some((mut place, sides)) = Place::with_everything() else { return };
    let mut table = Table::new();
    table.compare(
        &[GIT_FSCK, GIT_STATUS, SQLITE_IMMUTABLE, SQLITE_READ_ONLY, SQLITE_PLAIN, PROGRAM],
        &place,
        &sides,
        &[],
    );
    stress(&mut table, &place, &sides);
    place.unmount();
    table.finish();
}

/// It looks at names, not at bytes, so its broken twin is a folder that is not there.
fn stress(table: &mut Table, place: &Place, sides: &Sides) {
    let absent = place.folder("empty").join("wide");
    for row in [FSTAT, GETDENT] {
        table.run(&row, place, [&sides.good.join("wide"), &absent], &[]);
    }
}

/// SEMANTICS: Checked by others. "`inotifywait` hears nothing when a point appears." What the kernel watches are
/// calls of programs, and an appearing point is none.
#[test]
fn watchers_hear_nothing_when_a_point_appears() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), "x").unwrap();
    let point = place.back_up();
    let mountpoint = place.mount();
    let shown = place.shown(&point);
    let job = mountpoint.join(shown.strip_prefix(&mountpoint).unwrap().iter().take(3).collect::<std::path::PathBuf>());
    let mut table = Table::new();
    table.run(&INOTIFY, &place, [&job, &place.folder("writable")], &[]);
    place.unmount();
    table.finish();
}

const GIT_FSCK: Row = Row {
    name: "git fsck, git log",
    needs: &["git"],
    script: r#"
        git -C "$M/git" -c safe.directory='*' fsck --full --strict --no-progress 2>&1
        diff <(git -C "$S/git" log --stat 2>&1) <(git -C "$M/git" -c safe.directory='*' log --stat 2>&1)"#,
    finds: &["error", "pack-"],
};

/// All stat data differ from the index's, so every file is read.
const GIT_STATUS: Row = Row {
    name: "git status",
    needs: &["git"],
    script: r#"git -C "$M/git" -c safe.directory='*' status --porcelain"#,
    finds: &["M wide/07.bin"],
};

const SQLITE_IMMUTABLE: Row = Row {
    name: "sqlite3 file:...?immutable=1",
    needs: &["sqlite3"],
    script: r#"
        ask() { sqlite3 "file:$1/db/rows.db?immutable=1" 'pragma integrity_check; select count(*), max(b) from t;'; }
        diff <(ask "$S") <(ask "$M" 2>&1); ask "$M" | grep -qx ok || echo "not ok""#,
    finds: &["not ok"],
};

const SQLITE_READ_ONLY: Row = Row {
    name: "sqlite3 file:...?mode=ro",
    needs: &["sqlite3"],
    script: r#"sqlite3 "file:$M/db/rows.db?mode=ro" 'pragma integrity_check;' 2>&1 | grep -vx ok; true"#,
    finds: &["malformed"],
};

const SQLITE_PLAIN: Row = Row {
    name: "sqlite3 of the plain name",
    needs: &["sqlite3"],
    script: r#"
        sqlite3 "$M/db/rows.db" 'pragma integrity_check;' 2>&1 | grep -vx ok
        sqlite3 "$M/db/rows.db" 'delete from t;' 2>&1 | grep -q 'readonly' || echo "it could be written to, or is no database""#,
    finds: &["malformed"],
};

const PROGRAM: Row = Row {
    name: "a program run from the mount",
    needs: &["sha256sum"],
    script: r#"diff <(sha256sum <"$S/plain/large") <("$M/bin/sha256sum" <"$S/plain/large" 2>&1)"#,
    finds: &["bin/sha256sum"],
};

const FSTAT: Row = Row {
    name: "stress-ng --fstat 2",
    needs: &["stress-ng"],
    script: r#"stress-ng -q --fstat 2 --fstat-dir "$M" --fstat-ops 4000 -t 5s --temp-path "$T" 2>&1"#,
    finds: &["exit status: 2"],
};

/// It lists fixed folders, so one of them is made the mount, for it alone.
const GETDENT: Row = Row {
    name: "stress-ng --getdent 2, the mount as /tmp",
    needs: &["stress-ng", "unshare"],
    script: r#"
        unshare --mount --propagation private bash -uc \
            'mount --bind "$M" /tmp && stress-ng -q --getdent 2 --getdent-ops 4000 -t 5s --temp-path .' 2>&1"#,
    finds: &["mount"],
};

const INOTIFY: Row = Row {
    name: "inotifywait while a point appears",
    needs: &["inotifywait"],
    script: r#"
        inotifywait -q -m -e create,delete,moved_to,moved_from,modify,attrib "$M" >events 2>errors & watch=$!
        until grep -q "inotify" /proc/$watch/fdinfo/* 2>/dev/null; do sleep 0.02; done
        "$CAIRN" backup -q --job j "$S" >/dev/null || echo "no backup"
        mkdir "$M/appeared" 2>/dev/null
        sleep 0.5; kill $watch; wait $watch; cat events errors"#,
    finds: &["CREATE,ISDIR appeared"],
};
