//! For how long objects are really locked, and why that is longer than what was asked for.

use crate::exit::Result;
use engine::immutability::{Cover, LockPolicy};
use engine::store::Mode;

/// What a repository's locks mean for whoever has to wait for their end.
pub(super) fn in_words(policy: &LockPolicy) -> Result<String> {
    let (least, most) = policy.days_locked()?;
    let wish = policy.wish();
    let asked = match (wish.cover, wish.period) {
        (Cover::Days(days), _) => format!("{} as asked", counted(days)),
        (Cover::WholePeriod, Some(period)) => format!("the whole of --keep {period}"),
        (Cover::WholePeriod, None) => "the whole period".to_owned(),
    };
    let who = match wish.mode {
        Mode::Compliance => "Nobody can delete them before",
        Mode::Governance => "Only somebody with a special permission can delete them before",
    };
    let mut text = format!(
        "Objects will be locked for {least} to {most} days after they are stored, or after the last restore point that needs them was made:\n\
         {asked}, {} more so that not every backup has to extend all locks, and up to the end of the day (UTC).\n\
         {who}.",
        counted(wish.generation_days),
    );
    if let Some(period) = wish.period {
        text.push_str(&format!(
            "\nWhat leaves after --keep {period} stays in the store, and is paid for, until its lock has ended."
        ));
    }
    Ok(text)
}

fn counted(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::immutability::LockSettings;
    use format_spec::config::{Class, RetentionKind};

    fn words(keep: &str, cover: Cover, mode: Mode, generation_days: u32) -> String {
        let wish = LockSettings {
            class: Class::Backup,
            retention_kind: RetentionKind::Snapshot,
            period: Some(keep.parse().unwrap()),
            mode,
            cover,
            generation_days,
        };
        in_words(&LockPolicy::new(wish).unwrap()).unwrap()
    }

    #[test]
    fn one_day_that_is_asked_for_is_told_as_the_twelve_that_it_can_be() {
        let text = words("2d", Cover::Days(1), Mode::Compliance, 10);
        assert!(text.starts_with("Objects will be locked for 11 to 12 days after they are stored"), "{text}");
        assert!(text.contains("\n1 day as asked, 10 days more so that"), "{text}");
        assert!(text.contains("Nobody can delete them before.\nWhat leaves after --keep 2d stays"), "{text}");
    }

    #[test]
    fn months_and_years_are_told_in_days() {
        let text = words("1m", Cover::WholePeriod, Mode::Governance, 30);
        assert!(text.starts_with("Objects will be locked for 58 to 62 days"), "{text}");
        assert!(text.contains("\nthe whole of --keep 1m, 30 days more"), "{text}");
        assert!(text.contains("Only somebody with a special permission"), "{text}");
    }
}
