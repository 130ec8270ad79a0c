//! The generated key of the default repository: 256 random bits as text, in a file that its owner alone can read.

use super::xdg;
use crate::exit::{Exit, Failure, Result};
use engine::env::SharedEnv;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where it lies: `$XDG_CONFIG_HOME/cairn/default.key`.
pub(crate) fn path() -> Result<PathBuf> {
    Ok(xdg::config()?.join("cairn").join("default.key"))
}

/// Makes a key and keeps it in `path`, durable before this returns: a repository whose key was lost would be worthless.
/// A file that is there already is left alone and used.
///
/// # Errors
/// When the file or its folder cannot be written.
pub(crate) fn create(path: &Path, env: &SharedEnv) -> Result<Vec<u8>> {
    if path.exists() {
        return super::password::read_file(path);
    }
    let mut random = [0; 32];
    env.random(&mut random)?;
    let key = random.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    });
    write_new(path, &key).map_err(|e| {
        Failure::new(Exit::Failed, "cannot_write", format!("{}: the key file cannot be written: {e}", path.display()))
            .advise("make its folder writable, or name a repository with --repo and a password")
    })?;
    Ok(key.into_bytes())
}

fn write_new(path: &Path, key: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_its_owner_alone_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/default.key");
        let first = create(&path, &engine::env::Seeded::shared(1)).unwrap();
        let again = create(&path, &engine::env::Seeded::shared(2)).unwrap();
        assert_eq!(first, again);
        assert_eq!(first.len(), 64);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
