//! The answer of the login service.

use super::Unexpected;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// What opens the service for a while.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    bearer: String,
    /// How long it is good for, from when it was asked for.
    pub lasts: Duration,
}

impl Token {
    /// What goes into the header, and nowhere else.
    pub fn bearer(&self) -> &str {
        &self.bearer
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(.., {} s)", self.lasts.as_secs())
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRefusal {
    /// The error's name, such as `invalid_client`.
    pub error: String,
    /// The numbers behind it, such as 7000215 for a wrong secret.
    pub codes: Vec<u64>,
    /// What the service says to people, its first line.
    pub description: String,
}

impl TokenRefusal {
    /// What a person can do about it.
    pub fn advice(&self) -> &'static str {
        let has = |codes: &[u64]| self.codes.iter().any(|code| codes.contains(code));
        if has(&[7_000_215, 7_000_222]) {
            "the client secret is wrong or has expired: make another one in the app registration"
        } else if has(&[700_027, 7_000_021, 700_024]) {
            "the certificate is not the one of the app registration, or this machine's clock is wrong"
        } else if has(&[90_002, 90_019]) {
            "there is no such tenant in this cloud: check `tenant` and `cloud`"
        } else if has(&[700_016]) {
            "the tenant does not know this application: check `client_id`, and that an administrator has consented"
        } else {
            "check `tenant`, `client_id` and the secret or certificate of the organisation"
        }
    }
}

/// Reads the answer to a request for a token: the token, or why there is none.
///
/// # Errors
/// An answer that is neither.
pub fn token_answer(status: u16, body: &[u8]) -> Result<Result<Token, TokenRefusal>, Unexpected> {
    let value: Value = serde_json::from_slice(body).map_err(|e| Unexpected::new(format!("not JSON ({e})")))?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(error) = text("error") {
        let numbers = value.get("error_codes").and_then(Value::as_array);
        let codes = numbers.into_iter().flatten().filter_map(Value::as_u64).collect();
        let description = text("error_description").unwrap_or_default();
        let description = description.lines().next().unwrap_or_default().to_owned();
        return Ok(Err(TokenRefusal { error, codes, description }));
    }
    if !(200..300).contains(&status) {
        return Err(Unexpected::new(format!("status {status} without an error")));
    }
    let bearer =
        text("access_token").filter(|bearer| !bearer.is_empty() && bearer.bytes().all(|b| b.is_ascii_graphic()));
    let bearer = bearer.ok_or_else(|| Unexpected::new("a token answer without an access token"))?;
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(Unexpected::new("a token that is not a bearer token"));
    }
    let lasts = match value.get("expires_in") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    // One that never ends is asked for again after a day all the same.
    let lasts = lasts.ok_or_else(|| Unexpected::new("a token without its lifetime"))?.min(86_400);
    Ok(Ok(Token { bearer, lasts: Duration::from_secs(lasts) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_given_or_refused_with_a_reason() {
        let good = token_answer(200, br#"{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ0.x.y"}"#);
        let good = good.expect("an answer").expect("a token");
        assert_eq!((good.bearer(), good.lasts.as_secs()), ("eyJ0.x.y", 3599));
        assert!(!format!("{good:?}").contains("eyJ0"));
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.\r\nTrace ID: 1","error_codes":[7000215]}"#;
        let refused = token_answer(401, body).expect("an answer").expect_err("a refusal");
        assert_eq!(
            (&*refused.error, &*refused.description),
            ("invalid_client", "AADSTS7000215: Invalid client secret.")
        );
        assert!(refused.advice().contains("secret"));
    }

    #[test]
    fn what_is_neither_is_an_error() {
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (500, "{}"),
            (200, r#"{"access_token":"","expires_in":1}"#),
            (200, r#"{"access_token":"a b","expires_in":1}"#),
            (200, r#"{"access_token":"a"}"#),
            (200, r#"{"access_token":"a","expires_in":1,"token_type":"pop"}"#),
        ] {
            assert!(token_answer(status, body.as_bytes()).is_err(), "{body}");
        }
    }
}
