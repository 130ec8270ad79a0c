//! What a mount shows and how it looks: the options that become a layout, owners and modes.

use super::owner::{owner, umask};
use crate::connect::Connection;
use crate::exit::{Failure, Result};
use crate::parse::PointPath;
use crate::parse::place::PlaceParser;
use clap::Args;
use fusefs::MountOptions;
use std::time::Duration;
use view::Owner;
use view::{Alone, Layout, Rule, Space, Template, Templates};

/// Flattened into `mount`.
#[derive(Debug, Args)]
pub(super) struct Look {
    /// Whom things belong to: keep (as recorded), me, or UID:GID [default: keep for root, else me]
    #[arg(long, value_name = "keep|me|UID:GID", value_parser = owner)]
    owner: Option<Owner>,
    /// Give what was recorded under a user's or group's name to who has that name here, whatever the number
    #[arg(long)]
    map_names: bool,
    /// Permission bits to take away from everything, octal
    #[arg(long, value_name = "MASK", default_value = "0", value_parser = umask)]
    umask: u32,
    /// Those to take away from all but folders, instead of --umask
    #[arg(long, value_name = "MASK", value_parser = umask)]
    fmask: Option<u32>,
    /// Those to take away from folders, instead of --umask
    #[arg(long, value_name = "MASK", value_parser = umask)]
    dmask: Option<u32>,
    /// How folders are named, such as by-job/{org}/{job}/{time}; the first holds the restore points, further ones link to them
    ///
    /// Fields are {org} (organisation, or host), {host}, {job}, {time}, {year}, {month}, {day}, {id}, {id8} and {tag}, which
    /// makes a link for each tag. Of several templates, each begins with a folder of its own.
    #[arg(long = "path-template", value_name = "TEMPLATE", value_parser = Template::parse)]
    templates: Vec<Template>,
    /// Show only restore points with job=GLOB, host=GLOB, tag=GLOB, since=TIME or until=TIME; one value of each key must fit
    #[arg(long = "filter", value_name = "KEY=VALUE", value_parser = Rule::parse)]
    filters: Vec<Rule>,
    /// Show one restore point alone, or one folder of it
    #[arg(long, value_name = "POINT[:/PATH]", value_parser = PlaceParser, conflicts_with_all = ["templates", "filters"])]
    point: Option<PointPath>,
    /// Leave out the folder `history`, the versions of each path
    #[arg(long)]
    no_history: bool,
    /// What df says: real (everything shown, nothing free), or zero (df leaves the mount out)
    #[arg(long, value_name = "real|zero", default_value = "real", value_parser = space)]
    statfs: Space,
    /// How often to look for new and expired restore points, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = view::limits::REFRESH_EVERY.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    refresh: u64,
}

impl Look {
    /// Checks what no repository is needed for.
    ///
    /// # Errors
    /// Wrong usage for what cannot stand together.
    pub(super) fn check(&self) -> Result<()> {
        self.templates()?;
        if self.map_names && self.owner() != Owner::Keep {
            let failure = Failure::usage("--map-names keeps recorded owners, so it needs --owner keep");
            return Err(failure.advise("leave one of them out"));
        }
        Ok(())
    }

    /// The options with what was asked for.
    ///
    /// # Errors
    /// The engine's for a restore point that is not there.
    pub(super) fn options(&self, connection: &Connection, options: MountOptions) -> Result<MountOptions> {
        Ok(MountOptions {
            owner: self.owner(),
            map_names: self.map_names,
            umask: self.umask,
            fmask: self.fmask,
            dmask: self.dmask,
            layout: self.layout(connection)?,
            refresh_every: Duration::from_secs(self.refresh),
            ..options
        })
    }

    fn layout(&self, connection: &Connection) -> Result<Layout> {
        let alone = match &self.point {
            None => None,
            Some(place) => {
                let point = connection.repo.find_point(&place.point)?.manifest.id;
                Some(Alone { point, path: place.path.clone() })
            }
        };
        let filter = self.filters.iter().cloned().collect();
        Ok(Layout { templates: self.templates()?, filter, alone, history: !self.no_history, space: self.statfs })
    }

    fn templates(&self) -> Result<Templates> {
        if self.templates.is_empty() {
            return Ok(Templates::default());
        }
        Templates::new(self.templates.clone()).map_err(|why| Failure::usage(format!("--path-template: {why}")))
    }

    fn owner(&self) -> Owner {
        self.owner.unwrap_or_else(|| usual_owner(rustix::process::geteuid().is_root()))
    }
}

/// People must be able to read their own backup, and only root can read everybody's.
fn usual_owner(is_root: bool) -> Owner {
    if is_root { Owner::Keep } else { Owner::Me }
}

/// What df says.
fn space(text: &str) -> std::result::Result<Space, String> {
    match text {
        "real" => Ok(Space::Real),
        "zero" => Ok(Space::Zero),
        _ => Err("write real or zero".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_root_gets_what_they_can_read() {
        assert_eq!((usual_owner(true), usual_owner(false)), (Owner::Keep, Owner::Me));
    }
}
