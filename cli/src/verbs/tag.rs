//! `cairn tag`: give restore points words, or take them away, by plan and apply.

use super::expire::found;
use super::planned::{self, Step};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::place::POINT_FORMS;
use clap::Args;
use engine::care::retention::{Request, Scope};
use std::collections::BTreeSet;

/// Give restore points tags, or take tags away
///
/// `+x` gives the tag x, `-y` takes y away. `plan` shows what would be done, with a hash; `apply HASH` does exactly that.
/// Options stand before the first point, as words that begin with `-` are tags.
#[derive(Debug, Args)]
#[command(
    override_usage = "cairn tag [OPTIONS] POINT... [+TAG]... [-TAG]... plan\n       cairn tag [OPTIONS] POINT... [+TAG]... [-TAG]... apply HASH",
    after_help = POINT_FORMS
)]
pub(crate) struct Tag {
    /// Restore points, tags, then `plan`, or `apply` and the plan's hash
    #[arg(value_name = "WORDS", required = true, num_args = 1.., allow_hyphen_values = true, trailing_var_arg = true)]
    words: Vec<String>,
}

impl Tag {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        Step::applies(&self.words)
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let (words, step) = Step::split(&self.words, "tag")?;
        let (mut points, mut add, mut remove) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for word in words {
            match (word.strip_prefix('+'), word.strip_prefix('-')) {
                (Some(tag), _) => _ = add.insert(named(word, tag)?),
                (_, Some(tag)) => _ = remove.insert(named(word, tag)?),
                _ => points.push(word.clone()),
            }
        }
        if points.is_empty() || (add.is_empty() && remove.is_empty()) {
            return Err(Failure::usage("which restore points get or lose which tags?")
                .advise("write for example: cairn tag latest +monthly -daily plan"));
        }
        if let Some(tag) = add.intersection(&remove).next() {
            return Err(Failure::usage(format!("the tag {tag:?} cannot come and go at once")));
        }
        let connection = context.connect()?;
        let request = Request::Tags { points: found(&connection.repo, &points)?, add, remove };
        planned::run(context, &connection, &Scope::of(request), &step)
    }
}

fn named(word: &str, tag: &str) -> Result<String> {
    if tag.is_empty() || tag.starts_with('-') {
        return Err(Failure::usage(format!("{word:?} is no tag"))
            .advise("options stand before the first point: cairn --json tag latest +x plan"));
    }
    Ok(tag.to_owned())
}
