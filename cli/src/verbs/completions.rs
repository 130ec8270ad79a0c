//! `cairn completions`: a shell's completion script, made from the same definitions as the parser.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use clap::Args;
use clap_complete::Shell;
use std::io::Write;

/// Write a completion script for a shell to stdout
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        context.refuse_json("completions")?;
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut context.definitions(), "cairn", &mut script);
        std::io::stdout().lock().write_all(&script).map_err(|e| Failure::writing("stdout", &e))?;
        Ok(Exit::Done)
    }
}
