//! Settings of Azure by all the names that they have: those of `object_store`, those of the az
//! command, and connection strings.
//!
//! ```text
//! within the settings, and within the variables:   the connection string, then ..._ACCOUNT_NAME and its like, then az's names
//! between the two:                                 the settings; variables of another account do not count
//! of what is left:                                 token, key, workload identity, client secret, SAS, az command, managed identity
//! ```
//!
//! Promises: credentials of one account never go to another; a SAS that has ended is refused before
//! anything is sent.

use super::connection::Connection;
use super::lack::Lack;
use super::reply;
use super::world::World;
use base::env::Machine;
use object_store::azure::AzureConfigKey as Key;
use std::str::FromStr;

/// Settings by the keys of `object_store`, each once.
pub(in crate::remote) type Pairs = Vec<(Key, String)>;

/// What holds, of settings and variables. `unknown` is what a setting is refused with whose name
/// nobody knows.
///
/// # Errors
/// A connection string that is none or of another account than is named beside it, a SAS that has
/// ended.
pub(super) fn pairs(world: &World, unknown: impl Fn(&str) -> Lack) -> Result<Pairs, Lack> {
    let mut settings = Names::default();
    for (name, value) in world.settings() {
        if !settings.take(name, value) {
            return Err(unknown(name));
        }
    }
    let mut variables = Names::default();
    for (name, value) in world.variables() {
        match name {
            "IDENTITY_ENDPOINT" | "MSI_ENDPOINT" => variables.own.push((Key::MsiEndpoint, value.to_owned())),
            _ if name.starts_with("AZURE_") => drop(variables.take(&name.to_ascii_lowercase(), value)),
            _ => {}
        }
    }
    let mut holds = settings.layer("connection_string in [az] of the config file")?;
    let variables = variables.layer("AZURE_STORAGE_CONNECTION_STRING")?;
    let is_other = |key| matches!((get(&holds, key), get(&variables, key)), (Some(a), Some(b)) if a != b);
    let is_other_account = is_other(Key::AccountName);
    let has_credentials = CREDENTIALS.iter().any(|key| get(&holds, *key).is_some());
    let is_of_account = |key: Key| matches!(key, Key::AccountName | Key::AccessKey | Key::SasKey | Key::Endpoint);
    for (key, value) in variables {
        let is_beside = is_other_account && is_of_account(key) || has_credentials && is_credential(key);
        if !is_beside && get(&holds, key).is_none() {
            holds.push((key, value));
        }
    }
    if let Some(sas) = get(&holds, Key::SasKey) {
        check_sas(sas)?;
    }
    Ok(holds)
}

/// The settings of one origin.
#[derive(Default)]
struct Names {
    own: Pairs,
    of_az: Pairs,
    connection: Option<String>,
    is_by_login: bool,
}

impl Names {
    /// Takes one setting; false where nobody knows the name.
    fn take(&mut self, name: &str, value: &str) -> bool {
        let value = value.to_owned();
        match name {
            "azure_storage_connection_string" | "azure_connection_string" => self.connection = Some(value),
            "azure_storage_account" => self.of_az.push((Key::AccountName, value)),
            "azure_storage_key" => self.of_az.push((Key::AccessKey, value)),
            "azure_storage_service_endpoint" => self.of_az.push((Key::Endpoint, value)),
            "azure_storage_auth_mode" => self.is_by_login = value.eq_ignore_ascii_case("login"),
            _ => match Key::from_str(name).or_else(|_| Key::from_str(name.trim_start_matches("azure_"))) {
                // The webhook of workload identities ends it by a slash, which would stand twice.
                Ok(Key::AuthorityHost) => {
                    self.own.push((Key::AuthorityHost, value.trim_end_matches('/').to_owned()));
                }
                Ok(key) => self.own.push((key, value)),
                Err(_) => return false,
            },
        }
        true
    }

