//! The recovery sheet as people print it, and the reminder to make one.
//!
//! Whether one was made is remembered on this machine, an empty file a repository in the state folder: it is a
//! reminder, nothing rests on it.

use crate::settings::xdg;
use engine::repository::{RecoverySheet, Repository};
use std::path::PathBuf;

/// The text of the sheet. The four numbered lines are what `key import` reads; the rest is for people.
pub(crate) fn sheet(key: &RecoverySheet, made: &str) -> String {
    let lines: Vec<String> = key.lines.iter().map(|line| format!("    {line}")).collect();
    format!(
        "\
CAIRN RECOVERY SHEET

Repository  {repository}
Kept at     {location}
Made        {made}

Whoever holds this sheet and can read the repository can read every restore
point in it, without any password. Keep it like a key, away from the machine
and away from the repository.

{lines}

Each line ends in a check group of its own: a mistyped line is named.
0 and O, 1 and I and L, U and V are read as the same.

To get back in: type the four lines into a file, with their numbers, and run

    cairn --repo REPOSITORY key import --recovery-sheet FILE

It opens the repository with this sheet alone and sets a new password.
",
        repository = key.repository,
        location = key.location,
        lines = lines.join("\n"),
    )
}

/// Whether this machine knows of a sheet, or none is needed.
pub(crate) fn was_exported(repo: &Repository) -> bool {
    !is_encrypted(repo) || marker(repo).is_some_and(|path| path.exists())
}

/// Remembers that a sheet was made. That this fails is no reason to fail: then the reminder comes again.
pub(crate) fn remember(repo: &Repository) {
    let Some(path) = marker(repo) else { return };
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, b""));
    if let Err(e) = written {
        tracing::warn!("{}: cannot remember that a recovery sheet was made: {e}", path.display());
    }
}

/// Whether there is a key at all.
pub(crate) fn is_encrypted(repo: &Repository) -> bool {
    repo.config().suite != format_spec::container::Suite::Clear
}

fn marker(repo: &Repository) -> Option<PathBuf> {
    let state = xdg::state_dir().ok()?;
    Some(state.join("recovery-sheets").join(repo.id().to_string()))
}

/// What the reminder says.
pub(crate) const REMINDER: &str = "cairn: no recovery sheet was made on this machine: if the key is lost, so is everything. \
                                   Make one with `cairn key export --recovery-sheet`.";
