//! `--min-free`: how much room must be left, and the words where there is too little.

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::human;
use crate::parse::quantity;
use ops::backup::{Least, Room, Rooms, Shortage};

/// Takes `5G` or `10%`.
///
/// # Errors
/// What is wrong, for clap to print.
pub(super) fn least(text: &str) -> std::result::Result<Least, String> {
    if text.trim_end().ends_with('%') {
        quantity::share(text).map(Least::Share)
    } else {
        quantity::size(text).map(Least::Bytes)
    }
}

/// Finds what is to be watched, and says what cannot be.
///
/// # Errors
/// When a file system does not answer.
pub(super) fn rooms(context: &Context, connection: &Connection, least: Least) -> Result<Rooms> {
    let (repo, cache) = (&connection.repo, connection.settings.cache_dir.clone());
    let rooms = Rooms::of(repo, cache, std::env::temp_dir(), least)?;
    if rooms.is_blind {
        context.out.note(&format!(
            "cairn: {} tells no free space: --min-free watches the cache and temporary files only",
            repo.location()
        ));
    }
    Ok(rooms)
}

impl From<Shortage> for Failure {
    fn from(short: Shortage) -> Self {
        let what = match &short.room {
            Room::Repository(location) => format!("the repository {location}"),
            Room::Cache(folder) => format!("the cache {}", human::path(folder)),
            Room::Temporary(folder) => format!("temporary files {}", human::path(folder)),
        };
        let (free, wanted) = (human::bytes(short.bytes_free), human::bytes(short.bytes_wanted));
        let then = if short.is_begun { "the backup was stopped" } else { "nothing was begun" };
        let message = format!("the file system of {what} has {free} left, less than {wanted} (--min-free): {then}");
        Failure::new(Exit::Failed, "no_space", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares_are_told_apart() {
        assert_eq!(least("5G"), Ok(Least::Bytes(5_000_000_000)));
        assert_eq!(least("10%"), Ok(Least::Share(0.1)));
        assert!(least("10 %x").is_err() && least("0%").is_err() && least("many").is_err());
    }

    #[test]
    fn too_little_room_is_told_with_both_numbers() {
        let room = Room::Repository("file:///srv".to_owned());
        let failure = Failure::from(Shortage { room, bytes_free: 99, bytes_wanted: 100, is_begun: false });
        assert_eq!((failure.exit, failure.name), (Exit::Failed, "no_space"));
        let words = "the repository file:///srv has 99 B left, less than 100 B (--min-free): nothing was begun";
        assert!(failure.message.ends_with(words), "{}", failure.message);
    }
}
