//! One function a decoder of `engine`: whatever bytes come, it answers or refuses; what it accepts, it can write and read again
//! where there is a writer. Each says whether it accepted. What the bytes of an input mean stands beside each function.

pub mod cache;
pub mod credentials;

use super::format;
use super::replay::Target;
use engine::Kind;
use engine::fuzzing;
use engine::pack::PackTail;
use engine::repository::utc;
use engine::source::rules::{Lines, Patterns, paths_in_list};
use engine::store::Location;
use format_spec::container::{HEADER_BYTES, Header};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Name and function of every target; each has a file in `fuzz_targets` and an archive in `corpus`.
pub const TARGETS: [Target; 13] = [
    ("recovery_sheet", recovery_sheet),
    ("index_cache", cache::index_cache),
    ("pack_tail", pack_tail),
    ("patterns", patterns),
    ("source_list", source_list),
    ("location", location),
    ("answer", answer),
    ("selector_time", selector_time),
    ("aws_file", credentials::aws_file),
    ("command_words", credentials::command_words),
    ("connection_string", credentials::connection_string),
    ("credential_reply", credentials::credential_reply),
    ("role_answer", credentials::role_answer),
];

/// A recovery sheet. Bit 0 of the first byte: the lines of the rest are digits, which get their numbers and check groups;
/// else the rest is the sheet.
pub fn recovery_sheet(bytes: &[u8]) -> bool {
    let Some((choice, text)) = bytes.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let numbered = |(number, line): (usize, &str)| {
        let digits = line.chars().filter(|c| !c.is_whitespace() && *c != '-').take(26);
        let digits: String = digits.map(|c| c.to_ascii_lowercase()).collect();
        format!("{}: {line} {}\n", number + 1, fuzzing::sheet_check_group(number, &digits))
    };
    let sheet = if choice & 1 == 1 { text.lines().enumerate().map(numbered).collect() } else { text.to_owned() };
    match fuzzing::read_sheet(&sheet) {
        Ok(secrets) => {
            assert_eq!(secrets.len(), 64);
            let again = fuzzing::write_sheet(&secrets).join("\n");
            assert_eq!(fuzzing::read_sheet(&again).expect("what was read can be written"), secrets);
            true
        }
        Err(e) => refused(&e),
    }
}

/// The tail of a pack. Bit 0 of the first byte: checksums and seal of the object in the rest are made right first; the second
/// byte times 16: where in the object the tail begins.
pub fn pack_tail(bytes: &[u8]) -> bool {
    let Some(([choice, cut], object)) = bytes.split_first_chunk() else { return false };
    let object = if choice & 1 == 1 { format::mend(object) } else { object.to_vec() };
    let object_bytes = object.len() as u64;
    let tail = &object[(usize::from(*cut) * 16).min(object.len())..];
    let Ok(needed) = PackTail::bytes_needed(tail, object_bytes) else { return false };
    assert!(needed <= object_bytes);
    let Ok(parsed) = PackTail::parse(tail, object_bytes) else { return false };
    let (Ok(header), Ok(entry)) = (Header::decode(&object), parsed.contents_entry()) else { return true };
    let range = entry.range();
    assert!(range.start >= HEADER_BYTES as u64 && range.end <= object_bytes, "an entry outside of its pack");
    let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).expect("within the object"));
    let record = &object[start..end];
    let cipher = format::secrets(header.suite).cipher(&header);
    if let Ok(contents) = parsed.contents(&header, &cipher, record) {
        assert!(contents.encode().len() <= entry.head.plain as usize);
    }
    true
}

