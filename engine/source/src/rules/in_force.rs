//! Rules as a restore point records them, and back.

use super::{Patterns, Rules};
use base::limits::RULES_BYTES_MAX;
use format_spec::left_out::Rule;

impl Rules {
    /// The rules as a point lists them, in the order in which they were given. What goes beyond [`RULES_BYTES_MAX`] is told as more.
    pub fn in_force(&self) -> Vec<Rule> {
        let mut bytes = 0;
        let mut rules = Vec::new();
        for pattern in self.excludes.raw() {
            bytes += pattern.len() + FIELD_BYTES;
            if bytes > RULES_BYTES_MAX {
                rules.push(Rule::More);
                break;
            }
            rules.push(Rule::Exclude(pattern.to_vec()));
        }
        rules.extend(self.ignore_files.then_some(Rule::IgnoreFiles));
        rules.extend(self.exclude_caches.then_some(Rule::CacheFolders));
        rules.extend(self.exclude_larger_than.map(Rule::LargerThan));
        rules.extend(self.one_file_system.then_some(Rule::OneFileSystem));
        rules
    }

    /// The rules that a point lists; `None` where it has others than it lists, or some that this release does not know.
    pub fn of_point(listed: &[Rule]) -> Option<Rules> {
        let mut rules = Rules { excludes: Patterns::default(), ignore_files: false, ..Rules::default() };
        for rule in listed {
            match rule {
                Rule::Exclude(pattern) => rules.excludes.add(pattern).ok()?,
                Rule::IgnoreFiles => rules.ignore_files = true,
                Rule::CacheFolders => rules.exclude_caches = true,
                Rule::LargerThan(bytes) => rules.exclude_larger_than = Some(*bytes),
                Rule::OneFileSystem => rules.one_file_system = true,
                Rule::More | Rule::Other(_) => return None,
            }
        }
        Some(rules)
    }
}

/// What a field takes beside its pattern ([CONT-19]).
const FIELD_BYTES: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back_from_a_point_as_they_were_given() {
        let mut excludes = Patterns::default();
        excludes.add_lines(b"*.o\n# a comment\n!keep.o\n/srv/\xff*\ntrailing\\ \n").expect("patterns");
        let rules = Rules { excludes, exclude_caches: true, exclude_larger_than: Some(7), ..Rules::default() };
        let again = Rules::of_point(&rules.in_force()).expect("known rules");
        assert_eq!(again.in_force(), rules.in_force());
        assert!(again.ignore_files && again.exclude_caches && !again.one_file_system);
        for (path, left_out) in
            [(&b"a/x.o"[..], true), (b"a/keep.o", false), (b"srv/\xfff", true), (b"a/trailing ", true)]
        {
            assert_eq!(again.leave_out(path, false, false).is_some(), left_out, "{path:?}");
        }
    }

    #[test]
    fn rules_beyond_the_bound_are_told_as_more_and_judge_nothing() {
        let mut excludes = Patterns::default();
        for n in 0..RULES_BYTES_MAX / 100 {
            excludes.add(format!("{n:0>200}").as_bytes()).expect("a pattern");
        }
        let listed = Rules { excludes, ..Rules::default() }.in_force();
        assert!(listed.contains(&Rule::More) && listed.contains(&Rule::IgnoreFiles));
        assert!(Rules::of_point(&listed).is_none());
        assert!(Rules::of_point(&[Rule::Other(vec![200])]).is_none());
    }
}
