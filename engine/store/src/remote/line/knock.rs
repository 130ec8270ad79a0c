//! A server that hangs up on a plain request without a word: does it want TLS?
//!
//! Some servers say so in an answer of their own, many only close the connection. Then one empty question goes out over TLS; nothing of the request,
//! and no signature, goes with it, and whose certificate it is does not matter.

use reqwest::Client;
use reqwest::redirect::Policy;
use std::time::Duration;

/// Whether a server at this host and port answers over TLS.
pub(super) async fn answers_over_tls(authority: &str) -> bool {
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .danger_accept_invalid_certs(true)
        .timeout(KNOCK_MAX)
        .build();
    match client {
        Ok(client) => client.head(format!("https://{authority}/")).send().await.is_ok(),
        Err(_) => false,
    }
}

/// Whether the connection was closed by the other side before it said anything.
pub(super) fn hung_up(causes: &str) -> bool {
    ["closed before message completed", "reset by peer"].iter().any(|words| causes.contains(words))
}

/// A shake of hands takes a moment.
const KNOCK_MAX: Duration = Duration::from_secs(3);
