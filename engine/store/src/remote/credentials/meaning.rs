//! What a profile of the aws command means: the one source that its words name.
//!
//! ```text
//! role_arn --> source_profile: another profile, and so on | credential_source: what variables name
//! web_identity_token_file > keys of the credentials file > credential_process > keys of the config file
//! ```
//!
//! Promises: what is configured is used or fails, by the profile's name. Refuses SSO, a login of the
//! console and a second factor by name: those need a person at a browser.

use super::lack::Lack;
use super::outside;
use super::profiles::{Profile, Profiles};
use super::source::{Keys, Role, Source, WebIdentity, half, halves};
use super::words;
use super::world::World;

/// Reads profiles.
pub(super) struct Meaning<'a> {
    pub(super) world: &'a World,
    pub(super) profiles: &'a Profiles,
}

impl Meaning<'_> {
    /// What a profile holds beside a role.
    pub(super) fn profile(&self, name: &str) -> Result<Option<Source>, Lack> {
        let Some(profile) = self.profiles.find(name) else { return Ok(None) };
        if let Some(token_file) = profile.word("web_identity_token_file") {
            let role = profile
                .word("role_arn")
                .ok_or_else(|| half(&format!("web_identity_token_file of the profile {name} is set"), "role_arn"))?;
            let session = profile.word("role_session_name").map(str::to_owned);
            return Ok(Some(Source::WebIdentity(WebIdentity {
                token_file: token_file.to_owned(),
                role: role.to_owned(),
                session,
            })));
        }
        if SSO.iter().any(|key| profile.word(key).is_some()) {
            return Err(by_browser(name, "SSO (IAM Identity Center)", &format!("aws sso login --profile {name}")));
        }
        let of_credentials = Profile { config: None, ..profile };
        if let Some(keys) = keys_of(name, of_credentials)? {
            return Ok(Some(Source::Keys(keys)));
        }
        if profile.word("login_session").is_some() {
            return Err(by_browser(name, "a login of the console", &format!("aws login --profile {name}")));
        }
        if let Some(line) = profile.word("credential_process") {
            return process(name, line).map(Some);
        }
        Ok(keys_of(name, Profile { credentials: None, ..profile })?.map(Source::Keys))
    }

    /// The role of a profile, with what it is asked for with. `seen` are the profiles on the way.
    pub(super) fn role(&self, name: &str, profile: Profile<'_>, seen: &mut Vec<String>) -> Result<Source, Lack> {
        let mend = |why: String| Lack::settings(why, format!("mend the profile {name}"));
        if profile.word("mfa_serial").is_some() {
            return Err(by_browser(
                name,
                "a second factor (mfa_serial)",
                &format!("aws sts get-caller-identity --profile {name}"),
            ));
        }
        let of = match (profile.word("source_profile"), profile.word("credential_source")) {
            (Some(_), Some(_)) => {
                return Err(mend(format!("the profile {name} has both source_profile and credential_source")));
            }
            (None, None) => {
                return Err(mend(format!(
                    "the profile {name} has a role_arn, but neither source_profile nor credential_source"
                )));
            }
            (None, Some(source)) => self.named_source(name, source)?,
            (Some(source), None) => self.source_profile(name, source, seen)?,
        };
        let text = |key: &str| profile.word(key).map(str::to_owned);
        Ok(Source::Role(Role {
            profile: name.to_owned(),
            arn: text("role_arn").unwrap_or_default(),
            session: text("role_session_name"),
            external_id: text("external_id"),
            // As for the aws command, what is not a number is left out.
            seconds: profile.word("duration_seconds").and_then(|text| text.parse().ok()),
            of: Box::new(of),
        }))
    }

    fn source_profile(&self, name: &str, source: &str, seen: &mut Vec<String>) -> Result<Source, Lack> {
        let profile = self.profiles.find(source).ok_or_else(|| self.profiles.missing(source))?;
        let has_keys = profile.word("aws_access_key_id").is_some() || profile.word("aws_secret_access_key").is_some();
        // A profile may name itself, and then means its own keys.
        let names_itself = source == name && has_keys;
        if seen.iter().any(|before| before == source) && !names_itself {
            let way = [&seen[..], &[source.to_owned()]].concat().join(" -> ");
            return Err(Lack::settings(
                format!("the profiles are each other's source_profile: {way}"),
                format!("mend the profile {name}"),
            ));
        }
        seen.push(source.to_owned());
        if has_role(profile) && !has_keys {
            return self.role(source, profile, seen);
        }
        self.profile(source)?.ok_or_else(|| {
            let why = format!("the profile {source}, which is the source_profile of {name}, has no credentials");
            Lack::settings(why, format!("give the profile {source} credentials, or name another source_profile"))
        })
    }

    fn named_source(&self, name: &str, source: &str) -> Result<Source, Lack> {
        let found = match source.to_ascii_lowercase().as_str() {
            "environment" => outside::keys(self.world, false)?.map(Source::Keys),
            "ecscontainer" => outside::container(self.world),
            "ec2instancemetadata" => Some(outside::instance(self.world)),
            _ => None,
        };
        found.ok_or_else(|| {
            Lack::settings(
                format!("credential_source = {source} of the profile {name} names nothing that is there"),
                "it may be Environment, Ec2InstanceMetadata or EcsContainer, and what it names must be set",
            )
        })
    }
}

/// Whether a profile is a role for whoever has other credentials.
pub(super) fn has_role(profile: Profile<'_>) -> bool {
    profile.word("role_arn").is_some() && profile.word("web_identity_token_file").is_none()
}

/// The keys of a profile.
fn keys_of(name: &str, profile: Profile<'_>) -> Result<Option<Keys>, Lack> {
    match (profile.word("aws_access_key_id"), profile.secret("aws_secret_access_key")) {
        (Some(id), Some(secret)) => {
            let token = profile.secret("aws_session_token").or_else(|| profile.secret("aws_security_token"));
            Ok(Some(Keys { id: id.to_owned(), secret: secret.clone(), token: token.cloned() }))
        }
        (None, None) => Ok(None),
        (id, _) => {
            let (has, lacks) = halves(id.is_some());
            Err(half(&format!("the profile {name} has {has}"), lacks))
        }
    }
}

fn process(profile: &str, line: &str) -> Result<Source, Lack> {
    let mend = |why: &str| {
        Lack::settings(
            format!("credential_process of the profile {profile}: {why}"),
            format!("mend the profile {profile}"),
        )
    };
    let command = words::split(line).map_err(mend)?;
    if command.is_empty() {
        return Err(mend("it names no program"));
    }
    Ok(Source::Process { profile: profile.to_owned(), command })
}

/// What needs a person at a browser, and how it works all the same.
fn by_browser(profile: &str, what: &str, login: &str) -> Lack {
    Lack::settings(
        format!("the profile {profile} uses {what}, which needs a person, and cairn does not ask for it"),
        format!(
            "run `{login}`, and let AWS_PROFILE name another profile with the line: credential_process = aws configure export-credentials --profile {profile} --format process"
        ),
    )
}

/// Either of these makes a profile one of SSO, as for the aws command.
const SSO: [&str; 2] = ["sso_account_id", "sso_role_name"];
