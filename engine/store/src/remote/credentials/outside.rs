//! Sources of S3's credentials that settings and variables name, whatever the profile says.

use super::lack::Lack;
use super::profiles::{By, Profiles};
use super::secret::Secret;
use super::source::{Container, Keys, Source, WebIdentity, half, halves};
use super::world::World;

/// Keys of the settings, or of variables.
pub(super) fn keys(world: &World, names_profile: bool) -> Result<Option<Keys>, Lack> {
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

/// A role for the token in a file that a variable names.
pub(super) fn web_identity(world: &World, profiles: &Profiles) -> Result<Option<Source>, Lack> {
    if profiles.chosen_by() == Some(By::Setting) && world.setting(&["aws_web_identity_token_file"]).is_none() {
        return Ok(None);
    }
    let Some(token_file) = world.word(&["aws_web_identity_token_file"]) else { return Ok(None) };
    // As for the aws command, what the variables leave open may stand in the profile.
    let either = |name: &str, key: &str| world.word(&[name]).or_else(|| profiles.word(key)).map(str::to_owned);
    let role =
        either("aws_role_arn", "role_arn").ok_or_else(|| half("AWS_WEB_IDENTITY_TOKEN_FILE is set", "AWS_ROLE_ARN"))?;
    let session = either("aws_role_session_name", "role_session_name");
    Ok(Some(Source::WebIdentity(WebIdentity { token_file: token_file.to_owned(), role, session })))
}

/// The service beside this container.
pub(super) fn container(world: &World) -> Option<Source> {
    let of = |name: &str| world.word(&[name]);
    let relative = of("aws_container_credentials_relative_uri").map(|path| format!("http://{CONTAINER_HOST}{path}"));
    let url = relative.or_else(|| of("aws_container_credentials_full_uri").map(str::to_owned))?;
    Some(Source::Container(Container {
        url,
        token: of("aws_container_authorization_token").map(Secret::new),
        token_file: of("aws_container_authorization_token_file").map(str::to_owned),
    }))
}

/// The service of this machine.
pub(super) fn instance(world: &World) -> Source {
    let is_six = |mode: &str| mode.eq_ignore_ascii_case("ipv6");
    let default = match world.word(&["aws_ec2_metadata_service_endpoint_mode"]) {
        Some(mode) if is_six(mode) => "http://[fd00:ec2::254]",
        _ => "http://169.254.169.254",
    };
    let endpoint = world.word(&["aws_ec2_metadata_service_endpoint", "aws_metadata_endpoint"]).unwrap_or(default);
    Source::Instance {
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        first_version: world.is_on(&["aws_imdsv1_fallback"]),
    }
}

/// Where containers of ECS find their service.
const CONTAINER_HOST: &str = "169.254.170.2";
