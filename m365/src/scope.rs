//! Which objects of an organisation are backed up, and what of them: a TOML file.
//!
//! ```toml
//! include = ["*"]                        # addresses or names with `*` and `?`, or `id:...`
//! exclude = ["*@partner.example", "id:87d349ed-44d7-43e1-9a83-5f2406dee5bd"]
//! parts = ["mailbox", "calendar", "contacts", "tasks", "onedrive"]
//! mail = "both"                          # or "mime", or "blob"
//! archive = false                        # in-place archives
//! recoverable = false                    # Recoverable Items
//! recheck = 10                           # every so many sessions of an object all is enumerated; 0 never
//! ```
//!
//! An object is in scope when a line of `include` names it and none of `exclude` does. A word that is
//! not known is an error: a typing error must not leave a mailbox out.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;

/// What a session is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Objects that are backed up.
    pub include: Vec<Pattern>,
    /// Objects that are not, whatever includes them.
    pub exclude: Vec<Pattern>,
    /// What of an object is backed up.
    pub parts: BTreeSet<PartOf>,
    /// How a mail is kept.
    pub mail: MailAs,
    /// Whether in-place archives are backed up.
    pub archive: bool,
    /// Whether Recoverable Items are backed up.
    pub recoverable: bool,
    /// Every so many sessions of an object all of it is enumerated; 0 never.
    pub recheck: u32,
}

/// A part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartOf {
    /// Mail.
    Mailbox,
    /// Calendars.
    Calendar,
    /// Contacts.
    Contacts,
    /// Tasks.
    Tasks,
    /// Drives.
    OneDrive,
}

/// How a mail is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailAs {
    /// As the text that everybody reads.
    Mime,
    /// As the service's own bytes, from which it makes the same mail again.
    Blob,
    /// As both.
    #[default]
    Both,
}

/// A line of the scope: an address or a name with wildcards, or an id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    text: String,
}

/// What a line is held against.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The id in the directory.
    pub id: &'a str,
    /// The user principal name.
    pub upn: &'a str,
    /// The address, where it is another one.
    pub mail: &'a str,
    /// The name that people see.
    pub display_name: &'a str,
}

impl Default for Scope {
    /// Everything of every object that has not to be asked for.
    fn default() -> Self {
        let parts = [PartOf::Mailbox, PartOf::Calendar, PartOf::Contacts, PartOf::Tasks, PartOf::OneDrive];
        Scope {
            include: vec![Pattern { text: "*".to_owned() }],
            exclude: Vec::new(),
            parts: parts.into(),
            mail: MailAs::default(),
            archive: false,
            recoverable: false,
            recheck: 10,
        }
    }
}

impl Scope {
    /// Reads a scope file.
    ///
    /// # Errors
    /// What is wrong with it, and where, in words for the person who wrote it.
    pub fn parse(text: &str) -> Result<Scope, String> {
        let scope: Scope = toml::from_str(text).map_err(|e| e.to_string())?;
        if scope.include.is_empty() {
            return Err("`include` names no object, so nothing would be backed up".to_owned());
        }
        if scope.parts.is_empty() {
            return Err("`parts` is empty, so nothing would be backed up".to_owned());
        }
        Ok(scope)
    }

    /// Whether an object is backed up.
    pub fn covers(&self, object: Candidate<'_>) -> bool {
        let any = |lines: &[Pattern]| lines.iter().any(|line| line.matches(object));
        any(&self.include) && !any(&self.exclude)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.trim() {
            "" | "id:" => Err("an empty line of a scope would match nothing".to_owned()),
            trimmed => Ok(Pattern { text: trimmed.to_owned() }),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pattern {
    fn matches(&self, object: Candidate<'_>) -> bool {
        if let Some(id) = self.text.strip_prefix("id:") {
            return id == object.id;
        }
        let pattern: Vec<char> = self.text.to_lowercase().chars().collect();
        let names = [object.upn, object.mail, object.display_name];
        names.iter().any(|name| wild(&pattern, &name.to_lowercase().chars().collect::<Vec<_>>()))
    }
}

/// Whether a text is as a pattern says: `*` stands for anything, `?` for one character. Goes back to
/// the last `*` only, so it takes at most the product of both lengths.
fn wild(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Candidate<'_> =
        Candidate { id: "1", upn: "ada@contoso.com", mail: "lovelace@contoso.com", display_name: "Ada Lovelace" };

    #[test]
    fn a_file_says_what_is_covered() {
        let covers = |text: &str| Scope::parse(text).expect(text).covers(ADA);
        assert!(covers(""));
        assert!(covers("include = ['ADA@*']"));
        assert!(covers("include = ['*lovelace']"));
        assert!(covers("include = ['?da *', 'nobody']"));
        assert!(covers("include = ['id:1']"));
        assert!(!covers("include = ['id:2', 'ada']"));
        assert!(!covers("exclude = ['*@contoso.com']"));
        assert!(!covers("include = ['*']\nexclude = ['id:1']"));
    }

    #[test]
    fn what_can_only_be_a_mistake_is_refused() {
        for text in [
            "includes = ['*']",
            "include = []",
            "include = ['']",
            "include = ['id:']",
            "parts = []",
            "parts = ['mails']",
            "mail = 'eml'",
            "recheck = -1",
            "archive = 'yes'",
            "include = '*'",
        ] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn options_have_defaults() {
        let scope = Scope::parse("parts = ['onedrive']\nmail = 'mime'\nrecheck = 0").expect("a scope");
        assert_eq!(scope.parts, [PartOf::OneDrive].into());
        assert_eq!((scope.mail, scope.archive, scope.recheck), (MailAs::Mime, false, 0));
        assert_eq!(Scope::parse("").expect("a scope"), Scope::default());
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern: Vec<char> = "*a".repeat(50).chars().collect();
        let text: Vec<char> = "a".repeat(10_000).chars().chain(['b']).collect();
        assert!(!wild(&pattern, &text));
    }
}
