//! Opening the repository of a backup; the default one is created on first use.

use super::Backup;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::human;
use crate::settings::Repo;
use crate::verbs::init::first_key;
use ops::backup::Ears;
use ops::create::CreateReport;

impl Backup {
    pub(super) fn connect(&self, context: &Context) -> Result<Connection> {
        let settings = context.settings()?;
        let Repo::Default(path) = &settings.repo else { return context.connect() };
        if self.dry_run {
            return context.connect().map_err(|failure| match failure.exit {
                Exit::NoRepository => Failure::advise(failure, "a dry run creates nothing: run `cairn init` first"),
                _ => failure,
            });
        }
        let created = |made: &CreateReport| {
            let key = match &made.key_file {
                Some(key) => format!("the generated key file {} (mode 600)", human::path(key)),
                None => settings.password.described(),
            };
            let (path, id) = (human::path(path), made.repository);
            context.out.note(&format!("created the default repository {path} ({id}), opened by {key}"));
        };
        let key = || first_key(context, &settings.password);
        let probing = |what: &str| context.out.probing(what);
        context.connect_or_create(context.settings()?, key, &Ears { probing: &probing, created: &created })
    }
}
