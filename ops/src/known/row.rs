//! One repository at one location, as a line of text.
//!
//! ```text
//! repository ID SUITE POSITION HASH SECONDS [key=ID] [doubt=SLOT:SECONDS] [clear-text]
//! ```
//! ID and HASH are hexadecimal, SUITE is `clear` or `aes-256-gcm`, SECONDS are this machine's clock or `-`.
//! `key` names the key slot that opened last: it is tried first.
//! `doubt` stands where this machine appended the entry of SLOT by a clock that nothing vouched for: SECONDS are the latest time that was known before.
//! `clear-text` stands where a person accepted that a password is given for what is not encrypted.

use engine::maintenance::{Doubt, Remembered};
use engine::repository::SlotId;
use format_spec::RepositoryId;
use format_spec::container::Suite;

/// What is remembered of a repository at a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its identity.
    pub id: RepositoryId,
    /// How its objects were sealed.
    pub suite: Suite,
    /// The newest slot of its log that was seen; 0 before the first.
    pub position: u32,
    /// BLAKE3 of the entry there.
    pub hash: [u8; 32],
    /// This machine's clock when it was seen last, in seconds since the epoch; `None` where that clock was not believed.
    pub seconds: Option<i64>,
    /// The key slot that opened last.
    pub key: Option<SlotId>,
    /// What this machine appended by a clock that nothing vouched for.
    pub doubt: Option<Doubt>,
    /// Whether a password may be given for it although it is not encrypted.
    pub clear_text: bool,
}

impl Row {
    /// A repository of which nothing but its identity is known.
    pub fn new(id: RepositoryId, suite: Suite) -> Row {
        Row { id, suite, position: 0, hash: [0; 32], seconds: None, key: None, doubt: None, clear_text: false }
    }

    /// Takes a position in, if it is not older than what is known.
    pub fn forward(&mut self, position: u32, hash: [u8; 32]) {
        if position >= self.position {
            (self.position, self.hash) = (position, hash);
        }
    }

    /// Takes in that the repository was seen at this time, by a clock that is believed.
    pub fn believe(&mut self, seconds: i64) {
        (self.seconds, self.doubt) = (Some(seconds), None);
    }

    /// Takes in that this machine appended the entry of a slot by a clock that nothing vouched for; the latest time that was known before.
    pub fn doubt_from(&mut self, slot: u32, last: Option<i64>) {
        self.doubt = last.map(|last| Doubt { slot, last });
    }

    /// What is remembered of the time.
    pub fn remembered(&self) -> Remembered {
        Remembered { seen: self.seconds, doubt: self.doubt }
    }

    pub(super) fn line(&self) -> String {
        let seconds = self.seconds.map_or_else(|| "-".to_owned(), |seconds| seconds.to_string());
        let key = self.key.map(|key| format!(" key={}", hex(&key))).unwrap_or_default();
        let doubt = self.doubt.map(|doubt| format!(" doubt={}:{}", doubt.slot, doubt.last)).unwrap_or_default();
        let accepted = if self.clear_text { " clear-text" } else { "" };
        let (id, suite) = (hex(&self.id.0), word(self.suite));
        format!("repository {id} {suite} {} {} {seconds}{key}{doubt}{accepted}", self.position, hex(&self.hash))
    }

    pub(super) fn parse(line: &str) -> Option<Row> {
        let words: Vec<&str> = line.split(' ').collect();
        let (words, clear_text) = match &words[..] {
            [words @ .., "clear-text"] => (words, true),
            words => (words, false),
        };
        let (words, doubt) = match words.split_last() {
            Some((last, words)) if last.starts_with("doubt=") => (words, Some(doubt_of(last)?)),
            _ => (words, None),
        };
        let (words, key) = match words.split_last() {
            Some((last, words)) if last.starts_with("key=") => (words, Some(unhex(last.strip_prefix("key=")?)?)),
            _ => (words, None),
        };
        let ["repository", id, suite, position, hash, seconds] = words else { return None };
        Some(Row {
            id: RepositoryId(unhex(id)?),
            suite: [Suite::Clear, Suite::Aes256Gcm].into_iter().find(|known| word(*known) == *suite)?,
            position: number(position)?,
            hash: unhex(hash)?,
            seconds: if *seconds == "-" { None } else { Some(number(seconds)?) },
            key,
            doubt,
            clear_text,
        })
    }
}

/// Whether this machine's clock is believed, for as long as a repository is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is, and showed this when the repository was opened.
    Now(i64),
    /// Nothing vouches for it; this is the latest time that is known otherwise.
    Doubted {
        /// In seconds since the epoch.
        last: Option<i64>,
    },
}

fn doubt_of(word: &str) -> Option<Doubt> {
    let (slot, last) = word.strip_prefix("doubt=")?.split_once(':')?;
    Some(Doubt { slot: number(slot)?, last: number(last)? })
}

/// A suite in one word.
pub(super) fn word(suite: Suite) -> &'static str {
    match suite {
        Suite::Clear => "clear",
        Suite::Aes256Gcm => "aes-256-gcm",
    }
}

/// A number that is written as we write it, so that a line has one form.
fn number<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    text.parse::<N>().ok().filter(|number| number.to_string() == text)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
    if text.len() != 2 * N || !text.as_bytes().iter().all(digit) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(position: u32) -> Row {
        Row { position, hash: [7; 32], seconds: Some(1_764_522_137), ..Row::new(RepositoryId([1; 16]), Suite::Clear) }
    }

    #[test]
    fn a_row_comes_back_from_its_line() {
        for row in [
            row(42),
            Row { seconds: None, clear_text: true, ..row(0) },
            Row { suite: Suite::Aes256Gcm, seconds: Some(-5), ..row(u32::MAX) },
            Row { doubt: Some(Doubt { slot: 42, last: -7 }), ..row(42) },
            Row { doubt: Some(Doubt { slot: 42, last: 7 }), clear_text: true, ..row(42) },
            Row { key: Some([9; 8]), ..row(42) },
            Row { key: Some([0xab; 8]), doubt: Some(Doubt { slot: 42, last: 7 }), clear_text: true, ..row(42) },
        ] {
            assert_eq!(Row::parse(&row.line()), Some(row), "{}", row.line());
        }
    }

    #[test]
    fn a_line_has_one_form() {
        let good = row(42).line();
        for bad in [
            good.replace(" 42 ", " 042 "),
            good.replace(" 42 ", " +42 "),
            good.replace("0101", "01ZZ"),
            good.replace("0707", "07"),
            good.replace("clear", "rot13"),
            good.replace(' ', "  "),
            format!("{good} "),
            format!("{good} more"),
            format!("{good} doubt=1"),
            format!("{good} key=01"),
            format!("{good} doubt=1:2 key=0101010101010101"),
            format!("{good} doubt=01:2"),
            format!("{good} clear-text doubt=1:2"),
            String::new(),
        ] {
            assert_eq!(Row::parse(&bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_position_only_moves_forward() {
        let mut known = row(42);
        known.forward(41, [1; 32]);
        assert_eq!(known, row(42));
        known.forward(43, [2; 32]);
        assert_eq!((known.position, known.hash, known.seconds), (43, [2; 32], row(42).seconds));
    }

    #[test]
    fn a_doubt_stands_until_the_clock_is_believed() {
        let mut known = row(42);
        known.doubt_from(43, known.seconds);
        let doubt = Some(Doubt { slot: 43, last: 1_764_522_137 });
        assert_eq!(known.remembered(), Remembered { seen: row(42).seconds, doubt });
        known.believe(9);
        assert_eq!(known.remembered(), Remembered { seen: Some(9), doubt: None });
    }
}
