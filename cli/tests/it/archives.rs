//! `cat POINT:FOLDER --as tar|zip`: what comes out is what went in.

use crate::support::{Home, noise, tree};
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;

fn home() -> Home {
    let home = Home::with_repository();
    home.write("src/a", b"first");
    home.write("src/sub/b", &noise(200_000, 9));
    home.write(&format!("src/sub/{}", "long".repeat(50)), b"long name");
    home.write("src/empty", b"");
    std::fs::hard_link(home.path("src/a"), home.path("src/twin")).unwrap();
    std::os::unix::fs::symlink("sub/b", home.path("src/link")).unwrap();
    std::fs::set_permissions(home.path("src/a"), std::fs::Permissions::from_mode(0o640)).unwrap();
    home.backup();
    home
}

#[test]
fn a_tar_unpacks_to_the_same_tree() {
    let home = home();
    let bytes = home.ok(["cat", &home.place("latest", "src"), "--as", "tar"]).stdout;
    let mut archive = tar::Archive::new(Cursor::new(bytes));
    archive.set_preserve_mtime(true);
    archive.set_preserve_permissions(true);
    archive.unpack(home.path("out")).unwrap();
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
    let meta = |path: &str| std::fs::metadata(home.path(path)).unwrap();
    assert_eq!(meta("out/a").permissions().mode() & 0o7777, 0o640);
    let second = |path: &str| {
        let modified = meta(path).modified().unwrap();
        modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    };
    assert_eq!(second("out/sub/b"), second("src/sub/b"));
    use std::os::unix::fs::MetadataExt;
    assert_eq!(meta("out/a").ino(), meta("out/twin").ino());
}

#[test]
fn a_zip_holds_the_same_files() {
    let home = home();
    let bytes = home.ok(["cat", &home.place("latest", "src"), "--as", "zip"]).stdout;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    names.sort();
    let long = format!("sub/{}", "long".repeat(50));
    assert_eq!(names, ["a", "empty", "link", "sub/", "sub/b", &long, "twin"]);
    let mut read = |name: &str| {
        let mut bytes = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    assert!(read("sub/b") == noise(200_000, 9));
    assert_eq!((read("a"), read("empty"), read("link")), (b"first".to_vec(), Vec::new(), b"sub/b".to_vec()));
    assert_eq!(archive.by_name("a").unwrap().unix_mode().map(|mode| mode & 0o7777), Some(0o640));
}

#[test]
fn only_one_folder_becomes_an_archive() {
    let home = home();
    home.run(["cat", &home.place("latest", "src/a"), "--as", "tar"]).expect(2);
    home.run(["cat", &home.place("latest", "src"), &home.place("latest", "src"), "--as", "tar"]).expect(2);
}
