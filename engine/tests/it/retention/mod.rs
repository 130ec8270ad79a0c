//! Retention: pure decisions, trees that lose items, plans that are applied.

#![expect(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they share")]

mod apply;
mod items;
mod jobs;
mod model;
mod paths;
mod races;
mod rules;
mod shown;

use engine::maintenance::retention::{Facts, Request, Rules, Scope};
use engine::restore_point::{JobId, Owner};
use format_spec::Time;
use format_spec::config::RetentionKind;
use format_spec::log::PointId;

/// A time as plans are written down.
fn at(text: &str) -> Time {
    Time::new(text.parse::<jiff::Timestamp>().expect(text).as_second(), 0)
}

/// A complete point without tags and locks, of one host.
fn point(number: u32, job: &str, time: Time) -> Facts {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let (job, tags) = (job_of("h", job), Vec::new());
    Facts { id: PointId(id), place: number, job, time, complete: true, interim: false, tags, locked_until: None }
}

/// A host's job.
fn job_of(host: &str, job: &str) -> JobId {
    JobId::new(Owner::Host(host.to_owned()), job, &[])
}

fn by(rules: Rules) -> Scope {
    Scope::of(Request::Rules { rules, kind: RetentionKind::Snapshot })
}

fn period(text: &str) -> Rules {
    Rules { period: Some(text.parse().unwrap()), ..Rules::default() }
}
