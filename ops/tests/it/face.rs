//! A face that nobody sits at: it writes down what it hears, and accepts what it was told to.

use ops::Secret;
use ops::face::{Accept, Face, Note};
use ops::open::Passwords;
use parking_lot::Mutex;
use std::sync::Arc;

/// The face.
#[derive(Default)]
pub(crate) struct Silent {
    accepts: Option<Accept>,
    pub(crate) heard: Mutex<Vec<String>>,
}

impl Silent {
    /// One that accepts nothing, or this.
    pub(crate) fn new(accepts: Option<Accept>) -> Arc<Silent> {
        Arc::new(Silent { accepts, ..Silent::default() })
    }

    /// The kinds of notes that it heard.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |note: &String| note.split([' ', '(']).next().unwrap_or_default().to_owned();
        self.heard.lock().iter().map(kind).collect()
    }
}

impl Face for Silent {
    fn accepts(&self, what: Accept) -> bool {
        self.accepts == Some(what)
    }

    fn hear(&self, note: &Note<'_>) {
        self.heard.lock().push(format!("{note:?}"));
    }

    fn check(&self) -> engine::Result<()> {
        Ok(())
    }
}

/// That somebody was asked for a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked;

/// A password that lies ready, or none.
pub(crate) struct Ready(pub(crate) Option<&'static str>);

impl Passwords<Asked> for Ready {
    fn ready(&self) -> Result<Option<Secret>, Asked> {
        Ok(self.0.map(|word| Secret::new(word.as_bytes().to_vec())))
    }

    fn ask(&self) -> Result<Secret, Asked> {
        Err(Asked)
    }
}
