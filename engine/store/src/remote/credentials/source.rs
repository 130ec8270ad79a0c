//! What credentials of S3 can come from, as it was configured.

use super::lack::Lack;
use super::secret::Secret;

/// Where credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Keys(Keys),
    Process { profile: String, command: Vec<String> },
    WebIdentity(WebIdentity),
    Role(Role),
    Container(Container),
    Instance { endpoint: String, first_version: bool },
}

/// Keys as they stand somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) token: Option<Secret>,
}

/// A role that is given for a signed token in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebIdentity {
    pub(super) token_file: String,
    pub(super) role: String,
    pub(super) session: Option<String>,
}

/// A role that is given to whoever has other credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) profile: String,
    pub(super) arn: String,
    pub(super) session: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) seconds: Option<u32>,
    pub(super) of: Box<Source>,
}

/// A service beside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) url: String,
    pub(super) token: Option<Secret>,
    pub(super) token_file: Option<String>,
}

/// Which half of two keys is there, and which one is not.
pub(super) fn halves(has_id: bool) -> (&'static str, &'static str) {
    if has_id { ("aws_access_key_id", "aws_secret_access_key") } else { ("aws_secret_access_key", "aws_access_key_id") }
}

/// Something is there, and what it needs is not.
pub(super) fn half(has: &str, lacks: &str) -> Lack {
    Lack::settings(format!("{has}, but not {lacks}"), format!("set {lacks} too, or neither"))
}
