//! Listings as `object_store` makes them: the newest versions, without how they rest.

use super::Remote;
use super::answer::{Answer, Operation};
use crate::{ListOptions, Listed, ObjectName};
use base::error::Result;
use format_spec::Time;
use object_store::list::PaginatedListOptions;

impl Remote {
    /// See [`crate::Store::list`].
    pub(super) fn list_plain(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let ListOptions { prefix, after, .. } = *options;
        let full = self.full_prefix(prefix);
        let mut page_token = None;
        loop {
            let page = self.ask(async {
                let options = PaginatedListOptions {
                    // A full object name, as some servers skip whole folders for anything else.
                    offset: after.map(|after| self.path(after).to_string()),
                    page_token: page_token.clone(),
                    ..PaginatedListOptions::default()
                };
                let failed = |e: object_store::Error| {
                    Answer::read(&e.to_string()).error_on(Operation::List, &format!("{}/{prefix}", self.location))
                };
                self.cloud.pages().list_paginated(Some(&full), options).await.map_err(failed)
            })?;
            for meta in page.result.objects {
                let name = meta.location.as_ref().strip_prefix(&self.prefix).and_then(|n| ObjectName::new(n).ok());
                let Some(name) = name.filter(|n| n.is_below(prefix) && after.is_none_or(|after| n > after)) else {
                    continue;
                };
                let at = meta.last_modified;
                let stored = Some(Time::new(at.timestamp(), at.timestamp_subsec_nanos()));
                if !visit(Listed { name, bytes: meta.size, stored, version: None, tier: None }) {
                    return Ok(());
                }
            }
            // A server that repeats its token would keep us for ever.
            if page.page_token.is_none() || page.page_token == page_token {
                return Ok(());
            }
            page_token = page.page_token;
        }
    }
}
