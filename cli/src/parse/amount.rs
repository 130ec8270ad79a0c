//! Amounts of money: `12`, `0.50`; the currency is that of the price list.

/// An amount, not less than nothing.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn amount(text: &str) -> Result<f64, String> {
    let number = text.trim();
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let amount = plain.then(|| number.parse::<f64>().ok()).flatten();
    amount
        .filter(|amount| amount.is_finite())
        .ok_or_else(|| format!("{text:?} is no amount; write 12 or 0.50, in the currency of the price list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_plain_numbers() {
        for (text, value) in [("0", 0.0), ("12", 12.0), (" 0.50 ", 0.5), (".5", 0.5)] {
            assert_eq!(amount(text), Ok(value), "{text}");
        }
        for text in ["", "-1", "1e9", "inf", "NaN", "1,5", "5 USD", "1.2.3", "."] {
            assert!(amount(text).is_err(), "{text}");
        }
    }
}
