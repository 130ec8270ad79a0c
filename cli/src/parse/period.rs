//! Periods and counts of retention, as options take them.

use engine::maintenance::retention::UNLIMITED;
use format_spec::period::Period;

/// `30d`, `2w`, `6m`, `3y`, `forever`.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn period(text: &str) -> Result<Period, String> {
    text.parse()
}

/// A number from 1, or `unlimited`.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn count(text: &str) -> Result<u32, String> {
    match text {
        "unlimited" => Ok(UNLIMITED),
        _ => match text.parse() {
            Ok(0) => Err("a rule that keeps 0 keeps nothing: leave it out".to_owned()),
            Ok(count) => Ok(count),
            Err(_) => Err(format!("{text:?} is no count; write 7 or unlimited")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_at_least_one() {
        assert_eq!((count("7"), count("unlimited")), (Ok(7), Ok(UNLIMITED)));
        for text in ["", "0", "-1", "1.5", "seven"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
