//! Credentials as JSON: what a `credential_process` prints, and what the service of a container
//! answers.
//!
//! ```text
//! { "Version": 1, "AccessKeyId": "...", "SecretAccessKey": "...", "SessionToken": "...", "Expiration": "2026-12-01T00:00:00Z" }
//! { "AccessKeyId": "...", "SecretAccessKey": "...", "Token": "...", "Expiration": "2026-12-01T00:00:00Z" }
//! ```
//!
//! Promises: no part of it stands in a message. Refuses: another version, a time without a zone.

use super::secret::Secret;
use super::source::Keys;
use format_spec::Time;
use serde::Deserialize;

/// Credentials, and until when they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(super) keys: Keys,
    pub(super) expires: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    version: Option<u64>,
    access_key_id: Option<String>,
    secret_access_key: Option<Secret>,
    session_token: Option<Secret>,
    token: Option<Secret>,
    expiration: Option<String>,
}

/// Reads them. A program must say by which version it speaks; a service has none.
///
/// # Errors
/// What is wrong, without a word of what came.
pub(crate) fn read(bytes: &[u8], is_versioned: bool) -> Result<Fresh, String> {
    // The library's own message may quote a value.
    let reply: Reply = serde_json::from_slice(bytes)
        .map_err(|e| format!("no JSON of credentials (line {}, column {})", e.line(), e.column()))?;
    if is_versioned && reply.version != Some(1) {
        return Err(reply
            .version
            .map_or("no Version".to_owned(), |version| format!("Version {version}, which is not 1")));
    }
    let lacks = |name: &str| format!("no {name}");
    let keys = Keys {
        id: reply.access_key_id.filter(|id| !id.is_empty()).ok_or_else(|| lacks("AccessKeyId"))?,
        secret: reply.secret_access_key.filter(|s| !s.expose().is_empty()).ok_or_else(|| lacks("SecretAccessKey"))?,
        token: reply.session_token.or(reply.token).filter(|token| !token.expose().is_empty()),
    };
    let expires =
        reply.expiration.filter(|text| !text.is_empty()).map(|text| time(&text).ok_or("an Expiration that is no time"));
    Ok(Fresh { keys, expires: expires.transpose()? })
}

/// A moment as RFC 3339 writes it.
pub(super) fn time(text: &str) -> Option<Time> {
    let stamp: jiff::Timestamp = text.trim().parse().ok()?;
    Some(Time::new(stamp.as_second(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"Version": 1, "AccessKeyId": "id", "SecretAccessKey": "SECRET", "SessionToken": "TOKEN", "Expiration": "1970-01-01T01:00:10+01:00", "X": []}"#;

    #[test]
    fn both_forms_are_read() {
        let fresh = read(GOOD.as_bytes(), true).unwrap();
        assert_eq!((fresh.keys.id.as_str(), fresh.keys.secret.expose()), ("id", "SECRET"));
        assert_eq!((fresh.keys.token.unwrap().expose(), fresh.expires.unwrap().seconds), ("TOKEN", 10));
        let bare = read(br#"{"AccessKeyId": "id", "SecretAccessKey": "s", "Token": "t"}"#, false).unwrap();
        assert_eq!((bare.keys.token.unwrap().expose(), bare.expires), ("t", None));
    }

    #[test]
    fn what_is_wrong_is_said_without_a_word_of_what_came() {
        for (from, to, why) in [
            ("\"Version\": 1", "\"Version\": 2", "Version 2"),
            ("\"Version\": 1", "\"Version\": \"SECRET\"", "line 1"),
            ("\"Version\": 1, ", "", "no Version"),
            ("\"id\"", "\"\"", "no AccessKeyId"),
            ("\"SecretAccessKey\"", "\"Other\"", "no SecretAccessKey"),
            ("1970-01-01T01:00:10+01:00", "1970-01-01T01:00:10", "no time"),
            ("}", "", "line 1"),
        ] {
            let text = GOOD.replace(from, to);
            let said = read(text.as_bytes(), true).unwrap_err();
            assert!(said.contains(why) && !said.contains("SECRET"), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&bytes, true);
        }
    }
}
