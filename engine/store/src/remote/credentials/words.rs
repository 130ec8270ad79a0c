//! A line as words, by the rules of a shell and without one: `credential_process` is run without a
//! shell, as the aws command does.
//!
//! Quotes and backslashes hold words together, as in POSIX. Refuses to: expand anything.

/// The words of a line.
///
/// # Errors
/// A quote that is not closed, or a backslash at the end.
pub(crate) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next().ok_or(OPEN)? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                }
            }
            '"' => quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(rest.next().ok_or("a backslash at the end")?),
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// What stands between double quotes, the first of which is gone.
fn quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(OPEN)? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or(OPEN)? {
                escaped @ ('"' | '\\') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            inside => word.push(inside),
        }
    }
}

const OPEN: &str = "a quote that is not closed";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_those_of_the_aws_command() {
        // Each right side was printed by Python's shlex.split, which the aws command calls.
        for (line, expected) in [
            ("", &[][..]),
            ("  a  b\tc ", &["a", "b", "c"]),
            (r#"/opt/get --role "my role" 'it''s'"#, &["/opt/get", "--role", "my role", "its"]),
            (r#"a\ b "c\"d" 'e\f' "g\h""#, &["a b", "c\"d", "e\\f", "g\\h"]),
            (r#""" '' x"" "#, &["", "", "x"]),
            ("$HOME ~ `ls` a;b", &["$HOME", "~", "`ls`", "a;b"]),
        ] {
            assert_eq!(split(line).unwrap(), expected, "{line}");
        }
        for line in ["\"a", "'a", "a\\", "\"a\\"] {
            split(line).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn words_in_single_quotes_come_back(words in proptest::collection::vec("[^']{0,8}", 0..5)) {
            let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split(&line).unwrap(), words);
        }

        #[test]
        fn any_line_is_answered(line in ".{0,60}") {
            let _ = split(&line);
        }
    }
}
