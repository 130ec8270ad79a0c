//! Azure's shared key, as documented, so that requests which Azurite never sees are checked too.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use testkit::http::Request;

/// The value of `Authorization` for a request.
pub(super) fn sign(request: &Request, account: &str, key: &str) -> String {
    let of = |name: &str| request.header(name).unwrap_or_default().to_owned();
    let length = Some(of("content-length")).filter(|l| l != "0").unwrap_or_default();
    let mut lines = vec![request.method.clone(), of("content-encoding"), of("content-language"), length];
    let rest = ["content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match"];
    lines.extend(rest.into_iter().chain(["if-unmodified-since", "range"]).map(of));
    let mut own: Vec<_> = request.headers.iter().filter(|(name, _)| name.starts_with("x-ms-")).collect();
    own.sort();
    lines.extend(own.into_iter().map(|(name, value)| format!("{name}:{value}")));
    lines.push(format!("/{account}{}", request.path));
    lines.extend(request.query.iter().map(|(name, value)| format!("{}:{value}", name.to_lowercase())));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(key).unwrap());
    let tag = hmac::sign(&key, lines.join("\n").as_bytes());
    format!("SharedKey {account}:{}", BASE64_STANDARD.encode(tag))
}
