//! The texts that credentials come from. Whatever is refused is refused without a word of it: each
//! of them may hold a secret.

use engine::fuzzing;

/// A configuration file of the aws command: what is accepted is the same after it was written and
/// read again.
pub fn aws_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match fuzzing::aws_file(text) {
        Ok(written) => {
            assert_eq!(fuzzing::aws_file(&written).as_ref(), Ok(&written), "{text:?}");
            true
        }
        Err(why) => kept_secret(&why, &["line ", "a section", "a key", "a value", "neither"]),
    }
}

/// A command line without a shell: words in single quotes come back, unless they hold one.
pub fn command_words(bytes: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(bytes) else { return false };
    let Ok(words) = fuzzing::command_words(line) else { return false };
    if !words.iter().any(|word| word.contains('\'')) {
        let quoted = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        assert_eq!(fuzzing::command_words(&quoted), Ok(words));
    }
    true
}

/// A connection string of Azure.
pub fn connection_string(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match fuzzing::connection_string(text) {
        Ok((account, endpoint)) => {
            assert!(
                !account.is_empty() && account.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
                "{account:?}"
            );
            assert!(endpoint.is_none_or(|endpoint| !endpoint.contains(['?', '#', '@'])));
            true
        }
        Err(why) => kept_secret(&why, &["it has", "part ", "its "]),
    }
}

/// Credentials in JSON. Bit 0 of the first byte: of a program, which must name its version.
pub fn credential_reply(bytes: &[u8]) -> bool {
    let Some((choice, text)) = bytes.split_first() else { return false };
    match fuzzing::credential_reply(text, choice & 1 == 1) {
        Ok(()) => true,
        Err(why) => kept_secret(&why, &["no ", "Version ", "an Expiration"]),
    }
}

/// An answer of the service that gives roles, a refusal included.
pub fn role_answer(bytes: &[u8]) -> bool {
    match fuzzing::role_answer(bytes) {
        Ok(()) => true,
        Err(why) => kept_secret(&why, &["it is no ", "it has ", "its Expiration"]),
    }
}

/// A refusal begins in a way that is known, and is too short to hold what was refused.
fn kept_secret(why: &str, beginnings: &[&str]) -> bool {
    assert!(why.len() < 80 && beginnings.iter().any(|beginning| why.starts_with(beginning)), "{why}");
    false
}
