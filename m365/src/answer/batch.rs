//! The answer to a batch: up to twenty answers in one, in any order, each with a status of its own.

use super::Unexpected;
use serde_json::Value;
use std::collections::BTreeMap;

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The status.
    pub status: u16,
    /// Headers by name, in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body as bytes: JSON again, or what the text of a `base64` body means.
    pub body: Vec<u8>,
}

/// Reads the answer to a batch of which these were the ids; the parts stand in the order of the ids.
///
/// # Errors
/// Whatever is not one part for each id: a part without an id or status, one that nobody asked for,
/// two of one id, one that is missing.
pub fn batch_answer(body: &[u8], asked: &[&str]) -> Result<Vec<Part>, Unexpected> {
    let value: Value = serde_json::from_slice(body).map_err(|e| Unexpected::new(format!("not JSON ({e})")))?;
    let Some(Value::Array(responses)) = value.get("responses") else {
        return Err(Unexpected::new("a batch without `responses`"));
    };
    let mut parts: Vec<Option<Part>> = vec![None; asked.len()];
    for response in responses {
        let id = response.get("id").and_then(Value::as_str).unwrap_or_default();
        let slot = asked.iter().position(|asked| *asked == id).and_then(|at| parts.get_mut(at));
        let slot = slot.ok_or_else(|| Unexpected::new(format!("a part {id:?} that was not asked for")))?;
        if slot.is_some() {
            return Err(Unexpected::new(format!("two parts {id:?}")));
        }
        *slot = Some(part(response)?);
    }
    let all: Option<Vec<Part>> = parts.into_iter().collect();
    all.ok_or_else(|| Unexpected::new("a batch that lacks a part"))
}

fn part(response: &Value) -> Result<Part, Unexpected> {
    let status = response.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| (100..600).contains(status));
    let status = status.ok_or_else(|| Unexpected::new("a part without a status"))?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let headers = match response.get("headers") {
        Some(Value::Object(headers)) => {
            headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect()
        }
        _ => BTreeMap::new(),
    };
    let body = match response.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(body)) => decoded(body),
        Some(body) => body.to_string().into_bytes(),
    };
    Ok(Part { status, headers, body })
}

/// A body that is not JSON comes as base64; one that is not that either, as it is.
fn decoded(body: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(body).unwrap_or_else(|_| body.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_any_order_and_are_given_in_ours() {
        let body = br#"{"responses":[{"id":"2","status":429,"headers":{"Retry-After":7},"body":{"error":{"code":"x"}}},{"id":"1","status":200,"body":{"value":[]}}]}"#;
        let parts = batch_answer(body, &["1", "2"]).expect("two parts");
        assert_eq!(parts.iter().map(|part| part.status).collect::<Vec<_>>(), [200, 429]);
        assert_eq!(parts[1].headers.get("retry-after").map(String::as_str), Some("7"));
        assert_eq!(parts[0].body, br#"{"value":[]}"#);
    }

    #[test]
    fn a_part_too_many_or_too_few_is_an_error() {
        for body in [
            "{}",
            r#"{"responses":{}}"#,
            r#"{"responses":[]}"#,
            r#"{"responses":[{"id":"1","status":200},{"id":"1","status":200}]}"#,
            r#"{"responses":[{"id":"9","status":200}]}"#,
            r#"{"responses":[{"id":"1"}]}"#,
            r#"{"responses":[{"id":"1","status":"200"}]}"#,
            r#"{"responses":[{"id":"1","status":70000}]}"#,
        ] {
            assert!(batch_answer(body.as_bytes(), &["1"]).is_err(), "{body}");
        }
    }
}
