//! Reading one file: sparse, growing, shrinking, vanished and replaced ones.

use super::{Seen, content, folder, is_root};
use engine::source::rules::Rules;
use engine::source::{Failure, Outcome, outcome_of};
use format_spec::tree::Extent;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};

#[test]
fn runs_of_a_sparse_file_are_read_end_to_end() {
    let (_kept, top) = folder();
    let file = fs::File::create(top.join("sparse")).unwrap();
    file.write_all_at(&[1; 4096], 1 << 20).unwrap();
    file.write_all_at(&[2; 8192], 8 << 20).unwrap();
    file.set_len(16 << 20).unwrap();
    file.sync_all().unwrap();
    fs::File::create(top.join("hole")).unwrap().set_len(1 << 40).unwrap();
    fs::write(top.join("dense"), [3; 10_000]).unwrap();
    let seen = Seen::of(&top, Rules::default());
    let found = seen.get("sparse");
    let mut reader = found.opens.open(&found.entry).unwrap();
    let runs = reader.extents().unwrap().expect("the temporary folder's file system tells holes");
    assert!(runs.windows(2).all(|w| w[0].offset + w[0].bytes < w[1].offset), "{runs:?}");
    let mut buffer = vec![0; 3000];
    let mut bytes = Vec::new();
    while let n @ 1.. = reader.read(&mut buffer).unwrap() {
        bytes.extend_from_slice(&buffer[..n]);
    }
    assert_eq!(bytes.len() as u64, runs.iter().map(|r| r.bytes).sum::<u64>());
    assert_eq!(unfold(&runs, &bytes, found.entry.size), fs::read(top.join("sparse")).unwrap());
    assert!(bytes.len() < 1 << 20, "holes were read: {} bytes", bytes.len());
    assert_eq!(reader.changed().unwrap(), None);

    let hole = seen.get("hole");
    let mut reader = hole.opens.open(&hole.entry).unwrap();
    assert_eq!(reader.extents().unwrap(), Some(Vec::new()));
    assert_eq!(reader.read(&mut buffer).unwrap(), 0);
    let dense = seen.get("dense");
    assert_eq!(dense.opens.open(&dense.entry).unwrap().extents().unwrap(), None);
    assert_eq!(content(dense), [3; 10_000]);
}

#[test]
fn a_file_that_grows_for_ever_ends() {
    let (_kept, top) = folder();
    let mut file = OpenOptions::new().create(true).append(true).open(top.join("log")).unwrap();
    file.write_all(&[7; 10_000]).unwrap();
    let seen = Seen::of(&top, Rules::default());
    let found = seen.get("log");
    file.write_all(b"between the walk and the opening").unwrap();
    let mut reader = found.opens.open(&found.entry).unwrap();
    assert_eq!(reader.extents().unwrap(), None);
    let (mut total, mut buffer) = (0, [0; 999]);
    while let n @ 1.. = reader.read(&mut buffer).unwrap() {
        total += n;
        file.write_all(&[8; 2000]).unwrap();
        assert!(total <= 10_000, "it read on: {total}");
    }
    assert_eq!(total, 10_000);
    let reason = reader.changed().unwrap().unwrap();
    assert!(reason.contains("size changed from 10000"), "{reason}");
}

#[test]
fn a_file_that_shrinks_is_short_and_said_to_have_changed() {
    let (_kept, top) = folder();
    fs::write(top.join("a"), [7; 10_000]).unwrap();
    let seen = Seen::of(&top, Rules::default());
    let found = seen.get("a");
    let mut reader = found.opens.open(&found.entry).unwrap();
    let mut buffer = [0; 4000];
    assert_eq!(reader.read(&mut buffer).unwrap(), 4000);
    OpenOptions::new().write(true).open(top.join("a")).unwrap().set_len(5000).unwrap();
    assert_eq!(reader.read(&mut buffer).unwrap(), 1000);
    assert_eq!(reader.read(&mut buffer).unwrap(), 0);
    assert!(reader.changed().unwrap().unwrap().contains("to 5000 bytes"));
}

