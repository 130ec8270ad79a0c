//! Where the password comes from.
//!
//! In this order: `--password-file` or `CAIRN_PASSWORD_FILE`, `CAIRN_PASSWORD`, the config file's `password-file`, the key
//! file of the default repository, a prompt on a terminal. Promises: a password is never echoed, printed or taken from the
//! command line itself; an empty one is refused; of a file one trailing line feed is dropped [KEY-4]; memory that held one is
//! wiped. A child that goes on in the background gets it through a pipe, as its environment could be read for as long as it runs.

use super::keyfile;
use crate::exit::{Exit, Failure, Result};
use crate::output::human;
use crate::terminal;
use ops::Secret;
use ops::open::Offer;
use std::io::{ErrorKind, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The source of the password; nothing was read yet.
#[derive(Debug, Clone)]
pub(crate) enum Password {
    /// A file that the user named for this repository.
    File(PathBuf),
    /// A file that the config file names for all repositories.
    Common(PathBuf),
    /// `CAIRN_PASSWORD`.
    Environment,
    /// What the parent's `CAIRN_PASSWORD` was, handed to a child through a pipe.
    Handed,
    /// The generated key file of the default repository.
    KeyFile(PathBuf),
    /// Nothing was named: ask on the terminal.
    Ask,
}

impl Password {
    /// Chooses the source.
    pub(super) fn choose(given: Option<PathBuf>, configured: Option<Password>, is_default: bool) -> Result<Password> {
        if let Some(file) = given.filter(|file| !file.as_os_str().is_empty()) {
            return Ok(Password::File(file));
        }
        if HANDED.get().is_some() {
            return Ok(Password::Handed);
        }
        if std::env::var_os(VARIABLE).is_some() {
            return Ok(Password::Environment);
        }
        Ok(match configured {
            Some(configured) => configured,
            None if is_default => Password::KeyFile(keyfile::path()?),
            None => Password::Ask,
        })
    }

    /// The password, if it stands somewhere; `None` means that somebody must be asked.
    ///
    /// # Errors
    /// When the file cannot be read, or the password is empty.
    pub(crate) fn read(&self) -> Result<Option<Secret>> {
        match self {
            Password::File(path) | Password::Common(path) => read_file(path).map(Some),
            Password::Handed => not_empty(HANDED.get().cloned().unwrap_or_default(), VARIABLE).map(Some),
            Password::Environment => {
                use std::os::unix::ffi::OsStringExt;
                let value = std::env::var_os(VARIABLE).unwrap_or_default().into_vec();
                not_empty(Zeroizing::new(value), VARIABLE).map(Some)
            }
            Password::KeyFile(path) if path.exists() => read_file(path).map(Some),
            Password::KeyFile(_) | Password::Ask => Ok(None),
        }
    }

    /// Whether somebody gave one for this repository: by option, environment or profile.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self, Password::File(_) | Password::Environment | Password::Handed)
    }

    /// How it comes: for this repository alone, for all of them, or in the key file of the default one.
    pub(crate) fn offer(&self) -> Offer {
        let source = self.described();
        match self {
            Password::File(_) | Password::Environment | Password::Handed => Offer::ForThis(source),
            Password::Common(_) => Offer::ForAll(source),
            Password::KeyFile(path) if path.exists() => Offer::Generated(source),
            Password::KeyFile(_) | Password::Ask => Offer::Nothing,
        }
    }

    /// As people would say it.
    pub(crate) fn described(&self) -> String {
        match self {
            Password::File(path) => format!("the file {}", human::path(path)),
            Password::Common(path) => {
                format!("the file {}, which the config file names for all repositories", human::path(path))
            }
            Password::Environment | Password::Handed => format!("the variable {VARIABLE}"),
            Password::KeyFile(path) => format!("the key file {}", human::path(path)),
            Password::Ask => "the prompt".to_owned(),
        }
    }
}

/// Asks on the terminal, without echo; `twice` for a password that is about to be set.
///
/// # Errors
/// Wrong password when there is no terminal to ask on, wrong usage when both answers differ.
pub(crate) fn ask(what: &str, twice: bool) -> Result<Secret> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::new(Exit::WrongPassword, "no_password", format!("{what} is needed, and none was given"))
            .advise(format!("name one with --password-file, or set {VARIABLE}")));
    }
    let prompt = |text: String| {
        terminal::hiding(|| rpassword::prompt_password(text)).map(|typed| Zeroizing::new(typed.into_bytes())).map_err(
            |e| match e.kind() {
                ErrorKind::Interrupted => {
                    Failure::new(Exit::Interrupted, "interrupted", "stopped while a password was asked for")
                }
                _ => Failure::new(Exit::Failed, "no_password", format!("the terminal gave no password: {e}")),
            },
        )
    };
    let first = prompt(format!("{what}: "))?;
    if twice && prompt(format!("{what}, once more: "))? != first {
        return Err(Failure::usage("the two passwords differ").advise("run the command again"));
    }
    not_empty(first, "the password")
}

/// Reads a password file.
///
/// # Errors
/// When it cannot be read, is empty, or is far too long to be one.
pub(crate) fn read_file(path: &Path) -> Result<Secret> {
    let name = human::path(path);
    let failed = |why: String| Failure::usage(format!("{name}: the password file {why}"));
    let file = std::fs::File::open(path).map_err(|e| failed(format!("cannot be read: {e}")))?;
    let mut bytes = read_all(file).map_err(|e| failed(format!("cannot be read: {e}")))?;
    if bytes.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(failed(format!("has more than {PASSWORD_BYTES_MAX} bytes")));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    not_empty(bytes, &name)
}

/// What a stream holds, up to one byte more than a password may have. The memory is taken at once: what grows leaves copies behind.
fn read_all(from: impl Read) -> std::io::Result<Secret> {
    let most = PASSWORD_BYTES_MAX + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(most).unwrap_or(usize::MAX) + 64));
    from.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes the password that the parent hands over, before anything asks for settings.
///
/// # Errors
/// When the pipe gives none.
pub(crate) fn take_handed() -> Result<()> {
    let handed = read_all(std::io::stdin().lock())
        .map_err(|e| Failure::new(Exit::Failed, "bug", format!("the password was not handed over: {e}")))?;
    HANDED.get_or_init(|| handed);
    Ok(())
}

fn not_empty(password: Secret, source: &str) -> Result<Secret> {
    if password.is_empty() {
        return Err(Failure::usage(format!("{source}: an empty password protects nothing and is refused"))
            .advise("choose a password, or create the repository with --no-encryption"));
    }
    Ok(password)
}

/// The variable that holds a password.
pub(crate) const VARIABLE: &str = engine::children::PASSWORD;
/// What this process was handed.
static HANDED: OnceLock<Secret> = OnceLock::new();
const PASSWORD_BYTES_MAX: u64 = 1 << 20;
