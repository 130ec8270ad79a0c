//! Which of many sources the credentials of S3 come from. Pure: nothing is asked here.
//!
//! ```text
//!  1. keys of the settings or variables          (variables do not count where the settings name a profile)
//!  2. the profile's role                         role_arn with source_profile or credential_source
//!  3. web identity                               of variables, then of the profile
//!  4. keys of the credentials file
//!  5. the profile's credential_process
//!  6. keys of the config file
//!  7. a container's service
//!  8. the service of the machine
//! ```
//!
//! Promises: the order is that of the aws command, and what is configured first is used or fails;
//! nothing later is tried in its place. What was looked at is kept, in order, for whoever finds
//! nothing. Refuses SSO, a login of the console and a second factor by name: those need a person at
//! a browser.

use super::lack::Lack;
use super::profiles::{By, Profile, Profiles};
use super::secret::Secret;
use super::words;
use super::world::World;

/// Where credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Keys(Keys),
    Process { profile: String, command: Vec<String> },
    WebIdentity(WebIdentity),
    Role(Role),
    Container(Container),
    Instance { endpoint: String, first_version: bool },
}

/// Keys as they stand somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) token: Option<Secret>,
}

/// A role that is given for a signed token in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebIdentity {
    pub(super) token_file: String,
    pub(super) role: String,
    pub(super) session: Option<String>,
}

/// A role that is given to whoever has other credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) profile: String,
    pub(super) arn: String,
    pub(super) session: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) seconds: Option<u32>,
    pub(super) of: Box<Source>,
}

/// A service beside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) url: String,
    pub(super) token: Option<Secret>,
    pub(super) token_file: Option<String>,
}

/// What was chosen, if anything is left to choose, and what was looked at before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) source: Option<Source>,
    pub(super) looked: Vec<String>,
}

/// Chooses.
///
/// # Errors
/// What is configured and cannot be used.
pub(super) fn choose(world: &World, profiles: &Profiles) -> Result<Choice, Lack> {
    let mut looked = Vec::new();
    let found = |source| Ok(Choice { source: Some(source), looked: Vec::new() });
    if let Some(keys) = keys_of_world(world, profiles.chosen_by() == Some(By::Setting))? {
        return found(Source::Keys(keys));
    }
    looked.push("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (not set)".to_owned());
    let plan = Plan { world, profiles };
    let chosen = profiles.chosen();
    if let Some(profile) = profiles.find(chosen)
        && has_role(profile)
    {
        return found(plan.role(chosen, profile, &mut vec![chosen.to_owned()])?);
    }
    if let Some(source) = plan.web_identity_of_world()? {
        return found(source);
    }
    looked.push("AWS_WEB_IDENTITY_TOKEN_FILE (not set)".to_owned());
    if let Some(source) = plan.profile(chosen)? {
        return found(source);
    }
    looked.push(profiles.looked());
    if let Some(source) = plan.container() {
        return found(source);
    }
    looked.push("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI (not set)".to_owned());
    if world.is_on(&["aws_ec2_metadata_disabled"]) {
        looked.push("the service of the machine (switched off by AWS_EC2_METADATA_DISABLED)".to_owned());
        return Ok(Choice { source: None, looked });
    }
    Ok(Choice { source: Some(plan.instance()), looked })
}

/// Keys of the settings, or of variables.
fn keys_of_world(world: &World, names_profile: bool) -> Result<Option<Keys>, Lack> {
    const ID: &[&str] = &["aws_access_key_id"];
    const SECRET: &[&str] = &["aws_secret_access_key"];
    const TOKEN: &[&str] = &["aws_session_token", "aws_token"];
    let is_set = world.setting(ID).is_some() || world.setting(SECRET).is_some();
    if is_set && names_profile {
        return Err(Lack::settings(
            "the settings of the store hold both keys and a profile",
            "leave either `access_key_id` and `secret_access_key` or `profile` in [s3] of the config file",
        ));
    }
    if !is_set && names_profile {
        return Ok(None);
    }
    // A token belongs to its keys: that of the environment is not that of keys in the settings.
    let token = if world.setting(ID).is_some() { world.setting(TOKEN) } else { world.word(TOKEN) };
    match (world.word(ID), world.word(SECRET)) {
        (Some(id), Some(secret)) => {
            Ok(Some(Keys { id: id.to_owned(), secret: Secret::new(secret), token: token.map(Secret::new) }))
        }
        (None, None) => Ok(None),
        (id, _) => {
            let (has, lacks) = halves(id.is_some());
            Err(half(&format!("{has} is set", has = has.to_uppercase()), &lacks.to_uppercase()))
        }
    }
}

