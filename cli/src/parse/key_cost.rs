//! How much trying a password on a key slot may cost: `1GiB`, `1GiBx16`, `1GiBx16x64`.
//!
//! Memory of one slot, passes over it, and how many slots are tried; what is left out keeps its default.

use super::quantity;
use engine::limits::{KEY_MEMORY_KIB_MAX, KEY_PASSES_MAX, KEY_SLOTS_MAX};
use engine::repository::SlotBounds;

/// The bounds that a text names.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn bounds(text: &str) -> Result<SlotBounds, String> {
    let mut parts = text.split('x');
    let kib = quantity::size(parts.next().unwrap_or_default())? / 1024;
    let memory_kib = u32::try_from(kib)
        .ok()
        .filter(|kib| (MEMORY_KIB_LEAST..=MEMORY_KIB_MOST).contains(kib))
        .ok_or("the memory is between 1MiB and 4GiB")?;
    let passes = number(parts.next(), KEY_PASSES_MAX as usize, PASSES_MOST)?;
    let slots = number(parts.next(), KEY_SLOTS_MAX, SLOTS_MOST)?;
    if parts.next().is_some() {
        return Err(format!("{text:?} has more than three parts; {EXAMPLES}"));
    }
    let passes = u32::try_from(passes).map_err(|_| EXAMPLES)?;
    Ok(SlotBounds { memory_kib, passes, slots })
}

/// The bounds as a text that names them.
pub(crate) fn text(bounds: SlotBounds) -> String {
    format!("{}KiBx{}x{}", bounds.memory_kib, bounds.passes, bounds.slots)
}

fn number(part: Option<&str>, default: usize, most: usize) -> Result<usize, String> {
    let Some(part) = part else { return Ok(default) };
    let number = part.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{part:?} is not a number from 1 to {most}; {EXAMPLES}"))
}

const MEMORY_KIB_LEAST: u32 = 1024;
/// As much as the format allows [KEY-2].
const MEMORY_KIB_MOST: u32 = 4_194_304;
/// As many as the format allows [KEY-2].
const PASSES_MOST: usize = 64;
const SLOTS_MOST: usize = 1_000_000;
const EXAMPLES: &str = "write it as 4GiB, 4GiBx64 or 4GiBx64x1000";
/// The help names the defaults.
const _: () = assert!(KEY_MEMORY_KIB_MAX == 1 << 20 && KEY_PASSES_MAX == 16 && KEY_SLOTS_MAX == 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_keeps_its_default() {
        let all = |memory_kib, passes, slots| Ok(SlotBounds { memory_kib, passes, slots });
        assert_eq!(bounds("1GiBx16x64"), Ok(SlotBounds::default()));
        assert_eq!(bounds(&text(SlotBounds::default())), Ok(SlotBounds::default()));
        assert_eq!(bounds("4GiB"), all(4_194_304, 16, 64));
        assert_eq!(bounds("65536KiBx5"), all(65_536, 5, 64));
        assert_eq!(bounds("4GiBx64x1000"), all(4_194_304, 64, 1000));
    }

    #[test]
    fn numbers_out_of_any_sense_are_refused() {
        for bad in ["", "x", "5GiB", "1KiB", "1GiBx0", "1GiBx65", "1GiBx1x0", "1GiBx1x1x1", "1GiBx-1", "1GiBx1x9999999"]
        {
            assert!(bounds(bad).is_err(), "{bad}");
        }
    }
}
