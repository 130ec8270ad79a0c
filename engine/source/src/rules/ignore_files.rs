//! The `.cairnignore` files that hold at a place of the walk.
//!
//! Promises: a file's patterns hold in its folder and below; the deepest file with a matching pattern decides. A file that
//! cannot be read or a line that is malformed is reported and leaves nothing out.

use super::IGNORE_BYTES_MAX;
use super::patterns::Patterns;
use std::io;

/// The ignore files from the source down to the current folder.
#[derive(Debug, Default)]
pub struct IgnoreFiles {
    files: Vec<(Vec<u8>, Patterns)>,
}

impl IgnoreFiles {
    /// Takes up the ignore file of `folder` (a path without a leading `/`); what is wrong with it.
    pub fn push(&mut self, folder: &[u8], read: io::Result<Vec<u8>>) -> Vec<String> {
        let text = match read {
            Err(e) => return vec![format!("its patterns do not hold: it cannot be read: {e}")],
            Ok(text) if text.len() > IGNORE_BYTES_MAX => {
                return vec![format!("its patterns do not hold: it is longer than {IGNORE_BYTES_MAX} bytes")];
            }
            Ok(text) => text,
        };
        let (patterns, reasons) = Patterns::of_ignore_file(&text);
        self.files.push((folder.to_vec(), patterns));
        reasons
    }

    /// Lets go of the ignore file of `folder`, if it has one.
    pub fn leave(&mut self, folder: &[u8]) {
        if self.files.last().is_some_and(|(of, _)| of == folder) {
            self.files.pop();
        }
    }

    /// Why the item at `path` is left out, if it is.
    pub fn leave_out(&self, path: &[u8], folder: bool) -> Option<String> {
        for (of, patterns) in self.files.iter().rev() {
            let below = path.strip_prefix(of.as_slice())?;
            let below = below.strip_prefix(b"/").unwrap_or(below);
            if let Some(pattern) = patterns.last_match(below, folder) {
                let of = String::from_utf8_lossy(of);
                return (!pattern.negated).then(|| format!("left out by {:?} in /{of}/.cairnignore", pattern.text));
            }
        }
        None
    }
}
