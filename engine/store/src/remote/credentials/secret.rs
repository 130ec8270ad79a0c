//! Text that is wiped when it goes, and that no message shows.

use serde::{Deserialize, Deserializer};
use std::fmt;
use zeroize::Zeroizing;

/// One value that may be a secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text, for whoever needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Adds another line, as a value that goes on has them.
    pub(super) fn push_line(&mut self, line: &str) {
        // A string that grows leaves its old place unwiped; a new one does not.
        let mut longer = Zeroizing::new(String::with_capacity(self.0.len() + 1 + line.len()));
        longer.push_str(&self.0);
        longer.push('\n');
        longer.push_str(line);
        self.0 = longer;
    }

    /// Without the empty lines at its end.
    pub(super) fn end(&mut self) {
        let length = self.0.trim_end_matches('\n').len();
        self.0.truncate(length);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}