    /// Brought together; `origin` is where the connection string stands.
    fn layer(self, origin: &str) -> Result<Pairs, Lack> {
        let wrong = |why: &str| {
            Lack::settings(
                format!("{origin}: {why}"),
                "copy the string again: in the portal of Azure it stands beside the account's keys",
            )
        };
        let mut holds = Pairs::new();
        let endpoint = get(&self.own, Key::Endpoint).is_some();
        if let Some(text) = &self.connection {
            let found = Connection::parse(text).map_err(|why| wrong(&why))?;
            let named = get(&self.own, Key::AccountName).or_else(|| get(&self.of_az, Key::AccountName));
            if let Some(named) = named.filter(|named| *named != found.account) {
                return Err(wrong(&format!("it is of the account {}, and {named} is named beside it", found.account)));
            }
            holds.push((Key::AccountName, found.account));
            let secret = |key, secret: super::secret::Secret| (key, secret.expose().to_owned());
            holds.extend(found.key.map(|key| secret(Key::AccessKey, key)));
            holds.extend(
                found.sas.filter(|_| get(&holds, Key::AccessKey).is_none()).map(|sas| secret(Key::SasKey, sas)),
            );
            holds.extend(found.endpoint.filter(|_| !endpoint).map(|endpoint| (Key::Endpoint, endpoint)));
            // What else could be used for this account is not meant.
            let rest = [self.own, self.of_az].concat().into_iter().filter(|(key, _)| !CREDENTIALS.contains(key));
            rest.for_each(|(key, value)| add(&mut holds, key, value));
            return Ok(holds);
        }
        [self.own, self.of_az].concat().into_iter().for_each(|(key, value)| add(&mut holds, key, value));
        if self.is_by_login {
            add(&mut holds, Key::UseAzureCli, "true".to_owned());
            add(&mut holds, Key::CredentialType, "azure_cli".to_owned());
        }
        Ok(holds)
    }
}

fn add(pairs: &mut Pairs, key: Key, value: String) {
    if get(pairs, key).is_none() {
        pairs.push((key, value));
    }
}

/// The value of a key.
pub(super) fn get(pairs: &Pairs, key: Key) -> Option<&str> {
    pairs.iter().find(|(other, _)| *other == key).map(|(_, value)| value.as_str())
}

fn is_credential(key: Key) -> bool {
    CREDENTIALS.contains(&key) || matches!(key, Key::ClientId | Key::UseAzureCli | Key::CredentialType)
}

/// Refuses one that has ended; of others the store says what is wrong.
fn check_sas(sas: &str) -> Result<(), Lack> {
    let fields = url::form_urlencoded::parse(sas.trim_start_matches('?').as_bytes());
    let end =
        fields.filter(|(name, _)| name == "se").find_map(|(_, text)| Some((reply::time(&text)?, text.into_owned())));
    match end {
        Some((end, text)) if end.seconds <= Machine::shared().now().seconds => {
            let why = format!("the shared access signature (SAS) has ended at {}", super::lack::said(&text));
            Err(Lack::settings(why, "make another one, and set AZURE_STORAGE_SAS_TOKEN"))
        }
        _ => Ok(()),
    }
}

/// Each of these is a secret or leads to one.
const CREDENTIALS: [Key; 5] = [Key::AccessKey, Key::SasKey, Key::Token, Key::ClientSecret, Key::FederatedTokenFile];

/// Where the credentials of Azure come from, as the client will choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Given,
    WorkloadIdentity,
    ClientSecret,
    AzCommand,
    ManagedIdentity,
}

/// What the client will choose, and where it looked before, in order.
pub(super) fn choose(pairs: &Pairs) -> (Source, Vec<String>) {
    let has = |key| get(pairs, key).is_some();
    let is_on = |key| get(pairs, key).is_some_and(super::world::is_true);
    let kind = get(pairs, Key::CredentialType).unwrap_or("auto").to_ascii_lowercase();
    let application = has(Key::ClientId) && has(Key::AuthorityId);
    let rows = [
        ("bearer_token", has(Key::Token), Source::Given, "AZURE_STORAGE_TOKEN"),
        (
            "access_key",
            has(Key::AccessKey),
            Source::Given,
            "AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT_KEY and AZURE_STORAGE_KEY",
        ),
        (
            "workload_identity",
            application && has(Key::FederatedTokenFile),
            Source::WorkloadIdentity,
            "AZURE_CLIENT_ID with AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE",
        ),
        (
            "client_secret",
            application && has(Key::ClientSecret),
            Source::ClientSecret,
            "AZURE_CLIENT_ID with AZURE_TENANT_ID and AZURE_CLIENT_SECRET",
        ),
        ("sas_token", has(Key::SasKey), Source::Given, "AZURE_STORAGE_SAS_TOKEN"),
        (
            "azure_cli",
            is_on(Key::UseAzureCli),
            Source::AzCommand,
            "the az command (AZURE_USE_AZURE_CLI or AZURE_STORAGE_AUTH_MODE=login)",
        ),
    ];
    let mut looked = Vec::new();
    for (name, is_set, source, told) in rows {
        if kind == name || kind == "auto" && is_set {
            return (source, looked);
        }
        looked.push(format!("{told} (not set)"));
    }
    (Source::ManagedIdentity, looked)
}

/// Where a managed identity is asked for.
pub(super) fn identity_endpoint(pairs: &Pairs) -> &str {
    get(pairs, Key::MsiEndpoint).unwrap_or("http://169.254.169.254/metadata/identity/oauth2/token")
}

#[cfg(test)]
#[path = "azure_tests.rs"]
mod tests;
