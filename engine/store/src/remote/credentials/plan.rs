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
//! nothing. What a profile means is [`super::meaning`]'s to say.

use super::lack::Lack;
use super::meaning::{Meaning, has_role};
use super::outside;
use super::profiles::{By, Profiles};
use super::source::Source;
use super::world::World;

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
    if let Some(keys) = outside::keys(world, profiles.chosen_by() == Some(By::Setting))? {
        return found(Source::Keys(keys));
    }
    looked.push("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (not set)".to_owned());
    let meaning = Meaning { world, profiles };
    let chosen = profiles.chosen();
    if let Some(profile) = profiles.find(chosen)
        && has_role(profile)
    {
        return found(meaning.role(chosen, profile, &mut vec![chosen.to_owned()])?);
    }
    if let Some(source) = outside::web_identity(world, profiles)? {
        return found(source);
    }
    looked.push("AWS_WEB_IDENTITY_TOKEN_FILE (not set)".to_owned());
    if let Some(source) = meaning.profile(chosen)? {
        return found(source);
    }
    looked.push(profiles.looked());
    if let Some(source) = outside::container(world) {
        return found(source);
    }
    looked.push("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI (not set)".to_owned());
    if world.is_on(&["aws_ec2_metadata_disabled"]) {
        looked.push("the service of the machine (switched off by AWS_EC2_METADATA_DISABLED)".to_owned());
        return Ok(Choice { source: None, looked });
    }
    Ok(Choice { source: Some(outside::instance(world)), looked })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
