//! What an item is called in a restore point.
//!
//! Promises: a name is at most 255 bytes of UTF-8, holds nothing that a file system or a person
//! stumbles over, and differs from every other name of its folder without regard to case; an item
//! keeps its name for as long as the service gives it the same one. Refuses to know folders: who
//! holds a name already is asked.

use std::fmt::Write;
use unicode_normalization::UnicodeNormalization;

/// Bytes of a name, at most: what file systems take.
pub const NAME_BYTES_MAX: usize = 255;
/// What an item without a subject or name is called.
const NOTHING: &str = "(no name)";
/// Characters that Windows does not take in names.
const FOREIGN: [char; 8] = ['<', '>', ':', '"', '\\', '|', '?', '*'];

/// The name that the service gave to a file or folder, made safe for a tree of files: what it cannot
/// hold becomes `_`, and what is too long is cut before the extension and marked by its id.
pub fn of_file(given: Option<&str>, id: &str) -> String {
    let name: String = given.unwrap_or_default().nfc().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    match &*name {
        "" => NOTHING.to_owned(),
        "." => "_".to_owned(),
        ".." => "__".to_owned(),
        _ => fitted(&name, id),
    }
}

/// A name that is made of what an item is about: `STAMP SUBJECT [MARK].EXTENSION`. The mark comes
/// from the id, so that two of one second and subject are two.
pub fn of_item(stamp: Option<&str>, subject: Option<&str>, id: &str, extension: &str) -> String {
    let subject = about(subject.unwrap_or_default());
    let mark = mark(id, 8);
    let tail = format!(" [{mark}].{extension}");
    let head = stamp.map(|stamp| format!("{stamp} ")).unwrap_or_default();
    let room = NAME_BYTES_MAX.saturating_sub(head.len() + tail.len());
    format!("{head}{}{tail}", cut(&subject, room).trim_end())
}

/// The name of a user's folder: `NAME (ADDRESS)`.
pub fn of_user(display_name: Option<&str>, address: Option<&str>, id: &str) -> String {
    let (name, address) = (about(display_name.unwrap_or_default()), about(address.unwrap_or_default()));
    let is_nothing = |text: &str| text == NOTHING;
    fitted(
        &match (is_nothing(&name), is_nothing(&address)) {
            (false, false) => format!("{name} ({address})"),
            (false, true) => name,
            (true, false) => address,
            (true, true) => format!("(no name {})", mark(id, 8)),
        },
        id,
    )
}

/// The name that an item gets in a folder where others have names already: its own if that is free,
/// else one with a mark of its id. `is_taken` is asked about names without regard to case
/// ([`folded`]).
///
/// # Errors
/// Those of `is_taken`.
pub fn free<E>(name: &str, id: &str, is_taken: &mut dyn FnMut(&str) -> Result<bool, E>) -> Result<String, E> {
    if !is_taken(&folded(name))? {
        return Ok(name.to_owned());
    }
    for digits in [8, 16, 32] {
        let marked = marked(name, id, digits);
        if !is_taken(&folded(&marked))? {
            return Ok(marked);
        }
    }
    Ok(marked(name, id, 64))
}

/// A name without regard to case: two that are equal so are one name on Windows and macOS.
pub fn folded(name: &str) -> String {
    name.nfkc().flat_map(char::to_lowercase).nfc().collect()
}

/// Text for people as a part of a name: one line, nothing that Windows refuses, no blanks or dots at
/// its ends.
fn about(text: &str) -> String {
    let spaced = text.nfc().map(|c| if c.is_whitespace() { ' ' } else { c });
    let safe: String = spaced.map(|c| if is_unsafe(c) || FOREIGN.contains(&c) { '_' } else { c }).collect();
    let one_blank = safe.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let trimmed = one_blank.trim_matches(['.', ' ']);
    if trimmed.is_empty() { NOTHING.to_owned() } else { trimmed.to_owned() }
}

fn is_unsafe(c: char) -> bool {
    c == '/' || c.is_control() || is_invisible(c)
}

