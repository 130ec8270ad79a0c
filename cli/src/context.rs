//! One run of the command: options, output, signals, clock. It does not know the verbs, so that every verb can know it.

use crate::exit::{Exit, Failure, Result};
use crate::globals::Globals;
use crate::interrupt::Interrupt;
use crate::output::rows::SummaryRow;
use crate::output::{Output, Row};
use crate::parse::{Accept, key_cost};
use crate::settings::Settings;
use engine::env::SharedEnv;
use engine::repository::AsOf;
use engine::store::Say;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What every verb works with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) out: Output,
    pub(crate) interrupt: Interrupt,
    pub(crate) env: SharedEnv,
    /// The command line, the program's name first.
    pub(crate) args: Arc<[OsString]>,
    globals: Arc<Globals>,
    start: f64,
    /// Whether the verb changes what a repository holds.
    writes: bool,
    /// All definitions of the command line.
    definitions: fn() -> clap::Command,
    said: Arc<Said>,
}

/// What this run has learned and said once.
#[derive(Debug, Default)]
struct Said {
    first_use: AtomicBool,
    trouble: AtomicBool,
}

impl Context {
    /// A run that begins now.
    pub(crate) fn new(
        (out, interrupt, env): (Output, Interrupt, SharedEnv),
        args: Vec<OsString>,
        globals: Globals,
        writes: bool,
        definitions: fn() -> clap::Command,
    ) -> Context {
        let (args, start, said) = (args.into(), env.elapsed(), Arc::default());
        Context { out, interrupt, start, env, args, globals: globals.into(), writes, definitions, said }
    }

    /// All definitions of the command line: what completions, manual pages and the check of a schedule are made from.
    pub(crate) fn definitions(&self) -> clap::Command {
        (self.definitions)()
    }

    /// The earlier position of the log that was asked for.
    pub(crate) fn as_of(&self) -> Option<AsOf> {
        self.globals.as_of
    }

    /// Whether this command changes what a repository holds.
    pub(crate) fn writes(&self) -> bool {
        self.writes
    }

    /// Takes down that this machine has not used a repository before.
    pub(crate) fn remember_first_use(&self) {
        self.said.first_use.store(true, Ordering::Relaxed);
    }

    /// Whether this is the first time that this is asked: trouble with what is remembered is told once.
    pub(crate) fn first_trouble(&self) -> bool {
        !self.said.trouble.swap(true, Ordering::Relaxed)
    }

    /// Whether the command line accepts this.
    pub(crate) fn accepts(&self, what: Accept) -> bool {
        self.globals.accept.contains(&what)
    }

    /// The command of this run with `--accept WHAT`, as a shell would take it: what a refusal advises after a look.
    pub(crate) fn command_accepting(&self, what: Accept) -> String {
        self.command_with(&format!("--accept {what}"), &mut self.args.iter().skip(1))
    }

    /// The command of this run as that of another host, as a shell would take it.
    pub(crate) fn command_on_host(&self, host: &str) -> String {
        let (mut words, mut kept) = (self.args.iter().skip(1), Vec::new());
        while let Some(word) = words.next() {
            if word == "--host" {
                words.next();
            } else if !word.as_encoded_bytes().starts_with(b"--host=") {
                kept.push(word);
            }
        }
        self.command_with(&format!("--host {}", quoted(OsStr::new(host))), &mut kept.into_iter())
    }

    fn command_with(&self, option: &str, words: &mut dyn Iterator<Item = &OsString>) -> String {
        let program = self.args.first().map_or_else(|| "cairn".into(), |word| quoted(word));
        let rest = words.map(|word| format!(" {}", quoted(word))).collect::<String>();
        format!("{program} {option}{rest}")
    }

    /// Another command on the same repository, as a shell would take it: what somebody is told to run next.
    pub(crate) fn command(&self, words: impl IntoIterator<Item = OsString>) -> String {
        self.command_given(self.given(), words)
    }

