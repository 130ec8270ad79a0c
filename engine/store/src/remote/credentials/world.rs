//! What settings and environment say, by name: the config file of Cairn first, then the variables.
//!
//! A variable that is empty is one that is not set, as for the aws command. Refuses to show what it
//! holds.

use crate::Options;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Settings and variables.
#[derive(Default)]
pub(in crate::remote) struct World {
    settings: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    is_environment_read: bool,
}

impl World {
    /// What holds for a store whose names begin with `prefix` (`aws_`, `azure_`).
    pub(in crate::remote) fn of(options: &Options, prefix: &str) -> World {
        let variables = std::env::vars_os().filter(|_| options.environment);
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        World::new(options, prefix, variables.filter_map(text))
    }

    /// The same with variables of its own.
    pub(super) fn new(options: &Options, prefix: &str, variables: impl Iterator<Item = (String, String)>) -> World {
        let whole = |name: &str| {
            let name = name.to_ascii_lowercase();
            if name.starts_with(prefix) { name } else { format!("{prefix}{name}") }
        };
        World {
            settings: options.settings.iter().map(|(name, value)| (whole(name), value.clone())).collect(),
            variables: variables.filter(|(_, value)| !value.is_empty()).collect(),
            is_environment_read: options.environment,
        }
    }

    /// The first of these settings, else the first of the variables of the same names.
    pub(in crate::remote) fn word(&self, names: &[&str]) -> Option<&str> {
        self.setting(names).or_else(|| names.iter().find_map(|name| self.variable(&name.to_ascii_uppercase())))
    }

    /// The first of these settings.
    pub(in crate::remote) fn setting(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.settings.get(*name)).map(String::as_str)
    }

    /// A variable by its whole name.
    pub(in crate::remote) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// All settings, by names in lower case.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a switch is on.
    pub(in crate::remote) fn is_on(&self, names: &[&str]) -> bool {
        self.word(names).is_some_and(is_true)
    }

    /// Whether files of this user count: only where the environment does.
    pub(super) fn is_environment_read(&self) -> bool {
        self.is_environment_read
    }

    /// A path in which `~` is the user's home.
    pub(in crate::remote) fn path(&self, text: &str) -> PathBuf {
        match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => self.home().join(rest.trim_start_matches('/')),
            _ => PathBuf::from(text),
        }
    }

    fn home(&self) -> PathBuf {
        let home = self.variable("HOME").map(PathBuf::from).or_else(std::env::home_dir);
        home.unwrap_or_else(|| Path::new("/").to_owned())
    }
}

/// Whether a word means yes.
pub(super) fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on")
}
