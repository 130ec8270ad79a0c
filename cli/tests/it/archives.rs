//! `cat POINT:FOLDER --as tar|zip`: what comes out is what went in.

use crate::support::{Home, noise, tree};
use std::ffi::OsStr;
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

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
    // Of the hard link it says that it is a file of its own.
    let bytes = home.run(["cat", &home.place("latest", "src"), "--as", "zip"]).expect(3).stdout;
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

/// What a program printed; it must succeed.
fn said(command: &mut Command) -> Vec<u8> {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Attributes and access lists of a file, as programs print them.
fn attributes(file: &Path) -> (String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).lines().skip(1).collect::<Vec<_>>().join("\n");
    let attributes = said(Command::new("getfattr").args(["--absolute-names", "-m-", "-e", "hex", "-d"]).arg(file));
    let lists = said(Command::new("getfacl").args(["--absolute-names", "-n"]).arg(file));
    (text(attributes), text(lists))
}

#[test]
fn a_tar_keeps_every_attribute_and_time() {
    let home = Home::with_repository();
    home.write("src/f", b"bytes");
    home.write("src/old", b"old");
    std::fs::create_dir_all(home.path("src/folder")).unwrap();
    let names = [&b"user.a=b"[..], b"user.100%3D", b"user.\xff\xfe", b"user.two\nlines", b"user.empty"];
    for (name, value) in names.iter().zip([&b"eq"[..], b"percent", b"\x00\xff\n", b"3 x=y\n", b""]) {
        rustix::fs::setxattr(home.path("src/f"), OsStr::from_bytes(name), value, rustix::fs::XattrFlags::empty())
            .unwrap();
    }
    said(Command::new("setfacl").args(["-m", "u:12345:rx,g:54321:w"]).arg(home.path("src/f")));
    said(Command::new("setfacl").args(["-d", "-m", "u:12345:rwx"]).arg(home.path("src/folder")));
    said(Command::new("touch").args(["-d", "1969-12-31 22:59:58.500000001Z"]).arg(home.path("src/old")));
    let holes = std::fs::File::create(home.path("src/holes")).unwrap();
    for n in 1..40u64 {
        std::os::unix::fs::FileExt::write_all_at(&holes, b"data", n << 17).unwrap();
    }
    holes.set_len(1 << 30).unwrap();
    home.backup();
    let tar = home.ok(["cat", &home.place("latest", "src"), "--as", "tar"]).stdout;
    assert!(tar.len() < 1 << 20, "holes take no space: {}", tar.len());
    std::fs::write(home.path("x.tar"), &tar).unwrap();
    let mut unpackers = vec![vec!["tar", "--xattrs", "--xattrs-include=*", "--acls", "-xpf"]];
    if Command::new("bsdtar").arg("--version").output().is_ok() {
        unpackers.push(vec!["bsdtar", "-xpf"]);
    }
    for (n, unpacker) in unpackers.iter().enumerate() {
        let out = home.path(&format!("out{n}"));
        std::fs::create_dir(&out).unwrap();
        said(Command::new(unpacker[0]).args(&unpacker[1..]).arg(home.path("x.tar")).arg("-C").arg(&out));
        assert_eq!(tree(&out), tree(&home.path("src")), "{unpacker:?}");
        for name in ["f", "old", "folder", "holes"] {
            let (here, there) = (attributes(&out.join(name)), attributes(&home.path("src").join(name)));
            assert_eq!(here.1, there.1, "{unpacker:?} {name}");
            // bsdtar takes the key for the name as it is, and knows no time before 1970 with a fraction.
            if unpacker[0] == "tar" {
                assert_eq!(here.0, there.0, "{name}");
                let time = |at: &Path| said(Command::new("stat").args(["-c", "%.9Y %b"]).arg(at));
                assert_eq!(time(&out.join(name)), time(&home.path("src").join(name)), "{name}");
            }
        }
    }
}

#[test]
fn damage_leaves_no_archive_that_an_unpacker_takes() {
    let home = Home::with_repository();
    (0..3).for_each(|n| home.write(&format!("src/f{n}"), &noise(3_000_000, n)));
    home.backup();
    let mut packs: Vec<_> = walk(&home.path("repo/data"));
    packs.sort_by_key(|pack| std::fs::metadata(pack).unwrap().len());
    let pack = packs.pop().unwrap();
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[2_000_000] ^= 1;
    std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&pack, bytes).unwrap();
    for (format, list) in [("tar", &["tar", "-tf"][..]), ("zip", &["python3", "-m", "zipfile", "-t"])] {
        for (place, is_damage) in [(home.place("latest", "src"), true), (home.place("latest", "nowhere"), false)] {
            let run = home.run(["cat", &place, "--as", format]);
            assert!(run.code != Some(0) && (run.code == Some(5)) == is_damage, "{format} {place}: {:?}", run.code);
            std::fs::write(home.path("archive"), &run.stdout).unwrap();
            let listed = Command::new(list[0]).args(&list[1..]).arg(home.path("archive")).output().unwrap();
            assert!(!listed.status.success(), "{format} {place}: {} bytes were taken", run.stdout.len());
        }
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let below = |entry: std::fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => walk(&entry.path()),
        false => vec![entry.path()],
    };
    std::fs::read_dir(folder).unwrap().flat_map(|entry| below(entry.unwrap())).collect()
}

#[test]
fn a_zip_says_what_it_cannot_carry() {
    let home = Home::with_repository();
    home.write("src/f", b"bytes");
    std::fs::hard_link(home.path("src/f"), home.path("src/g")).unwrap();
    let none = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(home.path("src/f"), "user.a", b"value", none).unwrap();
    home.backup();
    let run = home.run(["cat", &home.place("latest", "src"), "--as", "zip"]).expect(3);
    let said = &run.stderr;
    assert!(said.contains("2 items with extended attributes"), "{said}");
    assert!(said.contains("1 further name of a file"), "{said}");
    let mut archive = zip::ZipArchive::new(Cursor::new(run.stdout)).unwrap();
    assert_eq!(archive.by_name("g").unwrap().size(), 5);
}
