//! Programs that look at attributes, permissions and space.

use super::place::Place;
use super::table::{Row, Table};
use std::path::Path;

/// SEMANTICS: Checked by others. "`getfattr`, `getfacl`, `su nobody -c cat` and `du` see the source's attributes, rights and
/// blocks, and `df`, `df -i` and `stat -f` the same before and after."
#[test]
fn programs_that_look_at_attributes_see_the_sources() {
    let Some((mut place, sides)) = Place::with_everything() else { return };
    let mut table = Table::new();
    table.compare(&[GETFATTR, GETFACL, SOMEBODY, DU, DU_APPARENT], &place, &sides, &[]);
    // What can be written to does not stay as full as it is.
    let writable = place.folder("writable");
    table.run(&STATFS, &place, [&sides.good, &writable], &[]);
    table.run(&UNLISTED, &place, [&sides.good, &listing(&writable)], &[]);
    place.unmount();
    table.finish();
}

const GETFATTR: Row = Row {
    name: "getfattr -dm- -R",
    needs: &["getfattr"],
    script: r#"
        all() { getfattr -h -P -R -d -m - -e hex .; }
        (cd "$S" && all) >s && (cd "$M" && all) >m || exit 1
        for kind in user trusted security system; do grep -q "^$kind" s || echo "the source has no $kind"; done
        # In the order of names: folders list differently.
        sorted() { sort -z <(awk 'BEGIN { RS = ""; ORS = "\0" } { print }' "$1") | tr '\0' '\n'; }
        diff <(sorted s) <(sorted m)"#,
    finds: &["user.flaw=", "file: flaws/acl", "security.capability="],
};

const GETFACL: Row = Row {
    name: "getfacl -R",
    needs: &["getfacl"],
    script: r#"
        all() { find . ! -type l -print0 | sort -z | xargs -0 getfacl -n; }
        (cd "$S" && all) >s && (cd "$M" && all) >m && grep -q '^default:user:65534' s && diff s m"#,
    finds: &["user:65534:---", "other::r--", "# owner: 1"],
};

/// The file system shall refuse what the source refuses, and for the same reason.
const SOMEBODY: Row = Row {
    name: "su nobody -c cat",
    needs: &["su"],
    script: r#"
        all() {
            for name in closed/* flaws/mode flaws/acl; do
                [[ -d $name ]] || su -s /bin/sh nobody -c "cat $name 2>&1"
            done
        }
        (cd "$S" && all) >s; (cd "$M" && all) >m
        (($(grep -c 'denied$' s) == 4)) || cat s
        diff s m"#,
    finds: &["this is the right mode", "this is the right acl"],
};

/// Of what has contents: folders take what they take, and so do the attributes of `closed`, in blocks of their own.
const DU: Row = Row {
    name: "du -B1 of every file",
    needs: &["du"],
    script: r#"
        all() { find . -type f ! -path './closed/*' -print0 | sort -z | du -B1 -l --files0-from=-; }
        (cd "$S" && all) >s && (cd "$M" && all) >m && (($(wc -l <s) > 3000)) && diff s m"#,
    finds: &["flaws/hole"],
};

const DU_APPARENT: Row = Row {
    name: "du --apparent-size of every file",
    needs: &["du"],
    script: r#"
        all() { find . ! -type d -print0 | sort -z | du --apparent-size -B1 -l --files0-from=-; }
        (cd "$S" && all) >s && (cd "$M" && all) >m && (($(wc -l <s) > 3000)) && diff s m"#,
    finds: &["flaws/name-wrong"],
};

const STATFS: Row = Row {
    name: "df, df -i, stat -f do not change",
    needs: &["df", "stat"],
    script: r#"
        all() { df -B1 . && df -i . && stat -f .; }
        cd "$M" || exit 1
        all >"$T/before" && tar -cf - . | cat >/dev/null
        head -c 3000000 /dev/urandom >new 2>/dev/null
        all >"$T/after" && diff "$T/before" "$T/after""#,
    finds: &["Free:", "Inodes:"],
};

/// Cairn's own attributes answer who asks by name, and are in no list, or tools would copy them.
const UNLISTED: Row = Row {
    name: "getfattr lists nothing of Cairn's",
    needs: &["getfattr"],
    script: r#"
        cd "$M" || exit 1
        getfattr --only-values -n user.cairn.state plain/small >"$T/state" && [[ $(<"$T/state") == local ]] || exit 1
        getfattr -R -P -h -d -m - . | grep cairn; true"#,
    finds: &["user.cairn.state"],
};

/// A folder that lists what it answers.
fn listing(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("plain/small");
    std::fs::create_dir_all(folder.join("plain")).unwrap();
    std::fs::write(&file, "").unwrap();
    rustix::fs::setxattr(&file, "user.cairn.state", b"local", rustix::fs::XattrFlags::empty()).unwrap();
    folder.to_owned()
}
