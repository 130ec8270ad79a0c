//! One pipe as a source.

use super::content;
use engine::Kind;
use engine::source::stream::StreamSource;
use engine::source::{Source, Step};
use format_spec::Time;
use format_spec::tree;
use std::io::{self, Read};

#[test]
fn a_stream_is_one_file_in_the_root_that_is_read_to_its_end() {
    let now = Time::new(1_700_000_000, 5);
    let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    let source = StreamSource::new("dump.sql", Box::new(io::Cursor::new(bytes.clone())), now).unwrap();
    let mut walk = source.walk().unwrap();
    let Some(Step::Enter(root)) = walk.next() else { panic!("no root") };
    assert_eq!((root.entry.name.as_slice(), root.entry.kind), (&b""[..], tree::Kind::Folder));
    let Some(Step::Item(file)) = walk.next() else { panic!("no file") };
    let entry = &file.entry;
    assert_eq!((entry.name.as_slice(), entry.kind, entry.mode), (&b"dump.sql"[..], tree::Kind::File, 0o600));
    assert_eq!((entry.mtime, entry.ctime, entry.size, entry.inode, entry.link_group), (now, now, 0, 0, None));
    assert!(matches!(walk.next(), Some(Step::Leave)) && walk.next().is_none() && walk.next().is_none());
    assert_eq!(content(&file), bytes);
    assert!(file.opens.open(&file.entry).is_err(), "a stream cannot be read twice");
    assert_eq!(source.about().paths, [b"dump.sql".to_vec()]);
}

#[test]
fn interruptions_are_passed_over_and_errors_reach_the_reader() {
    struct Odd(Vec<io::Result<usize>>);
    impl Read for Odd {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0.pop().unwrap_or(Ok(0))
        }
    }
    let steps = vec![Err(io::ErrorKind::BrokenPipe.into()), Ok(3), Err(io::ErrorKind::Interrupted.into())];
    let source = StreamSource::new("stdin", Box::new(Odd(steps)), Time::new(0, 0)).unwrap();
    let mut walk = source.walk().unwrap();
    walk.next();
    let Some(Step::Item(file)) = walk.next() else { panic!("no file") };
    let mut reader = file.opens.open(&file.entry).unwrap();
    assert_eq!(reader.extents().unwrap(), None);
    assert_eq!(reader.read(&mut [0; 10]).unwrap(), 3);
    assert_eq!(reader.read(&mut [0; 10]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_stream_needs_a_name_that_a_file_can_have() {
    for name in ["", ".", "..", "a/b", "a\0b", &"x".repeat(256)] {
        let error = StreamSource::new(name, Box::new(io::empty()), Time::new(0, 0)).unwrap_err();
        assert_eq!(error.kind(), Kind::Input, "{name:?}");
    }
}
