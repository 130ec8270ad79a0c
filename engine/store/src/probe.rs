//! Finds out what a store really does, in the very place where it will be used.
//!
//! Some servers answer 200 and do nothing: they overwrite despite `If-None-Match`, let several writers win a race, send the
//! whole object for a range. So nothing is believed, everything is tried. The probe's objects have random names under
//! `probe/` and are deleted afterwards. Refuses to judge for others: [`Probed::require`] names what Cairn cannot do without.

mod class;
mod lock;
mod race;
mod reads;

pub use class::{ClassProbed, probe_class};
pub use lock::{LockProbed, probe_lock};

use super::{ListOptions, Listed, ObjectName, PROBE_PREFIX, Receipt, Store, StoreExt};
use base::env::Env;
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use parking_lot::Mutex;

/// Who is told what is tried next, in words that follow "probing: ".
pub type Tell<'a> = &'a dyn Fn(&str);

/// What was proven, and what was seen where it was not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probed {
    /// Of many parallel creates of one object exactly one succeeded, each time, and its bytes stand.
    pub create_is_atomic: bool,
    /// Ranges and tails came exactly, and a range over the end did not.
    pub ranges: bool,
    /// A listing showed every object just created, and nothing else.
    pub listing_complete: bool,
    /// A deleted object was gone.
    pub delete: bool,
    /// Bytes sent with a wrong checksum were refused.
    pub checksum_enforced: bool,
    /// Whether the store keeps versions, where it tells.
    pub versioned: Option<bool>,
    /// Rounds of the race.
    pub rounds: u32,
    /// One sentence for each thing that was not as it should be.
    pub observed: Vec<String>,
}

/// The line of the config's `probed` that says so: only then may a listing prove that something is not there.
pub const LISTING_COMPLETE: &str = "listing_complete=yes";
/// The line that says that the store keeps versions.
pub const VERSIONED: &str = "versioned=yes";

impl Probed {
    /// Refuses a store that lacks what Cairn cannot do without.
    ///
    /// # Errors
    /// `Unsupported`, naming each missing capability and what was observed.
    pub fn require(&self) -> Result<()> {
        let needed = [
            (self.create_is_atomic, "creating an object only if it is absent"),
            (self.ranges, "ranged reads"),
            (self.listing_complete, "complete listings"),
            (self.delete, "deleting"),
        ];
        let missing: Vec<&str> = needed.iter().filter(|(has, _)| !has).map(|(_, what)| *what).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (missing, observed) = (missing.join(", "), self.observed.join("; "));
        Err(Error::new(Kind::Unsupported, format!("this store lacks: {missing} (observed: {observed})")).advise(
            match self.versioned {
                Some(true) => "use a store that honours these, or a bucket without versioning",
                _ => "use a store that honours these: Cairn relies on them at every write",
            },
        ))
    }
}

/// Tries everything out. Takes some hundred small requests.
///
/// # Errors
/// What the store says when the trial itself is impossible: no permission, no bucket, out of reach, no space. What a store
/// does wrong is no error here but a missing capability.
pub fn probe(store: &dyn Store, env: &dyn Env, tell: Tell<'_>) -> Result<Probed> {
    let place = Place::new(store, env)?;
    let mut probed = Probed::default();
    let tried = try_all(&place, env, tell, &mut probed);
    let cleaned = place.clean();
    // Nobody knows the probe's objects by their names.
    tried.and(cleaned).map_err(|e| e.on_instead(store.location()))?;
    Ok(probed)
}

fn try_all(place: &Place<'_>, env: &dyn Env, tell: Tell<'_>, probed: &mut Probed) -> Result<()> {
    tell("creating one object from many sides at once");
    race::try_out(place, probed)?;
    tell("reading parts of an object");
    let content = random(env, CONTENT_BYTES)?;
    let whole = place.name("whole")?;
    place.put(&whole, content.clone())?;
    reads::try_ranges(place, &whole, &content, probed)?;
    tell("listing");
    reads::try_listing(place, probed)?;
    tell("sending a wrong checksum");
    try_checksum(place, probed)?;
    tell("deleting");
    reads::try_delete(place, &whole, probed)?;
    probed.versioned = place.versioned();
    Ok(())
}

fn try_checksum(place: &Place<'_>, probed: &mut Probed) -> Result<()> {
    let name = place.name("checksum")?;
    probed.checksum_enforced = place.store.refuses_wrong_checksum(&name)?;
    if !probed.checksum_enforced {
        place.remember(&name, None);
    }
    Ok(())
}

/// The probe's own corner of the store, and what it put there.
struct Place<'a> {
    store: &'a dyn Store,
    corner: String,
    made: Mutex<Vec<(ObjectName, Option<String>)>>,
}

impl<'a> Place<'a> {
    fn new(store: &'a dyn Store, env: &dyn Env) -> Result<Self> {
        let mut corner = format!("{PROBE_PREFIX}/");
        for byte in random(env, 16)? {
            corner.push_str(&format!("{byte:02x}"));
        }
        Ok(Place { store, corner, made: Mutex::default() })
    }

    fn name(&self, last: &str) -> Result<ObjectName> {
        ObjectName::new(format!("{}/{last}", self.corner))
    }

    fn put(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        let put = self.store.put_new(name, bytes);
        if let Ok(receipt) = &put {
            self.remember(name, receipt.version.clone());
        }
        put
    }

    fn remember(&self, name: &ObjectName, version: Option<String>) {
        self.made.lock().push((name.clone(), version));
    }

    fn list(&self, after: Option<&ObjectName>) -> Result<Vec<Listed>> {
        let mut found = Vec::new();
        self.store.list(&ListOptions::below(&self.corner).after(after), &mut |listed| {
            found.push(listed);
            found.len() < LISTED_MAX
        })?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// A store that keeps versions names one for each put; one that has stopped to names `null`.
    fn versioned(&self) -> Option<bool> {
        let made = self.made.lock();
        made.iter().find_map(|(_, version)| version.as_deref()).map(|version| version != "null")
    }

    fn clean(&self) -> Result<()> {
        let made = std::mem::take(&mut *self.made.lock());
        for (name, version) in made {
            match self.store.delete(name.at(version.as_deref())) {
                // The place locks everything for a while by itself.
                Err(e) if e.kind() == Kind::Immutable => {}
                other => other?,
            }
        }
        Ok(())
    }
}

fn random(env: &dyn Env, length: usize) -> Result<Bytes> {
    let mut bytes = vec![0; length];
    env.random(&mut bytes)?;
    Ok(Bytes::from(bytes))
}

const CONTENT_BYTES: usize = 1000;
/// More than the probe ever makes: a store that lists other things is noticed, not followed.
const LISTED_MAX: usize = 1000;
