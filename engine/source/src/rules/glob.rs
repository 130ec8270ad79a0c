//! Shell patterns for one component of a path.
//!
//! Promises: `*` any run of bytes, `?` one character, `[a-z]`, `[!a-z]` and `[^a-z]` one character of a class, `\x` the byte `x`
//! itself. Names and patterns are raw bytes; a character is a valid UTF-8 sequence, any other byte stands for itself and is
//! equal only to the same byte. Matching takes at most the product of both lengths, whatever the pattern.

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) enum Glob {
    /// No special characters.
    Literal(Vec<u8>),
    /// `*` and a literal end, such as `*.o`.
    Ending(Vec<u8>),
    /// Everything else.
    Tokens(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    One(u32),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(u32, u32)> },
}

impl Glob {
    /// Compiles `pattern`; the reason if it is malformed.
    pub(super) fn parse(mut pattern: &[u8]) -> Result<Glob, &'static str> {
        let mut tokens = Vec::new();
        while let Some((unit, rest)) = take(pattern) {
            pattern = rest;
            tokens.push(match unit {
                STAR => Token::Star,
                QUESTION => Token::Any,
                BACKSLASH => {
                    let (escaped, rest) = take(pattern).ok_or("it ends in a lone backslash")?;
                    pattern = rest;
                    Token::One(escaped)
                }
                BRACKET => {
                    let (class, rest) =
                        class(pattern).ok_or("a `[` is never closed; write `\\[` for the character itself")?;
                    pattern = rest;
                    class
                }
                unit => Token::One(unit),
            });
        }
        tokens.dedup_by(|a, b| *a == Token::Star && *b == Token::Star);
        Ok(match tokens.as_slice() {
            [Token::Star, end @ ..] => literal(end).map(Glob::Ending),
            all => literal(all).map(Glob::Literal),
        }
        .unwrap_or(Glob::Tokens(tokens)))
    }

    /// Whether the whole of `name` matches.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Glob::Literal(literal) => literal == name,
            Glob::Ending(end) => name.ends_with(end),
            Glob::Tokens(tokens) => matches(tokens, name),
        }
    }
}

/// Goes back only to the last star: an earlier one could not match more.
fn matches(tokens: &[Token], name: &[u8]) -> bool {
    let (mut tokens, mut name) = (tokens, name);
    let mut retry: Option<(&[Token], &[u8])> = None;
    loop {
        match (tokens.split_first(), take(name)) {
            (Some((Token::Star, rest)), _) => {
                tokens = rest;
                retry = Some((rest, name));
                continue;
            }
            (Some((token, rest)), Some((unit, tail))) if token.accepts(unit) => {
                (tokens, name) = (rest, tail);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        let Some((after, from)) = retry else { return false };
        let Some((_, tail)) = take(from) else { return false };
        (tokens, name) = (after, tail);
        retry = Some((after, tail));
    }
}

impl Token {
    fn accepts(&self, unit: u32) -> bool {
        match self {
            Token::One(one) => *one == unit,
            Token::Any => true,
            Token::Star => false,
            Token::Class { negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&unit)) != *negated
            }
        }
    }
}

/// What follows a `[`, up to its `]`, which stands for itself when it comes first.
fn class(pattern: &[u8]) -> Option<(Token, &[u8])> {
    let (negated, mut rest) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut ranges = Vec::new();
    loop {
        let (mut from, mut tail) = take(rest)?;
        if from == CLOSE && !ranges.is_empty() {
            return Some((Token::Class { negated, ranges }, tail));
        }
        if from == BACKSLASH {
            (from, tail) = take(tail)?;
        }
        let mut to = from;
        if let [b'-', after @ ..] = tail
            && !after.starts_with(b"]")
        {
            (to, tail) = take(after)?;
            if to == BACKSLASH {
                (to, tail) = take(tail)?;
            }
        }
        ranges.push((from, to));
        rest = tail;
    }
}

/// The first character; a byte that begins none counts as a character of its own beyond all others.
fn take(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if first.is_ascii() {
        return Some((u32::from(*first), rest));
    }
    let chunk = bytes.get(..bytes.len().min(4))?.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(c) => Some((u32::from(c), bytes.get(c.len_utf8()..)?)),
        None => Some((INVALID + u32::from(*first), rest)),
    }
}

fn literal(tokens: &[Token]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for token in tokens {
        let Token::One(unit) = token else { return None };
        match char::from_u32(*unit) {
            Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => bytes.push(u8::try_from(unit - INVALID).ok()?),
        }
    }
    Some(bytes)
}

/// The first number that is no character.
const INVALID: u32 = 0x11_0000;
const STAR: u32 = b'*' as u32;
const QUESTION: u32 = b'?' as u32;
const BACKSLASH: u32 = b'\\' as u32;
const BRACKET: u32 = b'[' as u32;
const CLOSE: u32 = b']' as u32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            (&b"*.o"[..], &b"a.o"[..], true),
            (b"*.o", b".o", true),
            (b"*.o", b"a.oo", false),
            (b"a*b*c", b"aXbYbZc", true),
            (b"a*b*c", b"aXbYbZ", false),
            (b"?", "é".as_bytes(), true),
            (b"?", b"\xff", true),
            (b"?", b"\xc3(", false),
            (b"??", b"\xc3(", true),
            (b"[a-cx]", b"b", true),
            (b"[!a-c]", b"b", false),
            (b"[^a-c]", b"\xfe", true),
            (b"[]]", b"]", true),
            (b"[a-]", b"-", true),
            ("[à-ï]".as_bytes(), "é".as_bytes(), true),
            (b"\\*", b"*", true),
            (b"\\*", b"x", false),
            (b"\xff", b"\xff", true),
            (b"\xff", b"\xfe", false),
            (b"\xff*", b"\xffx", true),
            (b"", b"", true),
            (b"", b"a", false),
            (b"**", b"anything", true),
        ] {
            assert_eq!(Glob::parse(pattern).unwrap().matches(name), expected, "{pattern:?} on {name:?}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends() {
        let glob = Glob::parse(&b"*a".repeat(100)).unwrap();
        assert!(!glob.matches(&[&b"a".repeat(4000)[..], b"b"].concat()));
    }

    #[test]
    fn malformed_patterns_are_refused() {
        assert!(Glob::parse(b"a[b").is_err());
        assert!(Glob::parse(b"a\\").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(pattern: Vec<u8>, name: Vec<u8>) {
            if let Ok(glob) = Glob::parse(&pattern) {
                glob.matches(&name);
            }
        }

        #[test]
        fn an_escaped_name_matches_itself_alone(name: Vec<u8>, other: Vec<u8>) {
            let escaped: Vec<u8> = name.utf8_chunks().flat_map(|c| {
                let valid = c.valid().chars().flat_map(|c| format!("\\{c}").into_bytes());
                valid.chain(c.invalid().iter().copied()).collect::<Vec<u8>>()
            }).collect();
            let glob = Glob::parse(&escaped).unwrap();
            proptest::prop_assert!(glob.matches(&name));
            proptest::prop_assert_eq!(glob.matches(&other), name == other);
        }
    }
}
