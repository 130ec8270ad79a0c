//! Opening the repository of a backup; the default one is created on first use.

use super::Backup;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::say::human;
use crate::settings::{Repo, Settings};
use crate::verbs::init;
use ops::create::CreateRequest;

impl Backup {
    pub(super) fn connect(&self, context: &Context) -> Result<Connection> {
        let settings = context.settings()?;
        let opened = context.connect();
        match opened {
            Err(failure) if failure.exit == Exit::NoRepository => self.first_use(context, settings, failure),
            other => other,
        }
    }

    fn first_use(&self, context: &Context, settings: Settings, failure: Failure) -> Result<Connection> {
        let Repo::Default(path) = &settings.repo else { return Err(failure) };
        if self.dry_run {
            return Err(failure.advise("a dry run creates nothing: run `cairn init` first"));
        }
        match init::create(context, &settings, &CreateRequest::default()) {
            Ok(created) => {
                let key = match &created.key_file {
                    Some(key) => format!("the generated key file {} (mode 600)", human::path(key)),
                    None => settings.password.described(),
                };
                let (path, id) = (human::path(path), created.repository);
                context.out.note(&format!("created the default repository {path} ({id}), opened by {key}"));
            }
            // Another first run was faster.
            Err(failure) if failure.name == "exists" => {}
            Err(failure) => return Err(failure),
        }
        context.connect()
    }
}
