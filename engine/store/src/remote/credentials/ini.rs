//! The aws command's configuration files as sections of keys and values, read as that command reads
//! them.
//!
//! ```text
//! # a comment, or ; one              begins a line
//! [profile office]
//! region = eu-central-1              `=` or `:`; keys in any case; nothing after the value is a comment
//! s3 =
//!   addressing_style = path          indented: the value goes on
//! ```
//!
//! Promises: every value is a [`Secret`]; a message names the line and never its text. Refuses what
//! the aws command refuses: a line without a delimiter, a key before the first section, and a
//! section or key that stands twice.

use super::secret::Secret;
use std::collections::BTreeMap;

/// A file's sections by their names, as they stand between the brackets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ini {
    sections: BTreeMap<String, Section>,
}

/// Values by their keys in lower case.
pub(crate) type Section = BTreeMap<String, Secret>;

/// The key whose value may go on in the next line.
struct Open {
    section: String,
    key: String,
    indent: usize,
}

impl Ini {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub(crate) fn parse(text: &str) -> Result<Ini, String> {
        let mut sections = BTreeMap::<String, Section>::new();
        let (mut section, mut open) = (None::<String>, None::<Open>);
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            let words = line.trim();
            if words.starts_with(['#', ';']) {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            if let Some(open) = open.as_ref().filter(|open| words.is_empty() || indent > open.indent) {
                if let Some(value) = sections.get_mut(&open.section).and_then(|s| s.get_mut(&open.key)) {
                    value.push_line(words);
                }
                continue;
            }
            if words.is_empty() {
                continue;
            }
            if let Some((name, _)) = words.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
                if name.is_empty() || sections.insert(name.to_owned(), Section::new()).is_some() {
                    return Err(wrong(if name.is_empty() {
                        "a section without a name"
                    } else {
                        "a section that stands twice"
                    }));
                }
                (section, open) = (Some(name.to_owned()), None);
                continue;
            }
            let here = section.clone().ok_or_else(|| wrong("a key before the first section"))?;
            let (key, value) =
                words.split_once(['=', ':']).ok_or_else(|| wrong("neither a section nor a key with `=`"))?;
            let key = key.trim_end().to_lowercase();
            let keys = sections.entry(here.clone()).or_default();
            if key.is_empty() || keys.insert(key.clone(), Secret::new(value.trim_start())).is_some() {
                return Err(wrong(if key.is_empty() { "a value without a key" } else { "a key that stands twice" }));
            }
            open = Some(Open { section: here, key, indent });
        }
        sections.values_mut().flat_map(BTreeMap::values_mut).for_each(Secret::end);
        Ok(Ini { sections })
    }

    /// A section by its whole name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.get(name)
    }

    /// A section of a kind: `[profile office]`, `[profile "my office"]`.
    pub(super) fn section_of(&self, kind: &str, name: &str) -> Option<&Section> {
        let is_meant = |header: &str| {
            header.starts_with(kind)
                && super::words::split(header).is_ok_and(|words| matches!(&words[..], [_, second] if second == name))
        };
        self.sections.iter().find(|(header, _)| is_meant(header)).map(|(_, section)| section)
    }

    /// The names of sections of this kind.
    pub(super) fn names_of(&self, kind: &str) -> Vec<String> {
        let name = |header: &String| match super::words::split(header) {
            Ok(words) if header.starts_with(kind) => words.into_iter().nth(1),
            _ => None,
        };
        self.sections.keys().filter_map(name).collect()
    }

    /// The names of all sections.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// Written so that it can be read again, for the fuzz target.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, section) in &self.sections {
            text.push_str(&format!("[{name}]\n"));
            for (key, value) in section {
                text.push_str(&format!("{key} = {}\n", value.expose().replace('\n', "\n  ")));
            }
        }
        text
    }
}

/// A value that is a list of keys and values itself: `s3 =` and indented lines below.
pub(super) fn nested(value: &Secret) -> BTreeMap<&str, &str> {
    let lines = value.expose().strip_prefix('\n').unwrap_or_default().lines();
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim(), value.trim())).collect()
}

#[cfg(test)]
#[path = "ini_tests.rs"]
mod tests;
