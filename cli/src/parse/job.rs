//! Job names: checked when given, made of host and sources when not.

/// Takes a job's name.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn job(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("a job needs a name".to_owned());
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(format!("a job's name has at most {NAME_BYTES_MAX} bytes"));
    }
    match text.chars().find(|c| matches!(c, ':' | '/') || c.is_control()) {
        Some(odd) => {
            Err(format!("a job's name holds no {odd:?}, as it stands in POINT:/PATH and in folders of the mount"))
        }
        None => Ok(text.to_owned()),
    }
}

/// The default name, `host-srv-a+home`: the same sources make the same name, so that the next run finds its base. Beyond
/// [`MADE_BYTES_MAX`] it is cut, and a hash of the whole keeps it apart from others.
pub(crate) fn made(host: &str, paths: &[Vec<u8>]) -> String {
    let sources: Vec<String> = paths.iter().map(|path| made_part(path)).collect();
    let whole: String = format!("{host}-{}", sources.join("+")).chars().map(plain).collect();
    if whole.len() <= MADE_BYTES_MAX {
        return whole;
    }
    let mut end = MADE_BYTES_MAX - HASH_CHARS - 1;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{:016x}", &whole[..end], fnv(&whole))
}

fn made_part(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let text = text.trim_matches('/');
    if text.is_empty() { "root".to_owned() } else { text.to_owned() }
}

fn plain(c: char) -> char {
    if matches!(c, ':' | '/') || c.is_control() || c.is_whitespace() { '-' } else { c }
}

/// FNV-1a: names must stay the same for ever, so no hash that may change with a library.
pub(crate) fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Folder names of the mount have at most 255 bytes.
const NAME_BYTES_MAX: usize = 255;
/// What still reads well in a table.
const MADE_BYTES_MAX: usize = 64;
const HASH_CHARS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_host_and_sources() {
        let name = |paths: &[&str]| made("h", &paths.iter().map(|p| p.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(name(&["/srv/a"]), "h-srv-a");
        assert_eq!(name(&["/srv/a:b", "/home"]), "h-srv-a-b+home");
        assert_eq!(name(&["/"]), "h-root");
        assert_eq!(name(&["/a b\n"]), "h-a-b-");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let name = |last: u8| made("h", &[[vec![b'a'; 300], vec![last]].concat()]);
        assert!(name(b'x').len() <= MADE_BYTES_MAX);
        assert_ne!(name(b'x'), name(b'y'));
        assert!(job(&name(b'x')).is_ok());
        assert!(made("h", &["ü".repeat(200).into_bytes()]).len() <= MADE_BYTES_MAX);
    }

    #[test]
    fn names_that_would_be_ambiguous_are_refused() {
        for text in ["", "a:b", "a/b", "a\nb"] {
            assert!(job(text).is_err(), "{text:?}");
        }
        assert_eq!(job("täglich 1"), Ok("täglich 1".to_owned()));
    }
}
