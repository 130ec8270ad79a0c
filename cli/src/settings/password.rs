//! Where the password comes from.
//!
//! In this order: `--password-file` or `CAIRN_PASSWORD_FILE`, `CAIRN_PASSWORD`, the config file's `password-file`, the key
//! file of the default repository, a prompt on a terminal. Promises: a password is never echoed, printed or taken from the
//! command line itself; an empty one is refused; of a file one trailing line feed is dropped [KEY-4].

use super::keyfile;
use crate::exit::{Exit, Failure, Result};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The source of the password; nothing was read yet.
#[derive(Debug, Clone)]
pub(crate) enum Password {
    /// A file that the user named.
    File(PathBuf),
    /// `CAIRN_PASSWORD`.
    Environment,
    /// The generated key file of the default repository.
    KeyFile(PathBuf),
    /// Nothing was named: ask on the terminal.
    Ask,
}

impl Password {
    /// Chooses the source.
    pub(super) fn choose(given: Option<PathBuf>, profile: Option<PathBuf>, is_default: bool) -> Result<Password> {
        if let Some(file) = given.filter(|file| !file.as_os_str().is_empty()) {
            return Ok(Password::File(file));
        }
        if std::env::var_os(VARIABLE).is_some() {
            return Ok(Password::Environment);
        }
        Ok(match profile {
            Some(file) => Password::File(file),
            None if is_default => Password::KeyFile(keyfile::path()?),
            None => Password::Ask,
        })
    }

    /// The password, if it stands somewhere; `None` means that somebody must be asked.
    ///
    /// # Errors
    /// When the file cannot be read, or the password is empty.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>> {
        match self {
            Password::File(path) => read_file(path).map(Some),
            Password::Environment => {
                use std::os::unix::ffi::OsStringExt;
                let value = std::env::var_os(VARIABLE).unwrap_or_default().into_vec();
                not_empty(value, VARIABLE).map(Some)
            }
            Password::KeyFile(path) if path.exists() => read_file(path).map(Some),
            Password::KeyFile(_) | Password::Ask => Ok(None),
        }
    }

    /// Whether somebody gave one for this run: by option, environment or profile.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self, Password::File(_) | Password::Environment)
    }

    /// As people would say it.
    pub(crate) fn described(&self) -> String {
        match self {
            Password::File(path) => format!("the file {}", path.display()),
            Password::Environment => format!("the variable {VARIABLE}"),
            Password::KeyFile(path) => format!("the key file {}", path.display()),
            Password::Ask => "the prompt".to_owned(),
        }
    }
}

/// Asks on the terminal, without echo; `twice` for a password that is about to be set.
///
/// # Errors
/// Wrong password when there is no terminal to ask on, wrong usage when both answers differ.
pub(crate) fn ask(what: &str, twice: bool) -> Result<Vec<u8>> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::new(Exit::WrongPassword, "no_password", format!("{what} is needed, and none was given"))
            .advise(format!("name one with --password-file, or set {VARIABLE}")));
    }
    let prompt = |text: String| {
        rpassword::prompt_password(text)
            .map_err(|e| Failure::new(Exit::Failed, "no_password", format!("the terminal gave no password: {e}")))
    };
    let first = prompt(format!("{what}: "))?;
    if twice && prompt(format!("{what}, once more: "))? != first {
        return Err(Failure::usage("the two passwords differ").advise("run the command again"));
    }
    not_empty(first.into_bytes(), "the password")
}

/// Reads a password file.
///
/// # Errors
/// When it cannot be read, is empty, or is far too long to be one.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let name = path.display().to_string();
    let failed = |why: String| Failure::usage(format!("{name}: the password file {why}"));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| failed(format!("cannot be read: {e}")))?;
    let mut file = std::io::Read::take(file, PASSWORD_BYTES_MAX + 1);
    std::io::Read::read_to_end(&mut file, &mut bytes).map_err(|e| failed(format!("cannot be read: {e}")))?;
    if bytes.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(failed(format!("has more than {PASSWORD_BYTES_MAX} bytes")));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    not_empty(bytes, &name)
}

fn not_empty(password: Vec<u8>, source: &str) -> Result<Vec<u8>> {
    if password.is_empty() {
        return Err(Failure::usage(format!("{source}: an empty password protects nothing and is refused"))
            .advise("choose a password, or create the repository with --no-encryption"));
    }
    Ok(password)
}

const VARIABLE: &str = "CAIRN_PASSWORD";
const PASSWORD_BYTES_MAX: u64 = 1 << 20;
