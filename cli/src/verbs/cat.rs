//! `cairn cat`: a file's bytes, or a folder as tar or zip, to stdout.

use super::browse;
use crate::archive::{Begun, Content, Format};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::human;
use crate::parse::PointPath;
use crate::parse::place::{POINT_FORMS, PlaceParser};
use clap::Args;
use engine::repository::Repository;
use format_spec::tree::{Entry, Kind};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

/// Write files of a restore point to stdout, or a folder as tar or zip
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Cat {
    /// What to write
    #[arg(value_name = "POINT:PATH", value_parser = PlaceParser, required = true)]
    places: Vec<PointPath>,
    /// Write a folder as an archive
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

impl Cat {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        if self.format.is_some() && io::stdout().is_terminal() {
            return Err(
                Failure::usage("an archive is not written to a terminal").advise("redirect it: ... > folder.tar")
            );
        }
        match self.format {
            Some(format) => self.archive(context, format)?,
            None => self.files(context)?,
        }
        let monitor = context.interrupt.monitor();
        monitor.take_warnings().iter().for_each(|w| context.out.warning(&w.subject, &w.reason));
        Ok(if monitor.warnings_total() > 0 { Exit::Warnings } else { Exit::Done })
    }

    /// Whatever fails from here on, wrong usage included, leaves behind what no unpacker takes for an archive.
    fn archive(&self, context: &Context, format: Format) -> Result<()> {
        let writing = |e: io::Error| Failure::writing("stdout", &e);
        // Without the buffer of the standard library, which decides by itself where it parts what it writes.
        let mut out = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(writing)?);
        let archive = Begun::new(format, &mut out).map_err(writing)?;
        context.refuse_json("cat")?;
        let [place] = &self.places[..] else {
            return Err(Failure::usage("an archive holds one folder").advise("run the command once for each folder"));
        };
        let connection = context.connect()?;
        let (point, entry) = browse::find(context, &connection.repo, place)?;
        if entry.kind != Kind::Folder {
            let what = format!("/{}: is not a folder", human::name(&place.path));
            return Err(Failure::usage(what).advise("leave --as out"));
        }
        let written = archive.write(&connection.repo, &entry, context.interrupt.monitor());
        let written = browse::or_gone(&connection.repo, &[&point], written.map_err(Failure::from));
        written.map_err(|failure| brought_back(failure, place))
    }

    fn files(&self, context: &Context) -> Result<()> {
        context.refuse_json("cat")?;
        let connection = context.connect()?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
        for place in &self.places {
            file(context, &connection.repo, place, &mut out).map_err(|failure| brought_back(failure, place))?;
        }
        out.flush().map_err(|e| Failure::writing("stdout", &e))
    }
}

fn file(context: &Context, repo: &Arc<Repository>, place: &PointPath, out: &mut dyn Write) -> Result<()> {
    let (point, entry) = browse::find(context, repo, place)?;
    browse::or_gone(repo, &[&point], file_of(context, repo, place, &entry, out))
}

fn file_of(
    context: &Context,
    repo: &Arc<Repository>,
    place: &PointPath,
    entry: &Entry,
    out: &mut dyn Write,
) -> Result<()> {
    let path = human::name(&place.path);
    match entry.kind {
        Kind::File => copy(&mut Content::open(repo, entry, context.interrupt.monitor())?, out),
        Kind::Folder => {
            Err(Failure::usage(format!("/{path}: is a folder")).advise("say --as tar or --as zip, or `cairn ls`"))
        }
        kind => Err(Failure::usage(format!("/{path}: is a {}, it has no bytes", ops::items::kind_word(kind)))),
    }
}

/// What rests is brought back by one command.
fn brought_back(failure: Failure, place: &PointPath) -> Failure {
    if failure.exit != Exit::Archived {
        return failure;
    }
    let command = format!("`cairn retrieve start {}:/{}` brings it back", place.point, human::name(&place.path));
    failure.advise(command)
}

fn copy(content: &mut Content<'_>, out: &mut dyn Write) -> Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = io::Read::read(content, &mut buffer).map_err(|e| match e.downcast::<engine::Error>() {
            Ok(e) => Failure::from(e),
            Err(e) => Failure::from(engine::Error::from(e)),
        })?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { return Ok(()) };
        out.write_all(part).map_err(|e| Failure::writing("stdout", &e))?;
    }
}

/// A few chunks: large enough to keep reads of large files in step with the engine's.
const BUFFER_BYTES: usize = 1 << 20;