#[test]
fn runs_of_a_shrinking_sparse_file_keep_their_lengths() {
    let (_kept, top) = folder();
    let file = fs::File::create(top.join("a")).unwrap();
    file.write_all_at(&[1; 65_536], 1 << 20).unwrap();
    file.sync_all().unwrap();
    let seen = Seen::of(&top, Rules::default());
    let found = seen.get("a");
    let mut reader = found.opens.open(&found.entry).unwrap();
    let told: u64 = reader.extents().unwrap().unwrap().iter().map(|r| r.bytes).sum();
    file.set_len(10).unwrap();
    let (mut total, mut buffer) = (0, [9; 1000]);
    while let n @ 1.. = reader.read(&mut buffer).unwrap() {
        assert!(buffer[..n].iter().all(|b| *b == 0));
        total += n as u64;
    }
    assert_eq!(total, told);
    assert!(reader.changed().unwrap().is_some());
}

#[test]
fn an_edit_of_the_same_size_while_reading_is_noticed() {
    let (_kept, top) = folder();
    fs::write(top.join("a"), b"before").unwrap();
    let seen = Seen::of(&top, Rules::default());
    let found = seen.get("a");
    let mut reader = found.opens.open(&found.entry).unwrap();
    assert_eq!(reader.changed().unwrap(), None);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut file = OpenOptions::new().write(true).open(top.join("a")).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(b"after!").unwrap();
    assert!(reader.changed().unwrap().unwrap().contains("modified"));
}

#[test]
fn a_file_that_vanished_or_was_replaced_is_not_read_and_does_not_block() {
    let (_kept, top) = folder();
    for name in ["gone", "fifo", "file", "link", "folder"] {
        fs::write(top.join(name), name).unwrap();
    }
    fs::write(top.join("secret"), b"secret").unwrap();
    let seen = Seen::of(&top, Rules::default());
    for name in ["gone", "fifo", "link", "folder"] {
        fs::remove_file(top.join(name)).unwrap();
    }
    mknodat(CWD, top.join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    fs::write(top.join("new"), b"new").unwrap();
    fs::rename(top.join("new"), top.join("file")).unwrap();
    symlink("secret", top.join("link")).unwrap();
    fs::create_dir(top.join("folder")).unwrap();
    for name in ["gone", "fifo", "file", "link", "folder"] {
        let found = seen.get(name);
        let Err(e) = found.opens.open(&found.entry) else { panic!("{name} was opened") };
        assert_eq!(Failure::of(name.into(), &e).outcome, Outcome::Vanished, "{name}: {e}");
    }
    let mut entry = seen.get("gone").entry.clone();
    let e = seen.get("gone").opens.fill(&mut entry).unwrap_err();
    assert_eq!(outcome_of(&e), Outcome::Vanished);
}

#[test]
fn a_file_without_permission_fails_when_opened() {
    if is_root() {
        println!("root may read everything: not tried");
        return;
    }
    let (_kept, top) = folder();
    fs::write(top.join("a"), b"x").unwrap();
    fs::set_permissions(top.join("a"), fs::Permissions::from_mode(0o000)).unwrap();
    let seen = Seen::of(&top, Rules::default());
    let Err(e) = seen.get("a").opens.open(&seen.get("a").entry) else { panic!("it was opened") };
    assert_eq!(outcome_of(&e), Outcome::Failed);
    assert!(seen.failures.is_empty());
}

#[test]
fn files_of_pseudo_file_systems_that_claim_to_be_empty_are_empty() {
    let seen = Seen::of_many(&["/proc/version".into()], Rules::default(), "/proc".as_ref());
    assert_eq!(seen.get("version").entry.size, 0);
    assert_eq!(content(seen.get("version")), b"");
}

fn unfold(runs: &[Extent], bytes: &[u8], size: u64) -> Vec<u8> {
    let mut whole = vec![0; usize::try_from(size).unwrap()];
    let mut rest = bytes;
    for run in runs {
        let (now, later) = rest.split_at(usize::try_from(run.bytes).unwrap());
        let at = usize::try_from(run.offset).unwrap();
        whole[at..at + now.len()].copy_from_slice(now);
        rest = later;
    }
    whole
}
