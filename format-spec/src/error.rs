//! Why bytes were refused: every verdict names the rule that was broken.

/// A refusal. The rule number (`PACK-7`) is the one of the specification's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The bytes break a rule: truncated, flipped, swapped or never ours.
    #[error("{rule}: {what} (expected {expected}, found {found})")]
    Broken {
        /// The broken rule's number.
        rule: &'static str,
        /// What was looked at.
        what: &'static str,
        /// What the rule demands.
        expected: String,
        /// What stood there.
        found: String,
    },
    /// A newer major version, or a feature that this reader must understand and does not.
    #[error("{rule}: {what} is not supported by this release (found {found})")]
    Unsupported {
        /// The rule that demands the refusal.
        rule: &'static str,
        /// What was looked at.
        what: &'static str,
        /// What stood there.
        found: String,
    },
}

impl FormatError {
    /// A broken rule.
    pub fn broken(rule: &'static str, what: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        FormatError::Broken { rule, what, expected: expected.to_string(), found: found.to_string() }
    }

    /// A newer version or an unknown feature.
    pub fn unsupported(rule: &'static str, what: &'static str, found: impl ToString) -> Self {
        FormatError::Unsupported { rule, what, found: found.to_string() }
    }

    /// True when a newer release may understand what this one refuses.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, FormatError::Unsupported { .. })
    }

    /// The rule that was broken.
    pub fn rule(&self) -> &'static str {
        match self {
            FormatError::Broken { rule, .. } | FormatError::Unsupported { rule, .. } => rule,
        }
    }
}

/// The format's result.
pub type Result<T, E = FormatError> = std::result::Result<T, E>;
