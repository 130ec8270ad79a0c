//! What a mount shows where: templates, filters, one point alone, `/history`.

use super::filter::Filter;
use super::template::Template;
use crate::limits::TEMPLATES_MAX;
use format_spec::log::PointId;

/// The plan of a mount's folders.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What the folders are named by.
    pub templates: Templates,
    /// Which points are shown.
    pub filter: Filter,
    /// One point, or one folder of it, as the mount's root.
    pub alone: Option<Alone>,
    /// Whether there is `/history`.
    pub history: bool,
    /// What `statfs` says.
    pub space: Space,
}

/// Templates that can stand together: the first is the real tree, the others are symlinks into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates(Vec<Template>);

/// One point, or one folder of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alone {
    /// The point.
    pub point: PointId,
    /// The folder's path in it, raw bytes without a leading `/`; empty for all of it.
    pub path: Vec<u8>,
}

/// What `statfs` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Space {
    /// Everything that is shown, nothing free.
    #[default]
    Real,
    /// Nothing at all: `df` leaves the mount out, and no monitor thinks that a disk is full.
    Zero,
}

impl Default for Layout {
    fn default() -> Self {
        let templates = Templates::default();
        Layout { templates, filter: Filter::default(), alone: None, history: true, space: Space::Real }
    }
}

impl Default for Templates {
    fn default() -> Self {
        let texts = ["by-job/{org}/{job}/{time}", "by-time/{year}/{month}/{day}/{time}--{org}--{job}", "by-id/{id}"];
        Templates(texts.iter().filter_map(|text| Template::parse(text).ok()).collect())
    }
}

impl Templates {
    /// Puts templates together.
    ///
    /// # Errors
    /// What is wrong with them together, for people.
    pub fn new(templates: Vec<Template>) -> Result<Self, String> {
        let Some(first) = templates.first() else { return Err("at least one template is needed".to_owned()) };
        if templates.len() > TEMPLATES_MAX {
            return Err(format!("at most {TEMPLATES_MAX} templates"));
        }
        if first.has_tag() {
            let why = "the first template is the real tree, in which every restore point stands once";
            return Err(format!("{why}: {{tag}} can stand in a further one"));
        }
        let mut own: Vec<_> = templates.iter().map(Template::own_folder).collect();
        if own.contains(&Some(HISTORY)) {
            return Err(format!("/{HISTORY} is the folder of versions; begin the template with another name"));
        }
        own.sort_unstable();
        if own.len() > 1 && own.windows(2).any(|pair| pair[0].is_none() || pair[0] == pair[1]) {
            let why = "of several templates, each begins with a folder of its own";
            return Err(format!("{why}, such as by-job/{{org}}/{{job}}/{{time}} and by-tag/{{tag}}/{{time}}"));
        }
        Ok(Templates(templates))
    }

    /// The template of the real tree.
    pub(super) fn real(&self) -> Option<&Template> {
        self.0.first()
    }

    /// The templates of symlinks.
    pub(super) fn links(&self) -> &[Template] {
        self.0.get(1..).unwrap_or_default()
    }
}

/// The folder of versions.
pub(super) const HISTORY: &str = "history";

#[cfg(test)]
mod tests {
    use super::*;

    fn together(texts: &[&str]) -> Result<Templates, String> {
        Templates::new(texts.iter().map(|text| Template::parse(text).expect(text)).collect())
    }

    #[test]
    fn the_default_templates_stand_together_like_others() {
        assert_eq!(Templates::default().0.len(), 3);
        assert_eq!(Templates::new(Templates::default().0), Ok(Templates::default()));
    }

    #[test]
    fn templates_that_cannot_stand_together_are_refused() {
        for (texts, why) in [
            (&[][..], "at least one"),
            (&["{tag}/{time}"], "{tag}"),
            (&["history/{time}"], "versions"),
            (&["{org}/{time}", "by-id/{id}"], "of its own"),
            (&["by/{org}/{time}", "by/{id}"], "of its own"),
            (&["a/{id}", "b-{id}"], "of its own"),
            (&["a{id}/1", "b/{id}", "c/{id}", "d/{id}", "e/{id}", "f/{id}", "g/{id}", "h/{id}", "i/{id}"], "at most"),
        ] {
            let refused = together(texts).expect_err(why);
            assert!(refused.contains(why), "{texts:?}: {refused}");
        }
        assert!(together(&["{org}/{job}/{time}"]).is_ok());
        assert!(together(&["all/{org}/{time}", "tags/{tag}/{time}"]).is_ok());
    }
}
