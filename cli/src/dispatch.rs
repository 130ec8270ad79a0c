//! From a command line to its end: tracing is set up, signals are listened to, the verb runs, and how it ended is said.

use crate::cli::{Cli, command};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::interrupt::Interrupt;
use crate::output::{Output, Stderr, human};
use crate::settings::cache_dir;
use engine::env::Machine;
use engine::monitor::NOTE;
use std::ffi::OsString;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Runs the verb and tells how it ended.
pub(crate) fn run(cli: Cli, args: Vec<OsString>) -> Exit {
    trace(cli.globals.verbose, cli.globals.quiet);
    let out = Output::new(&cli.globals);
    let interrupt = match Interrupt::listen(&out) {
        Ok(interrupt) => interrupt,
        Err(failure) => return out.failed(&failure, 0.0),
    };
    let context = Context::new((out, interrupt, Machine::shared()), args, cli.globals, cli.verb.writes(), command);
    let ended = may_look_back(&context, cli.verb.reads_the_past()).and_then(|()| cli.verb.run(&context));
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

fn may_look_back(context: &Context, reads_the_past: bool) -> Result<()> {
    if context.as_of().is_some() && !reads_the_past {
        return Err(Failure::usage("--as-of only shows the past: this verb writes, or opens no repository")
            .advise("leave --as-of out; points, ls, find, diff, cat, history, stats, verify, check, restore, mount and serve take it"));
    }
    Ok(())
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

#[cfg(test)]
impl Context {
    /// A run with these words.
    pub(crate) fn for_tests(args: &[&str]) -> Context {
        let cli = <Cli as clap::Parser>::try_parse_from(args).expect("a command line of a test");
        let out = Output::new(&cli.globals);
        let interrupt = Interrupt::listen(&out).expect("signals can be listened to");
        let words = args.iter().map(OsString::from).collect();
        Context::new((out, interrupt, Machine::shared()), words, cli.globals, cli.verb.writes(), command)
    }
}
