//! Programs that compare whole trees: names, kinds, attributes, contents.

use super::place::Place;
use super::table::{Row, Table};

/// SEMANTICS: Checked by others. "`diff`, `rsync -naHAXc`, `tar -d`, `mtree`, `find`, `tree` and `hashdeep` find no difference, and
/// `find -printf %i` none between two mounts".
#[test]
fn programs_that_compare_trees_find_no_difference() {
    let Some((mut place, sides)) = Place::with_everything() else { return };
    let mut table = Table::new();
    table.compare(&[DIFF, RSYNC, TAR, MTREE, FIND, TREE, HASHDEEP], &place, &sides, &[]);
    let other = place.mount();
    let shown = sides.good.strip_prefix(other.with_file_name("mount-0")).unwrap();
    table.compare(&[INODES], &place, &sides, &[("OTHER", other.join(shown).to_str().unwrap())]);
    place.unmount();
    table.finish();
}

/// Special files are what `diff` cannot compare; other rows do.
const DIFF: Row = Row {
    name: "diff -r --no-dereference",
    needs: &["diff"],
    script: r#"diff -r --no-dereference -x fifo -x null -x disk -x socket -x device "$S" "$M""#,
    finds: &["flaws/byte", "plain/large", "flaws/symlink", "name-right"],
};

const RSYNC: Row = Row {
    name: "rsync -naHAXc --delete -D -i",
    needs: &["rsync"],
    // The negative window compares nanoseconds.
    script: r#"rsync -naHAXc --delete -D -i --modify-window=-1 "$S/" "$M/""#,
    finds: &[
        ">fc........ flaws/byte",
        ">fc........ plain/large",
        "p..... flaws/mode",
        "o.... flaws/owner",
        "t...... flaws/time",
        "x flaws/xattr",
        "a. flaws/acl",
        "x flaws/capability",
        "flaws/link-b",
        "flaws/symlink",
        "flaws/device",
        "*deleting   flaws/name-wrong",
    ],
};

const TAR: Row = Row {
    name: "tar --xattrs --acls --sparse -c, tar -d",
    needs: &["tar"],
    script: r#"tar --xattrs --acls --sparse -cf t -C "$S" . && tar -df t -C "$M""#,
    finds: &[
        "flaws/byte: Contents differ",
        "flaws/mode: Mode differs",
        "flaws/owner: Uid differs",
        "flaws/time: Mod time",
        "flaws/symlink: Symlink differs",
        "flaws/device: Device number",
        "Not linked to ./flaws/link-b",
    ],
};

const MTREE: Row = Row {
    name: "mtree -c, mtree -f",
    needs: &["mtree"],
    script: r#"mtree -c -k type,mode,uid,gid,size,time,link,nlink,sha256 -p "$S" >s && mtree -p "$M" -f s"#,
    finds: &["byte", "sha256", "mode", "permissions", "user", "modification time", "link count", "link ref"],
};

/// The sizes of folders are the file system's own affair.
const FIND: Row = Row {
    name: "find -printf of everything",
    needs: &["find"],
    script: r#"
        all() {
            find . ! -type d -printf '%P %y %m %U %G %s %n %T@ %C@ %l\0'
            find . -type d -printf '%P %y %m %U %G %n %T@ %C@\0'
            find . -type b,c -exec stat --printf '%n %t %T\0' {} +
        }
        (cd "$S" && all) | sort -z | tr '\0' '\n' >s && (cd "$M" && all) | sort -z | tr '\0' '\n' >m
        (($(wc -l <s) > 3200)) && diff s m"#,
    finds: &["flaws/mode f 644", "flaws/owner f 644 1 0", "flaws/time", "flaws/symlink", "wrong", "flaws/device 7 8"],
};

const TREE: Row = Row {
    name: "tree -apugD",
    needs: &["tree"],
    script: r#"
        all() { tree -apugDF --timefmt %s --noreport .; }
        (cd "$S" && all) >s && (cd "$M" && all) >m && (($(wc -l <s) > 3200)) && diff s m"#,
    finds: &["mode", "owner", "symlink", "name-wrong"],
};

/// Its lists are lines, so it cannot know a name of two lines.
const HASHDEEP: Row = Row {
    name: "hashdeep -c sha256, -a",
    needs: &["hashdeep"],
    script: r#"
        all() { find . -type f ! -name $'*\n*' -print0 | sort -z | xargs -0 hashdeep -l -c sha256 "$@"; }
        (cd "$S" && all) >s && (($(wc -l <s) > 3000)) &&
        (cd "$M" && all -k "$T/s" -a -vv) >m 2>&1; grep -q '^hashdeep: Audit passed' m || cat m"#,
    finds: &["Audit failed", "flaws/byte: No match"],
};

const INODES: Row = Row {
    name: "find -printf %i over two mounts",
    needs: &["find"],
    script: r#"
        all() { find . -printf '%i %P\0' | sort -z | tr '\0' '\n'; }
        (cd "$M" && all) >m && (cd "$OTHER" && all) >o && (($(wc -l <m) > 3200)) && diff m o"#,
    finds: &["flaws/byte"],
};
