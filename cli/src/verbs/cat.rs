//! `cairn cat`: a file's bytes, or a folder as tar or zip, to stdout.

use super::look;
use crate::archive::{Content, write_tar, write_zip};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::Place;
use crate::parse::place::PlaceParser;
use crate::say::human;
use clap::{Args, ValueEnum};
use format_spec::tree::Kind;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Write files of a restore point to stdout, or a folder as tar or zip
#[derive(Debug, Args)]
pub(crate) struct Cat {
    /// What to write
    #[arg(value_name = "POINT:PATH", value_parser = PlaceParser, required = true)]
    places: Vec<Place>,
    /// Write a folder as an archive
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With owners, links, devices and extended attributes
    Tar,
    /// With modes, times and symbolic links
    Zip,
}

impl Cat {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        context.refuse_json("cat")?;
        if self.format.is_some() && io::stdout().is_terminal() {
            return Err(
                Failure::usage("an archive is not written to a terminal").advise("redirect it: ... > folder.tar")
            );
        }
        if self.format.is_some() && self.places.len() > 1 {
            return Err(Failure::usage("an archive holds one folder").advise("run the command once for each folder"));
        }
        let connection = context.connect()?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
        for place in &self.places {
            self.write(context, &connection.repo, place, &mut out).map_err(|failure| brought_back(failure, place))?;
        }
        out.flush().map_err(|e| Failure::writing("stdout", &e))?;
        drop(out);
        let monitor = context.interrupt.monitor();
        monitor.take_warnings().iter().for_each(|w| context.out.warning(&w.subject, &w.reason));
        Ok(if monitor.warnings_total() > 0 { Exit::Warnings } else { Exit::Done })
    }

    fn write(
        &self,
        context: &Context,
        repo: &std::sync::Arc<engine::repository::Repository>,
        place: &Place,
        out: &mut dyn Write,
    ) -> Result<()> {
        let (_, entry) = look::find(repo, place)?;
        let path = human::name(&place.path);
        let monitor = context.interrupt.monitor();
        match (entry.kind, self.format) {
            (Kind::Folder, Some(Format::Tar)) => Ok(write_tar(repo, &entry, out, monitor)?),
            (Kind::Folder, Some(Format::Zip)) => Ok(write_zip(repo, &entry, out, monitor)?),
            (Kind::Folder, None) => {
                Err(Failure::usage(format!("/{path}: is a folder")).advise("say --as tar or --as zip, or `cairn ls`"))
            }
            (_, Some(_)) => Err(Failure::usage(format!("/{path}: is no folder")).advise("leave --as out")),
            (Kind::File, None) => copy(context, &mut Content::open(repo, &entry)?, out),
            (kind, None) => Err(Failure::usage(format!("/{path}: is a {}, it has no bytes", look::kind_word(kind)))),
        }
    }
}

/// What rests is brought back by one command.
fn brought_back(failure: Failure, place: &Place) -> Failure {
    if failure.exit != Exit::Archived {
        return failure;
    }
    let command = format!("`cairn retrieve start {}:/{}` brings it back", place.point, human::name(&place.path));
    failure.advise(command)
}

fn copy(context: &Context, content: &mut Content, out: &mut dyn Write) -> Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        context.interrupt.monitor().check()?;
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
