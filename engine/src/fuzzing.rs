//! The narrow door of the fuzz targets (`fuzz/src/engine.rs`) to decoders that nobody else may call.
//!
//! The targets live outside, in a workspace of their own and in the ordinary tests, so they see public items only. Making the
//! decoders themselves public would widen the rooms; this names exactly the functions that read what people or disks give.
//! Not part of the engine's interface: hidden, and free to change.

use crate::error::Result;
use crate::repository::{recovery_sheet, times};
use format_spec::Time;

pub use ::source::fuzzing::*;
pub use ::store::fuzzing::*;

/// The secrets that a recovery sheet holds.
///
/// # Errors
/// As [`Repository::open_with_paper`](crate::repository::Repository::open_with_paper) for a sheet that cannot be read.
pub fn read_sheet(text: &str) -> Result<Vec<u8>> {
    recovery_sheet::decode_sheet(text).map(|secrets| secrets.to_vec())
}

/// The lines of the recovery sheet of `secrets`.
pub fn write_sheet(secrets: &[u8]) -> Vec<String> {
    secrets
        .chunks(recovery_sheet::LINE_BYTES)
        .enumerate()
        .map(|(n, part)| recovery_sheet::encode_line(n, part))
        .collect()
}

/// The check group of line `number` (from 0) of a recovery sheet, which a fuzzer cannot guess.
pub fn sheet_check_group(number: usize, digits: &str) -> String {
    recovery_sheet::check_group(number, digits)
}

/// The last moment that a restore point's selector means when it is a time.
pub fn selector_time(text: &str) -> Option<Time> {
    times::parse_time(text)
}
