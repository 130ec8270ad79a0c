//! The repository: one open place, with its log, its index and its restore points.
//!
//! Promises: opening verifies the config under the key, reads the log to its head and brings the index up to it; selectors of points
//! answer with what exists when they find nothing. Refuses to change anything but through the log, the key slots and its own local cache.

mod as_of;
mod collected;
mod commit;
mod config;
mod create;
mod found;
mod gone;
mod keys;
mod layers;
mod locks;
mod naming;
mod open;
mod options;
mod points;
mod read_only;
pub(crate) mod recovery_sheet;
mod seen;
mod select;
mod slots;
mod stopped;
pub(crate) mod times;
mod truncate;
mod unlock;
mod unread;
mod writing;

pub use crate::env::utc;
pub use as_of::AsOf;
pub use commit::{Committed, Grounds};
pub(crate) use config::has_remains;
pub use create::NewRepository;
pub use found::Found;
pub use gone::may_be_gone;
pub use keys::{KeyEvent, Replaced, SlotInfo};
pub use naming::{Before, NameOf};
pub use open::{CacheStatus, Repository};
pub use options::OpenOptions;
pub use recovery_sheet::RecoverySheet;
pub use stopped::Stop;
pub use unlock::{SlotBounds, SlotId, Trying, Watch};
pub use unread::{Listing, Unread, Why, lost_point};
