//! Credentials of stores: where they come from, and that they last.
//!
//! ```text
//! settings, variables (world) --+-- ~/.aws (ini, profiles) --> plan: one Source --> keys | process | sts | container | object_store's own
//!                               +-- connection strings ------> azure: settings of object_store
//! what fails --> lack, kept beside the request --> the error of the store
//! ```
//!
//! Promises: the order of places is that of the aws command, and the one of [`azure`]; the place
//! that is configured first is used or fails; what ends is fetched again while the work goes on;
//! "none were found" lists every place in order, and is never taken for a bucket that is not there.
//! Secrets of ours are wiped, and stand in no message. What `object_store` does well (the service
//! of a machine, managed identity, client secret, SAS, the az command) is left to it; see decision
//! 0028. Refuses SSO by name.

mod azure;
mod connection;
mod container;
mod explain;
mod given;
mod ini;
mod lack;
mod make;
mod meaning;
mod outside;
mod plan;
mod process;
mod profiles;
mod renew;
mod reply;
mod secret;
mod source;
mod sts;
mod words;
mod world;

pub(crate) use connection::Connection;
pub(crate) use ini::Ini;
pub(super) use lack::Lack;
pub(super) use profiles::Profiles;
pub(crate) use words::split as split_words;
pub(super) use world::World;

use super::line::Line;
use explain::{ADVICE_AZURE, ADVICE_S3, explained, nothing, of_machine, of_service};
use lack::said;
use make::Maker;
use object_store::aws::AwsCredentialProvider;
use object_store::azure::{AzureConfigKey, AzureCredentialProvider};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientOptions, RetryConfig};

/// What credentials are fetched with.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) line: Line,
    pub(super) client: ClientOptions,
    pub(super) retry: RetryConfig,
}

/// Where the credentials of an S3 come from.
///
/// # Errors
/// What is configured and cannot be used; that nothing is, where that is known already.
pub(super) fn aws(
    world: &World,
    profiles: &Profiles,
    region: &str,
    ground: Ground,
) -> Result<AwsCredentialProvider, Lack> {
    let choice = plan::choose(world, profiles)?;
    match choice.source {
        Some(source) => Maker::new(world, profiles, region, ground).provider(source, &choice.looked),
        None => Err(nothing(&choice.looked, ADVICE_S3)),
    }
}

/// The settings of an Azure store by the keys of `object_store`.
///
/// # Errors
/// Settings that contradict each other, and a name that nobody knows.
pub(super) fn azure_pairs(world: &World) -> Result<azure::Pairs, Lack> {
    azure::pairs(world, |name| unknown(name, "AZURE_"))
}

/// Whether a setting only says where credentials of S3 are: the client does not know it.
pub(super) fn is_own(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OWN.contains(&name.strip_prefix("aws_").unwrap_or(&name))
}

/// What a setting is refused with whose name nobody knows.
pub(super) fn unknown(name: &str, prefix: &str) -> Lack {
    Lack::settings(
        format!("{name:?} is no setting of this kind of store"),
        format!("settings are named like the environment variables: {prefix}..."),
    )
}

/// Whether Azure's client will ask a service of this machine, which no proxy reaches.
pub(super) fn is_of_this_machine(pairs: &azure::Pairs) -> bool {
    azure::choose(pairs).0 == azure::Source::ManagedIdentity
}

/// Credentials of Azure's client, whose failures are explained.
pub(super) fn azure(inner: AzureCredentialProvider, pairs: &azure::Pairs) -> AzureCredentialProvider {
    let (source, looked) = azure::choose(pairs);
    let endpoint = azure::identity_endpoint(pairs).to_owned();
    let application = azure::get(pairs, AzureConfigKey::ClientId).unwrap_or_default().to_owned();
    explained(inner, move |text, heard| match source {
        azure::Source::Given => Lack::settings(said(text), ADVICE_AZURE),
        azure::Source::ManagedIdentity => {
            of_machine(&looked, "the managed identity", &endpoint, ADVICE_AZURE, text, heard)
        }
        azure::Source::AzCommand => {
            Lack::refused(format!("the az command gave no token: {}", said(text)), "run `az login`, then run again")
                .may_pass()
        }
        azure::Source::ClientSecret => of_service(
            &format!("the client secret of the application {application}"),
            "check AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET",
            text,
            heard,
        ),
        azure::Source::WorkloadIdentity => of_service(
            &format!("the workload identity of the application {application}"),
            "check AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE",
            text,
            heard,
        ),
    })
}

/// How requests for credentials go out: by the store's line, and past every proxy to a service of
/// this machine.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) line: Line,
    pub(super) is_direct: bool,
    pub(super) allows_http: bool,
}

impl HttpConnector for Way {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // The client takes its wish from the kind of service; whether plain http is allowed is the
        // user's to say.
        let options = options.clone().with_allow_http(self.allows_http);
        if self.is_direct { self.line.direct(&options) } else { self.line.connect(&options) }
    }
}

/// What a `credential_process` or a container's service would be taken for, for the fuzz target.
pub(crate) fn judge_reply(bytes: &[u8], is_versioned: bool) -> Result<(), String> {
    reply::read(bytes, is_versioned).map(drop)
}

/// What an answer of STS would be taken for, for the fuzz target.
pub(crate) fn judge_role(bytes: &[u8]) -> Result<(), String> {
    given::read(bytes).map(drop)
}

/// Settings of S3 that are the aws command's alone, without `aws_`.
const OWN: [&str; 8] = [
    "profile",
    "config_file",
    "shared_credentials_file",
    "ec2_metadata_disabled",
    "ec2_metadata_service_endpoint",
    "ec2_metadata_service_endpoint_mode",
    "container_authorization_token",
    "ignore_configured_endpoint_urls",
];
