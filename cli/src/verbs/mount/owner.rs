//! `--owner` and `--umask`.

use view::Owner;

/// Whom things belong to.
///
/// # Errors
/// What is wrong, for clap to print.
pub(super) fn owner(text: &str) -> Result<Owner, String> {
    match text {
        "keep" => return Ok(Owner::Keep),
        "me" => return Ok(Owner::Me),
        _ => {}
    }
    let number = |part: &str| part.parse::<u32>().map_err(|_| format!("{part:?} is no number of a user or group"));
    match text.split_once(':') {
        Some((user, group)) => Ok(Owner::Fixed(number(user)?, number(group)?)),
        None => Err("write keep, me or UID:GID".to_owned()),
    }
}

/// Permission bits, octal.
///
/// # Errors
/// What is wrong, for clap to print.
pub(super) fn umask(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mask @ ..=0o777) => Ok(mask),
        _ => Err("write three octal digits, such as 027".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_masks_are_read_or_refused() {
        assert_eq!(owner("keep"), Ok(Owner::Keep));
        assert_eq!(owner("1000:100"), Ok(Owner::Fixed(1000, 100)));
        assert!(owner("root").is_err() && owner("1:").is_err());
        assert_eq!(umask("027"), Ok(0o27));
        assert!(umask("8").is_err() && umask("1000").is_err());
    }
}
