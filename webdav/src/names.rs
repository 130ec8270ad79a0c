//! Names that cannot be shown as they are, and the way back.
//!
//! WebDAV clients write names into XML and turn them into text. A name that is no UTF-8, or has control characters, is shown with
//! those bytes and each `%` as `%XX`. So is a name that looks as if that had been done to it, so that the way back is
//! always clear: every name is shown as another one.

/// The name as clients see it.
pub(crate) fn shown(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if !needs_escape(name) => text.to_owned(),
        _ => escape(name),
    }
}

/// The name that clients see so. Raw bytes that are no UTF-8 stand for themselves.
pub(crate) fn raw(shown: &[u8]) -> Vec<u8> {
    match unescape(shown) {
        Some(name) if needs_escape(&name) => name,
        _ => shown.to_vec(),
    }
}

fn needs_escape(name: &[u8]) -> bool {
    let mut name = name.to_vec();
    loop {
        match std::str::from_utf8(&name) {
            Ok(text) if !text.chars().any(char::is_control) => {}
            _ => return true,
        }
        // Each round shortens the name.
        match unescape(&name) {
            Some(shorter) => name = shorter,
            None => return false,
        }
    }
}

fn escape(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '%' {
                let mut buffer = [0; 4];
                hex(character.encode_utf8(&mut buffer).as_bytes(), &mut out);
            } else {
                out.push(character);
            }
        }
        hex(chunk.invalid(), &mut out);
    }
    out
}

fn hex(bytes: &[u8], out: &mut String) {
    use std::fmt::Write;
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

/// With every `%XX` (capital digits, as [`escape`] writes them) replaced; `None` if there is none.
fn unescape(name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(byte);
        out.push(digits.unwrap_or(*first));
        rest = if digits.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    (out.len() < name.len()).then_some(out)
}

fn byte(digits: &[u8]) -> Option<u8> {
    let capital = digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'A'..=b'F'));
    let text = std::str::from_utf8(digits).ok().filter(|_| capital)?;
    u8::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_shown_as_they_are() {
        for name in ["a", "größe", "100%", "50%25", "%2F", "a b", "%zz", "%ff", ".hidden"] {
            assert_eq!(shown(name.as_bytes()), name);
        }
    }

    #[test]
    fn names_that_are_no_text_are_escaped() {
        assert_eq!(shown(b"a\xff"), "a%FF");
        assert_eq!(shown(b"two\nlines"), "two%0Alines");
        assert_eq!(shown(b"5% \xe4"), "5%25 %E4");
        assert_eq!(shown(b"a%FF"), "a%25FF", "it must not be taken for the one above");
        assert_eq!(shown(b"a%25FF"), "a%2525FF");
    }

    #[test]
    fn every_name_has_a_way_back() {
        let alphabet: [&[u8]; 9] = [b"%", b"2", b"5", b"F", b"a", b"\xff", b"\n", b"0", "ä".as_bytes()];
        let mut seen = std::collections::HashMap::new();
        for number in 0..alphabet.len().pow(5) {
            let digits = (0..5).map(|place| number / alphabet.len().pow(place) % alphabet.len());
            let name: Vec<u8> = digits.flat_map(|digit| alphabet[digit].iter().copied()).collect();
            let text = shown(&name);
            assert_eq!(raw(text.as_bytes()), name, "{text}");
            let other = seen.insert(text, name.clone());
            assert!(other.is_none() || other == Some(name));
        }
    }

    #[test]
    fn raw_bytes_stand_for_themselves() {
        assert_eq!(raw(b"a\xff"), b"a\xff");
    }
}
