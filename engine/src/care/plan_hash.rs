//! A plan's hash as people quote it: its beginning, in hexadecimal digits.
//!
//! ```text
//! options (2 bytes) | options and content (30 bytes)
//! ```
//!
//! The options stand apart, so that a plan that is applied with others is told from a repository that has moved on.

use std::fmt;
use std::str::FromStr;

/// The beginning of a plan's hash, at least 8 bytes of it: no other plan begins so by accident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanHash(Vec<u8>);

impl PlanHash {
    /// As much of a hash as is shown.
    pub fn shown(hash: &[u8; 32]) -> Self {
        PlanHash(hash.iter().copied().take(QUOTED_BYTES).collect())
    }

    /// The bytes that were quoted.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hash of a plan: what was asked for, and what was found.
    pub(super) fn seal(options: &[u8], content: &[u8; 32]) -> [u8; 32] {
        let asked = of_options(options);
        let mut hasher = blake3::Hasher::new_derive_key("cairn 1 plan");
        hasher.update(&asked).update(content);
        let mut hash = *hasher.finalize().as_bytes();
        hash[..OPTIONS_BYTES].copy_from_slice(&asked);
        hash
    }

    /// Whether these bytes quote a plan that was made with these options, whatever it found.
    pub(super) fn is_of_options(options: &[u8], quoted: &[u8]) -> bool {
        quoted.starts_with(&of_options(options))
    }

    /// Whether these bytes quote this hash.
    pub(super) fn quotes(hash: &[u8; 32], quoted: &[u8]) -> Quotes {
        let (asked, _) = hash.split_at(OPTIONS_BYTES);
        match quoted {
            quoted if quoted.len() >= QUOTED_BYTES && hash.starts_with(quoted) => Quotes::This,
            quoted if quoted.starts_with(asked) => Quotes::OtherContent,
            _ => Quotes::OtherOptions,
        }
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

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PlanHash {
    type Err = String;

    /// Reads what `Display` writes, or more of the hash, in digits of either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no hash of a plan: it has at least 16 hexadecimal digits, as `plan` prints it");
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(wrong()) };
        let bytes: Option<Vec<u8>> = pairs.iter().map(|[a, b]| Some(digit(a)? << 4 | digit(b)?)).collect();
        bytes.filter(|bytes| (QUOTED_BYTES..=32).contains(&bytes.len())).map(PlanHash).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_quoted_by_its_beginning_in_digits_of_either_case() {
        let hash: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * 7).unwrap());
        let shown = PlanHash::shown(&hash);
        assert_eq!(shown.to_string(), "00070e151c232a31");
        for text in ["00070e151c232a31", "00070E151C232A31", "00070e151c232a31383f"] {
            let quoted: PlanHash = text.parse().unwrap();
            assert_eq!(PlanHash::quotes(&hash, quoted.as_bytes()), Quotes::This, "{text}");
        }
        let other: PlanHash = "00070e151c232a32".parse().unwrap();
        assert_eq!(PlanHash::quotes(&hash, other.as_bytes()), Quotes::OtherContent);
        assert_eq!(PlanHash::quotes(&hash, &hash[..7]), Quotes::OtherContent, "too little of it");
    }

    #[test]
    fn other_options_are_told_from_other_content() {
        let hash = PlanHash::seal(b"grace 24h", &[1; 32]);
        assert_eq!(PlanHash::quotes(&hash, &hash), Quotes::This);
        assert_eq!(PlanHash::quotes(&hash, &PlanHash::seal(b"grace 24h", &[2; 32])), Quotes::OtherContent);
        assert_eq!(PlanHash::quotes(&hash, &PlanHash::seal(b"grace 0", &[1; 32])), Quotes::OtherOptions);
        assert!(PlanHash::is_of_options(b"grace 24h", &hash) && !PlanHash::is_of_options(b"grace 0", &hash));
    }

    #[test]
    fn what_is_too_short_too_long_or_no_digits_is_no_hash() {
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
