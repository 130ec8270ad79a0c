//! Archives of test inputs: one plain tar per corpus and per group of golden vectors, so that `git ls-files` lists the code.
//!
//! The same members make the same bytes: names are sorted, times and owners are zero. So an archive changes in git only
//! when a member does. Any `tar` lists and unpacks it; the example `inputs` of format-spec adds and removes members.
//!
//! Refuses to follow what it unpacks to a disk: members are read into memory, and only plain files are members.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Name and bytes of each member.
pub type Members = BTreeMap<String, Vec<u8>>;

/// The members of an archive. An error names the archive, and the member where one is at fault.
pub fn read(archive: &Path) -> io::Result<Members> {
    let of_archive = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", archive.display()));
    let bytes = std::fs::read(archive).map_err(of_archive)?;
    let mut members = Members::new();
    for entry in tar::Archive::new(&bytes[..]).entries().map_err(of_archive)? {
        let mut entry = entry.map_err(of_archive)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refuse = |what: &str| of_archive(io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {what}")));
        if !entry.header().entry_type().is_file() {
            return Err(refuse("it is not a plain file; pack files alone"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| refuse(&error.to_string()))?;
        if members.insert(name.clone(), bytes).is_some() {
            return Err(refuse("it is there twice"));
        }
    }
    Ok(members)
}

/// Writes an archive, and leaves one alone that says the same.
pub fn write(archive: &Path, members: &Members) -> io::Result<()> {
    let of_archive = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", archive.display()));
    let bytes = packed(members).map_err(of_archive)?;
    if std::fs::read(archive).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    std::fs::write(archive, bytes).map_err(of_archive)
}

/// The bytes of the archive of these members.
pub fn packed(members: &Members) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        // Times, owners and device numbers of a new header are zero.
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, &bytes[..])?;
    }
    builder.into_inner()
}

/// The archives of a folder, sorted.
pub fn archives(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut found: Vec<PathBuf> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "tar")).collect();
    found.sort();
    Ok(found)
}

/// Names the member under test when the test panics: an input alone does not say where it came from.
pub struct Tested<'a> {
    /// Where the member lies.
    pub archive: &'a Path,
    /// Its name.
    pub member: &'a str,
    /// What was done to it.
    pub how: &'a str,
}

impl Drop for Tested<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: the member {} failed, {}", self.archive.display(), self.member, self.how);
        }
    }
}
