//! What rests: the class of each object, what was asked back, the clock, and who did what.

use std::collections::BTreeMap;
use std::fmt;
use testkit::http::Request;

/// Every object that was put in a class, by its path and version.
pub(super) struct Shelf {
    objects: BTreeMap<(String, String), Object>,
    newest: BTreeMap<String, String>,
    thaw_seconds: i64,
    ahead: i64,
    pub(super) tally: Tally,
}

pub(super) struct Object {
    pub(super) class: String,
    asked: Option<Asked>,
}

struct Asked {
    ready: i64,
    days: i64,
}

/// Where an object is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Online,
    Archived,
    Pending,
    /// Until then.
    Ready(i64),
}

/// How often the layer and the server did each step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    steps: BTreeMap<(&'static str, &'static str), u64>,
}

impl Shelf {
    pub(super) fn new(thaw_seconds: i64) -> Self {
        Shelf { objects: BTreeMap::new(), newest: BTreeMap::new(), thaw_seconds, ahead: 0, tally: Tally::default() }
    }

    pub(super) fn turn(&mut self, seconds: i64) {
        self.ahead += seconds;
    }

    pub(super) fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second() + self.ahead
    }

    /// An object was put; what was there before under this version is gone.
    pub(super) fn put(&mut self, path: &str, version: &str, class: &str) {
        self.newest.insert(path.to_owned(), version.to_owned());
        let object = Object { class: class.to_owned(), asked: None };
        self.objects.insert((path.to_owned(), version.to_owned()), object);
    }

    /// The object that a request is about, by the version that it names.
    fn key(&self, request: &Request) -> Option<(String, String)> {
        let version = request.asks("versionId").or_else(|| request.asks("versionid")).map(str::to_owned);
        Some((request.path.clone(), version.or_else(|| self.newest.get(&request.path).cloned())?))
    }

    /// Where the object of a request is, and its class.
    pub(super) fn phase_of(&self, request: &Request) -> Option<(Phase, String)> {
        let object = self.objects.get(&self.key(request)?)?;
        Some((self.phase(object), object.class.clone()))
    }

    /// The object of a line of a listing; without a version the newest.
    pub(super) fn listed(&self, path: &str, version: Option<&str>) -> Option<&Object> {
        let version = version.map(str::to_owned).or_else(|| self.newest.get(path).cloned())?;
        self.objects.get(&(path.to_owned(), version))
    }

    pub(super) fn phase(&self, object: &Object) -> Phase {
        let now = self.now();
        match &object.asked {
            _ if !matches!(object.class.as_str(), "GLACIER" | "DEEP_ARCHIVE" | "Archive") => Phase::Online,
            Some(asked) if now < asked.ready => Phase::Pending,
            // Azure's have moved for good.
            Some(_) if object.class == "Archive" => Phase::Online,
            Some(asked) if now < asked.until() => Phase::Ready(asked.until()),
            _ => Phase::Archived,
        }
    }

    /// The object is asked back, or its days are changed.
    pub(super) fn ask(&mut self, request: &Request, days: i64, anew: bool) {
        let ready = if anew { self.now() + self.thaw_seconds } else { self.now() };
        if let Some(object) = self.key(request).and_then(|key| self.objects.get_mut(&key)) {
            object.asked = Some(Asked { ready, days });
        }
    }
}

impl Asked {
    /// Amazon lets a copy go at the midnight after its days.
    fn until(&self) -> i64 {
        (self.ready + self.days * DAY).div_euclid(DAY) * DAY + DAY
    }
}

impl Tally {
    pub(super) fn layer(&mut self, step: &'static str) {
        *self.steps.entry((step, "layer")).or_default() += 1;
    }

    pub(super) fn server(&mut self, step: &'static str) {
        *self.steps.entry((step, "server")).or_default() += 1;
    }

    /// How often `who` (`layer` or `server`) did a step.
    pub(crate) fn count(&self, step: &'static str, who: &'static str) -> u64 {
        self.steps.get(&(step, who)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|((step, who), times)| writeln!(f, "{step}: the {who}, {times} times"))
    }
}

const DAY: i64 = 86_400;
