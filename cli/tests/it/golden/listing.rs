//! Items as a source had them, and as they lie in a folder that was restored.

use rustix::fs::{lgetxattr, llistxattr};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// One item of a source, as the script that made the repositories saw it.
pub(super) struct Item {
    path: Vec<u8>,
    row: Value,
}

impl Item {
    /// Paths are bytes, written as the characters of the same numbers.
    pub(super) fn of(row: &Value) -> Item {
        Item { path: bytes(row["path"].as_str().unwrap()), row: row.clone() }
    }

    /// The path without leading slash.
    fn below(&self) -> &OsStr {
        let start = self.path.iter().take_while(|byte| **byte == b'/').count();
        OsStr::from_bytes(&self.path[start..])
    }
}

/// Everything is below `target` as it was, and nothing else is.
#[track_caller]
pub(super) fn expect_items(target: &Path, items: &[Item], left: &[String]) {
    expect_contents(target, items);
    let is_root = rustix::process::geteuid().is_root();
    for item in items.iter().filter(|item| item.row["mtime"].is_array()) {
        let path = target.join(item.below());
        let at = std::fs::symlink_metadata(&path).unwrap();
        let told = |key: &str| &item.row[key];
        if told("kind") != "symlink" {
            assert_eq!(u64::from(at.mode() & 0o7777), told("mode").as_u64().unwrap(), "{path:?}: mode");
        }
        assert_eq!(serde_json::json!([at.mtime(), at.mtime_nsec()]), *told("mtime"), "{path:?}: time");
        if is_root {
            assert_eq!((told("uid"), told("gid")), (&at.uid().into(), &at.gid().into()), "{path:?}: owner");
            assert_eq!(serde_json::json!(xattrs(&path)), *told("xattrs"), "{path:?}: extended attributes");
        }
        if told("sparse") == true {
            assert!(at.blocks() * 512 < at.size(), "{path:?} has no holes");
        }
        if let Some(first) = told("same_as").as_str() {
            let first = target.join(Item { path: bytes(first), row: Value::Null }.below());
            assert_eq!(std::fs::symlink_metadata(first).unwrap().ino(), at.ino(), "{path:?} is another inode");
        }
    }
    for path in left {
        let path = target.join(path.trim_start_matches('/'));
        assert!(std::fs::symlink_metadata(&path).is_err(), "{path:?} had left and is there");
    }
}

/// The same of names, kinds and bytes alone.
#[track_caller]
pub(super) fn expect_contents(target: &Path, items: &[Item]) {
    let is_root = rustix::process::geteuid().is_root();
    let (wanted, mut found): (BTreeSet<PathBuf>, _) =
        (items.iter().map(|i| i.below().into()).collect(), BTreeSet::new());
    walk(target, target, &mut found);
    // Folders above the sources are there as well.
    found.retain(|path| !wanted.iter().any(|item| item != path && item.starts_with(path)) || wanted.contains(path));
    let is_device = |item: &&Item| matches!(item.row["kind"].as_str(), Some("char" | "block"));
    let mut wanted = wanted;
    items.iter().filter(is_device).filter(|_| !is_root).for_each(|item| _ = wanted.remove(Path::new(item.below())));
    assert_eq!(found, wanted);
    for item in items.iter().filter(|item| is_root || !is_device(item)) {
        expect_content(&target.join(item.below()), &item.row);
    }
}

#[track_caller]
fn expect_content(path: &Path, row: &Value) {
    let at = std::fs::symlink_metadata(path).unwrap();
    let kind = at.file_type();
    let is_kind = match row["kind"].as_str().unwrap() {
        "file" => kind.is_file(),
        "folder" => kind.is_dir(),
        "symlink" => kind.is_symlink(),
        "fifo" => kind.is_fifo(),
        "socket" => kind.is_socket(),
        "char" => kind.is_char_device(),
        "block" => kind.is_block_device(),
        other => panic!("{other}"),
    };
    assert!(is_kind, "{path:?} is {kind:?}, not {row}");
    if kind.is_file() {
        let bytes = std::fs::read(path).unwrap();
        let told = (bytes.len() as u64, blake3::hash(&bytes).to_hex().to_string());
        assert_eq!(
            (row["size"].as_u64().unwrap(), row["blake3"].as_str().unwrap()),
            (told.0, told.1.as_str()),
            "{path:?}"
        );
    }
    if kind.is_symlink() {
        assert_eq!(std::fs::read_link(path).unwrap().as_os_str().as_bytes(), bytes(row["target"].as_str().unwrap()));
    }
    if let Some(device) = row["device"].as_array() {
        let (major, minor) = (rustix::fs::major(at.rdev()), rustix::fs::minor(at.rdev()));
        assert_eq!(device[..], [Value::from(major), Value::from(minor)], "{path:?}");
    }
}

fn walk(top: &Path, here: &Path, found: &mut BTreeSet<PathBuf>) {
    for item in std::fs::read_dir(here).unwrap() {
        let path = item.unwrap().path();
        found.insert(path.strip_prefix(top).unwrap().to_owned());
        if std::fs::symlink_metadata(&path).unwrap().is_dir() {
            walk(top, &path, found);
        }
    }
}

/// Names and values, as hexadecimal digits.
fn xattrs(path: &Path) -> BTreeMap<String, String> {
    let mut names = vec![0; 65_536];
    let length = llistxattr(path, &mut names[..]).unwrap();
    names.truncate(length);
    let read = |name: &[u8]| {
        let mut value = vec![0; 65_536];
        let length = lgetxattr(path, OsStr::from_bytes(name), &mut value[..]).unwrap();
        let digits: String = value[..length].iter().map(|byte| format!("{byte:02x}")).collect();
        (OsString::from_vec(name.to_vec()).into_string().unwrap(), digits)
    };
    names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(read).collect()
}

/// Bytes that are written as the characters of the same numbers.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect()
}
