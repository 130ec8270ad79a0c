//! Path templates: how the folders that lead to points are named, `by-job/{org}/{job}/{time}`.
//!
//! The first template of a mount is the real tree, the others are symlinks into it. A template with `{tag}` makes an entry for
//! each tag of a point.

use super::names::{Moment, Sources, escape, hex, shorten};
use crate::limits::{COMPONENT_BYTES_MAX, NAME_BYTES_MAX, TEMPLATE_DEPTH_MAX};
use format_spec::log::PointId;
use format_spec::point::{Alone, Manifest};

/// A checked template: one or more names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    names: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Org,
    Host,
    Job,
    Time,
    Year,
    Month,
    Day,
    Id,
    Id8,
    Tag,
}

const FIELDS: [(&str, Field); 10] = [
    ("org", Field::Org),
    ("host", Field::Host),
    ("job", Field::Job),
    ("time", Field::Time),
    ("year", Field::Year),
    ("month", Field::Month),
    ("day", Field::Day),
    ("id", Field::Id),
    ("id8", Field::Id8),
    ("tag", Field::Tag),
];

impl Template {
    /// Reads a template: names apart by `/`, made of text and of `{org}` (organisation, or host where there is none), `{host}`,
    /// `{job}`, `{time}`, `{year}`, `{month}`, `{day}`, `{id}`, `{id8}` and `{tag}`.
    ///
    /// # Errors
    /// What is wrong with it, and what can be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let inner = text.strip_prefix('/').unwrap_or(text);
        let names: Vec<Vec<Piece>> = inner.split('/').map(pieces).collect::<Result<_, _>>()?;
        if names.len() > TEMPLATE_DEPTH_MAX {
            return Err(format!("a template leads through at most {TEMPLATE_DEPTH_MAX} folders"));
        }
        if names.iter().flatten().all(|piece| matches!(piece, Piece::Text(_))) {
            return Err("a template needs a field, such as {time} or {id}".to_owned());
        }
        Ok(Template { names })
    }

    /// The folder that everything of this template is in, if it is one by itself.
    pub(super) fn own_folder(&self) -> Option<&str> {
        match &self.names[..] {
            [first, _, ..] => match &first[..] {
                [Piece::Text(text)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn has_tag(&self) -> bool {
        self.names.iter().flatten().any(|piece| *piece == Piece::Field(Field::Tag))
    }

    /// Whether the names could become another point's, and so need more of the point's id. `None` where the point does not say it.
    pub(super) fn needs_more(&self, of: &Manifest) -> Option<bool> {
        let has = |field| self.names.iter().flatten().any(|piece| *piece == Piece::Field(field));
        if has(Field::Id) || has(Field::Id8) {
            return Some(false);
        }
        let naming = of.naming?;
        if !has(Field::Time) {
            return Some(true);
        }
        let has_owner = has(Field::Org) || has(Field::Host) && of.organisation.is_empty();
        let suffices = if has_owner && has(Field::Job) { Alone::InJob } else { Alone::InRepository };
        Some(naming.alone > suffices)
    }

    /// The names that lead to a point of which nothing but the id is known, where these need nothing else.
    pub(super) fn paths_by_id(&self, id: &PointId) -> Option<Vec<String>> {
        let id = hex(&id.0);
        let part = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Field(Field::Id) => Some(id.clone()),
            Piece::Field(Field::Id8) => id.get(..8).map(str::to_owned),
            Piece::Field(_) => None,
        };
        let name = |pieces: &Vec<Piece>| pieces.iter().map(part).collect::<Option<String>>();
        self.names.iter().map(name).map(|name| name.map(|name| shorten(name, NAME_BYTES_MAX))).collect()
    }

    /// The names that lead to a point, the point's own last: once, or once a tag.
    pub(super) fn paths(&self, of: &Manifest, sources: Sources) -> Vec<Vec<String>> {
        let moment = Moment::of(of.started);
        let path = |tag: &str| self.names.iter().map(|name| render(name, of, &moment, tag, sources)).collect();
        if !self.has_tag() {
            return vec![path("")];
        }
        let mut tags: Vec<&String> = of.tags.iter().collect();
        tags.sort();
        tags.dedup();
        tags.into_iter().map(|tag| path(tag)).collect()
    }
}

/// Whether a point's second tells it from all others of its job; `None` where the point does not say it.
pub(super) fn is_alone_in_job(of: &Manifest) -> Option<bool> {
    of.naming.map(|naming| naming.alone <= Alone::InJob)
}

fn render(name: &[Piece], of: &Manifest, moment: &Moment, tag: &str, sources: Sources) -> String {
    let id = || hex(&of.id.0);
    let part = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Field(Field::Org) => escape(of.owner()),
        Piece::Field(Field::Host) => escape(&of.host),
        Piece::Field(Field::Job) => sources.job(of),
        Piece::Field(Field::Time) => moment.name.clone(),
        Piece::Field(Field::Year) => format!("{:04}", moment.year),
        Piece::Field(Field::Month) => format!("{:02}", moment.month),
        Piece::Field(Field::Day) => format!("{:02}", moment.day),
        Piece::Field(Field::Id) => id(),
        Piece::Field(Field::Id8) => id().chars().take(8).collect(),
        Piece::Field(Field::Tag) => escape(tag),
    };
    shorten(name.iter().map(part).collect(), NAME_BYTES_MAX)
}

fn pieces(name: &str) -> Result<Vec<Piece>, String> {
    if matches!(name, "" | "." | "..") {
        return Err(format!("{name:?} is no name of a folder"));
    }
    if let Some(odd) = name.chars().find(|c| matches!(c, ':' | '\\' | '%') || c.is_control()) {
        return Err(format!("{odd:?} cannot stand in a name"));
    }
    let mut pieces = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (text, field) = rest.split_once('{').map_or((rest, None), |(text, field)| (text, Some(field)));
        if text.contains('}') {
            return Err(format!("a `}}` without its `{{` in {name:?}"));
        }
        if text.len() > COMPONENT_BYTES_MAX {
            return Err(format!("a name with more than {COMPONENT_BYTES_MAX} bytes of text"));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        let Some(field) = field else { break };
        let (word, behind) = field.split_once('}').ok_or_else(|| format!("a `{{` without its `}}` in {name:?}"))?;
        let known = FIELDS.iter().find(|(known, _)| *known == word);
        let (_, field) = known.ok_or_else(|| {
            let all: Vec<_> = FIELDS.iter().map(|(known, _)| format!("{{{known}}}")).collect();
            format!("{{{word}}} is no field; write one of {}", all.join(" "))
        })?;
        pieces.push(Piece::Field(*field));
        rest = behind;
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_template_is_refused_with_a_reason() {
        for (text, why) in [
            ("", "no name"),
            ("a//{time}", "no name"),
            ("../{time}", "no name"),
            ("by-job", "needs a field"),
            ("{when}", "{time}"),
            ("{time", "without its"),
            ("time}", "without its"),
            ("a:{time}", "cannot stand"),
            (
                "{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/{time}/x",
                "at most",
            ),
        ] {
            let refused = Template::parse(text).expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn folders_of_their_own_are_text_alone() {
        let own = |text: &str| Template::parse(text).expect(text).own_folder().map(str::to_owned);
        assert_eq!(own("by-job/{org}/{job}/{time}"), Some("by-job".into()));
        assert_eq!(own("/by-{org}/{time}"), None);
        assert_eq!(own("{org}/{time}"), None);
        assert_eq!(own("p-{id8}"), None);
    }
}
