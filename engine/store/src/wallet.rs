//! Credentials that were fetched for a store, for whoever opens the same store again.
//!
//! A command opens its store more than once (a second look wants connections of its own), and a
//! program that gives credentials may ask a person each time. Promises: who opens with other
//! settings gets none of these. Refuses to show what it holds.

use base::error::Result;
use object_store::aws::AwsCredentialProvider;
use object_store::azure::AzureCredentialProvider;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;

/// What one place gave.
#[derive(Default)]
pub struct Wallet {
    s3: Mutex<Option<Held<AwsCredentialProvider>>>,
    azure: Mutex<Option<Held<AzureCredentialProvider>>>,
}

struct Held<T> {
    settings: BTreeMap<String, String>,
    provider: T,
}

impl Wallet {
    /// Those of an S3 that is opened with these settings; `fetch` where there are none yet.
    pub(super) fn s3(
        &self,
        settings: &BTreeMap<String, String>,
        fetch: impl FnOnce() -> Result<AwsCredentialProvider>,
    ) -> Result<AwsCredentialProvider> {
        held(&self.s3, settings, fetch)
    }

    /// The same of Azure.
    pub(super) fn azure(
        &self,
        settings: &BTreeMap<String, String>,
        fetch: impl FnOnce() -> Result<AzureCredentialProvider>,
    ) -> Result<AzureCredentialProvider> {
        held(&self.azure, settings, fetch)
    }
}

fn held<T: Clone>(
    place: &Mutex<Option<Held<T>>>,
    settings: &BTreeMap<String, String>,
    fetch: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mut place = place.lock();
    if let Some(held) = place.as_ref().filter(|held| held.settings == *settings) {
        return Ok(held.provider.clone());
    }
    let provider = fetch()?;
    *place = Some(Held { settings: settings.clone(), provider: provider.clone() });
    Ok(provider)
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wallet")
    }
}
