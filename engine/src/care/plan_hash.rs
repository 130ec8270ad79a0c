//! A plan's hash as people quote it: its beginning, in hexadecimal digits.

use std::fmt;
use std::str::FromStr;

/// The beginning of a plan's hash, at least 8 bytes of it: nobody can make another plan that begins so.
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

    /// Whether these bytes quote this hash.
    pub(super) fn is_quoted(hash: &[u8; 32], quoted: &[u8]) -> bool {
        quoted.len() >= QUOTED_BYTES && hash.starts_with(quoted)
    }
}

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
        for text in ["00070e151c232a31", "00070E151C232A31", "00070e151c232a3138"] {
            let quoted: PlanHash = text.parse().unwrap();
            assert!(PlanHash::is_quoted(&hash, quoted.as_bytes()), "{text}");
        }
        let other: PlanHash = "00070e151c232a32".parse().unwrap();
        assert!(!PlanHash::is_quoted(&hash, other.as_bytes()) && !PlanHash::is_quoted(&hash, &hash[..7]));
    }

    #[test]
    fn what_is_too_short_too_long_or_no_digits_is_no_hash() {
        for text in
            ["", "00", "00070e151c232a3", "00070e151c232a3g", "+0070e151c232a31", "00070e151c232a3é", &"00".repeat(33)]
        {
            assert!(text.parse::<PlanHash>().unwrap_err().contains("16 hexadecimal digits"), "{text}");
        }
    }
}
