//! The hash of a plan: of whatever is planned, shown and applied.
//!
//! ```text
//! options (2 bytes) | options and content (30 bytes)
//! ```
//!
//! The options stand apart, so that a plan that is applied with others is told from a repository
//! that has moved on. A plan has all 32 bytes, and shows the first 8. People quote what is shown,
//! or more of it: no other plan begins so by accident.

use std::fmt;
use std::str::FromStr;

/// The hash of a plan, or its beginning as somebody quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanHash {
    /// Zero where nothing was quoted.
    bytes: [u8; 32],
    quoted: usize,
}

impl PlanHash {
    /// What the log keeps of a plan: all of a plan's own hash.
    pub fn whole(&self) -> [u8; 32] {
        self.bytes
    }

    /// The hash of a plan: what was asked for, and what was found.
    pub(super) fn seal(options: &[u8], content: &[u8; 32]) -> PlanHash {
        let asked = of_options(options);
        let mut hasher = blake3::Hasher::new_derive_key("cairn 1 plan");
        hasher.update(&asked).update(content);
        let mut hash = *hasher.finalize().as_bytes();
        hash[..OPTIONS_BYTES].copy_from_slice(&asked);
        hash.into()
    }

    /// Whether this quotes a plan that was made with these options, whatever it found.
    pub(super) fn is_of_options(&self, options: &[u8]) -> bool {
        self.bytes.starts_with(&of_options(options))
    }

    /// Whether another hash, or its beginning, quotes this one of a plan.
    pub fn is_quoted_by(&self, quoted: &PlanHash) -> bool {
        self.bytes.starts_with(quoted.bytes.get(..quoted.quoted).unwrap_or(&quoted.bytes))
    }

    /// What is quoted, where this is the hash of a plan that was made with some options.
    pub(super) fn judge(&self, quoted: &PlanHash) -> Quotes {
        let (asked, _) = self.bytes.split_at(OPTIONS_BYTES);
        match quoted {
            quoted if self.is_quoted_by(quoted) => Quotes::This,
            quoted if quoted.bytes.starts_with(asked) => Quotes::OtherContent,
            _ => Quotes::OtherOptions,
        }
    }
}

/// The hash of a plan.
impl From<[u8; 32]> for PlanHash {
    fn from(bytes: [u8; 32]) -> Self {
        PlanHash { bytes, quoted: bytes.len() }
    }
}

/// What a quoted hash says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// This plan.
    This,
    /// A plan of the same options, of something that has changed since.
    OtherContent,
    /// A plan that was made with other options.
    OtherOptions,
}

fn of_options(options: &[u8]) -> [u8; OPTIONS_BYTES] {
    let hash = blake3::derive_key("cairn 1 options of a plan", options);
    std::array::from_fn(|n| hash[n])
}

/// How much of a hash is of the options alone.
const OPTIONS_BYTES: usize = 2;
/// How much of a hash is shown, and must be quoted.
const QUOTED_BYTES: usize = 8;

/// As it is shown and quoted: its first 8 bytes.
impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.iter().take(QUOTED_BYTES).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PlanHash {
    type Err = String;

    /// Reads what `Display` writes, or more of the hash, in digits of either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is not the hash of a plan: it has at least 16 hexadecimal digits, as `plan` prints it")
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(wrong()) };
        let mut hash = PlanHash { bytes: [0; 32], quoted: pairs.len() };
        if !(QUOTED_BYTES..=hash.bytes.len()).contains(&pairs.len()) {
            return Err(wrong());
        }
        for (byte, [high, low]) in hash.bytes.iter_mut().zip(pairs) {
            *byte = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low).ok_or_else(wrong)?;
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_quoted_by_its_beginning_in_digits_of_either_case() {
        let bytes: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * 7).unwrap());
        let hash = PlanHash::from(bytes);
        assert_eq!(hash.to_string(), "00070e151c232a31");
        for text in ["00070e151c232a31", "00070E151C232A31", "00070e151c232a31383f"] {
            let quoted: PlanHash = text.parse().unwrap();
            assert_eq!(hash.judge(&quoted), Quotes::This, "{text}");
        }
        assert_eq!((hash.judge(&hash), hash.whole()), (Quotes::This, bytes));
        let other: PlanHash = "00070e151c232a32".parse().unwrap();
        assert_eq!(hash.judge(&other), Quotes::OtherContent);
    }

    #[test]
    fn other_options_are_told_from_other_content() {
        let hash = PlanHash::seal(b"grace 24h", &[1; 32]);
        assert_eq!(hash.judge(&hash), Quotes::This);
        assert_eq!(hash.judge(&PlanHash::seal(b"grace 24h", &[2; 32])), Quotes::OtherContent);
        assert_eq!(hash.judge(&PlanHash::seal(b"grace 0", &[1; 32])), Quotes::OtherOptions);
        assert!(hash.is_of_options(b"grace 24h") && !hash.is_of_options(b"grace 0"));
    }

    #[test]
    fn what_is_too_short_too_long_or_not_digits_is_not_a_hash() {
        for text in [
            "",
            "00",
            "00070e151c232a",
            "00070e151c232a313",
            "00070e151c232a3g",
            "+0070e151c232a31",
            "00070e151c232aé",
            &"00".repeat(33),
        ] {
            assert!(text.parse::<PlanHash>().unwrap_err().contains("16 hexadecimal digits"), "{text}");
        }
    }
}
