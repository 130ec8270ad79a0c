//! Where points are shown that cannot be read: their manifests are damaged, or need a newer release.
//!
//! ```text
//! /by-job/%damaged/<id>       the one real entry, below the first template's own folder; %unsupported, %collected likewise
//! /by-time/%damaged/<id>      -> ../../by-job/%damaged/<id>
//! /by-id/<id>                 -> ../by-job/%damaged/<id>, where a sound one would be
//! ```
//!
//! Nothing but its id is known of such a point, so no filter can leave it out, and it can stand in no job and at no time. No host, job or
//! tag has a name that begins so, as `%` in one of them is written `%25`. Promises: each point that the log has stands in each template's folder.

use super::plan::{Child, Folder};
use crate::catalog::Unreadable;
use crate::layout::Layout;
use crate::template::Template;
use engine::repository::Why;
use format_spec::Time;

/// Adds them to the folders of all templates.
pub(super) fn lay_out(root: &mut Folder, points: &[Unreadable], layout: &Layout) {
    let Some(real) = layout.templates.real() else { return };
    for point in points {
        let path = path(real, point);
        insert(root, path.clone(), Child::Unreadable(point.clone()));
        for template in layout.templates.links() {
            let link = template.paths_by_id(&point.id).unwrap_or_else(|| self::path(template, point));
            let target = format!("{}{}", "../".repeat(link.len().saturating_sub(1)), path.join("/"));
            insert(root, link, Child::Link(target, Time::default()));
        }
    }
}

fn insert(root: &mut Folder, mut path: Vec<String>, child: Child) {
    if let Some(name) = path.pop() {
        root.folder(&path).insert(name, child);
    }
}

fn path(template: &Template, point: &Unreadable) -> Vec<String> {
    let why = Why::of(point.kind).unwrap_or(Why::Damaged);
    let own = template.own_folder().map(str::to_owned);
    own.into_iter().chain([format!("%{}", why.word()), point.id.to_string()]).collect()
}
