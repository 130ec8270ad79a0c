//! Lists of path patterns: `--exclude`, `--exclude-file` and `.cairnignore`.
//!
//! Promises: the last pattern of a list that matches decides; `!` before a pattern takes back what an earlier one left out, but
//! not within a folder that was left out, which is not looked into. `**` as a whole component stands for any number of
//! components, a trailing `/` for folders only. Components are matched by [`super::glob`]. The two dialects differ in one
//! thing only, where a pattern may begin:
//!
//! | pattern    | `--exclude` (as restic and rustic users know it) | `.cairnignore` (as gitignore)          |
//! |------------|--------------------------------------------------|----------------------------------------|
//! | `*.o`      | any item with such a name                        | any such item in or below the folder   |
//! | `a/b`      | `b` in any folder `a`                            | `b` in the `a` beside the ignore file  |
//! | `/srv/a`   | this path from the root alone                    | from the ignore file's folder          |

use super::glob::Glob;
use base::error::{Error, Kind, Result};

/// A list of patterns in their order.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    list: Vec<Pattern>,
}

/// Where a pattern that holds a slash may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Exclude,
    IgnoreFile,
}

/// One pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) negated: bool,
    folders_only: bool,
    parts: Vec<Part>,
    /// As it was written, for messages.
    pub(super) text: String,
    /// As it was written, for the restore point.
    pub(super) raw: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Part {
    AnyDepth,
    Name(Glob),
}

impl Patterns {
    /// Adds one pattern of `--exclude`.
    ///
    /// # Errors
    /// `Input` with the pattern and what is wrong with it.
    pub fn add(&mut self, pattern: &[u8]) -> Result<()> {
        self.push(pattern, Dialect::Exclude).map_err(|reason| malformed(pattern, reason))
    }

    /// Adds the lines of an exclude file, `text`. Empty lines and lines that begin with `#` are passed over, spaces at the end
    /// of a line fall unless escaped.
    ///
    /// # Errors
    /// `Input` with the line and what is wrong with it.
    pub fn add_lines(&mut self, text: &[u8]) -> Result<()> {
        for (number, line) in lines(text) {
            self.push(line, Dialect::Exclude)
                .map_err(|reason| malformed(line, &format!("{reason} (line {number} of the exclude file)")))?;
        }
        Ok(())
    }

    /// The lines of an ignore file and the reasons for those that are malformed, which are passed over.
    pub(super) fn of_ignore_file(text: &[u8]) -> (Patterns, Vec<String>) {
        let mut patterns = Patterns::default();
        let mut reasons = Vec::new();
        for (number, line) in lines(text) {
            if let Err(reason) = patterns.push(line, Dialect::IgnoreFile) {
                reasons.push(format!("line {number} is passed over: {reason}"));
            }
        }
        (patterns, reasons)
    }

    /// Whether there is nothing in the list.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The patterns as they were written, in their order.
    pub(super) fn raw(&self) -> impl Iterator<Item = &[u8]> {
        self.list.iter().map(|pattern| &pattern.raw[..])
    }

    /// The last pattern that matches the item at `path`, which begins where the patterns are rooted.
    pub(super) fn last_match(&self, path: &[u8], folder: bool) -> Option<&Pattern> {
        self.list.iter().rev().find(|pattern| pattern.matches(path, folder))
    }

    fn push(&mut self, text: &[u8], dialect: Dialect) -> Result<(), &'static str> {
        self.list.push(Pattern::parse(text, dialect)?);
        Ok(())
    }
}

impl Pattern {
    fn parse(text: &[u8], dialect: Dialect) -> Result<Pattern, &'static str> {
        let (negated, body) = match text.strip_prefix(b"!") {
            Some(body) => (true, body),
            None => (false, text),
        };
        let (folders_only, body) = match body.strip_suffix(b"/") {
            Some(body) => (true, body),
            None => (false, body),
        };
        let (anchored, body) = match (body.strip_prefix(b"/"), dialect) {
            (Some(body), _) => (true, body),
            (None, Dialect::Exclude) => (false, body),
            (None, Dialect::IgnoreFile) => (body.contains(&b'/'), body),
        };
        let mut parts = if anchored { Vec::new() } else { vec![Part::AnyDepth] };
        for part in body.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
            let twice = part == b"**" && matches!(parts.last(), Some(Part::AnyDepth));
            match part {
                _ if twice => {}
                b"**" => parts.push(Part::AnyDepth),
                name => parts.push(Part::Name(Glob::parse(name)?)),
            }
        }
        if !parts.iter().any(|part| matches!(part, Part::Name(_))) {
            // `**` and `a/**` name what is in a folder, not the folder.
            match body {
                b"**" => parts.push(Part::Name(Glob::Ending(Vec::new()))),
                _ => return Err("it names nothing"),
            }
        } else if let (Some(Part::AnyDepth), true) = (parts.last(), parts.len() > 1) {
            parts.push(Part::Name(Glob::Ending(Vec::new())));
        }
        Ok(Pattern {
            negated,
            folders_only,
            parts,
            text: String::from_utf8_lossy(text).into_owned(),
            raw: text.to_vec(),
        })
    }

    fn matches(&self, path: &[u8], folder: bool) -> bool {
        if self.folders_only && !folder {
            return false;
        }
        match self.parts.as_slice() {
            [Part::AnyDepth, Part::Name(glob)] => glob.matches(last_part(path)),
            parts => matches(parts, path),
        }
    }
}

