//! The options that every verb takes, defined once.

use crate::parse::{Accept, duration::duration, job, key_cost, quantity};
use clap::Args;
use engine::repository::{AsOf, SlotBounds};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Options that hold for every verb. The command line wins over the environment, the environment over the config file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Where the repository is: a path, file:///path, s3://bucket/prefix or az://container/prefix
    ///
    /// Without it, the default repository under $XDG_DATA_HOME/cairn/default is used. Credentials and endpoints come from
    /// the config file, the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, AZURE_STORAGE_CONNECTION_STRING, ...) or the files
    /// of the aws command; docs/stores.md lists them all.
    #[arg(long, global = true, value_name = "URL", env = "CAIRN_REPO", hide_env_values = true)]
    pub(crate) repo: Option<OsString>,

    /// Read the password from a file (one trailing line feed is dropped); else from CAIRN_PASSWORD, else a prompt asks
    #[arg(long, global = true, value_name = "FILE", env = "CAIRN_PASSWORD_FILE", hide_env_values = true)]
    pub(crate) password_file: Option<PathBuf>,

    /// Try the password on key slots that take up to this much memory, passes over it, and at most so many slots: 4GiBx64x100 (default: 1GiBx16x64)
    ///
    /// Whoever can write to the store can plant key slots that take minutes and gigabytes each. Slots above these bounds are left
    /// out. The others are tried by rising cost, and the one that opened last on this machine goes first.
    #[arg(long, global = true, value_name = "SIZE[xN[xN]]", env = "CAIRN_KEY_COST_MAX", hide_env_values = true, value_parser = key_cost::bounds)]
    pub(crate) key_cost_max: Option<SlotBounds>,

    /// Where the local cache lies (default: $XDG_CACHE_HOME/cairn)
    ///
    /// It ends no work: where its place cannot be used, a note says so, and the run has a temporary one.
    #[arg(long, global = true, value_name = "DIR", env = "CAIRN_CACHE_DIR", hide_env_values = true)]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Settings in TOML (default: $XDG_CONFIG_HOME/cairn/config.toml, if there is one)
    #[arg(long, global = true, value_name = "FILE", env = "CAIRN_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,

    /// Use [profile.NAME] of the config file
    #[arg(long, global = true, value_name = "NAME", env = "CAIRN_PROFILE", hide_env_values = true)]
    pub(crate) profile: Option<String>,

    /// The host whose jobs are meant, for a machine that was renamed or one that stands in for another (default: this machine's name)
    #[arg(long, global = true, value_name = "NAME", env = "CAIRN_HOST", hide_env_values = true, value_parser = job::host)]
    pub(crate) host: Option<String>,

    /// Write one JSON object a line to stdout; the last one has the type "summary"
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// See the repository as it was after this log entry, or at this time (2026-02-27, 2026-02-27T09:15); nothing is written
    #[arg(long, global = true, value_name = "SEQ|TIME", value_parser = as_of)]
    pub(crate) as_of: Option<AsOf>,

    /// Go on after a look, where cairn refused and printed this option; may be given more than once, never in a file
    #[arg(long, global = true, value_name = "WHAT", value_enum, action = clap::ArgAction::Append)]
    pub(crate) accept: Vec<Accept>,

    /// Say nothing but errors and what was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more; -vv and -vvv even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Draw no progress bar, and write no progress lines with --json
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,

    /// How many threads of one kind work, or ask the store, beside each other; at most 1024 (default: one per processor, and up to 16 that ask the store)
    #[arg(long, global = true, value_name = "N", env = "CAIRN_THREADS", hide_env_values = true, value_parser = quantity::threads)]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Upload at most so many bytes a second: 500k, 10M, 1.5MiB/s
    #[arg(long, global = true, value_name = "RATE", env = "CAIRN_LIMIT_UPLOAD", hide_env_values = true)]
    #[arg(value_parser = quantity::rate)]
    pub(crate) limit_upload: Option<u64>,

    /// Download at most so many bytes a second
    #[arg(long, global = true, value_name = "RATE", env = "CAIRN_LIMIT_DOWNLOAD", hide_env_values = true)]
    #[arg(value_parser = quantity::rate)]
    pub(crate) limit_download: Option<u64>,

    /// How long to go on asking a store that stops answering in the middle of work (default: 15m)
    #[arg(long, global = true, value_name = "TIME", env = "CAIRN_RETRY_FOR", hide_env_values = true)]
    #[arg(value_parser = duration)]
    pub(crate) retry_for: Option<Duration>,

    /// How long to go on asking a store that has not answered yet (default: 1m)
    #[arg(long, global = true, value_name = "TIME", env = "CAIRN_RETRY_START", hide_env_values = true)]
    #[arg(value_parser = duration)]
    pub(crate) retry_start: Option<Duration>,
}

fn as_of(text: &str) -> Result<AsOf, String> {
    AsOf::parse(text).map_err(|e| match e.advice() {
        Some(advice) => format!("{e}; {advice}"),
        None => e.to_string(),
    })
}
