//! POSIX access lists as the kernel keeps them: version u32 (2), then per line tag u16, permissions u16, id u32.
//!
//! When an option changes a file's mode, its access list must follow (as `chmod` does it), or the list would grant what the
//! mode takes away: the kernel looks at the list first.

/// Who may do what beside owner, group and others.
pub(super) const ACCESS_LIST: &[u8] = b"system.posix_acl_access";

const HEAD_BYTES: usize = 4;
const LINE_BYTES: usize = 8;
const USER_OBJECT: u16 = 0x01;
const GROUP_OBJECT: u16 = 0x04;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// The list with the permissions of owner, mask (or group) and others taken from `mode`. What is no access list stays as it is.
pub(super) fn with_mode(list: &[u8], mode: u32) -> Vec<u8> {
    let mut list = list.to_vec();
    let Some((_, lines)) = list.split_at_mut_checked(HEAD_BYTES) else { return list };
    let tag = |line: &[u8]| u16::from_le_bytes([line[0], line[1]]);
    let masked = lines.chunks_exact(LINE_BYTES).any(|line| tag(line) == MASK);
    for line in lines.chunks_exact_mut(LINE_BYTES) {
        let bits = match tag(line) {
            USER_OBJECT => mode >> 6 & 7,
            GROUP_OBJECT if !masked => mode >> 3 & 7,
            MASK => mode >> 3 & 7,
            OTHER => mode & 7,
            _ => continue,
        };
        line[2] = u8::try_from(bits).unwrap_or(0);
        line[3] = 0;
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut out = 2u32.to_le_bytes().to_vec();
        for (tag, bits, id) in lines {
            out.extend_from_slice(&tag.to_le_bytes());
            out.extend_from_slice(&bits.to_le_bytes());
            out.extend_from_slice(&id.to_le_bytes());
        }
        out
    }

    #[test]
    fn access_lists_follow_a_masked_mode() {
        let before = list(&[(USER_OBJECT, 6, 0), (2, 4, 1000), (GROUP_OBJECT, 4, 0), (MASK, 6, 0), (OTHER, 4, 0)]);
        let after = list(&[(USER_OBJECT, 6, 0), (2, 4, 1000), (GROUP_OBJECT, 4, 0), (MASK, 0, 0), (OTHER, 0, 0)]);
        assert_eq!(with_mode(&before, 0o600), after);
        let plain = list(&[(USER_OBJECT, 7, 0), (GROUP_OBJECT, 7, 0), (OTHER, 7, 0)]);
        assert_eq!(with_mode(&plain, 0o750), list(&[(USER_OBJECT, 7, 0), (GROUP_OBJECT, 5, 0), (OTHER, 0, 0)]));
        assert_eq!(with_mode(b"odd", 0o700), b"odd");
    }
}