/// Goes back only to the last `**`, as [`super::glob`] does to the last star.
fn matches(parts: &[Part], path: &[u8]) -> bool {
    let mut parts = parts;
    let mut path = Some(path);
    let mut retry: Option<(&[Part], Option<&[u8]>)> = None;
    loop {
        match (parts.split_first(), path) {
            (Some((Part::AnyDepth, rest)), _) => {
                parts = rest;
                retry = Some((rest, path));
                continue;
            }
            (Some((Part::Name(glob), rest)), Some(now)) => {
                let (name, tail) = first_part(now);
                if glob.matches(name) {
                    (parts, path) = (rest, tail);
                    continue;
                }
            }
            (None, None) => return true,
            _ => {}
        }
        let Some((after, Some(from))) = retry else { return false };
        let tail = first_part(from).1;
        (parts, path) = (after, tail);
        retry = Some((after, tail));
    }
}

fn first_part(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = path.splitn(2, |b| *b == b'/');
    (parts.next().unwrap_or_default(), parts.next())
}

fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// The lines that hold patterns, with their numbers.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text.split(|b| *b == b'\n').enumerate().filter_map(|(n, line)| {
        let line = without_trailing_spaces(line.strip_suffix(b"\r").unwrap_or(line));
        (!line.is_empty() && !line.starts_with(b"#")).then_some((n + 1, line))
    })
}

fn without_trailing_spaces(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b' '] = line {
        let backslashes = rest.iter().rev().take_while(|b| **b == b'\\').count();
        if backslashes % 2 == 1 {
            break;
        }
        line = rest;
    }
    line
}

fn malformed(pattern: &[u8], reason: &str) -> Error {
    Error::new(Kind::Input, format!("the pattern {:?} is malformed: {reason}", String::from_utf8_lossy(pattern)))
        .advise("see `cairn backup --help` for patterns; put a backslash before a character that stands for itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(lines: &str, dialect: Dialect, path: &[u8], folder: bool) -> bool {
        let mut patterns = Patterns::default();
        match dialect {
            Dialect::Exclude => patterns.add_lines(lines.as_bytes()).unwrap(),
            Dialect::IgnoreFile => patterns = Patterns::of_ignore_file(lines.as_bytes()).0,
        }
        patterns.last_match(path, folder).is_some_and(|p| !p.negated)
    }

    #[test]
    fn exclude_patterns_match_as_the_table_says() {
        for (lines, path, folder, expected) in [
            ("*.o", "srv/a/x.o", false, true),
            ("*.o", "x.o", false, true),
            ("*.o", "srv/x.o/y", false, false),
            ("a/b", "srv/a/b", false, true),
            ("a/b", "a/b", true, true),
            ("a/b", "srv/a/c/b", false, false),
            ("/srv/a", "srv/a", true, true),
            ("/srv/a", "x/srv/a", true, false),
            ("/srv/*/c", "srv/b/c", false, true),
            ("/srv/*/c", "srv/b/d/c", false, false),
            ("/srv/**/c", "srv/b/d/c", false, true),
            ("/srv/**/c", "srv/c", false, true),
            ("/srv/**", "srv", true, false),
            ("/srv/**", "srv/x", true, true),
            ("a/**/b/*.c", "q/a/1/b/2/b/x.c", false, true),
            ("cache/", "srv/cache", true, true),
            ("cache/", "srv/cache", false, false),
            ("*\n!keep", "srv/keep", false, false),
            ("!keep\n*", "srv/keep", false, true),
            ("# *.o\n\n", "x.o", false, false),
            ("\\#x", "#x", false, true),
            ("\\!x", "!x", false, true),
            ("x  ", "x", false, true),
            ("x\\ ", "x ", false, true),
            ("x\r\n", "x", false, true),
            ("{a,b}", "a", false, false),
            ("**", "srv/x", false, true),
        ] {
            let matched = left_out(lines, Dialect::Exclude, path.as_bytes(), folder);
            assert_eq!(matched, expected, "{lines:?} on {path}");
        }
    }

    #[test]
    fn ignore_file_patterns_with_a_slash_are_rooted_in_their_folder() {
        for (lines, path, folder, expected) in [
            ("a/b", "a/b", false, true),
            ("a/b", "x/a/b", false, false),
            ("/b", "b", false, true),
            ("/b", "x/b", false, false),
            ("b", "x/y/b", false, true),
            ("b/", "x/b", true, true),
            ("**/a/b", "x/a/b", false, true),
            ("*.o\n!a.o", "x/a.o", false, false),
        ] {
            let matched = left_out(lines, Dialect::IgnoreFile, path.as_bytes(), folder);
            assert_eq!(matched, expected, "{lines:?} on {path}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_match_only_themselves() {
        let mut patterns = Patterns::default();
        patterns.add(b"/a\xff/\xfe*").unwrap();
        assert!(patterns.last_match(b"a\xff/\xfe\xfd", false).is_some());
        assert!(patterns.last_match("a\u{fffd}/\u{fffd}x".as_bytes(), false).is_none());
    }

    #[test]
    fn malformed_patterns_are_refused_with_their_line() {
        let mut patterns = Patterns::default();
        let error = patterns.add_lines(b"fine\n[oops\n").unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        assert!(error.to_string().contains("[oops") && error.to_string().contains("line 2"), "{error}");
        assert!(patterns.add(b"/").is_err() && patterns.add(b"").is_err() && patterns.add(b"!").is_err());
        let (kept, reasons) = Patterns::of_ignore_file(b"[oops\nfine\n");
        assert_eq!((kept.list.len(), reasons.len()), (1, 1));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>, path: Vec<u8>) {
            let (patterns, _) = Patterns::of_ignore_file(&text);
            patterns.last_match(&path, true);
        }
    }
}
