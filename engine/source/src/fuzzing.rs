//! The narrow door of the fuzz targets to decoders of this crate that nobody else may call (see `engine::fuzzing`).

use crate::rules::{IgnoreFiles, Patterns, Rules};

/// What is wrong with the ignore file `text` of `folder`, and why it leaves the item at `path` out, if it does.
pub fn ignore_file(text: &[u8], folder: &[u8], path: &[u8], is_folder: bool) -> (Vec<String>, Option<String>) {
    let mut files = IgnoreFiles::default();
    let reasons = files.push(folder, Ok(text.to_vec()));
    let left_out = files.leave_out(path, is_folder);
    files.leave(folder);
    (reasons, left_out)
}

/// Why `excludes` leave the item at `path` out, if they do.
pub fn excluded(excludes: Patterns, path: &[u8], is_folder: bool) -> Option<String> {
    Rules { excludes, ..Rules::default() }.leave_out(path, is_folder, false)
}
