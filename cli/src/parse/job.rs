//! Names of jobs and hosts, checked when they are given. Those that are made are [`engine::restore_point::made`]'s.

use engine::restore_point::JobName;

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

/// Takes a job that is looked for: `JOB` or `HOST/JOB`.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn name(text: &str) -> Result<JobName, String> {
    text.parse()
}

/// Takes the name of a host.
///
/// # Errors
/// What is wrong, for clap to print.
pub(crate) fn host(text: &str) -> Result<String, String> {
    if text.len() > NAME_BYTES_MAX {
        return Err(format!("a host's name has at most {NAME_BYTES_MAX} bytes"));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(odd) => Err(format!("a host's name holds no {odd:?}")),
        None => Ok(text.to_owned()),
    }
}

/// Folder names of the mount have at most 255 bytes.
const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_ambiguous_are_refused() {
        for text in ["", "a:b", "a/b", "a\nb"] {
            assert!(job(text).is_err(), "{text:?}");
        }
        assert_eq!(job("täglich 1"), Ok("täglich 1".to_owned()));
    }

    #[test]
    fn hosts_hold_anything_that_a_terminal_can_show() {
        assert_eq!(host("fe80::1/a b"), Ok("fe80::1/a b".to_owned()));
        assert!(host("a\nb").is_err() && host(&"a".repeat(256)).is_err());
        assert_eq!(name("web-1/nightly").map(|name| name.to_string()), Ok("web-1/nightly".to_owned()));
    }
}