    /// The same for a job of this host, which is named where the command would else be of another one than `own`.
    pub(crate) fn command_of_host(&self, host: &str, own: &str, words: impl IntoIterator<Item = OsString>) -> String {
        let mut given = self.given();
        if host != own {
            given.retain(|(id, ..)| *id != "host");
            given.push(("host", "CAIRN_HOST", host.to_owned()));
        }
        self.command_given(given, words)
    }

    fn command_given(
        &self,
        given: Vec<(&'static str, &'static str, String)>,
        words: impl IntoIterator<Item = OsString>,
    ) -> String {
        let program = self.args.first().map_or_else(|| "cairn".into(), |word| quoted(word));
        let given = given.into_iter().map(|(id, _, value)| {
            let option = id.replace('_', "-");
            format!(" --{option} {}", quoted(OsStr::new(&value)))
        });
        let rest = words.into_iter().map(|word| format!(" {}", quoted(&word)));
        given.chain(rest).fold(program, |command, word| command + &word)
    }

    /// The command of this run with `apply HASH` in the place of `plan`, as a shell would take it: a plan holds for its own options.
    pub(crate) fn command_applying(&self, hash: &str) -> String {
        let plan = self.args.iter().rposition(|word| word == "plan");
        let words = self.args.iter().enumerate().map(|(at, word)| match plan {
            Some(plan) if plan == at => format!("apply {hash}"),
            _ => quoted(word),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The settings of this run.
    ///
    /// # Errors
    /// Wrong usage, when the config file or the environment makes no sense.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let out = self.out.clone();
        let say = Say::new(move |text| out.note(&format!("cairn: {text}")));
        Ok(Settings { say: Some(say), ..Settings::resolve(&self.globals)? })
    }

    /// What was said about place and password of the repository, by option or environment: the option, its variable, its value with paths made
    /// absolute. Secrets are not among it.
    pub(crate) fn given(&self) -> Vec<(&'static str, &'static str, String)> {
        let absolute =
            |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string();
        let g = &self.globals;
        let repo = g.repo.as_ref().filter(|repo| !repo.is_empty()).map(|repo| match repo.to_str() {
            Some(url) if url.contains("://") => url.to_owned(),
            _ => absolute(&PathBuf::from(repo)),
        });
        let given = [
            ("repo", "CAIRN_REPO", repo),
            ("password_file", "CAIRN_PASSWORD_FILE", g.password_file.as_ref().map(absolute)),
            ("key_cost_max", "CAIRN_KEY_COST_MAX", g.key_cost_max.map(key_cost::text)),
            ("cache_dir", "CAIRN_CACHE_DIR", g.cache_dir.as_ref().map(absolute)),
            ("config", "CAIRN_CONFIG", g.config.as_ref().map(absolute)),
            ("profile", "CAIRN_PROFILE", g.profile.clone()),
            ("host", "CAIRN_HOST", g.host.clone().filter(|host| !host.is_empty())),
        ];
        given.into_iter().filter_map(|(id, name, value)| Some((id, name, value?))).collect()
    }

    /// Seconds since the command started.
    pub(crate) fn seconds_elapsed(&self) -> f64 {
        self.env.elapsed() - self.start
    }

    /// A summary in the making; every one has these keys.
    pub(crate) fn summary(&self, exit: Exit) -> Row {
        Row::new("summary").report(&SummaryRow {
            status: exit.status(),
            exit_code: exit as u8,
            seconds_elapsed: self.seconds_elapsed(),
            first_use: self.said.first_use.load(Ordering::Relaxed),
        })
    }

    /// Refuses `--json` for a verb whose stdout is the data itself.
    ///
    /// # Errors
    /// Wrong usage.
    pub(crate) fn refuse_json(&self, verb: &str) -> Result<()> {
        if !self.out.json {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "`cairn {verb}` writes the data itself to stdout; it cannot write JSON there as well"
        ))
        .advise("leave --json out"))
    }
}

/// A word as a POSIX shell takes it.
pub(crate) fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
