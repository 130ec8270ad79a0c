//! What a header of tar has no room for, as the records of a PAX header: `LENGTH KEY=VALUE\n`, keys as GNU tar writes them.
//!
//! Keys and values are raw bytes: every reader that keeps extended attributes takes the length for the measure, not the text.

use format_spec::Time;
use format_spec::tree::Entry;

/// The records of an entry; never empty.
pub(super) fn records(entry: &Entry) -> Vec<u8> {
    let mut records = record(b"mtime", time(entry.mtime).as_bytes());
    records.extend(record(b"ctime", time(entry.ctime).as_bytes()));
    for (key, name) in [(&b"uname"[..], &entry.user), (b"gname", &entry.group)] {
        if name.len() > OWNER_BYTES_MAX {
            records.extend(record(key, name));
        }
    }
    for (name, value) in &entry.xattrs {
        let acl = ACLS.iter().find(|(of, _)| of == name).and_then(|(_, key)| Some((key, acl(value)?)));
        records.extend(match acl {
            Some((key, text)) => record(key, text.as_bytes()),
            None => record(&[b"SCHILY.xattr.", &attribute(name)[..]].concat(), value),
        });
    }
    records
}

/// The length counts its own digits.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let bytes = key.len() + value.len() + 3;
    let mut length = bytes;
    while length != bytes + length.to_string().len() {
        length = bytes + length.to_string().len();
    }
    [format!("{length} ").as_bytes(), key, b"=", value, b"\n"].concat()
}

/// Decimal seconds; those before 1970 are counted backwards, so half a second before it is -0.5.
fn time(time: Time) -> String {
    match (time.seconds, time.nanos) {
        (seconds, 0) => seconds.to_string(),
        (seconds @ ..0, nanos) => format!("-{}.{:09}", -(seconds + 1), 1_000_000_000u32.saturating_sub(nanos)),
        (seconds, nanos) => format!("{seconds}.{nanos:09}"),
    }
}

/// The name of an extended attribute inside of a key, which ends at its first `=`.
fn attribute(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'%' => out.extend_from_slice(b"%25"),
            b'=' => out.extend_from_slice(b"%3D"),
            byte => out.push(*byte),
        }
    }
    out
}

/// An access list as text with numeric ids; `None` where the value is not one that this release knows.
fn acl(value: &[u8]) -> Option<String> {
    let (version, lines) = value.split_first_chunk::<4>()?;
    if *version != 2u32.to_le_bytes() || lines.is_empty() || !lines.len().is_multiple_of(8) {
        return None;
    }
    let line = |line: &[u8]| {
        let (tag, bits) = (u16::from_le_bytes([line[0], line[1]]), u16::from_le_bytes([line[2], line[3]]));
        let id = u32::from_le_bytes([line[4], line[5], line[6], line[7]]);
        let who = match tag {
            0x01 => "user:".to_owned(),
            0x02 => format!("user:{id}"),
            0x04 => "group:".to_owned(),
            0x08 => format!("group:{id}"),
            0x10 => "mask:".to_owned(),
            0x20 => "other:".to_owned(),
            _ => return None,
        };
        let bit = |mask, letter| if bits & mask == mask { letter } else { '-' };
        (bits < 8).then(|| format!("{who}:{}{}{}", bit(4, 'r'), bit(2, 'w'), bit(1, 'x')))
    };
    lines.chunks_exact(8).map(line).collect::<Option<Vec<_>>>().map(|lines| lines.join(","))
}

/// Attributes that hold access lists, and their keys.
const ACLS: [(&[u8], &[u8]); 2] =
    [(b"system.posix_acl_access", b"SCHILY.acl.access"), (b"system.posix_acl_default", b"SCHILY.acl.default")];

/// The header has room for longer names, but not for the NUL that old readers look for.
pub(super) const OWNER_BYTES_MAX: usize = 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_their_own_digits() {
        assert_eq!(record(b"k", b"v"), b"6 k=v\n");
        assert_eq!(record(b"key", b"v"), b"8 key=v\n");
        assert_eq!(record(b"key", b"val"), b"11 key=val\n", "two digits need one byte more");
        let long = record(b"k", &[7; 95]);
        assert_eq!((long.len(), &long[..4]), (102, &b"102 "[..]));
    }

    #[test]
    fn times_before_1970_are_counted_backwards() {
        assert_eq!(time(Time::new(-3600, 0)), "-3600");
        assert_eq!(time(Time::new(-2, 500_000_000)), "-1.500000000");
        assert_eq!(time(Time::new(-1, 999_999_999)), "-0.000000001");
        assert_eq!(time(Time::new(i64::MIN, 1)), "-9223372036854775807.999999999");
        assert_eq!(time(Time::new(7, 1)), "7.000000001");
    }

    #[test]
    fn keys_end_at_their_first_equals_sign() {
        assert_eq!(attribute(b"user.a=b%3D\xff"), b"user.a%3Db%253D\xff");
    }

    #[test]
    fn access_lists_are_text_and_what_is_none_stays_as_it_is() {
        let list = [&2u32.to_le_bytes()[..], &[1, 0, 6, 0, 255, 255, 255, 255], &[2, 0, 5, 0, 0xe9, 3, 0, 0]].concat();
        assert_eq!(acl(&list), Some("user::rw-,user:1001:r-x".to_owned()));
        assert_eq!(acl(b"odd"), None);
        assert_eq!(acl(&list[..list.len() - 1]), None);
    }
}
