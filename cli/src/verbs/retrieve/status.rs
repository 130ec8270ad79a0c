//! `cairn retrieve status`: whether something can be read now.

use super::target::Target;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::say::{human, progress};
use clap::Args;
use engine::retrieval::{Tally, may_rest, own_end, survey, tidy};
use engine::store::{Availability, TierStatus};
use format_spec::Time;
use std::collections::BTreeMap;

/// Say whether something can be read now, and how much of it
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    target: Target,
}

impl Status {
    pub(super) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let (repo, monitor) = (&connection.repo, context.interrupt.monitor());
        let (needed, packs) = progress::show(&context.out, "looking", monitor, || {
            tidy(repo, monitor)?;
            let needed = self.target.needed(context, repo, monitor)?;
            let packs = survey(&*repo.vault().store, &needed.needs.packs.keys().copied().collect(), monitor)?;
            Ok::<_, crate::exit::Failure>((needed, packs))
        })?;
        let packs: Vec<TierStatus> = packs.into_values().collect();
        let tally = |which: fn(Availability) -> bool| Tally::of(&packs, which);
        let (all, readable) = (tally(|_| true), tally(Availability::is_readable));
        let (retrieving, archived) = (tally(|r| r == Availability::Retrieving), tally(|r| r == Availability::Archived));
        let (mut state, mut until) = (state(&packs), first_end(&packs));
        if state == "online" && !packs.is_empty() && may_rest(repo) {
            // Azure brings data back by moving it into another tier, and knows no end of that: the log does.
            (state, until) =
                ("retrieved", repo.log().view().retrievals.values().map(own_end).min_by_key(|t| t.seconds));
        }
        let mut classes = BTreeMap::new();
        for class in packs.iter().filter_map(|resting| resting.class) {
            *classes.entry(class.as_str().to_owned()).or_insert(serde_json::Value::from(0)) =
                packs.iter().filter(|resting| resting.class == Some(class)).count().into();
        }
        let row = context
            .summary(Exit::Done)
            .set("about", needed.about.as_str())
            .set("state", state)
            .set("files", needed.needs.files)
            .set("packs", all.packs)
            .set("bytes", all.bytes)
            .set("packs_readable", readable.packs)
            .set("bytes_readable", readable.bytes)
            .set("packs_retrieving", retrieving.packs)
            .set("packs_archived", archived.packs)
            .set("readable_until", until.map(human::time_exact))
            .set("classes", serde_json::Map::from_iter(classes))
            .requests(&connection.counts);
        context.out.summary(row, || {
            let part = |tally: Tally| {
                format!("{} of {}", human::count(tally.packs), human::counted(all.packs, "pack", "packs"))
            };
            let end = until.map_or(String::new(), |until| format!(", until {}", human::time(until)));
            format!(
                "{state}: {} can be read ({} of {}){end}; {} being retrieved, {} at rest",
                part(readable),
                human::bytes(readable.bytes),
                human::bytes(all.bytes),
                human::count(retrieving.packs),
                human::count(archived.packs),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// In one word: online, archived, retrieving, partial, retrieved.
fn state(packs: &[TierStatus]) -> &'static str {
    let any = |which: fn(Availability) -> bool| packs.iter().any(|resting| which(resting.availability));
    match () {
        () if any(|r| r == Availability::Retrieving) => "retrieving",
        () if any(|r| r == Availability::Archived) && any(Availability::is_readable) => "partial",
        () if any(|r| r == Availability::Archived) => "archived",
        () if any(|r| matches!(r, Availability::Ready { .. })) => "retrieved",
        () => "online",
    }
}

/// When the first of what can be read for a while goes.
fn first_end(packs: &[TierStatus]) -> Option<Time> {
    let ends = packs.iter().filter_map(|resting| match resting.availability {
        Availability::Ready { until } => until,
        _ => None,
    });
    ends.min_by_key(|until| until.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_that_of_the_packs_together() {
        let pack = |reach| TierStatus { class: None, availability: reach, bytes: 1 };
        let (online, rests, comes) =
            (pack(Availability::Online), pack(Availability::Archived), pack(Availability::Retrieving));
        let ready = |until| pack(Availability::Ready { until: Some(Time::new(until, 0)) });
        for (packs, word) in [
            (vec![], "online"),
            (vec![online], "online"),
            (vec![online, ready(5)], "retrieved"),
            (vec![ready(5), rests], "partial"),
            (vec![rests], "archived"),
            (vec![rests, comes, ready(5)], "retrieving"),
        ] {
            assert_eq!(state(&packs), word, "{packs:?}");
        }
        assert_eq!(first_end(&[ready(9), ready(5), online]), Some(Time::new(5, 0)));
    }
}
