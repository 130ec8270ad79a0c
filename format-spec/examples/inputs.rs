//! Lists, unpacks and changes an archive of test inputs: a fuzz corpus, or a group of golden vectors.
//!
//!     cargo run -p format-spec --example inputs -- list ARCHIVE
//!     cargo run -p format-spec --example inputs -- extract ARCHIVE FOLDER
//!     cargo run -p format-spec --example inputs -- add ARCHIVE PATH...
//!     cargo run -p format-spec --example inputs -- remove ARCHIVE NAME...
//!
//! `add` takes files, each under its own name, and folders, whose files keep their paths below the folder; an archive that
//! is not there begins empty. Golden vectors are made by `make_vectors`: what is added to them here, a test refuses.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

#[path = "../../fuzz/src/archive.rs"]
#[expect(unreachable_pub, dead_code, reason = "the fuzz crate's library; here it serves the terminal")]
mod archive;

use archive::Members;
use std::io;
use std::path::{Component, Path};

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["list", archive] => list(Path::new(archive)),
        ["extract", archive, folder] => extract(Path::new(archive), Path::new(folder)),
        ["add", archive, ref paths @ ..] => change(Path::new(archive), paths, add),
        ["remove", archive, ref names @ ..] => change(Path::new(archive), names, remove),
        _ => Err(io::Error::other("usage: inputs list|extract|add|remove ARCHIVE [FOLDER | PATH... | NAME...]")),
    }
}

fn list(archive: &Path) -> io::Result<()> {
    for (name, bytes) in archive::read(archive)? {
        println!("{:>9}  {name}", bytes.len());
    }
    Ok(())
}

fn extract(archive: &Path, folder: &Path) -> io::Result<()> {
    for (name, bytes) in archive::read(archive)? {
        if Path::new(&name).components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(io::Error::other(format!("{}: {name}: it would leave the folder", archive.display())));
        }
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

/// Applies a change to the members for each word, and writes the archive again.
fn change(archive: &Path, words: &[&str], with: fn(&mut Members, &str) -> io::Result<()>) -> io::Result<()> {
    let mut members = if archive.exists() { archive::read(archive)? } else { Members::new() };
    let before = members.len();
    words.iter().try_for_each(|word| with(&mut members, word))?;
    archive::write(archive, &members)?;
    println!("{}: {} members, {before} before", archive.display(), members.len());
    Ok(())
}

fn remove(members: &mut Members, name: &str) -> io::Result<()> {
    let gone = members.remove(name).map(drop);
    gone.ok_or_else(|| io::Error::other(format!("{name}: there is no such member; `list` names them")))
}

fn add(members: &mut Members, path: &str) -> io::Result<()> {
    let path = Path::new(path);
    if path.is_dir() {
        return add_folder(members, path, path);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    add_file(members, folder, path)
}

fn add_folder(members: &mut Members, top: &Path, folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { add_folder(members, top, &path)? } else { add_file(members, top, &path)? }
    }
    Ok(())
}

fn add_file(members: &mut Members, top: &Path, path: &Path) -> io::Result<()> {
    let of_path = |what: &dyn std::fmt::Display| io::Error::other(format!("{}: {what}", path.display()));
    let name = path.strip_prefix(top).map_err(|error| of_path(&error))?;
    let name = name.to_str().ok_or_else(|| of_path(&"its name is not UTF-8"))?;
    let bytes = std::fs::read(path).map_err(|error| of_path(&error))?;
    members.insert(name.to_owned(), bytes);
    Ok(())
}
