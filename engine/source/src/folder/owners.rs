//! Names of owners and groups.
//!
//! Promises: `/etc/passwd` and `/etc/group` are read once, before the walk; of an id that stands there twice the first name
//! holds. Refuses to ask the name service switch (LDAP, SSSD): it can block, and would load foreign code into the process;
//! ids without a name are stored as numbers, which a restore prefers on the same machine anyway.

use format_spec::tree::Entry;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The names by id.
#[derive(Debug, Default)]
pub(super) struct Owners {
    users: HashMap<u32, Vec<u8>>,
    groups: HashMap<u32, Vec<u8>>,
}

impl Owners {
    /// The names that this machine knows; without a file there are none.
    pub(super) fn of_this_machine() -> Owners {
        Owners { users: names_in(Path::new("/etc/passwd")), groups: names_in(Path::new("/etc/group")) }
    }

    /// Writes the names of the entry's ids into it, where known.
    pub(super) fn name(&self, entry: &mut Entry) {
        entry.user = self.users.get(&entry.uid).cloned().unwrap_or_default();
        entry.group = self.groups.get(&entry.gid).cloned().unwrap_or_default();
    }
}

fn names_in(path: &Path) -> HashMap<u32, Vec<u8>> {
    let mut text = Vec::new();
    // Whatever could be read counts: names are a courtesy, ids are the truth.
    let _ = File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut text));
    parse(&text)
}

/// `name:password:id:...` a line; other lines are passed over.
fn parse(text: &[u8]) -> HashMap<u32, Vec<u8>> {
    let mut names = HashMap::new();
    for line in text.split(|b| *b == b'\n') {
        let mut fields = line.split(|b| *b == b':');
        let (Some(name), Some(_), Some(id)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let id = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        if let (Some(id), false) = (id, name.is_empty() || name.starts_with(b"#")) {
            names.entry(id).or_insert_with(|| name.to_vec());
        }
    }
    names
}

/// Half a million lines.
const BYTES_MAX: u64 = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_an_id_holds_and_odd_lines_are_passed_over() {
        let names = parse(
            b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n\n+::::::\n#x:x:7:\nn\xff:x:12:12:\nbad:x:-1:\nshort",
        );
        assert_eq!(names.get(&0), Some(&b"root".to_vec()));
        assert_eq!(names.get(&12), Some(&b"n\xff".to_vec()));
        assert_eq!(names.len(), 2);
    }
}
