//! Lists of sources (`--files-from`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The paths in `list`: separated by NUL if it holds one (as `find -print0` writes them), else one a line. Paths are taken as
/// they stand, spaces, `#` and wildcards included; empty ones are passed over.
pub fn paths_in_list(list: &[u8]) -> Vec<PathBuf> {
    let separator = if list.contains(&0) { 0 } else { b'\n' };
    list.split(|b| *b == separator).filter(|p| !p.is_empty()).map(|p| PathBuf::from(OsStr::from_bytes(p))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_separated_by_nul_if_it_holds_one() {
        assert_eq!(paths_in_list(b"a b\n\n#c\n"), [PathBuf::from("a b"), PathBuf::from("#c")]);
        assert_eq!(paths_in_list(b"a\nb\0/c\0"), [PathBuf::from("a\nb"), PathBuf::from("/c")]);
        assert!(paths_in_list(b"").is_empty());
    }
}
