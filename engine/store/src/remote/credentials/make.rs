//! From a source of credentials of S3 to what the client asks for them.
//!
//! What `object_store` does well is taken from a client of its own that is built for nothing else.
//! Refuses a role over a network without TLS, unless it is allowed.

use super::container::OfContainer;
use super::explain::{ADVICE_S3, explained, of_machine};
use super::lack::{Lack, said};
use super::process::OfProcess;
use super::profiles::Profiles;
use super::renew::Renewed;
use super::source::Source;
use super::sts::{OfRole, Wish};
use super::world::World;
use super::{Ground, Way};
use crate::remote::line::Heard;
use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector};
use std::sync::Arc;

/// Makes providers of sources.
pub(super) struct Maker {
    ground: Ground,
    region: String,
    sts: String,
    allows_http: bool,
}

impl Maker {
    pub(super) fn new(world: &World, profiles: &Profiles, region: &str, ground: Ground) -> Self {
        let (sts, allows_http) = (sts_endpoint(world, profiles, region), world.is_on(&["aws_allow_http"]));
        Maker { ground, region: region.to_owned(), sts, allows_http }
    }

    /// What the client asks. `looked` is where was looked before, for whoever finds nothing.
    pub(super) fn provider(&self, source: Source, looked: &[String]) -> Result<AwsCredentialProvider, Lack> {
        Ok(match source {
            Source::Keys(keys) => Arc::new(StaticCredentialProvider::new(AwsCredential {
                key_id: keys.id,
                secret_key: keys.secret.expose().to_owned(),
                token: keys.token.map(|token| token.expose().to_owned()),
            })),
            Source::Process { profile, command } => Renewed::provider(OfProcess { profile, command: command.into() }),
            Source::Role(role) => {
                let of = self.provider(role.of.as_ref().clone(), looked)?;
                self.role(Wish::Chain { role, of })?
            }
            Source::Container(container) => {
                container.check()?;
                Renewed::provider(OfContainer { container, http: self.http(true)? })
            }
            Source::WebIdentity(identity) => self.role(Wish::Token(identity))?,
            Source::Instance { endpoint, first_version } => self.machine(endpoint, first_version, looked.to_vec())?,
        })
    }

    /// A role that is asked for over the network.
    fn role(&self, wish: Wish) -> Result<AwsCredentialProvider, Lack> {
        if !self.allows_http && self.sts.starts_with("http:") {
            return Err(Lack::settings(
                format!("{}: the endpoint for roles is http: tokens would go over the network without TLS", self.sts),
                "name an https:// endpoint; or, where the network is yours, allow it: AWS_ALLOW_HTTP=true",
            ));
        }
        let (endpoint, region, http) = (self.sts.clone(), self.region.clone(), self.http(false)?);
        Ok(Renewed::provider(OfRole { wish, endpoint, region, http }))
    }

    /// Asks a service of this machine by a client of `object_store` that is built for nothing but
    /// its credentials.
    fn machine(
        &self,
        endpoint: String,
        first_version: bool,
        looked: Vec<String>,
    ) -> Result<AwsCredentialProvider, Lack> {
        let Ground { line, client, retry, .. } = self.ground.clone();
        let store = AmazonS3Builder::new()
            .with_bucket_name("credentials")
            .with_metadata_endpoint(&endpoint)
            .with_config(AmazonS3ConfigKey::ImdsV1Fallback, first_version.to_string())
            .with_client_options(client)
            .with_retry(retry)
            .with_http_connector(Way { line, is_direct: true, allows_http: true })
            .build();
        let store = store.map_err(|e| Lack::settings(said(&e.to_string()), ADVICE_S3))?;
        let what = "the service of the machine";
        let explain = move |text: &str, heard: &Heard| of_machine(&looked, what, &endpoint, ADVICE_S3, text, heard);
        Ok(explained(Arc::clone(store.credentials()), explain))
    }

    fn http(&self, is_direct: bool) -> Result<HttpClient, Lack> {
        let way = Way { line: self.ground.line.clone(), is_direct, allows_http: is_direct || self.allows_http };
        way.connect(&self.ground.client).map_err(|e| Lack::settings(said(&e.to_string()), ADVICE_S3))
    }
}

/// Where roles are asked for, as the aws command finds it.
fn sts_endpoint(world: &World, profiles: &Profiles, region: &str) -> String {
    let configured = || {
        if world.is_on(&["aws_ignore_configured_endpoint_urls"]) {
            return None;
        }
        let variables = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"].iter().find_map(|name| world.variable(name));
        variables.or_else(|| profiles.endpoint("sts"))
    };
    let found = world.setting(&["aws_endpoint_url_sts"]).or_else(configured);
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    found.map_or_else(|| format!("https://sts.{region}.amazonaws.com{china}"), str::to_owned)
}
