//! One function a parser of `cli`: whatever text people write, it answers or refuses. Each says whether it accepted.

use super::replay::Target;
use cli::fuzzing;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Name and function of every target; each has a file in `fuzz_targets` and an archive in `corpus`.
pub const TARGETS: [Target; 5] = [
    ("profile", profile),
    ("point_path", point_path),
    ("path_pattern", path_pattern),
    ("quantity", quantity),
    ("known", known),
];

/// A config file. With bit 0 of the first byte, its first line is not part of it but the name of the profile to choose.
pub fn profile(bytes: &[u8]) -> bool {
    let Some((choice, text)) = bytes.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let (name, text) = match text.split_once('\n') {
        Some((name, rest)) if choice & 1 == 1 => (Some(name), rest),
        _ => (None, text),
    };
    let folder = Path::new("/etc/cairn");
    match fuzzing::config(text, &folder.join("config.toml"), name) {
        Ok((_, password_file, threads, upload, download, store)) => {
            assert!(password_file.is_none_or(|path| path.is_absolute()));
            assert!(![upload, download].contains(&Some(0)) && threads != Some(0));
            assert!(store.keys().all(|key| key.starts_with("aws_") || key.starts_with("azure_")));
            true
        }
        Err(why) => refused(&why),
    }
}

/// The file of what a machine remembers of a location: what is accepted is written again as it was.
pub fn known(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match fuzzing::known(text) {
        Ok(written) => {
            assert_eq!(written, text);
            true
        }
        Err(why) => refused(&why),
    }
}

/// A restore point and a path in it.
pub fn point_path(bytes: &[u8]) -> bool {
    let text = OsStr::from_bytes(bytes);
    if let Ok(path) = fuzzing::absolute(text) {
        assert_inner(&path);
        let written = [b"/", &path[..]].concat();
        assert_eq!(fuzzing::absolute(OsStr::from_bytes(&written)).as_ref(), Ok(&path));
    }
    match fuzzing::place(text) {
        Ok((point, path)) => {
            assert!(!point.is_empty() && !point.starts_with('/'));
            assert_inner(&path);
            let written = [point.as_bytes(), b":/", &path].concat();
            assert_eq!(fuzzing::place(OsStr::from_bytes(&written)), Ok((point, path)));
            true
        }
        Err(why) => refused(&why),
    }
}

/// A pattern of `find` and a path: choice, pattern, NUL, path. Bit 0 of the choice: case is ignored.
pub fn path_pattern(bytes: &[u8]) -> bool {
    let Some((choice, rest)) = bytes.split_first() else { return false };
    let mut parts = rest.splitn(2, |b| *b == 0);
    let (pattern, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match fuzzing::path_pattern(OsStr::from_bytes(pattern), choice & 1 == 1, path) {
        Ok((matches, covers)) => {
            assert!(covers || !matches, "an item is covered by what matches it");
            true
        }
        Err(why) => refused(&why),
    }
}

/// A size, a rate, a share or a job's name; it is accepted when it is a size or a share.
pub fn quantity(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (size, rate, share, job) = (fuzzing::size(text), fuzzing::rate(text), fuzzing::share(text), fuzzing::job(text));
    if let Ok(size) = size {
        assert_eq!(fuzzing::size(&size.to_string()), Ok(size));
    }
    assert!(rate.is_err() || rate != Ok(0));
    assert!(share.as_ref().is_ok_and(|share| *share > 0.0 && *share <= 1.0) || share.is_err());
    assert!(job.is_err() || job.as_deref() == Ok(text));
    if let Ok((memory, passes, slots, written)) = fuzzing::key_cost(text) {
        assert!(memory <= 4_194_304 && (1..=64).contains(&passes) && slots > 0);
        assert_eq!(fuzzing::key_cost(&written), Ok((memory, passes, slots, written.clone())));
    }
    match (size, share) {
        (Err(why), Err(_)) => refused(&why),
        _ => true,
    }
}

/// Whoever is refused is told why.
fn refused(why: &str) -> bool {
    assert!(!why.is_empty());
    false
}

fn assert_inner(path: &[u8]) {
    let mut parts = path.split(|b| *b == b'/');
    assert!(path.is_empty() || parts.all(|part| !matches!(part, b"" | b"." | b"..")), "{}", path.escape_ascii());
}
