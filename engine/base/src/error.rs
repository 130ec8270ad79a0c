//! Errors as the engine's callers see them: a coarse kind that says what to do, and a message that says what failed.
//!
//! Promises: the kind stays distinct from the store up to errno and exit code (invariant 8): absent, damaged, archived,
//! immutable, denied and transient never melt into one another. A message names the object and what to try next.
//! Refuses to: log (an error is logged once, where it is handled) and to be matched by text.

use std::fmt;
use std::time::Duration;

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The named object is not there.
    Absent,
    /// Something with this name is there already.
    Exists,
    /// Stored bytes are not what was written: truncated, flipped, swapped or missing.
    Damaged,
    /// The data rests in an archive class and must be retrieved first.
    Archived,
    /// Retention forbids the change.
    Immutable,
    /// The store or the file system refuses permission.
    Denied,
    /// Out of reach for now: trying again may help.
    Transient,
    /// No space or quota left at the target.
    NoSpace,
    /// The caller asked for something that makes no sense.
    Input,
    /// The password or key opens no key slot.
    WrongPassword,
    /// The repository or the clock contradicts what this machine remembers: a person has to look, and accept it.
    Unrecognised,
    /// There is no repository at this place.
    NoRepository,
    /// A newer format, an unknown feature, or a store that lacks what is needed.
    Unsupported,
    /// Another writer fenced this session, or the log moved in a way that ends it.
    Conflict,
    /// The user asked to stop.
    Interrupted,
    /// A broken promise inside Cairn itself.
    Bug,
}

/// An error with its kind, the object that it is about, and what to try.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    object: Option<String>,
    advice: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry_after: Option<Duration>,
}

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), object: None, advice: None, source: None, retry_after: None }
    }

    /// Names the object (a store name, a path, an id) that the error is about, unless a deeper room named it already.
    #[must_use]
    pub fn on(mut self, object: impl fmt::Display) -> Self {
        self.object.get_or_insert_with(|| object.to_string());
        self
    }

    /// Names another object than a deeper room did: the object there has a name that nobody knows.
    #[must_use]
    pub fn on_instead(mut self, object: impl fmt::Display) -> Self {
        self.object = Some(object.to_string());
        self
    }

    /// Says what to try next, unless a deeper room said so already.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.get_or_insert_with(|| advice.into());
        self
    }

    /// Says what to try next in the place of what a deeper room said, which does not help here.
    #[must_use]
    pub fn advise_instead(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says how long the other side wants to be left alone.
    #[must_use]
    pub fn retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause;
        self
    }

    /// How long the other side wants to be left alone, if it said so.
    pub fn pause(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same error for one more caller; the causes become part of the message.
    pub fn again(&self) -> Self {
        let Error { kind, object, advice, retry_after, .. } = self;
        let (object, advice, retry_after) = (object.clone(), advice.clone(), *retry_after);
        Error { kind: *kind, message: self.whole(), object, advice, source: None, retry_after }
    }

    /// The message with its causes, and without the object: for whoever names that already, or where it says nothing.
    pub fn whole(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source.as_deref().map(|e| e as &dyn std::error::Error);
        while let Some(e) = cause {
            text.push_str(": ");
            text.push_str(&e.to_string());
            cause = e.source();
        }
        text
    }

    /// The error in a sentence that names this object already.
    pub fn about(&self, named: &str) -> String {
        if self.object() == Some(named) { self.whole() } else { self.to_string() }
    }

    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The object that the error is about, if one is known.
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// What to try next, if something is known to help.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        f.write_str(&self.whole())
    }
}

impl std::error::Error for Error {}

impl From<format_spec::FormatError> for Error {
    fn from(e: format_spec::FormatError) -> Self {
        let kind = if e.is_unsupported() { Kind::Unsupported } else { Kind::Damaged };
        let error = Error::new(kind, e.to_string());
        match kind {
            Kind::Unsupported => error.advise("use a newer release of cairn"),
            _ => error.advise("run `cairn check --read-data` to learn what else is damaged"),
        }
    }
}

/// Classifies an operating system error (source reading, restore, local caches); stores have their own mapping.
impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match e.kind() {
            Io::NotFound => Kind::Absent,
            Io::AlreadyExists => Kind::Exists,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => Kind::Denied,
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => Kind::NoSpace,
            Io::Interrupted => Kind::Interrupted,
            _ => Kind::Transient,
        };
        Error::new(kind, e.to_string())
    }
}
