//! `cairn tag`: give restore points words, or take them away. Tags destroy nothing, so it acts at
//! once.

use super::plan_apply::{self, Step};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::place::POINT_FORMS;
use clap::Args;
use engine::maintenance::PlanHash;
use engine::maintenance::retention::{Request, Scope};
use format_spec::log::PointId;
use std::collections::BTreeSet;

/// Give restore points tags, or take tags away
///
/// `+x` gives the tag x, `-y` takes y away. Options stand before the first point, as words that
/// begin with `-` are tags.
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Tag {
    /// Restore points, and tags to give and to take away
    #[arg(value_name = "POINT|+TAG|-TAG", required = true, num_args = 1.., allow_hyphen_values = true, trailing_var_arg = true)]
    words: Vec<String>,
}

impl Tag {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        self.words.last().is_some_and(|last| last != "plan")
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let (words, step) = self.split(context)?;
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
                .advise("write for example: cairn tag latest +monthly -daily"));
        }
        if let Some(tag) = add.intersection(&remove).next() {
            return Err(Failure::usage(format!("the tag {tag:?} cannot come and go at once")));
        }
        let connection = context.connect()?;
        let ids: Result<BTreeSet<PointId>> =
            points.iter().map(|selector| Ok(connection.repo.find_point(selector)?.manifest.id)).collect();
        let request = Request::Tags { points: ids?, add, remove };
        plan_apply::run(context, &connection, Scope::of(request), step, |_| String::new())
    }

    /// The words, and what to do. `plan` and `apply HASH` at their end are those of earlier
    /// releases.
    fn split(&self, context: &Context) -> Result<(&[String], Step)> {
        let (words, step) = match &self.words[..] {
            [words @ .., last] if last == "plan" => (words, Step::Plan),
            [words @ .., word, hash] if word == "apply" => {
                let hash: PlanHash = hash.parse().map_err(Failure::usage)?;
                (words, Step::Apply(hash))
            }
            words => return Ok((words, Step::AtOnce)),
        };
        let old = &self.words[words.len()];
        context.out.note(&format!(
            "cairn: `cairn tag` acts at once now, and destroys nothing; `{old}` at its end is taken for one release more: {}",
            context.command(["tag".into()].into_iter().chain(words.iter().map(Into::into)))
        ));
        Ok((words, step))
    }
}

fn named(word: &str, tag: &str) -> Result<String> {
    if tag.is_empty() || tag.starts_with('-') {
        return Err(Failure::usage(format!("{word:?} is not a tag"))
            .advise("options stand before the first point: cairn --json tag latest +x"));
    }
    Ok(tag.to_owned())
}
