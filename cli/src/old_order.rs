//! The order of words of earlier releases: `cairn expire [OPTIONS] [POINT]... plan`, or `apply
//! HASH` at its end.
//!
//! Promises: what is not understood as it stands is tried once more with these words behind the
//! verb, and then said so, with the new command line. Refuses to live for longer than a release: in
//! the next one this file goes.

use crate::context::quoted;
use std::ffi::OsString;

/// The same command line in the order of now; `None` where it has no such words, or has them in
/// their place.
pub(crate) fn in_order_of_now(args: &[OsString]) -> Option<Vec<OsString>> {
    let verb = args.iter().skip(1).position(|word| word == "expire")? + 1;
    let (before, after) = args.split_at_checked(verb + 1)?;
    let last = |word: &str| after.iter().rposition(|given| given == word);
    let (at, length) = match (last("plan"), last("apply")) {
        (plan, Some(apply)) if plan.is_none_or(|plan| plan < apply) => (apply, 2),
        (Some(plan), _) => (plan, 1),
        (None, _) => return None,
    };
    let step = after.get(at..at + length).filter(|_| at > 0)?;
    let rest = [after.get(..at)?, after.get(at + length..)?];
    Some([before, step].concat().into_iter().chain(rest.concat()).collect())
}

/// What is said of it.
pub(crate) fn note(args: &[OsString]) -> String {
    let command: Vec<String> = args.iter().map(|word| quoted(word)).collect();
    format!(
        "cairn: `plan` and `apply HASH` stand behind the verb now; the other order is taken for one release more: {}",
        command.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(line: &str) -> Option<String> {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        in_order_of_now(&args).map(|args| args.join(" ".as_ref()).into_string().unwrap())
    }

    #[test]
    fn the_last_words_of_before_stand_behind_the_verb() {
        for (before, now) in [
            ("cairn expire latest plan", "cairn expire plan latest"),
            ("cairn --repo r expire --keep 3y plan --json", "cairn --repo r expire plan --keep 3y --json"),
            ("cairn expire --keep-last 1 apply 0a0b", "cairn expire apply 0a0b --keep-last 1"),
            ("cairn expire --job plan apply 0a0b -q", "cairn expire apply 0a0b --job plan -q"),
            ("cairn expire --job apply 3f plan", "cairn expire plan --job apply 3f"),
        ] {
            assert_eq!(ordered(before).as_deref(), Some(now));
        }
    }

    #[test]
    fn what_has_no_such_words_or_has_them_in_their_place_stays() {
        for line in [
            "cairn",
            "cairn expire",
            "cairn expire plan latest",
            "cairn expire apply 0a",
            "cairn expire latest apply",
            "cairn gc x plan",
        ] {
            assert_eq!(ordered(line), None, "{line}");
        }
    }
}
