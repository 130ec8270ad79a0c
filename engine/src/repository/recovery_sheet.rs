//! The recovery sheet: the secrets as text that people can print and type again.
//!
//! A sheet opens the repository without any password: it holds the master key itself. Each line carries a checksum of its own, so that a
//! typing error is found where it was made.

use super::found::Found;
use super::open::Repository;
use super::options::OpenOptions;
use crate::error::{Error, Kind, Result};
use crate::store::Store;
use format_spec::keys::{Secret, Secrets};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The lines that carry the secrets, and what identifies the repository.
#[derive(Clone)]
pub struct RecoverySheet {
    /// Repository id in hex.
    pub repository: String,
    /// Where it was.
    pub location: String,
    /// Four lines: number, four groups of letters and digits, check group.
    pub lines: Vec<String>,
}

/// Letters and digits that cannot be mistaken for each other.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LINES: usize = 4;
/// Bytes of the secrets on a line.
pub(crate) const LINE_BYTES: usize = 16;

impl Repository {
    /// The recovery sheet of this repository.
    ///
    /// # Errors
    /// `Input` when it is not encrypted.
    pub fn recovery_sheet(&self) -> Result<RecoverySheet> {
        let secrets = &self.sealed_store().secrets;
        let Some(master) = &secrets.master else {
            return Err(Error::new(Kind::Input, "the repository is not encrypted: it has no keys").on(self.location()));
        };
        let bytes = Zeroizing::new([&master.expose()[..], &secrets.dedup.expose()[..]].concat());
        let lines = bytes.chunks(LINE_BYTES).enumerate().map(|(n, part)| encode_line(n, part)).collect();
        Ok(RecoverySheet { repository: self.id().to_string(), location: self.location(), lines })
    }

    /// Opens the repository with the text of a recovery sheet: any text in which the four lines stand.
    ///
    /// # Errors
    /// `Input` naming the line that is missing or mistyped; `WrongPassword` when the sheet is of another repository.
    pub fn open_with_paper(store: Arc<dyn Store>, sheet: &str, options: &OpenOptions) -> Result<Arc<Self>> {
        // A sheet that is mistyped is told before anything is asked of the store.
        secrets(sheet)?;
        Found::look(store)?.open_with_paper(sheet, options)
    }
}

/// The secrets that a sheet holds.
///
/// # Errors
/// `Input` naming the line that is missing or mistyped.
pub(super) fn secrets(sheet: &str) -> Result<Secrets> {
    let bytes = decode_sheet(sheet)?;
    let part = |at: usize| {
        <[u8; 32]>::try_from(&bytes[at..at + 32]).map_err(|_| Error::new(Kind::Bug, "64 bytes have two halves"))
    };
    Ok(Secrets { master: Some(Secret::new(part(0)?)), dedup: Secret::new(part(32)?) })
}

/// Line `number` (from 0) of a sheet.
pub(crate) fn encode_line(number: usize, bytes: &[u8]) -> String {
    let mut digits = String::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            digits.push(char::from(ALPHABET[(bits >> count & 31) as usize]));
        }
    }
    if count > 0 {
        digits.push(char::from(ALPHABET[(bits << (5 - count) & 31) as usize]));
    }
    let groups: Vec<String> = digits.as_bytes().chunks(7).map(|g| String::from_utf8_lossy(g).into_owned()).collect();
    format!("{}: {} {}", number + 1, groups.join(" "), check_group(number, &digits))
}

/// Four digits of the hash of a line.
pub(crate) fn check_group(number: usize, digits: &str) -> String {
    let hash = blake3::derive_key("cairn 1 recovery sheet line", format!("{number}:{digits}").as_bytes());
    hash[..4].iter().map(|b| char::from(ALPHABET[usize::from(b % 32)])).collect()
}

/// The secrets of a sheet: 64 bytes.
pub(crate) fn decode_sheet(sheet: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(LINES * LINE_BYTES));
    for number in 0..LINES {
        let prefix = format!("{}:", number + 1);
        let line = sheet.lines().find_map(|l| l.trim().strip_prefix(&prefix));
        let line = line
            .ok_or_else(|| Error::new(Kind::Input, format!("line {} of the recovery sheet is missing", number + 1)))?;
        out.extend_from_slice(&decode_line(number, line)?);
    }
    Ok(out)
}

fn decode_line(number: usize, line: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mistyped = || {
        Error::new(Kind::Input, format!("line {} of the recovery sheet is mistyped", number + 1))
            .advise("compare it letter by letter")
    };
    // The usual mistakes are read as what was meant.
    let meant = |c: char| match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        'u' => 'v',
        other => other,
    };
    let text: String = line.chars().filter(|c| !c.is_whitespace() && *c != '-').map(meant).collect();
    let digits_count = (LINE_BYTES * 8).div_ceil(5);
    let (digits, check) = text.split_at_checked(digits_count).ok_or_else(mistyped)?;
    if check_group(number, digits) != check {
        return Err(mistyped());
    }
    let mut out = Zeroizing::new(Vec::with_capacity(LINE_BYTES));
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits.bytes() {
        let value = ALPHABET.iter().position(|a| *a == digit).ok_or_else(mistyped)?;
        bits = bits << 5 | u32::try_from(value).map_err(|_| mistyped())?;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xFF) as u8);
        }
    }
    if out.len() == LINE_BYTES { Ok(out) } else { Err(mistyped()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_comes_back_and_a_wrong_letter_is_found_in_its_line() {
        let bytes: Vec<u8> = (0..64u8).map(|n| n.wrapping_mul(73)).collect();
        let lines: Vec<String> = bytes.chunks(16).enumerate().map(|(n, p)| encode_line(n, p)).collect();
        let sheet = format!("Recovery sheet\n{}\nkeep it safe", lines.join("\n").to_uppercase());
        assert_eq!(*decode_sheet(&sheet).expect("decodes"), bytes);
        for (number, line) in lines.iter().enumerate() {
            let at = 5;
            let other = if line.as_bytes()[at] == b'7' { "8" } else { "7" };
            let mut wrong = line.clone();
            wrong.replace_range(at..=at, other);
            let error = decode_sheet(&sheet.replace(&line.to_uppercase(), &wrong)).expect_err("is mistyped");
            assert!(error.to_string().contains(&format!("line {}", number + 1)), "{error}");
        }
    }
}
