//! A location as one text that means the same place whatever the environment says: what a machine remembers places by.
//!
//! ```text
//! file:///srv/backup                                                        a folder, by its real path
//! s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1
//! az://container/prefix?endpoint=https://name.blob.core.windows.net&account=name
//! ```
//!
//! Promises: one line of printable ASCII, without secrets. Two texts that differ may still be one place (an alias of a
//! server, a bind mount); the same text never means two.

use super::remote::settings::{azure_place, s3_place};
use super::{Location, Options};
use base::error::{Error, Kind, Result};

/// The location with endpoint, account and region made explicit, and a folder by its real path (one that is not there by its
/// absolute path).
///
/// # Errors
/// `Input` for settings that make no sense; what the file system says of a folder that cannot be resolved.
pub fn explicit(location: &Location, options: &Options) -> Result<String> {
    let (url, parts) = match location {
        Location::Folder(path) => {
            let real = std::fs::canonicalize(path).or_else(|e| match e.kind() {
                std::io::ErrorKind::NotFound => std::path::absolute(path),
                _ => Err(e),
            });
            let real = real.map_err(|e| Error::from(e).on(path.display()))?;
            let url = url::Url::from_file_path(&real);
            let what = "the folder has no absolute path";
            return Ok(url.map_err(|()| Error::new(Kind::Input, what).on(path.display()))?.into());
        }
        Location::S3 { .. } => {
            let (endpoint, region) = s3_place(options)?;
            (location.to_string(), [("endpoint", address(&endpoint)), ("region", region)])
        }
        Location::Azure { .. } => {
            let (endpoint, account) = azure_place(options)?;
            (location.to_string(), [("endpoint", address(&endpoint)), ("account", account)])
        }
    };
    let parts = parts.map(|(key, value)| format!("{key}={}", escaped(&value)));
    Ok(format!("{url}?{}", parts.join("&")))
}

/// An endpoint as every way of writing it comes to: without what may be a secret, and without a slash at its end.
fn address(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else { return text.to_owned() };
    // Neither can fail for a URL that has a host; one without is refused before anything is asked of it.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// Text in which nothing but printable ASCII is left, and nothing that parts the text.
fn escaped(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'&' | b'=' | b'%' | b'?' | b'#');
    text.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(location: &str, pairs: &[(&str, &str)]) -> String {
        let settings = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let options = Options { environment: false, settings, ..Options::default() };
        explicit(&Location::parse(location).unwrap(), &options).unwrap()
    }

    #[test]
    fn endpoint_account_and_region_are_part_of_the_place() {
        let plain = "s3://b/p?endpoint=https://s3.us-east-1.amazonaws.com&region=us-east-1";
        assert_eq!(said("s3://b/p", &[]), plain);
        let other = [("aws_endpoint", "HTTP://User:Secret@S3.Example.COM:9000/"), ("aws_region", "eu-central-1")];
        assert_eq!(said("s3://b", &other), "s3://b?endpoint=http://s3.example.com:9000&region=eu-central-1");
        let azure = [("azure_storage_account_name", "acc")];
        assert_eq!(said("az://c/p", &azure), "az://c/p?endpoint=https://acc.blob.core.windows.net&account=acc");
        assert!(said("s3://b", &[("aws_region", "a b&c=d")]).ends_with("region=a%20b%26c%3Dd"));
    }

    #[test]
    fn a_folder_is_known_by_its_real_path() {
        let dir = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir(real.join("a b\n")).unwrap();
        std::os::unix::fs::symlink("a b\n", real.join("link")).unwrap();
        let through = said(real.join("link").to_str().unwrap(), &[]);
        assert_eq!(through, said(&format!("{}/./a b\n", real.display()), &[]));
        assert_eq!(through, format!("file://{}/a%20b%0A", real.display()));
    }
}
