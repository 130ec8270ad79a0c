//! The aws command's two files, and one profile out of them.
//!
//! ```text
//! ~/.aws/config        AWS_CONFIG_FILE              [default], [profile NAME], [services NAME]
//! ~/.aws/credentials   AWS_SHARED_CREDENTIALS_FILE  [NAME]; what stands here wins
//! ```
//!
//! Promises: a profile that was named and is not there is an error, also where keys are set beside
//! it. Without a name it is `default`, which need not be there. Refuses to write, and to read a
//! file of the user where the environment does not count.

use super::ini::{Ini, Section, nested};
use super::lack::Lack;
use super::secret::Secret;
use super::world::{World, is_true};
use std::collections::BTreeMap;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The two files, and which profile was chosen.
#[derive(Debug)]
pub(in crate::remote) struct Profiles {
    config: File,
    credentials: File,
    chosen: String,
    chosen_by: Option<By>,
}

/// Who named the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The config file of Cairn: keys of the environment do not count then.
    Setting,
    /// A variable.
    Variable,
}

#[derive(Debug, Default)]
struct File {
    path: PathBuf,
    /// `None` where it is not there, or does not count.
    ini: Option<Ini>,
}

/// One profile, as both files have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile<'a> {
    pub(super) config: Option<&'a Section>,
    pub(super) credentials: Option<&'a Section>,
}

impl Profiles {
    /// Reads the files.
    ///
    /// # Errors
    /// A file that makes no sense or cannot be read, a profile that is not there.
    pub(in crate::remote) fn read(world: &World) -> Result<Profiles, Lack> {
        let setting = world.setting(&["aws_profile"]).map(|name| (name, By::Setting));
        let variable = world.word(&["aws_profile", "aws_default_profile"]).map(|name| (name, By::Variable));
        let (chosen, chosen_by) = setting.or(variable).map_or(("default", None), |(name, by)| (name, Some(by)));
        let counts = world.is_environment_read() || chosen_by.is_some();
        let file = |name: &str, default: &str| {
            let named = world.word(&[name]);
            let path = world.path(named.unwrap_or(default));
            if counts || named.is_some() { File::read(path) } else { Ok(File { path, ini: None }) }
        };
        let profiles = Profiles {
            config: file("aws_config_file", "~/.aws/config")?,
            credentials: file("aws_shared_credentials_file", "~/.aws/credentials")?,
            chosen: chosen.to_owned(),
            chosen_by,
        };
        if chosen_by.is_some() && profiles.find(chosen).is_none() {
            return Err(profiles.missing(chosen));
        }
        Ok(profiles)
    }

    /// The name of the chosen profile.
    pub(super) fn chosen(&self) -> &str {
        &self.chosen
    }

    /// Who chose it, if anybody did.
    pub(super) fn chosen_by(&self) -> Option<By> {
        self.chosen_by
    }

    /// A profile, if either file has it.
    pub(super) fn find(&self, name: &str) -> Option<Profile<'_>> {
        let config = self.config.ini.as_ref().and_then(|ini| {
            let bare = (name == "default").then(|| ini.section(name)).flatten();
            bare.or_else(|| ini.section_of("profile", name))
        });
        let credentials = self.credentials.ini.as_ref().and_then(|ini| ini.section(name));
        (config.is_some() || credentials.is_some()).then_some(Profile { config, credentials })
    }

    /// A value of the chosen profile.
    pub(in crate::remote) fn word(&self, key: &str) -> Option<&str> {
        self.find(&self.chosen)?.word(key)
    }

    /// The endpoint of a service (`s3`, `sts`), as the chosen profile has it.
    pub(in crate::remote) fn endpoint(&self, service: &str) -> Option<&str> {
        let profile = self.find(&self.chosen)?;
        if profile.word("ignore_configured_endpoint_urls").is_some_and(is_true) {
            return None;
        }
        let of_service = || {
            let services = self.config.ini.as_ref()?.section_of("services", profile.word("services")?)?;
            nested(services.get(service)?).get("endpoint_url").copied()
        };
        of_service().or_else(|| profile.word("endpoint_url"))
    }

    /// Where was looked for a profile, and what was found there.
    pub(super) fn looked(&self) -> String {
        let state = |file: &File, name: &str| {
            let what = match &file.ini {
                None => "no such file",
                Some(_) if self.find(name).is_none() => "no such profile",
                Some(_) => "no credentials",
            };
            format!("{} ({what})", file.path.display())
        };
        let (config, credentials) = (state(&self.config, &self.chosen), state(&self.credentials, &self.chosen));
        format!("the profile {} of {config} and {credentials}", self.chosen)
    }

    /// A profile that was named and is in neither file.
    pub(super) fn missing(&self, name: &str) -> Lack {
        let (config, credentials) = (self.config.path.display(), self.credentials.path.display());
        let mut known = self.config.ini.as_ref().map(|ini| ini.names_of("profile")).unwrap_or_default();
        let others = [self.config.ini.as_ref().and_then(|ini| ini.section("default").map(|_| "default"))];
        known.extend(others.into_iter().flatten().map(str::to_owned));
        known.extend(self.credentials.ini.iter().flat_map(Ini::names).map(str::to_owned));
        known.sort();
        known.dedup();
        let known = if known.is_empty() {
            "neither file has any".to_owned()
        } else {
            format!("profiles: {}", known.join(", "))
        };
        Lack::settings(
            format!("there is no profile {name:?} in {config} and {credentials}"),
            format!("name another one with AWS_PROFILE, or unset it ({known})"),
        )
    }
}

impl File {
    fn read(path: PathBuf) -> Result<File, Lack> {
        let wrong = |why: String| {
            let advice = "mend the file, or name another one with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE";
            Lack::settings(format!("{}: {why}", path.display()), advice)
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            // As for the aws command, a file that was named and is not there is an empty one.
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Ok(File { path, ini: None });
            }
            Err(e) => return Err(wrong(format!("the file cannot be read: {e}"))),
        };
        if bytes.len() > FILE_BYTES_MAX {
            return Err(wrong(format!("the file is larger than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("the file is not UTF-8".to_owned()))?;
        let ini = Ini::parse(text).map_err(wrong)?;
        Ok(File { path, ini: Some(ini) })
    }
}

impl<'a> Profile<'a> {
    /// A value; that of the credentials file wins.
    pub(super) fn word(&self, key: &str) -> Option<&'a str> {
        self.secret(key).map(Secret::expose)
    }

    /// The same, which may be a secret.
    pub(super) fn secret(&self, key: &str) -> Option<&'a Secret> {
        let of = |section: Option<&'a Section>| section.and_then(|section: &BTreeMap<_, _>| section.get(key));
        of(self.credentials).or_else(|| of(self.config)).filter(|value| !value.expose().is_empty())
    }
}

/// Files of people have some kilobytes.
const FILE_BYTES_MAX: usize = 4 << 20;