/// Characters that turn the direction of text around, or show nothing: a name with them is not what
/// it seems.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A name that is too long is cut before its extension, and gets a mark.
fn fitted(name: &str, id: &str) -> String {
    if name.len() <= NAME_BYTES_MAX { name.to_owned() } else { marked(name, id, 8) }
}

/// `STEM~MARK.EXTENSION`, of at most 255 bytes.
fn marked(name: &str, id: &str, digits: usize) -> String {
    let dot = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= EXTENSION_BYTES_MAX);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let mark = mark(id, digits);
    let room = NAME_BYTES_MAX.saturating_sub(extension.len() + mark.len() + 1);
    format!("{}~{mark}{extension}", cut(stem, room))
}

/// What is longer than this behind a dot is no extension.
const EXTENSION_BYTES_MAX: usize = 16;

/// The beginning of a text, at most so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Digits that come from an id.
fn mark(id: &str, digits: usize) -> String {
    let mut mark = String::with_capacity(64);
    blake3::hash(id.as_bytes()).as_bytes().iter().for_each(|byte| {
        // Writing to a string does not fail.
        let _ = write!(mark, "{byte:02x}");
    });
    mark.truncate(digits);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    #[test]
    fn names_are_what_people_expect() {
        let id = "AAkALg";
        let mark = mark(id, 8);
        assert_eq!(of_file(Some("Budget 2026.xlsx"), id), "Budget 2026.xlsx");
        assert_eq!(of_file(Some("a/b\0c\n"), id), "a_b_c_");
        assert_eq!([of_file(None, id), of_file(Some(".."), id)], ["(no name)", "__"]);
        assert_eq!(of_file(Some("Cafe\u{301}"), id), "Café");
        assert_eq!(
            of_item(Some("2026-02-27 09.15.03"), Some("  Re:\tbudget? "), id, "eml"),
            format!("2026-02-27 09.15.03 Re_ budget_ [{mark}].eml")
        );
        assert_eq!(of_item(None, None, id, "vcf"), format!("(no name) [{mark}].vcf"));
        assert_eq!(of_user(Some("Ada Lovelace"), Some("ada@contoso.com"), id), "Ada Lovelace (ada@contoso.com)");
        assert_eq!(of_user(None, Some("ada@contoso.com"), id), "ada@contoso.com");
    }

    #[test]
    fn a_name_of_765_bytes_is_cut_before_its_extension() {
        let name = format!("{}.docx", "雪".repeat(250));
        let short = of_file(Some(&name), "id");
        assert!(short.len() <= NAME_BYTES_MAX && short.ends_with(&format!("~{}.docx", mark("id", 8))), "{short}");
        assert!(of_item(Some("2026-02-27 09.15.03"), Some(&name), "id", "eml").len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn a_second_of_one_name_is_marked() {
        let mut taken = BTreeSet::new();
        let mut get = |name: &str, id: &str| {
            let free = free::<Infallible>(name, id, &mut |folded| Ok(taken.contains(folded)));
            let Ok(free) = free;
            taken.insert(folded(&free));
            free
        };
        assert_eq!(get("Inbox", "1"), "Inbox");
        assert_eq!(get("INBOX", "2"), format!("INBOX~{}", mark("2", 8)));
        assert_eq!(get("inbox", "3"), format!("inbox~{}", mark("3", 8)));
        // One that was called so by chance does not stop it.
        assert_eq!(get(&format!("a~{}", mark("4", 8)), "5"), format!("a~{}", mark("4", 8)));
        assert_eq!(get("a", "6"), "a");
        assert_eq!(get("A", "4"), format!("A~{}", mark("4", 16)));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_name_that_can_be_stored(text in any::<String>(), id in "[a-zA-Z0-9=/]{1,40}") {
            for name in [
                of_file(Some(&text), &id),
                of_item(Some("2026-02-27 09.15.03"), Some(&text), &id, "eml"),
                of_user(Some(&text), Some(&text), &id),
            ] {
                prop_assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX);
                prop_assert!(!name.contains(['/', '\0']) && name != "." && name != "..");
                let again = of_file(Some(&name), &id);
                prop_assert_eq!(&again, &name, "a name that is safe stays as it is");
            }
        }
    }
}
