//! Handles of files, as an NFS server keeps them, outlive the mount that gave them.

use super::place::{LIMIT, Place};
use super::table::{Table, python};
use std::fs;
use std::time::Instant;

/// SEMANTICS: Checked by others. "Handles of `name_to_handle_at` open the same after a remount."
#[test]
fn handles_of_files_and_folders_open_the_same_after_a_remount() {
    let Some(mut place) = Place::new() else { return };
    for folder in ["a/b/c", "wide"] {
        fs::create_dir_all(place.source.join(folder)).unwrap();
    }
    for (name, text) in [("a/file", "one"), ("a/b/c/deep", "two"), ("wide/linked", "three")] {
        fs::write(place.source.join(name), text).unwrap();
    }
    fs::hard_link(place.source.join("wide/linked"), place.source.join("a/link")).unwrap();
    (0..500).for_each(|n| fs::write(place.source.join(format!("wide/{n:03}")), n.to_string()).unwrap());
    let point = place.back_up();
    place.mount();
    let started = Instant::now();
    let folder = place.folder("handles");
    let file = folder.join("saved");
    let shown = place.shown(&point);
    let variables = |place: &Place| {
        let mountpoint = place.mountpoint().to_str().unwrap().to_owned();
        [("F", file.to_str().unwrap().to_owned()), ("M", shown.to_str().unwrap().to_owned()), ("MOUNT", mountpoint)]
    };
    let run = |place: &Place, script: &str| {
        let script = format!("'{}' -c \"$HANDLES\" {script}", python().display());
        let more = variables(place);
        let more: Vec<_> = more.iter().map(|(k, v)| (*k, v.as_str())).chain([("HANDLES", HANDLES)]).collect();
        place.run(&script, &more, LIMIT)
    };
    let names = "a/file a/b/c/deep a/link wide/linked wide/250 wide a/b/c .";
    let paths: String = names.split(' ').map(|name| format!(" \"$M/{name}\"")).collect();
    let saved = run(&place, &format!("save \"$F\" {paths}")).unwrap();
    assert_eq!(saved.lines().count(), 8, "{saved}");
    place.unmount();
    place.mount();
    let opened = run(&place, "open \"$F\" \"$MOUNT\"").unwrap();
    // Handles of other files: the same ones, upside down.
    let lines = fs::read_to_string(&file).unwrap();
    fs::write(&file, lines.lines().rev().collect::<Vec<_>>().join("\n")).unwrap();
    let others = run(&place, "open \"$F\" \"$MOUNT\"").unwrap();
    let differs = |found: String| if found == saved { Ok(()) } else { Err(format!("{saved}---\n{found}")) };
    let mut table = Table::new();
    table.add("name_to_handle_at over a remount", started, differs(opened), differs(others), &["drwx"]);
    place.unmount();
    table.finish();
}

const HANDLES: &str = include_str!("handles.py");
