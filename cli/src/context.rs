//! One run of the command: options, output, signals, clock; and how it ends.

use crate::cli::{Cli, Verb};
use crate::exit::{Exit, Failure, Result};
use crate::globals::Globals;
use crate::interrupt::Interrupt;
use crate::parse::{Accept, key_cost};
use crate::say::{Output, Row, Stderr, human};
use crate::settings::{Settings, cache_dir};
use engine::env::{Machine, SharedEnv};
use engine::monitor::NOTE;
use engine::repository::AsOf;
use engine::store::Say;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// What every verb works with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) out: Output,
    pub(crate) interrupt: Interrupt,
    pub(crate) env: SharedEnv,
    /// The command line, the program's name first.
    pub(crate) args: std::sync::Arc<[OsString]>,
    globals: std::sync::Arc<Globals>,
    start: f64,
    /// Whether the verb changes what a repository holds.
    writes: bool,
    said: std::sync::Arc<Said>,
}

/// What this run has learned and said once.
#[derive(Debug, Default)]
struct Said {
    first_use: AtomicBool,
    trouble: AtomicBool,
}

/// Runs the verb and tells how it ended.
pub(crate) fn run(cli: Cli, args: Vec<OsString>) -> Exit {
    trace(cli.globals.verbose, cli.globals.quiet);
    let out = Output::new(&cli.globals);
    let interrupt = match Interrupt::listen(&out) {
        Ok(interrupt) => interrupt,
        Err(failure) => return out.failed(&failure, 0.0),
    };
    let env = Machine::shared();
    let start = env.elapsed();
    let (writes, said) = (cli.verb.writes(), std::sync::Arc::default());
    let context = Context { out, interrupt, env, args: args.into(), globals: cli.globals.into(), start, writes, said };
    let ended = act(&context, &cli.verb);
    tell_spoiled(&context);
    cache_dir::leave();
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            let stopped = context.interrupt.exit().filter(|_| failure.exit == Exit::Interrupted);
            let failure = Failure { exit: stopped.unwrap_or(failure.exit), ..failure };
            context.out.failed(&failure, context.seconds_elapsed())
        }
    }
}

/// What came wrong and was right when it was read again harms nothing that was done, and is the fault of something that somebody has to find.
fn tell_spoiled(context: &Context) {
    let spoiled = engine::store::spoiled();
    if spoiled > 0 {
        let objects = human::counted(spoiled, "object", "objects");
        context.out.warning(
            b"",
            &format!(
                "{objects} came damaged and, read again over another connection, whole: something on the way changes bytes; look at proxies, cables and this machine's memory, or use https"
            ),
        );
    }
}

fn act(context: &Context, verb: &Verb) -> Result<Exit> {
    if context.globals.as_of.is_some() && !only_reads(verb) {
        return Err(Failure::usage("--as-of only shows the past: this verb writes, or opens no repository")
            .advise("leave --as-of out; points, ls, find, diff, cat, history, stats, verify, check, restore, mount and serve take it"));
    }
    match verb {
        Verb::Init(verb) => verb.run(context),
        Verb::Backup(verb) => verb.run(context),
        Verb::Points(verb) => verb.run(context),
        Verb::Ls(verb) => verb.run(context),
        Verb::Cat(verb) => verb.run(context),
        Verb::Find(verb) => verb.run(context),
        Verb::Diff(verb) => verb.run(context),
        Verb::History(verb) => verb.run(context),
        Verb::Stats(verb) => verb.run(context),
        Verb::Restore(verb) => verb.run(context),
        Verb::Retrieve(verb) => verb.run(context),
        Verb::Verify(verb) => verb.run(context),
        Verb::Check(verb) => verb.run(context),
        Verb::Repair(verb) => verb.run(context),
        Verb::Expire(verb) => verb.run(context),
        Verb::Tag(verb) => verb.run(context),
        Verb::Gc(verb) => verb.run(context),
        Verb::Copy(verb) => verb.run(context),
        Verb::Mount(verb) => verb.run(context),
        Verb::Umount(verb) => verb.run(context),
        Verb::Serve(verb) => verb.run(context),
        Verb::Cache(verb) => verb.run(context),
        Verb::Known(verb) => verb.run(context),
        Verb::Index(verb) => verb.run(context),
        Verb::Immutability(verb) => verb.run(context),
        Verb::Key(verb) => verb.run(context),
        Verb::Schedule(verb) => verb.run(context),
        Verb::Migrate(verb) => verb.run(context),
        Verb::Completions(verb) => verb.run(context),
        Verb::Man(verb) => verb.run(context),
    }
}

/// Verbs that show what is there, and can as well show what was there.
fn only_reads(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Points(_)
            | Verb::Ls(_)
            | Verb::Cat(_)
            | Verb::Find(_)
            | Verb::Diff(_)
            | Verb::History(_)
            | Verb::Stats(_)
            | Verb::Restore(_)
            | Verb::Verify(_)
            | Verb::Check(_)
            | Verb::Mount(_)
            | Verb::Serve(_)
    )
}

impl Context {
    /// A run with these words.
    #[cfg(test)]
    pub(crate) fn for_tests(args: &[&str]) -> Context {
        let cli = <Cli as clap::Parser>::try_parse_from(args).expect("a command line of a test");
        let (env, out) = (Machine::shared(), Output::new(&cli.globals));
        Context {
            interrupt: Interrupt::listen(&out).expect("signals can be listened to"),
            out,
            start: env.elapsed(),
            env,
            args: args.iter().map(OsString::from).collect::<Vec<_>>().into(),
            writes: cli.verb.writes(),
            globals: cli.globals.into(),
            said: std::sync::Arc::default(),
        }
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
        Row::new("summary")
            .set("status", exit.status())
            .set("exit_code", exit as u8)
            .set("seconds_elapsed", self.seconds_elapsed())
            .set("first_use", self.said.first_use.load(Ordering::Relaxed))
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
fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn trace(verbose: u8, quiet: bool) {
    if verbose == 0 {
        let notes = if quiet { LevelFilter::OFF } else { LevelFilter::WARN };
        let said = Targets::new().with_default(LevelFilter::ERROR).with_target(NOTE, notes);
        let plain = tracing_subscriber::fmt::layer().with_writer(|| Stderr).with_ansi(false).event_format(Plain);
        // A second subscriber can only come from a test that runs in this process.
        let _ = tracing_subscriber::registry().with(plain.with_filter(said)).try_init();
        return;
    }
    let level = match verbose {
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| Stderr)
        .with_ansi(false)
        .with_target(verbose > 1);
    let _ = subscriber.try_init();
}

/// What the engine notices beside its work, as everything else is said to people: a line without the time of day and without a level.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> std::fmt::Result {
        let is_note = event.metadata().target() == NOTE;
        writer.write_str(if is_note { "cairn: " } else { "cairn: warning: " })?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writer.write_char('\n')
    }
}