/// Patterns and a path that they judge: choice, path, NUL, text. Bit 0 of the choice: an ignore file, else patterns of
/// `--exclude`; bit 1: the path is a folder; bit 2: the text is one pattern, not lines.
pub fn patterns(bytes: &[u8]) -> bool {
    let Some((choice, rest)) = bytes.split_first() else { return false };
    let mut parts = rest.splitn(2, |b| *b == 0);
    let (path, text) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_folder = choice & 2 != 0;
    if choice & 1 == 1 {
        let (reasons, left_out) = fuzzing::ignore_file(text, b"", path, is_folder);
        assert!(reasons.len() <= text.split(|b| *b == b'\n').count());
        // In another folder it has no say.
        assert_eq!(fuzzing::ignore_file(text, &[path, b"/deeper"].concat(), path, is_folder).1, None);
        assert!(left_out.is_none_or(|why| why.contains(".cairnignore")));
        return reasons.is_empty();
    }
    let mut excludes = Patterns::default();
    let added = if choice & 4 == 0 { excludes.add_lines(text) } else { excludes.add(text) };
    let left_out = fuzzing::excluded(excludes.clone(), path, is_folder);
    assert!(left_out.is_none() || !excludes.is_empty());
    assert!(left_out.is_none_or(|why| why.contains("--exclude")));
    added.map_or_else(|e| refused(&e), |()| true)
}

/// A list of sources, with comments and without; it is accepted when it names any.
pub fn source_list(bytes: &[u8]) -> bool {
    let separator = if bytes.contains(&0) { 0 } else { b'\n' };
    let [commented, verbatim] = [Lines::Commented, Lines::Verbatim].map(|lines| {
        let listed = paths_in_list(bytes, lines);
        let parts: Vec<&[u8]> = listed.paths.iter().map(|path| path.as_os_str().as_bytes()).collect();
        assert!(parts.iter().all(|part| !part.is_empty() && !part.contains(&separator)));
        let written = [parts.join(&separator), vec![separator]].concat();
        assert_eq!(paths_in_list(&written, lines).paths, listed.paths);
        listed
    });
    assert!(
        verbatim.comments.is_empty() && commented.comments.iter().all(|c| c.as_os_str().as_bytes().starts_with(b"#"))
    );
    assert_eq!(commented.paths.len() + commented.comments.len(), verbatim.paths.len());
    !verbatim.paths.is_empty()
}

/// An answer from the network. Bit 0 of the first byte: a listing was asked for. A status of two bytes, lines of headers, an empty line, the body.
pub fn answer(bytes: &[u8]) -> bool {
    let Some(([choice, low, high], rest)) = bytes.split_first_chunk() else { return false };
    let end = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
    let (head, body) = rest.split_at(end);
    let head = String::from_utf8_lossy(head);
    let headers: Vec<_> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let status = u16::from_le_bytes([*low, *high]);
    match fuzzing::answer(choice & 1 == 1, status, &headers, body.get(2..).unwrap_or_default()) {
        Ok(()) => true,
        Err(e) => {
            let told = format!("{e} {}", e.advice().unwrap_or_default());
            assert!(told.len() < 2000 && !told.contains(char::is_control), "{told:?}");
            false
        }
    }
}

/// Where a repository is.
pub fn location(bytes: &[u8]) -> bool {
    match Location::parse(OsStr::from_bytes(bytes)) {
        Ok(found) => {
            let again = match &found {
                // A folder prints as its path, which may look like something else.
                Location::Folder(path) => !path.as_os_str().is_empty(),
                _ => Location::parse(found.to_string()).is_ok_and(|again| again == found),
            };
            assert!(again, "{found} is not read as it was written");
            assert_ne!(found.below("x"), found);
            true
        }
        Err(e) => refused(&e),
    }
}

/// A restore point's selector that is a time.
pub fn selector_time(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(time) = fuzzing::selector_time(text) else { return false };
    assert_eq!(fuzzing::selector_time(&utc(time)), Some(time), "{text:?} prints as {}", utc(time));
    true
}

/// Input of people is refused as such, never as a fault of the program.
fn refused(e: &engine::Error) -> bool {
    assert_eq!(e.kind(), Kind::Input, "{e}");
    false
}
