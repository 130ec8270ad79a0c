//! Whether an item is the one that the base has, as far as attributes tell: by its inode, and by the age of its last change.

use format_spec::Time;
use format_spec::tree::Entry;

/// Change times within this many nanoseconds before the base's start count as "not older": the kernel's clock for file times
/// ticks in steps of up to 10 ms.
const CLOCK_STEP_NANOS: u32 = 50_000_000;
/// File systems without fractions of a second have steps of up to two seconds.
const COARSE_STEP_SECONDS: i64 = 2;

/// Whether both are one inode, given that their change times are equal.
///
/// File systems get another device number with a reboot, a snapshot, another order of disks. A change time with fractions of a
/// second then says enough beside the inode's number: a kernel took it from a clock, and no two file systems have both in common but by a
/// copy of the blocks. Whole seconds say nothing: images that programs write (squashfs, ISO 9660) give all files one time and count
/// their inodes, so the next version of an image would look like the one before.
pub(super) fn same_inode(before: &Entry, now: &Entry) -> bool {
    if before.inode != now.inode {
        return false;
    }
    match before.device == now.device {
        true => before.link_group == now.link_group,
        false => now.ctime.nanos != 0 && before.link_group.is_some() == now.link_group.is_some(),
    }
}

/// Whether a change time lies before the start of a session by more than the file system's clock can be wrong.
pub(super) fn is_older(ctime: Time, start: Time) -> bool {
    if ctime.nanos == 0 {
        return ctime.seconds < start.seconds - COARSE_STEP_SECONDS;
    }
    let nanos = |t: Time| i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos);
    nanos(ctime) < nanos(start) - i128::from(CLOCK_STEP_NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use format_spec::tree::Kind;

    fn entry(device: u64, inode: u64, group: Option<u8>, nanos: u32) -> Entry {
        let ctime = Time::new(1000, nanos);
        let link_group = group.map(|group| [group; 16]);
        Entry { mode: 0o644, mtime: ctime, ctime, inode, device, link_group, ..Entry::new(b"x".to_vec(), Kind::File) }
    }

    #[test]
    fn another_device_number_is_the_same_inode_where_its_change_time_says_enough() {
        let before = entry(7, 12, None, 5);
        assert!(same_inode(&before, &entry(7, 12, None, 5)) && same_inode(&before, &entry(9, 12, None, 5)));
        assert!(!same_inode(&before, &entry(7, 13, None, 5)) && !same_inode(&before, &entry(9, 13, None, 5)));
        assert!(!same_inode(&entry(7, 12, None, 0), &entry(9, 12, None, 0)), "images have whole seconds");
        assert!(same_inode(&entry(7, 12, None, 0), &entry(7, 12, None, 0)));
    }

    #[test]
    fn groups_of_names_are_compared_by_number_on_one_device_only() {
        let before = entry(7, 12, Some(1), 5);
        assert!(same_inode(&before, &entry(7, 12, Some(1), 5)) && same_inode(&before, &entry(9, 12, Some(2), 5)));
        assert!(!same_inode(&before, &entry(7, 12, Some(2), 5)) && !same_inode(&before, &entry(9, 12, None, 5)));
    }

    #[test]
    fn a_change_in_the_clocks_last_step_is_not_trusted() {
        let start = Time::new(1000, 500_000_000);
        assert!(is_older(Time::new(1000, 440_000_000), start));
        assert!(!is_older(Time::new(1000, 460_000_000), start));
        assert!(!is_older(Time::new(1000, 500_000_000), start));
        assert!(!is_older(Time::new(2000, 1), start));
    }

    #[test]
    fn whole_second_times_keep_two_seconds_distance() {
        assert!(!is_older(Time::new(998, 0), Time::new(1000, 0)));
        assert!(is_older(Time::new(997, 0), Time::new(1000, 0)));
    }
}