/// Which half of two keys is there, and which one is not.
fn halves(has_id: bool) -> (&'static str, &'static str) {
    if has_id { ("aws_access_key_id", "aws_secret_access_key") } else { ("aws_secret_access_key", "aws_access_key_id") }
}

fn half(has: &str, lacks: &str) -> Lack {
    Lack::settings(format!("{has}, but not {lacks}"), format!("set {lacks} too, or neither"))
}

fn has_role(profile: Profile<'_>) -> bool {
    profile.word("role_arn").is_some() && profile.word("web_identity_token_file").is_none()
}

/// What choosing needs again and again.
struct Plan<'a> {
    world: &'a World,
    profiles: &'a Profiles,
}

impl Plan<'_> {
    /// What a profile holds beside a role.
    fn profile(&self, name: &str) -> Result<Option<Source>, Lack> {
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
    fn role(&self, name: &str, profile: Profile<'_>, seen: &mut Vec<String>) -> Result<Source, Lack> {
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
            "environment" => keys_of_world(self.world, false)?.map(Source::Keys),
            "ecscontainer" => self.container(),
            "ec2instancemetadata" => Some(self.instance()),
            _ => None,
        };
        found.ok_or_else(|| {
            Lack::settings(
                format!("credential_source = {source} of the profile {name} names nothing that is there"),
                "it may be Environment, Ec2InstanceMetadata or EcsContainer, and what it names must be set",
            )
        })
    }

    fn web_identity_of_world(&self) -> Result<Option<Source>, Lack> {
        if self.profiles.chosen_by() == Some(By::Setting)
            && self.world.setting(&["aws_web_identity_token_file"]).is_none()
        {
            return Ok(None);
        }
        let Some(token_file) = self.world.word(&["aws_web_identity_token_file"]) else { return Ok(None) };
        // As for the aws command, what the variables leave open may stand in the profile.
        let either =
            |name: &str, key: &str| self.world.word(&[name]).or_else(|| self.profiles.word(key)).map(str::to_owned);
        let role = either("aws_role_arn", "role_arn")
            .ok_or_else(|| half("AWS_WEB_IDENTITY_TOKEN_FILE is set", "AWS_ROLE_ARN"))?;
        let session = either("aws_role_session_name", "role_session_name");
        Ok(Some(Source::WebIdentity(WebIdentity { token_file: token_file.to_owned(), role, session })))
    }

    fn container(&self) -> Option<Source> {
        let of = |name: &str| self.world.word(&[name]);
        let relative =
            of("aws_container_credentials_relative_uri").map(|path| format!("http://{CONTAINER_HOST}{path}"));
        let url = relative.or_else(|| of("aws_container_credentials_full_uri").map(str::to_owned))?;
        Some(Source::Container(Container {
            url,
            token: of("aws_container_authorization_token").map(Secret::new),
            token_file: of("aws_container_authorization_token_file").map(str::to_owned),
        }))
    }

    fn instance(&self) -> Source {
        let is_six = |mode: &str| mode.eq_ignore_ascii_case("ipv6");
        let default = match self.world.word(&["aws_ec2_metadata_service_endpoint_mode"]) {
            Some(mode) if is_six(mode) => "http://[fd00:ec2::254]",
            _ => "http://169.254.169.254",
        };
        let endpoint =
            self.world.word(&["aws_ec2_metadata_service_endpoint", "aws_metadata_endpoint"]).unwrap_or(default);
        Source::Instance {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            first_version: self.world.is_on(&["aws_imdsv1_fallback"]),
        }
    }
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

/// Where containers of ECS find their service.
const CONTAINER_HOST: &str = "169.254.170.2";
/// Either of these makes a profile one of SSO, as for the aws command.
const SSO: [&str; 2] = ["sso_account_id", "sso_role_name"];

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
