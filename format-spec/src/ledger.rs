//! Exceptions of the ledger: how one item, or a folder with all that is in it, ended otherwise than stored (spec/point.md).
//!
//!     outcome u8 | reason                                              (POINT-4)
//!     5 | time of the last good reading (12) | items u64 | reason      (POINT-11)
//!
//! Refuses outcomes that it does not know: a program that guessed would take what was not read for what was.

use crate::bytes::{Cursor, put_time};
use crate::fields::text;
use crate::{FormatError, Result, Time};

/// How an item ended that is not in the point as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It could not be read, and the point has nothing of it, or less than all.
    Failed,
    /// It went away before it could be read.
    Vanished,
    /// It is stored, but changed while it was read.
    Changed,
    /// It was left out on purpose.
    Skipped,
    /// It could not be read: the point holds what an earlier one had read of it.
    Kept {
        /// When the session started that read it last.
        as_of: Time,
        /// How many items are held so: this one, and of a folder all below it.
        items: u64,
    },
}

/// The value of one pair of the ledger's map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// How the item ended.
    pub outcome: Outcome,
    /// Why, in one line.
    pub reason: String,
}

impl Exception {
    /// The map's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.outcome.byte()];
        if let Outcome::Kept { as_of, items } = self.outcome {
            put_time(&mut out, as_of);
            out.extend_from_slice(&items.to_le_bytes());
        }
        out.extend_from_slice(self.reason.as_bytes());
        out
    }

    /// Reads the map's value.
    ///
    /// # Errors
    /// A value that is cut short or whose reason is not text; an outcome that is not known (`Unsupported`).
    pub fn decode(value: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(value, "POINT-4");
        let outcome = match cursor.u8()? {
            1 => Outcome::Failed,
            2 => Outcome::Vanished,
            3 => Outcome::Changed,
            4 => Outcome::Skipped,
            5 => kept(&mut cursor)?,
            other => return Err(FormatError::unsupported("POINT-4", "an outcome", other)),
        };
        let reason = text(cursor.take(cursor.remaining())?, "POINT-4")?;
        Ok(Exception { outcome, reason })
    }
}

impl Outcome {
    fn byte(self) -> u8 {
        match self {
            Outcome::Failed => 1,
            Outcome::Vanished => 2,
            Outcome::Changed => 3,
            Outcome::Skipped => 4,
            Outcome::Kept { .. } => 5,
        }
    }
}

fn kept(cursor: &mut Cursor<'_>) -> Result<Outcome> {
    let (as_of, items) = (cursor.time()?, cursor.u64()?);
    if items == 0 {
        return Err(FormatError::broken("POINT-11", "kept items", "at least 1", 0));
    }
    Ok(Outcome::Kept { as_of, items })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(outcome: Outcome) -> Vec<u8> {
        let exception = Exception { outcome, reason: "permission denied".to_owned() };
        let bytes = exception.encode();
        assert_eq!(Exception::decode(&bytes).as_ref(), Ok(&exception));
        bytes
    }

    #[test]
    fn every_outcome_is_read_back() {
        for (outcome, byte) in
            [(Outcome::Failed, 1), (Outcome::Vanished, 2), (Outcome::Changed, 3), (Outcome::Skipped, 4)]
        {
            assert_eq!(round_trip(outcome), [&[byte][..], b"permission denied"].concat());
        }
        let bytes = round_trip(Outcome::Kept { as_of: Time::new(1_700_000_100, 7), items: 3 });
        assert_eq!((bytes[0], &bytes[21..]), (5, &b"permission denied"[..]));
    }

    #[test]
    fn an_unknown_outcome_is_unsupported_and_a_cut_one_broken() {
        assert!(matches!(Exception::decode(&[6]), Err(FormatError::Unsupported { .. })));
        let kept = Exception { outcome: Outcome::Kept { as_of: Time::default(), items: 1 }, reason: String::new() };
        let bytes = kept.encode();
        for length in 0..bytes.len() {
            assert!(matches!(Exception::decode(&bytes[..length]), Err(FormatError::Broken { .. })), "{length} bytes");
        }
        let nothing = [&bytes[..13], &0u64.to_le_bytes()].concat();
        assert!(matches!(Exception::decode(&nothing), Err(FormatError::Broken { .. })));
    }
}
