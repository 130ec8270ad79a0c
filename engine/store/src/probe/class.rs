//! A storage class, tried out: it is believed only when the store shows an object in it.
//!
//! Some servers take every class and keep none of them; what was meant for a cheap archive would lie in the dear default. The trial puts one
//! object of some bytes, looks, and deletes it again; a class with a minimum time charges those bytes for it.

use super::{CONTENT_BYTES, PROBE_PREFIX, Tell, random};
use crate::{Availability, ListOptions, ObjectName, PutOptions, Receipt, StorageClass, Store, StoreExt};
use base::env::Env;
use base::error::{Error, Kind, Result};
use bytes::Bytes;

/// What a trial of a storage class has proven, and what was seen where it was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassProbed {
    /// The class that was tried.
    pub class: StorageClass,
    /// An object put in the class is shown in it.
    pub kept: bool,
    /// Listings show it in the class too.
    pub listed: bool,
    /// What is in the class must be retrieved before it is read. For an archive class it may be otherwise: some servers keep the word only.
    pub rests: bool,
    /// One sentence for each thing that was not as it should be.
    pub observed: Vec<String>,
}

impl ClassProbed {
    /// Refuses a store that does not keep the class.
    ///
    /// # Errors
    /// `Unsupported`, with what was observed.
    pub fn require(&self) -> Result<()> {
        if self.kept && self.listed {
            return Ok(());
        }
        let what = if self.kept { "does not list storage classes" } else { "ignores storage classes" };
        Err(Error::new(Kind::Unsupported, format!("the store {what} (observed: {})", self.observed.join("; ")))
            .advise("use a store that has this class, or leave the storage class out"))
    }

    /// What was proven, as lines `name=value` for the config.
    pub fn lines(&self) -> Vec<String> {
        let word = |proven: bool| if proven { "yes" } else { "no" };
        vec![
            format!("class_kept={}", word(self.kept)),
            format!("class_listed={}", word(self.listed)),
            format!("class_rests={}", word(self.rests)),
        ]
    }
}

/// Tries a storage class out; some five small requests. To be asked for only when a class is wished for.
///
/// # Errors
/// `Input` for a class of another kind of store, `Unsupported` where the store refuses the class; what the store says when the trial itself is
/// impossible. What it does wrong without a word is not an error here but a missing capability.
pub fn probe_class(store: &dyn Store, env: &dyn Env, class: StorageClass, tell: Tell<'_>) -> Result<ClassProbed> {
    tell(&format!("storing an object as {class}"));
    let mut probed = ClassProbed { class, kept: false, listed: false, rests: false, observed: Vec::new() };
    let mut corner = format!("{PROBE_PREFIX}/");
    for byte in random(env, 16)? {
        corner.push_str(&format!("{byte:02x}"));
    }
    let (name, content) = (ObjectName::new(format!("{corner}/class"))?, random(env, CONTENT_BYTES)?);
    // Nobody knows the trial's object by its name.
    let known = |e: Error| e.on_instead(store.location());
    let receipt = store.put(&name, content.clone(), &PutOptions::in_class(class)).map_err(known)?;
    let tried = look(store, &corner, &name, &content, &mut probed);
    let cleaned = clean(store, &name, &receipt);
    tried.and(cleaned).map_err(known)?;
    Ok(probed)
}

fn look(store: &dyn Store, corner: &str, name: &ObjectName, content: &Bytes, probed: &mut ClassProbed) -> Result<()> {
    let class = probed.class;
    let as_shown = |shown: Option<StorageClass>| shown.map_or("no class that is known", StorageClass::as_str);
    let tier = store.tier_of(name)?;
    probed.kept = tier.class == Some(class);
    if !probed.kept {
        probed.observed.push(format!("an object put as {class} is shown as {}", as_shown(tier.class)));
    }
    let mut listed = None;
    store.list(&ListOptions::below(corner).with_tiers(), &mut |shown| {
        listed = (shown.name == *name).then(|| shown.tier()).or(listed);
        listed.is_none()
    })?;
    probed.listed = listed.is_some_and(|tier| tier.class == Some(class));
    if !probed.listed {
        let shown = listed.map_or("not at all", |tier| as_shown(tier.class));
        probed.observed.push(format!("an object put as {class} is listed as {shown}"));
    }
    match store.get(name) {
        Ok(bytes) if bytes == *content => {
            if tier.availability == Availability::Archived {
                probed.observed.push("what rests in an archive can be read all the same".to_owned());
            }
        }
        Ok(_) => probed.observed.push("an object did not come back as it was put".to_owned()),
        Err(e) if e.kind() == Kind::Archived => probed.rests = true,
        Err(e) => return Err(e),
    }
    Ok(())
}

fn clean(store: &dyn Store, name: &ObjectName, receipt: &Receipt) -> Result<()> {
    match store.delete(name.at(receipt.version.as_deref())) {
        // The place locks everything for a while by itself.
        Err(e) if e.kind() == Kind::Immutable => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, forward};
    use base::env::Seeded;
    use std::sync::Arc;

    fn left(store: &dyn Store) -> usize {
        let mut count = 0;
        let mut visit = |_| {
            count += 1;
            true
        };
        store.list(&ListOptions::below(""), &mut visit).unwrap();
        count
    }

    #[test]
    fn a_class_that_is_kept_is_believed_and_nothing_is_left() {
        let store = Memory::archiving(Seeded::shared(1), 10);
        for class in StorageClass::ALL {
            let probed = probe_class(&store, &*Seeded::shared(2), class, &|_| ()).unwrap();
            probed.require().unwrap();
            assert_eq!(probed.rests, class.is_archive(), "{class}");
            assert_eq!(left(&store), 0);
        }
    }

    #[test]
    fn a_store_without_classes_is_refused() {
        let error = probe_class(&Memory::new(), &*Seeded::shared(2), StorageClass::Glacier, &|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.to_string().contains("has no storage classes, and so no GLACIER"), "{error}");
        assert!(!error.to_string().contains("probe/") && error.advice().is_some(), "{error}");
    }

    /// Takes every class and keeps none.
    #[derive(Debug)]
    struct Careless(Arc<Memory>);

    impl Store for Careless {
        forward!(0: location, read, head, list, versions, delete, extend_lock, retrieve, rest_again, now, capabilities, room, fresh);

        fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
            self.0.put(name, bytes, &PutOptions { class: None, ..*options })
        }
    }

    #[test]
    fn a_store_that_takes_classes_and_keeps_none_is_refused_by_what_it_does() {
        let store = Careless(Arc::new(Memory::archiving(Seeded::shared(1), 10)));
        let probed = probe_class(&store, &*Seeded::shared(2), StorageClass::DeepArchive, &|_| ()).unwrap();
        let message = probed.require().unwrap_err().to_string();
        assert!(message.contains("an object put as DEEP_ARCHIVE is shown as STANDARD"), "{message}");
        assert_eq!(left(&store), 0);
    }
}
